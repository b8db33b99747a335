"""One pull of one line, decided: what the venue delivered becomes a longer window and the facts about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fluxfloor.contracts.events import CandleClosed, RiskRaised, Severity
from fluxfloor.contracts.instruments import Candle
from fluxfloor.contracts.state import CandleWindow
from fluxfloor.market import quality, schedule
from fluxfloor.market.quality import DEFAULT, Gate, Thresholds
from fluxfloor.market.schedule import Ask, Line
from fluxfloor.market.window import LIMIT, Bars, decode, extend, tail

MAX_STATED = 100  # bars that one pull states as facts; older ones only fill the window
MAX_COMPLAINTS = 20  # quarantined bars told one by one; the rest in one sum
QUARANTINED, MISSING, STALE = "candle_quarantined", "candles_missing", "candles_stale"


@dataclass(frozen=True, slots=True)
class Taken:
    """The window to write (None: there is still none) and the facts to state, bars first, oldest first."""

    window: CandleWindow | None
    facts: tuple[CandleClosed | RiskRaised, ...]
    gate: Gate


def take(
    window: CandleWindow | None, line: Line, candles: Sequence[Candle], ask: Ask, now_ms: int, *, traded: bool,
    limit: int = LIMIT, thresholds: Thresholds = DEFAULT, settle_ms: int = 2_000,
) -> Taken:  # fmt: skip
    """Gates what was delivered for `ask` and extends the window with what passed.

    A quarantined bar is asked for again until a newer one passes, in case the venue mends it, but told once. The first
    pull of a line only warms its window: of what passed it states the newest bar alone. Bars that are caught up with
    (they closed more than one timeframe before the newest) carry the mark "late".
    """
    gate = quality.inspect(
        candles, recent=_recent(window, candles), timeframe=line.timeframe, since_ms=ask.since_ms,
        until_ms=ask.until_ms, thresholds=thresholds,
    )  # fmt: skip
    warm = window is not None and window.count > 0
    known_ms = window.last_open_ms if window else 0
    judged_ms = window.judged_open_ms if window else 0
    complaints = [
        (candle, reason)
        for candle, reason in gate.quarantined
        if candle.open_ms > judged_ms or candle.open_ms <= known_ms
    ]
    facts: tuple[CandleClosed | RiskRaised, ...] = (
        *_closed(gate.passed if warm else gate.passed[-1:], line, ask, traded),
        *_quarantined(complaints, line, now_ms),
        *_missing(gate, line, thresholds, now_ms),
        *_stale(gate, line, now_ms - ask.until_ms - settle_ms, thresholds, now_ms),
    )
    return Taken(_extended(window, line, gate, ask, limit), facts, gate)


def _recent(window: CandleWindow | None, candles: Sequence[Candle]) -> Bars:
    """As much of the window as the gate will look at: all of it only if something old was delivered."""
    if window is None:
        return decode("")
    if any(candle.open_ms <= window.last_open_ms for candle in candles):
        return decode(window.bars)
    return tail(window.bars, quality.LOOKBACK)


def _extended(window: CandleWindow | None, line: Line, gate: Gate, ask: Ask, limit: int) -> CandleWindow | None:
    seen = [candle.open_ms for candle in (*gate.passed, *(candle for candle, _ in gate.quarantined))]
    judged_ms = max((open_ms for open_ms in seen if open_ms < ask.until_ms), default=0)
    if not judged_ms:
        return window
    extended = extend(window, line.id, gate.passed, limit)
    if judged_ms <= extended.judged_open_ms:
        return extended
    return extended.model_copy(update={"judged_open_ms": judged_ms})


def _closed(candles: Sequence[Candle], line: Line, ask: Ask, traded: bool) -> Iterator[CandleClosed]:
    for candle in candles[-MAX_STATED:]:
        if candle.open_ms + 2 * line.step_ms < ask.until_ms:
            candle = candle.model_copy(update={"marks": (*candle.marks, "late")})
        yield CandleClosed(candle=candle, close_ms=candle.open_ms + line.step_ms, traded=traded)


def _quarantined(complaints: Sequence[tuple[Candle, str]], line: Line, now_ms: int) -> Iterator[RiskRaised]:
    for candle, reason in complaints[:MAX_COMPLAINTS]:
        message = f"{_name(line)} bar of {_at(candle.open_ms)} was left out: {reason.replace('_', ' ')}"
        details = {"open_ms": str(candle.open_ms), "reason": reason, "bar": _numbers(candle), "count": "1"}
        yield _risk(QUARANTINED, line, message, details, now_ms)
    rest = complaints[MAX_COMPLAINTS:]
    if rest:
        reasons = ", ".join(sorted({reason for _, reason in rest}))
        message = f"{len(rest)} more bars of {_name(line)} were left out: {reasons.replace('_', ' ')}"
        yield _risk(QUARANTINED, line, message, {"reason": reasons, "count": str(len(rest))}, now_ms)


def _missing(gate: Gate, line: Line, thresholds: Thresholds, now_ms: int) -> Iterator[RiskRaised]:
    """Told when a later bar has come; until then the bar may only be slow."""
    newest_ms = gate.passed[-1].open_ms if gate.passed else 0
    gone = [open_ms for open_ms in gate.missing if open_ms < newest_ms]
    if thresholds.sparse or not gone:
        return
    message = f"{len(gone)} bars of {_name(line)} never came, the first that of {_at(gone[0])}"
    yield _risk(MISSING, line, message, {"first_open_ms": str(gone[0]), "count": str(len(gone))}, now_ms, Severity.INFO)


def _stale(gate: Gate, line: Line, due_for_ms: int, thresholds: Thresholds, now_ms: int) -> Iterator[RiskRaised]:
    if gate.stale and schedule.tells_stale(gate.overdue, thresholds.stale_bars, due_for_ms):
        message = f"{_name(line)}: {gate.overdue} bars are overdue"
        yield _risk(STALE, line, message, {"count": str(gate.overdue)}, now_ms)


def _risk(
    kind: str, line: Line, message: str, details: dict[str, str], now_ms: int, severity: Severity = Severity.WARNING
) -> RiskRaised:
    return RiskRaised(
        kind=kind, scope=line.instrument_id, severity=severity, message=message,
        details={"timeframe": line.timeframe, **details}, ts_event_ms=now_ms,
    )  # fmt: skip


def quarantined_bars(facts: Iterable[object]) -> int:
    """How many bars these facts say were left out."""
    return sum(
        int(fact.details["count"]) for fact in facts if isinstance(fact, RiskRaised) and fact.kind == QUARANTINED
    )


def _name(line: Line) -> str:
    return f"{line.instrument_id} {line.timeframe}"


def _at(open_ms: int) -> str:
    try:
        return f"{datetime.fromtimestamp(open_ms / 1_000, UTC):%Y-%m-%d %H:%M}"
    except (OverflowError, ValueError, OSError):  # a bar may be left out for just this
        return f"{open_ms} ms"


def _numbers(candle: Candle) -> str:
    return " ".join(repr(value) for value in (candle.open, candle.high, candle.low, candle.close, candle.volume))
