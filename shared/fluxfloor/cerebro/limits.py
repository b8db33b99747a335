"""The limits of one entry: each says alone how many lots it would allow, and the smallest binds.

Every function takes an `Entry` and returns one `Limit` of the waterfall. Adding a limit is one function and one line
in SIZE_LIMITS; a portfolio CVaR limit will stand here beside the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from fluxfloor.cerebro import book as books
from fluxfloor.contracts.decisions import Limit, Reason
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.policy import Limits
from fluxfloor.contracts.signals import Signal, Size, SizeKind
from fluxfloor.contracts.state import RiskBook

HALF = Decimal("0.5")
ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Entry:
    """What the limits look at. Prices in ticks of `rules`; `stop_ticks` is on the losing side of `price_ticks`."""

    signal: Signal
    book: RiskBook
    limits: Limits
    rules: Instrument
    instruments: dict[str, Instrument]
    price_ticks: int
    stop_ticks: int
    requested: Size | None

    @property
    def price(self) -> Decimal:
        return self.rules.price(self.price_ticks)

    def lots_for(self, money: Decimal, per_unit: Decimal) -> int:
        """How many whole lots `money` covers at `per_unit` of quote currency a unit; never negative."""
        if money <= 0 or per_unit <= 0:
            return 0
        return int((money / (per_unit * self.rules.lot_size)).to_integral_value(ROUND_FLOOR))


def requested_size(entry: Entry) -> Limit:
    """What the sender asked for; no number when he left it to the floor."""
    size = entry.requested
    if size is None:
        return Limit(name=Reason.REQUESTED_SIZE, note="the sender leaves the size to the floor")
    if size.kind is SizeKind.QUANTITY:
        lots, asked = entry.rules.lots(size.value), f"{size.value} {entry.rules.base}"
    elif size.kind is SizeKind.NOTIONAL:
        lots, asked = entry.lots_for(size.value, entry.price), f"{size.value} {entry.rules.quote}"
    else:
        lots, asked = entry.lots_for(size.value * entry.book.equity, entry.price), f"{size.value:.2%} of equity"
    return Limit(name=Reason.REQUESTED_SIZE, allows_lots=lots, note=f"asked for {asked}")


def risk_per_trade(entry: Entry) -> Limit:
    """equity × risk / |entry − stop|; the reversion strategies may have a fraction of their own."""
    reverts = "reversion" in entry.signal.strategy_id
    risk = entry.limits.risk_per_reversion_trade if reverts else entry.limits.risk_per_trade
    distance = entry.rules.price(abs(entry.price_ticks - entry.stop_ticks))
    lots = entry.lots_for(entry.book.equity * risk, distance)
    return Limit(
        name=Reason.RISK_PER_TRADE, allows_lots=lots, note=f"{risk:.2%} of equity over a stop {distance:f} away"
    )


def drawdown_ladder(entry: Entry) -> Limit:
    """Half of what risk per trade allows while the drawdown is beyond its first step."""
    down = books.drawdown(entry.book)
    if down < entry.limits.drawdown_halves:
        return Limit(name=Reason.DRAWDOWN, note=f"drawdown {max(down, Decimal(0)):.2%}")
    lots = (risk_per_trade(entry).allows_lots or 0) // 2
    return Limit(name=Reason.DRAWDOWN, allows_lots=lots, note=f"drawdown {down:.2%} halves the risk")


def position_cap(entry: Entry) -> Limit:
    """Exposure in one instrument, what is held and reserved included."""
    used = books.exposure(entry.book, entry.instruments, only=entry.rules.instrument_id)
    room = entry.limits.position_cap * entry.book.equity - used
    return Limit(
        name=Reason.POSITION_CAP,
        allows_lots=entry.lots_for(room, entry.price),
        note=f"{entry.limits.position_cap:.0%} of equity a position, {used:.2f} used",
    )


def exposure_cap(entry: Entry) -> Limit:
    used = books.exposure(entry.book, entry.instruments)
    room = entry.limits.exposure_cap * entry.book.equity - used
    return Limit(
        name=Reason.EXPOSURE_CAP,
        allows_lots=entry.lots_for(room, entry.price),
        note=f"{entry.limits.exposure_cap:.0%} of equity in all, {used:.2f} used",
    )


def margin(entry: Entry) -> Limit:
    """The hard one: cash that is really free at the worst price with fees, and margin in use under its cap."""
    rules, book = entry.rules, entry.book
    worst = entry.price * (1 + books.WORST_MOVE) * (rules.margin_rate + rules.taker_fee)
    free = book.cash * entry.limits.max_leverage - books.cash_reserved(book, entry.instruments)
    by_cash = entry.lots_for(free, worst)
    room = entry.limits.margin_cap * book.equity - books.margin_in_use(book, entry.instruments)
    by_margin = entry.lots_for(room, entry.price * rules.margin_rate)
    return Limit(name=Reason.MARGIN, allows_lots=min(by_cash, by_margin), note=f"{max(free, Decimal(0)):.2f} cash free")


def open_positions(entry: Entry) -> Limit:
    slots = books.open_slots(entry.book)
    adds = books.position_key(entry.signal.strategy_id, entry.rules.instrument_id) in slots
    full = len(slots) >= entry.limits.max_open_positions and not adds
    return Limit(
        name=Reason.OPEN_POSITIONS,
        passed=not full,
        allows_lots=0 if full else None,
        note=f"{len(slots)} of {entry.limits.max_open_positions} open",
    )


def daily_loss(entry: Entry) -> Limit:
    lost = books.daily_loss(entry.book)
    stop = lost >= entry.limits.daily_loss_halts
    return Limit(
        name=Reason.DAILY_LOSS,
        passed=not stop,
        allows_lots=0 if stop else None,
        note=f"{max(lost, Decimal(0)):.2%} lost today of {entry.limits.daily_loss_halts:.2%}",
    )


SIZE_LIMITS: tuple[Callable[[Entry], Limit], ...] = (
    daily_loss,
    open_positions,
    requested_size,
    risk_per_trade,
    drawdown_ladder,
    position_cap,
    exposure_cap,
    margin,
)


def waterfall(entry: Entry) -> tuple[int, tuple[Limit, ...]]:
    """The lots that all limits allow, and each limit's word with the binding one marked."""
    limits = [limit(entry) for limit in SIZE_LIMITS]
    numbers = [limit.allows_lots for limit in limits if limit.allows_lots is not None]
    lots = min(numbers)
    binding = next(index for index, limit in enumerate(limits) if limit.allows_lots == lots)
    limits[binding] = limits[binding].model_copy(update={"binding": True, "passed": lots > 0})
    return lots, tuple(limits)
