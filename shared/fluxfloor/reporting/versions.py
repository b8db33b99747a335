"""Two versions of a policy side by side: on which signals they differ, and what the difference would have made.

An entry that was traded is worth its closed trades' profit, scaled by the lots that the other version would have had.
One that only the other version takes was never traded: it is worth what `hypothetical` makes of it, or nothing is said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from pydantic import Field

from fluxfloor.contracts.base import Model, Number
from fluxfloor.contracts.events import TradeClosed
from fluxfloor.contracts.money import exact, rounded
from fluxfloor.contracts.orders import Purpose
from fluxfloor.contracts.views import Answered, ShadowDecision

ZERO = Decimal(0)
Profits = Mapping[str, Decimal]


class Difference(Model):
    """One signal that the two versions decide differently. Money is in the quote currency, net of costs; `basis` says
    what it is told from: "trades", "bars", or "" where nothing tells."""

    decision_id: str
    signal_id: str
    strategy_id: str
    instrument_id: str
    ts_event_ms: int
    active: Answered
    shadow: Answered | None
    failed: str = ""
    basis: str = ""
    earned: Number | None = None  # under the version in force
    would_have_earned: Number | None = None  # under the other one
    note: str = ""


class Comparison(Model):
    """`kinds` counts the differences as "<what the active one said> → <what the other one said>"."""

    decided: int
    agreed: int
    differed: int
    failed: int
    kinds: dict[str, int] = Field(default_factory=dict)
    earned: Number = ZERO  # over the differences that something tells the worth of
    would_have_earned: Number = ZERO
    gained: Number = ZERO  # the other one's less the active one's
    unvalued: int = 0
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an entry that nobody made would have come to, and how it would have ended."""

    profit: Decimal
    note: str


Hypothetical = Callable[[ShadowDecision], Outcome | None]


def profits(trades: Iterable[TradeClosed]) -> dict[str, Decimal]:
    """Closed trades' profit by the signal that entered them."""
    found: dict[str, Decimal] = {}
    for trade in trades:
        found[trade.entry_signal_id] = found.get(trade.entry_signal_id, ZERO) + trade.profit
    return found


def compare(rows: Sequence[ShadowDecision], made: Profits, hypothetical: Hypothetical | None = None) -> Comparison:
    """`rows` in any order; `made` are the profits by signal."""
    differing = [row for row in sorted(rows, key=lambda row: (row.ts_event_ms, row.id)) if differs(row)]
    found = tuple(_difference(row, made, hypothetical) for row in differing)
    told = [item for item in found if item.basis]
    earned = sum((item.earned or ZERO for item in told), ZERO)
    would = sum((item.would_have_earned or ZERO for item in told), ZERO)
    return Comparison(
        decided=len(rows), agreed=len(rows) - len(found), differed=len(found),
        failed=sum(row.shadow is None for row in rows), kinds=dict(Counter(_kind(item) for item in found)),
        earned=earned, would_have_earned=would, gained=would - earned, unvalued=len(found) - len(told),
        differences=found,
    )  # fmt: skip


def differs(row: ShadowDecision) -> bool:
    """In the answer or its size. Another limit that binds at the same size is no other decision."""
    if row.shadow is None:
        return True
    one, other = row.active, row.shadow
    return (one.verdict, one.reason, one.lots) != (other.verdict, other.reason, other.lots)


def _kind(item: Difference) -> str:
    if item.shadow is None:
        return f"{item.active.reason} → failed"
    if item.active.lots and item.shadow.lots:
        return "smaller" if item.shadow.lots < item.active.lots else "larger"
    return f"{item.active.reason} → {item.shadow.reason}"


@exact
def _difference(row: ShadowDecision, made: Profits, hypothetical: Hypothetical | None) -> Difference:
    about = Difference(
        decision_id=row.id, signal_id=row.signal_id, strategy_id=row.strategy_id, instrument_id=row.instrument_id,
        ts_event_ms=row.ts_event_ms, active=row.active, shadow=row.shadow, failed=row.failed,
    )  # fmt: skip
    if row.shadow is None:
        return about
    if row.active.lots:
        profit = made.get(row.signal_id)
        if profit is None:
            return about.model_copy(update={"note": "no trade of this signal is closed"})
        would = rounded(profit * row.shadow.lots / row.active.lots)
        return about.model_copy(update={"basis": "trades", "earned": profit, "would_have_earned": would})
    if not row.shadow.lots:
        return about.model_copy(update={"basis": "trades", "earned": ZERO, "would_have_earned": ZERO})
    found = hypothetical(row) if hypothetical is not None else None
    if found is None:
        return about.model_copy(update={"note": "only the other version takes it, and no bars say what came of it"})
    update = {"basis": "bars", "earned": ZERO, "would_have_earned": found.profit, "note": found.note}
    return about.model_copy(update=update)


# --- what nobody traded ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Costs:
    """Of each side, fractions of its notional."""

    fee: Decimal
    slippage: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Leaving:
    """An exit that the strategy signalled, with the quote of that moment."""

    at_ms: int
    bid: Decimal
    ask: Decimal


Bar = tuple[int, float, float, float, float]
"""Open time in ms, open, high, low, close."""

SETTLES_MS = 60_000  # a bar that opened so shortly before the entry counts as after it: it is decided on the last close


@exact
def untraded(
    row: ShadowDecision, exits: Sequence[Leaving], bars: Sequence[Bar], step_ms: int, costs: Costs
) -> Outcome | None:
    """In at the decision's price; out at the first of: the stop (or the open beyond it), the take-profit, the
    strategy's next exit signal, the last bar's close. Within a bar the stop comes first. None where it is no entry, or
    no bar follows."""
    decision = row.decision
    after = [bar for bar in bars if bar[0] >= row.ts_event_ms - SETTLES_MS]
    if decision is None or decision.purpose is not Purpose.ENTRY or not after:
        return None
    if decision.price is None or decision.quantity is None or decision.side is None or decision.legs:
        return None
    price, note = _way_out(
        row, decision.side.sign, [item for item in exits if item.at_ms > row.ts_event_ms], after, step_ms
    )
    moved = (price - decision.price) * decision.side.sign
    paid = (price + decision.price) * (costs.fee + costs.slippage)
    return Outcome(rounded((moved - paid) * decision.quantity), note)


def _way_out(
    row: ShadowDecision, sign: int, exits: Sequence[Leaving], bars: Sequence[Bar], step_ms: int
) -> tuple[Decimal, str]:
    leaving = min(exits, key=lambda item: item.at_ms, default=None)
    for bar in bars:
        if leaving is not None and leaving.at_ms < bar[0] + step_ms:
            break
        hit = _hit(row, sign, bar)
        if hit is not None:
            return hit
    if leaving is not None:
        return (leaving.bid if sign > 0 else leaving.ask), "out at the strategy's next exit signal"
    return Decimal(repr(bars[-1][4])), "still open at the period's last close"


def _hit(row: ShadowDecision, sign: int, bar: Bar) -> tuple[Decimal, str] | None:
    opened, high, low = (Decimal(repr(value)) for value in bar[1:4])
    worst, best = (low, high) if sign > 0 else (high, low)
    if row.stop_price is not None and (worst - row.stop_price) * sign <= 0:
        beyond = (opened - row.stop_price) * sign < 0
        return (opened if beyond else row.stop_price), "out at its stop"
    if row.take_profit is not None and (best - row.take_profit) * sign >= 0:
        return row.take_profit, "out at its take-profit"
    return None
