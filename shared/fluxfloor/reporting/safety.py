"""When the floor stops by itself: data too old for what is at stake, or more going wrong than the budget allows.

Pure: what was read comes in, what is to be said and halted goes out. Each thing is said once, when it begins and, of
data, when it is over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from fluxfloor.contracts.events import RiskRaised, Severity
from fluxfloor.contracts.policy import FLOOR, Halt

BY = "dashboard"
FRESH, TOLD, STOPPED = range(3)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`stale` is what is to be remembered; a halt is only to be made where none stands."""

    stale: dict[str, int]
    halts: tuple[Halt, ...]
    raised: tuple[RiskRaised, ...]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Ages in ms; halt_ms 0: age alone never stops entries."""

    alarm_ms: int
    halt_ms: int


def judge_data(
    at_stake: Mapping[str, frozenset[str]], seen_ms: Mapping[str, int], before: Mapping[str, int], bounds: Bounds,
    now_ms: int, session_ms: Callable[[str, int], int | None],
) -> Verdict:  # fmt: skip
    """`at_stake`: instrument → portfolios that hold it or have orders in it; `seen_ms`: when its last quote was of;
    `before`: what was said already. `session_ms`: since when its market has been open, None while it is closed; a
    quote is only as old as the session. What was never quoted is not watched by the market stage, and not judged.
    """
    stale, halts, raised = {}, [], []
    for instrument in sorted(at_stake.keys() | before.keys()):
        age_ms = _age_ms(instrument, at_stake, seen_ms, now_ms, session_ms)
        said, level = before.get(instrument, FRESH), _level(age_ms, bounds)
        if age_ms is None:  # closed, or nothing at stake any more: as it was, and nothing to say
            level = said if instrument in at_stake else FRESH
        elif level > said:
            portfolios = sorted(at_stake[instrument])
            text = (
                f"the last quote of {instrument} is {age_ms // 1_000} s old, and {' and '.join(portfolios)} trades it"
            )
            raised += _told(instrument, portfolios, text, level, now_ms)
            halts += [_halt(name, text, now_ms) for name in portfolios if level == STOPPED]
        elif level == FRESH and said:
            text = f"{instrument} is quoted again" + (
                "; entries wait for a person to resume" if said == STOPPED else ""
            )
            raised.append(_raise("data_fresh", instrument, Severity.INFO, text, now_ms))
        if level:
            stale[instrument] = max(level, said)
    return Verdict(stale, tuple(halts), tuple(raised))


def _age_ms(
    instrument: str, at_stake: Mapping[str, frozenset[str]], seen_ms: Mapping[str, int], now_ms: int,
    session_ms: Callable[[str, int], int | None],
) -> int | None:  # fmt: skip
    opened_ms = session_ms(instrument, now_ms)
    if instrument not in at_stake or instrument not in seen_ms or opened_ms is None:
        return None
    return max(0, now_ms - max(seen_ms[instrument], opened_ms))


def _level(age_ms: int | None, bounds: Bounds) -> int:
    if age_ms is None or age_ms <= bounds.alarm_ms:
        return FRESH
    return STOPPED if bounds.halt_ms and age_ms > bounds.halt_ms else TOLD


def _told(instrument: str, portfolios: list[str], text: str, level: int, now_ms: int) -> list[RiskRaised]:
    if level == TOLD:
        return [_raise("data_stale", instrument, Severity.WARNING, text, now_ms)]
    return [
        _raise("data_stale", name, Severity.CRITICAL, f"{text}: entries of {name} are halted", now_ms)
        for name in portfolios
    ]


def _halt(scope: str, reason: str, now_ms: int) -> Halt:
    return Halt(id=scope, reason=reason, raised_by=BY, ts_event_ms=now_ms)


def _raise(kind: str, scope: str, severity: Severity, text: str, now_ms: int) -> RiskRaised:
    return RiskRaised(kind=kind, scope=scope, severity=severity, message=text, ts_event_ms=now_ms)


# --- the error budget --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tally:
    """What went wrong, of how much, in a window: messages that failed for good of all that were handled, and orders
    that their venue refused of all that ended."""

    failed: int
    handled: int
    refused: int
    ended: int


@dataclass(frozen=True, slots=True)
class Budget:
    errors: Decimal
    refusals: Decimal
    least: int


def over_budget(tally: Tally, budget: Budget) -> str:
    """Why entries stop, in words; empty where all is within it."""
    found = [
        _over(tally.failed, tally.failed + tally.handled, budget.errors, budget.least, "messages failed for good"),
        _over(tally.refused, tally.ended, budget.refusals, budget.least, "orders were refused by their venue"),
    ]
    return "; ".join(filter(None, found))


def _over(wrong: int, of: int, share: Decimal, least: int, what: str) -> str:
    if wrong < least or wrong <= share * of:
        return ""
    return f"{wrong} of {of} {what}, and {share * 100:f}".rstrip("0").rstrip(".") + "% is the budget"


def spent(why: str, now_ms: int) -> tuple[Halt, RiskRaised]:
    """The halt of the whole floor, and what people are told."""
    raised = _raise("error_budget", FLOOR, Severity.CRITICAL, f"{why}: entries are halted", now_ms)
    return _halt(FLOOR, why, now_ms), raised
