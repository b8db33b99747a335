"""How often what goes wrong, drawn from a seed, and what has gone wrong so far.

Each kind of fault has dice of its own, and each strike an address: "crash:17" is the seed's 17th chance for a crash.
Whether a chance strikes depends on the seed, the kind and its number alone, so that a strike can be left out without
any other being drawn anew: a failure is made smaller by leaving out what it does not need.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, fields, replace
from random import Random

NEVER = 1 << 62


@dataclass(frozen=True, slots=True)
class Odds:
    """How often each thing goes wrong, as a share of the calls it can go wrong at. All zero: a calm world."""

    crash: float = 0.0
    blackout: float = 0.0  # every handler of every stage at once
    meddling: float = 0.0  # a person acts just when a handler is about to commit
    duplicate: float = 0.0
    overlap: float = 0.0  # a message comes again while it is still being handled
    delay: float = 0.0
    away: float = 0.0  # a message or a timer stays away for minutes, hours or days
    stall: float = 0.0
    lost_commit_answer: float = 0.0
    refused_commit: float = 0.0
    lost_publish: float = 0.0
    lost_mark: float = 0.0
    lost_timer: float = 0.0
    venue_timeout_before: float = 0.0
    venue_timeout_after: float = 0.0
    venue_throttle: float = 0.0
    venue_hides: float = 0.0  # a new order stays unseen for up to the venue's read lag
    venue_error: float = 0.0  # a 5xx: of a placement nobody knows whether it acted
    venue_no_funds: float = 0.0  # it says that the money is not there
    venue_turns_away: float = 0.0  # nothing is wrong with the order: a nonce, a queue that is full
    venue_late: float = 0.0  # a placement arrives later than anybody waits for it
    partial_fill: float = 0.0  # these three: at simulated venues only
    fill_hidden: float = 0.0
    fill_repeated: float = 0.0


KINDS = tuple(field.name for field in fields(Odds))
USUAL = Odds(
    crash=0.01, blackout=0.0005, meddling=0.004, duplicate=0.1, overlap=0.02, delay=0.1, away=0.002, stall=0.01,
    lost_commit_answer=0.01, refused_commit=0.01, lost_publish=0.02, lost_mark=0.02, lost_timer=0.02,
    venue_timeout_before=0.05, venue_timeout_after=0.1, venue_throttle=0.03, venue_hides=0.3,
    venue_error=0.01, venue_no_funds=0.03, venue_turns_away=0.02, venue_late=0.02,
    partial_fill=0.3, fill_hidden=0.1, fill_repeated=0.05,
)  # fmt: skip


def odds_of(random: Random) -> Odds:
    """Each seed has its own weather: most faults rare, one of them frequent."""
    worst = random.choice(KINDS)
    return replace(USUAL, **{worst: min(0.5, getattr(USUAL, worst) * 5)})


class Dice:
    """Of one kind: the number of its next strike is drawn ahead, so that a chance that is missed costs a count.
    `surely` are the numbers that strike in any case, the last one first."""

    __slots__ = ("_chance", "_log_miss", "_random", "_surely", "next", "seen")

    def __init__(self, seed: int, kind: str, chance: float, surely: list[int]) -> None:
        self._random, self._surely = Random(f"{seed}/{kind}"), surely
        self._chance = chance > 0
        self._log_miss = math.log1p(-chance) if 0 < chance < 1 else None
        self.seen = 0
        self.next = 0
        self.draw()

    def draw(self) -> None:
        if self._surely:
            self.next = self._surely.pop()
        elif self._chance:
            gap = 1 if self._log_miss is None else 1 + int(math.log1p(-self._random.random()) / self._log_miss)
            self.next += gap
        else:
            self.next = NEVER


class Faults:
    """The seed's dice and what they have done. `only`: the addresses that may strike, where not all may; `surely`:
    those that do, of kinds that have no odds."""

    def __init__(
        self, seed: int, odds: Odds, only: frozenset[str] | None = None, surely: frozenset[str] = frozenset()
    ) -> None:
        self._seed, self._only = seed, only
        named = [address.rpartition(":") for address in surely]
        numbers = {kind: sorted((int(number) for k, _, number in named if k == kind), reverse=True) for kind in KINDS}
        self._dice = {kind: Dice(seed, kind, getattr(odds, kind), numbers[kind]) for kind in KINDS}
        self.calm = False
        self.struck: list[str] = []

    def strikes(self, kind: str) -> bool:
        if self.calm:
            return False
        dice = self._dice[kind]
        dice.seen += 1
        return dice.seen >= dice.next and self._strikes(kind, dice)

    def _strikes(self, kind: str, dice: Dice) -> bool:
        dice.draw()
        address = f"{kind}:{dice.seen}"
        if self._only is not None and address not in self._only:
            return False
        self.struck.append(address)
        return True

    def random(self) -> Random:
        """What is drawn for the strike that came last: from its address, so that it stays the same without others."""
        return Random(f"{self._seed}/{self.struck[-1]}")

    @property
    def counts(self) -> dict[str, int]:
        return dict(sorted(Counter(address.partition(":")[0] for address in self.struck).items()))
