"""The limits of one entry: each says alone how many lots it would allow, and the smallest binds.

Every function takes an `Entry` and returns one `Limit` of the waterfall. GATES pass or refuse; SIZE_LIMITS allow a
number of lots, and another one (portfolio CVaR) is one function and one line there; FACTORS cut what those leave, and
another one (correlation with what is open) is one line among them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from fluxfloor.cerebro import book as books
from fluxfloor.cerebro import words
from fluxfloor.cerebro.prices import Prices
from fluxfloor.contracts.decisions import Limit, Reason
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.money import exact
from fluxfloor.contracts.policy import Limits
from fluxfloor.contracts.signals import Size, SizeKind
from fluxfloor.contracts.state import RiskBook

ONE, ZERO = Decimal(1), Decimal(0)


@dataclass(frozen=True, slots=True)
class Entry:
    """What the limits look at. `reverts`: is the strategy one of mean reversion? Prices in ticks of `rules`."""

    strategy_id: str
    reverts: bool
    long: bool
    book: RiskBook
    limits: Limits
    rules: Instrument
    instruments: dict[str, Instrument]
    prices: Prices
    stop_ticks: int
    requested: Size | None
    size_factor: Decimal = ONE

    @property
    def price(self) -> Decimal:
        """The dearest it is expected to fill at: what exposure is measured with."""
        return self.rules.price(self.prices.high)

    @property
    def distance(self) -> Decimal:
        """What a unit loses between the farther end of the entry and the stop."""
        worst = self.prices.high if self.long else self.prices.low
        return self.rules.price(abs(worst - self.stop_ticks))

    def lots_for(self, money: Decimal, per_unit: Decimal) -> int:
        """How many whole lots `money` covers at `per_unit` of quote currency a unit; never negative."""
        if money <= 0 or per_unit <= 0:
            return 0
        return int((money / (per_unit * self.rules.lot_size)).to_integral_value(ROUND_FLOOR))

    def money(self, amount: Decimal) -> str:
        return words.money(amount, self.book.currency)


# --- gates -------------------------------------------------------------------------------------------------------


def daily_loss(entry: Entry) -> Limit:
    """Where losses flatten sooner than they halt, nothing is opened that would be closed at once."""
    flattens = entry.limits.daily_loss_flattens
    lost, halts = books.daily_loss(entry.book), entry.limits.daily_loss_halts
    most = halts if flattens is None else min(halts, flattens)
    today = f"{words.percent(lost)} lost" if lost > 0 else f"{words.percent(-lost)} made" if lost else "nothing lost"
    return _gate(Reason.DAILY_LOSS, lost < most, f"{today} today, entries stop at a loss of {words.percent(most)}")


def drawdown(entry: Entry) -> Limit:
    """A resumed floor that is still so far down would have to close again what it opens: it opens nothing."""
    down, most = max(books.drawdown(entry.book), ZERO), entry.limits.drawdown_flattens
    note = f"{words.percent(down)} below the highest equity, entries stop at {words.percent(most)}"
    return _gate(Reason.DRAWDOWN, down < most, note)


def open_positions(entry: Entry) -> Limit:
    slots, most = books.open_slots(entry.book), entry.limits.max_open_positions
    adds = books.position_key(entry.strategy_id, entry.rules.instrument_id) in slots
    return _gate(Reason.OPEN_POSITIONS, adds or len(slots) < most, f"{len(slots)} of at most {most} positions are open")


def _gate(reason: Reason, passed: bool, note: str) -> Limit:
    return Limit(name=reason, passed=passed, allows_lots=None if passed else 0, note=note)


# --- sizes -------------------------------------------------------------------------------------------------------


def requested_size(entry: Entry) -> Limit:
    """What the sender asked for; no number when he left it to the floor."""
    size = entry.requested
    if size is None:
        return Limit(name=Reason.REQUESTED_SIZE, note="the sender leaves the size to the floor")
    if size.kind is SizeKind.QUANTITY:
        lots, asked = entry.rules.lots(size.value), f"{words.grouped(size.value)} {entry.rules.base}"
    elif size.kind is SizeKind.NOTIONAL:
        lots, asked = entry.lots_for(size.value, entry.price), words.money(size.value, entry.rules.quote)
    else:
        lots = entry.lots_for(size.value * entry.book.equity, entry.price)
        asked = f"{words.percent(size.value)} of equity"
    return Limit(name=Reason.REQUESTED_SIZE, allows_lots=lots, note=f"the signal asks for {asked}")


def risk_per_trade(entry: Entry) -> Limit:
    """(equity × risk − what the slot risks already) / |entry − stop|. An add belongs to the trade that it adds to, and
    moves its stop."""
    share = entry.limits.risk_per_reversion_trade if entry.reverts else entry.limits.risk_per_trade
    budget, used = entry.book.equity * share, _at_risk(entry)
    away = words.money(entry.distance, entry.rules.quote)
    note = f"a stop {away} away may cost {entry.money(budget)} ({words.percent(share)} of equity)"
    if used:
        note += f", of which {entry.money(used)} are at risk already"
    return Limit(name=Reason.RISK_PER_TRADE, allows_lots=entry.lots_for(budget - used, entry.distance), note=note)


def _at_risk(entry: Entry) -> Decimal:
    """What the slot would lose at this entry's stop, without this entry. What lies beyond the stop risks nothing."""
    sign, stop = 1 if entry.long else -1, entry.rules.price(entry.stop_ticks)
    position = entry.book.positions.get(books.position_key(entry.strategy_id, entry.rules.instrument_id))
    inbound = books.entries_of(entry.book, entry.strategy_id, entry.rules.instrument_id).values()
    pieces = [(item.lots * item.side.sign * sign, item.worst_price) for item in inbound]
    if position:
        pieces.append((position.lots * sign, position.mark_price))
    losses = (lots * entry.rules.lot_size * max(ZERO, (price - stop) * sign) for lots, price in pieces if lots > 0)
    return sum(losses, ZERO)


