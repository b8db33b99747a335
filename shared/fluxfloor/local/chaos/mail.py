"""What the bus and the timers have for the stages. They are asked only when there may be something new."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from fluxfloor.contracts.journal import Timer
from fluxfloor.local.floor import Due, Floor
from fluxfloor.runtime.runner import Outcome

LOOKED_AT = 64  # of what is due, the oldest
OFTEN = 60  # so often a timer about one thing comes on time
MOST_DOUBLINGS = 25
MOST_COPIES = 4  # a message is delivered no more than so many times after it was handled


class Box:
    """The bus, or the timers. `due` are the deliveries that it has, `next_ms` is when it will have more."""

    def __init__(self, look: Callable[[], list[Due]], ahead: Callable[[], int | None]) -> None:
        self._look, self._ahead = look, ahead
        self.due: list[Due] = []
        self.next_ms: int | None = None
        self.fresh = False

    def look(self, now_ms: int) -> bool:
        """False where it can have nothing new."""
        if self.fresh and (self.next_ms is None or now_ms < self.next_ms):
            return False
        self.due, self.next_ms, self.fresh = self._look(), self._ahead(), True
        return True


class Mail:
    """`away` are deliveries that somebody holds back, until when."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        timers, bus = floor.timers, floor.bus
        self.timers = Box(lambda: [Due(it.stage, what, it) for it, what in timers.due(LOOKED_AT)], timers.next_due_ms)
        self.messages = Box(lambda: [Due(it.stage, it.delivery, it) for it in bus.due(LOOKED_AT)], bus.next_due_ms)
        self._due: list[Due] = []
        self._away: dict[object, int] = {}
        self._late: dict[object, int] = {}
        self._came: Counter[tuple[str, str, str]] = Counter()
        self._copies: dict[object, int] = {}

    def waiting(self) -> list[Due]:
        now_ms = self._look_if_new()
        if not self._away and not self._late:
            return self._due
        held = {**self._late, **self._away}
        return [due for due in self._due if held.get(identity(due), 0) <= now_ms]

    def _look_if_new(self) -> int:
        now_ms = self._floor.clock.now_ms()
        if self.timers.look(now_ms) | self.messages.look(now_ms):
            self._due = [*self.timers.due, *self.messages.due]
        return now_ms

    def next_ms(self) -> int | None:
        """When there will be more than now; None if nothing is on its way."""
        now_ms = self._look_if_new()
        times = [at_ms for at_ms in (*self._away.values(), *self._late.values()) if at_ms > now_ms]
        times += [box.next_ms for box in (self.timers, self.messages) if box.next_ms is not None]
        return min(times, default=None)

    def away(self) -> bool:
        """Is anything held back still?"""
        now_ms = self._floor.clock.now_ms()
        return any(at_ms > now_ms for at_ms in self._away.values())

    def hold(self, due: Due, until_ms: int) -> None:
        self._away[identity(due)] = until_ms

    def comes_late(self, due: Due) -> bool:
        """A timer that is set again and again, because something is watched, comes at doubling intervals in the end:
        days must pass quickly."""
        timer = due.source
        if not isinstance(timer, Timer) or identity(due) in self._late:
            return False
        about = timer.stage, timer.purpose, timer.subject
        self._came[about] += 1
        if self._came[about] <= OFTEN:
            return False
        doublings = min(self._came[about] - OFTEN, MOST_DOUBLINGS)
        self._late[identity(due)] = self._floor.clock.now_ms() + (1_000 << doublings)
        return True

    def settle(self, due: Due, outcome: Outcome) -> None:
        (self.timers if isinstance(due.source, Timer) else self.messages).fresh = False
        self._floor.settle(due, outcome)

    def copy(self, due: Due) -> bool:
        """May it be delivered once more, though it was handled?"""
        times = self._copies.get(identity(due), 0)
        self._copies[identity(due)] = times + 1
        return times < MOST_COPIES

    def handled_before(self, due: Due) -> bool:
        return identity(due) in self._copies


def identity(due: Due) -> object:
    source = due.source
    return type(source).__name__, getattr(source, "delivery_id", None) or getattr(source, "timer_id", None)
