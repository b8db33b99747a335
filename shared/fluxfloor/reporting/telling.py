"""What becomes of a notice: which channels it waits for, when they are tried, and when identical ones are counted.

A notice opens a window of WINDOW_MS. Identical ones within it are folded into its record; when the window has passed,
every channel that had the notice is told how many more there were. A channel that fails is tried again after a
back-off that doubles, MAX_TRIES times; the others never wait for it.

A critical notice is an alarm that somebody has to acknowledge. Channels of a later level hear of it only when nobody
has within their time, and are told again and again until somebody does, MAX_PAGES times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType

from fluxfloor.contracts.events import Severity
from fluxfloor.contracts.ids import digest
from fluxfloor.contracts.views import AlertRecord, Telling
from fluxfloor.reporting.notices import RANK, Subject, Words

WINDOW_MS = 600_000
MAX_TRIES = 12
FIRST_WAIT_MS = 2_000
LONGEST_WAIT_MS = 3_600_000
SOON_MS = 60_000
MAX_PAGES = 12
SHORT = 8  # characters of an alarm's id that are enough to name it


def names(kinds: Sequence[str]) -> tuple[str, ...]:
    """One name per channel: its kind, numbered from the second of a kind on."""
    return tuple(
        kind if kinds[:index].count(kind) == 0 else f"{kind}-{kinds[:index].count(kind) + 1}"
        for index, kind in enumerate(kinds)
    )


def interested(channels: Iterable[tuple[str, str]], severity: Severity) -> tuple[str, ...]:
    """The names among (name, least severity) that want to hear of this one."""
    return tuple(name for name, least in channels if RANK[severity] >= RANK[Severity(least)])


def record_ids(subject: Subject, ts_event_ms: int) -> tuple[str, str]:
    """Where a notice of this time is or will be: its own window's record, or that of the window before."""
    window = ts_event_ms // WINDOW_MS
    what = (subject.kind, subject.scope, subject.severity, *filter(None, (subject.about, subject.count)))
    current, previous = (digest("alert", *what, number) for number in (window, window - 1))
    return current, previous


def within(record: AlertRecord | None, ts_event_ms: int) -> bool:
    """Is a notice of this time a repetition of that one?"""
    return record is not None and abs(ts_event_ms - record.ts_event_ms) < WINDOW_MS


def opened(
    id: str, subject: Subject, words: Words, channels: Iterable[str], ts_event_ms: int,
    waits: Mapping[str, int] = MappingProxyType({}),
) -> AlertRecord:  # fmt: skip
    """`waits`: how long (ms) those channels leave it to the others before they are told."""
    waiting = {name: Telling(due_ms=ts_event_ms + waits[name] if waits.get(name) else 0) for name in channels}
    return AlertRecord(
        id=id, severity=subject.severity, title=words.title, text=words.text, waiting=waiting, open=bool(waiting),
        kind=subject.kind, scope=subject.scope, thread=subject.thread, ts_event_ms=ts_event_ms,
    )  # fmt: skip


def later(record: AlertRecord, now_ms: int) -> tuple[int, ...]:
    """When channels that nothing else would wake are to be told: the times of timers."""
    return tuple(sorted({telling.due_ms for telling in record.waiting.values() if telling.due_ms > now_ms}))


def acknowledged(record: AlertRecord, by: str, at_ms: int) -> AlertRecord:
    """Somebody has it: nobody who still waits is told."""
    return _with(record, waiting={}, acknowledged_by=by, acknowledged_ms=at_ms)


def folded(record: AlertRecord) -> AlertRecord:
    """One more of the same. Who was told already hears of it when the window has passed; who goes on until somebody
    acknowledges, and somebody has, does not."""
    heard = [name for name in record.sent if name not in record.paged]
    again = {name: Telling(due_ms=record.ts_event_ms + WINDOW_MS) for name in heard}
    return _with(record, waiting={**again, **record.waiting}, folded=record.folded + 1)


def due(record: AlertRecord, now_ms: int) -> tuple[str, ...]:
    return tuple(name for name, telling in record.waiting.items() if telling.due_ms <= now_ms)


def due_soon(record: AlertRecord, now_ms: int) -> bool:
    """Does a channel that failed want another try within a minute? Later ones are the sweep's."""
    return any(telling.tries and telling.due_ms - now_ms <= SOON_MS for telling in record.waiting.values())


def words_for(record: AlertRecord, name: str) -> Words:
    """The notice; for who has it already, only how often it was repeated."""
    more = f"{record.folded:,} more like this since {_clock(record.ts_event_ms)}"
    if name in record.paged:
        return Words(record.title, f"{record.text}\nnobody has acknowledged it since {_clock(record.ts_event_ms)}")
    if name in record.sent:
        return Words(record.title, more)
    return Words(record.title, f"{record.text}\n({more})" if record.folded else record.text)


def told(record: AlertRecord, name: str, told_folds: int, again_ms: int = 0, now_ms: int = 0) -> AlertRecord:
    """The channel has it, with a count of `told_folds`; what was folded meanwhile it still has to hear. `again_ms`:
    after how long it is told again as long as nobody acknowledges; 0: never."""
    waiting = {other: telling for other, telling in record.waiting.items() if other != name}
    paged = record.paged
    if again_ms:
        paged = {**paged, name: paged.get(name, 0) + 1}
        if paged[name] < MAX_PAGES:
            waiting[name] = Telling(due_ms=now_ms + again_ms)
    elif record.folded > told_folds:
        waiting[name] = Telling(due_ms=record.ts_event_ms + WINDOW_MS)
    sent = record.sent if name in record.sent else (*record.sent, name)
    return _with(record, waiting=waiting, sent=sent, paged=paged, attempts=record.attempts + 1)


def failed(record: AlertRecord, name: str, error: str, now_ms: int, wait_ms: int = 0) -> AlertRecord:
    """Waits for its next try, at least `wait_ms` where the channel asked for patience; given up after the last."""
    tries = record.waiting[name].tries + 1
    if tries >= MAX_TRIES:
        return given_up(record, name)
    pause_ms = max(wait_ms, min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (tries - 1)))
    telling = Telling(tries=tries, due_ms=now_ms + pause_ms, error=error[:200])
    return _with(record, waiting={**record.waiting, name: telling}, attempts=record.attempts + 1)


def given_up(record: AlertRecord, name: str) -> AlertRecord:
    waiting = {other: telling for other, telling in record.waiting.items() if other != name}
    missed = record.given_up if name in record.given_up else (*record.given_up, name)
    return _with(record, waiting=waiting, given_up=missed, attempts=record.attempts + 1)


def _with(record: AlertRecord, **changes: object) -> AlertRecord:
    changed = record.model_copy(update=changes)
    return changed.model_copy(update={"open": bool(changed.waiting)})


def _clock(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1_000, UTC):%H:%M:%S} UTC"