def position_cap(entry: Entry) -> Limit:
    """Exposure in one instrument, what is held and reserved included."""
    used = books.exposure(entry.book, entry.instruments, only=entry.rules.instrument_id)
    return _cap(entry, Reason.POSITION_CAP, entry.limits.position_cap, used, f"in {entry.rules.symbol}")


def exposure_cap(entry: Entry) -> Limit:
    used = books.exposure(entry.book, entry.instruments)
    return _cap(entry, Reason.EXPOSURE_CAP, entry.limits.exposure_cap, used, "in all")


def _cap(entry: Entry, reason: Reason, share: Decimal, used: Decimal, where: str) -> Limit:
    """A reversal has the room of the side that it leaves: the slot can't hold both."""
    budget, turned = share * entry.book.equity, _turned(entry)
    lots = entry.lots_for(budget - used + turned, entry.price)
    taken = f"{entry.money(used)} are in use" if used else "nothing is in use"
    note = f"of {entry.money(budget)} allowed {where} ({words.percent(share)} of equity) {taken}"
    return Limit(name=reason, allows_lots=lots, note=note)


def _turned(entry: Entry) -> Decimal:
    """By how much what the slot has on the other side exceeds what it has on this one."""
    longs, shorts = books.sides(entry.book, entry.instruments).get(
        books.position_key(entry.strategy_id, entry.rules.instrument_id), (ZERO, ZERO)
    )
    return max(shorts - longs if entry.long else longs - shorts, ZERO)


def margin(entry: Entry) -> Limit:
    """The hard one: should everything on its way fill at its worst price, with its fees, neither cash nor margin nor
    leverage runs out. Only what is paid in full takes cash."""
    rules, book, limits = entry.rules, entry.book, entry.limits
    worst = entry.price if entry.prices.limit is not None else entry.price * (ONE + books.WORST_MOVE)
    fee, slip, bound = worst * rules.taker_fee, worst - entry.price, worst * rules.margin_rate
    held, on_way = books.margin_held(book, entry.instruments), books.reserved(book, entry.instruments)
    room = limits.margin_cap * (book.equity - on_way.fees - on_way.slippage) - held - on_way.margin
    cash = book.cash - on_way.margin - on_way.fees if rules.margin_rate == ONE else room
    geared = limits.max_leverage * book.equity - books.exposure(book, entry.instruments) + _turned(entry)
    lots = min(
        entry.lots_for(cash, bound + fee),
        entry.lots_for(room, bound + limits.margin_cap * (fee + slip)),
        entry.lots_for(geared, entry.price),
    )
    free, most = entry.money(max(min(cash, room), ZERO)), words.percent(limits.margin_cap)
    note = f"{free} are free, and margin stays under {most} of equity"
    return Limit(name=Reason.MARGIN, allows_lots=lots, note=note)


# --- factors -----------------------------------------------------------------------------------------------------


def drawdown_ladder(entry: Entry, lots: int) -> Limit | None:
    """Half of what the limits leave while the drawdown is beyond its first step."""
    down = books.drawdown(entry.book)
    if down < entry.limits.drawdown_halves:
        return None
    note = f"{words.percent(down)} below the highest equity: half of what the limits leave"
    return Limit(name=Reason.DRAWDOWN, allows_lots=lots // 2, note=note)


def asked_share(entry: Entry, lots: int) -> Limit | None:
    """What the signal asks for of it: a strategy that is less sure, or in wilder markets."""
    if entry.size_factor == ONE:
        return None
    note = f"the signal asks for {words.percent(entry.size_factor)} of what the limits leave"
    return Limit(name=Reason.REQUESTED_SIZE, allows_lots=int(lots * entry.size_factor), note=note)


GATES: tuple[Callable[[Entry], Limit], ...] = (daily_loss, drawdown, open_positions)
SIZE_LIMITS: tuple[Callable[[Entry], Limit], ...] = (
    requested_size, risk_per_trade, position_cap, exposure_cap, margin,
)  # fmt: skip
FACTORS: tuple[Callable[[Entry, int], Limit | None], ...] = (drawdown_ladder, asked_share)


@exact
def waterfall(entry: Entry) -> tuple[int, tuple[Limit, ...]]:
    """The lots that all limits allow, and each limit's word with the binding one marked."""
    limits = [limit(entry) for limit in (*GATES, *SIZE_LIMITS)]
    lots = min(limit.allows_lots for limit in limits if limit.allows_lots is not None)
    for factor in FACTORS:
        cut = factor(entry, lots)
        if cut is not None and cut.allows_lots is not None:
            limits.append(cut)
            lots = min(lots, cut.allows_lots)
    binding = next(index for index, limit in enumerate(limits) if limit.allows_lots == lots)
    limits[binding] = limits[binding].model_copy(update={"binding": True, "passed": lots > 0})
    return lots, tuple(limits)
