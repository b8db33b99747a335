"""Limits that allow a number of lots, each alone."""

from __future__ import annotations

from decimal import Decimal

from fluxfloor.cerebro import book as books
from fluxfloor.cerebro import words
from fluxfloor.cerebro.entry import ONE, ZERO, Entry
from fluxfloor.contracts.decisions import Limit, Reason
from fluxfloor.contracts.signals import SizeKind
from fluxfloor.contracts.weights import Allocation


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


def strategy_budget(entry: Entry) -> Limit:
    """The strategy's weight of equity, less what it has at work: notional over the leverage that the policy allows.
    Strategies that the weights in force do not name share what those leave."""
    if entry.knowledge.allocation is None:
        return Limit(name=Reason.STRATEGY_BUDGET, note="no weights are in force: strategies share no budget")
    leverage, (share, at_work, whose) = entry.limits.max_leverage, _budgeted(entry, entry.knowledge.allocation)
    budget = share * entry.book.equity
    lots = entry.lots_for((budget - at_work) * leverage + _turned(entry), entry.price)
    taken = f"{entry.money(at_work)} are at work" if at_work else "nothing is at work"
    note = f"of {entry.money(budget)} for {whose} ({words.percent(share)} of equity) {taken}"
    return Limit(name=Reason.STRATEGY_BUDGET, allows_lots=lots, note=note)


def _budgeted(entry: Entry, allocation: Allocation) -> tuple[Decimal, Decimal, str]:
    """(share of equity, money at work in it, whose it is)."""
    weights = {name: Decimal(repr(weight)) for name, weight in allocation.active.weights.items()}
    own = entry.strategy_id in weights
    share = weights[entry.strategy_id] if own else max(ONE - sum(weights.values(), ZERO), ZERO)
    used = ZERO
    for slot, both in entry.sides.items():
        holder = slot.partition("|")[0]
        if holder == entry.strategy_id or (not own and holder not in weights):
            used += max(both)
    whose = entry.strategy_id if own else "strategies without a weight of their own"
    return share, used / entry.limits.max_leverage, whose


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
    position = entry.book.positions.get(entry.slot)
    inbound = books.entries_of(entry.book, entry.strategy_id, entry.rules.instrument_id).values()
    pieces = [(item.lots * item.side.sign * sign, item.worst_price) for item in inbound]
    if position:
        pieces.append((position.lots * sign, position.mark_price))
    losses = (lots * entry.rules.lot_size * max(ZERO, (price - stop) * sign) for lots, price in pieces if lots > 0)
    return sum(losses, ZERO)


def position_cap(entry: Entry) -> Limit:
    """Exposure in one instrument, what is held and reserved included."""
    used = books.gross(entry.sides, entry.rules.instrument_id)
    return _cap(entry, Reason.POSITION_CAP, entry.limits.position_cap, used, f"in {entry.rules.symbol}")


def exposure_cap(entry: Entry) -> Limit:
    used = books.gross(entry.sides)
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
    longs, shorts = entry.sides.get(entry.slot, (ZERO, ZERO))
    return max(shorts - longs if entry.long else longs - shorts, ZERO)


def margin(entry: Entry) -> Limit:
    """The hard one: should everything on its way fill at its worst price, with its fees, neither cash nor margin nor
    leverage runs out. Only what is paid in full takes cash."""
    rules, book, limits = entry.rules, entry.book, entry.limits
    worst = entry.worst
    fee, slip, bound = worst * rules.taker_fee, worst - entry.price, worst * rules.margin_rate
    held, on_way = books.margin_held(book, entry.instruments), books.reserved(book, entry.instruments)
    room = limits.margin_cap * (book.equity - on_way.fees - on_way.slippage) - held - on_way.margin
    cash = book.cash - on_way.margin - on_way.fees if rules.margin_rate == ONE else room
    geared = limits.max_leverage * book.equity - books.gross(entry.sides) + _turned(entry)
    lots = min(
        entry.lots_for(cash, bound + fee),
        entry.lots_for(room, bound + limits.margin_cap * (fee + slip)),
        entry.lots_for(geared, entry.price),
    )
    free, most = entry.money(max(min(cash, room), ZERO)), words.percent(limits.margin_cap)
    note = f"{free} are free, and margin stays under {most} of equity"
    return Limit(name=Reason.MARGIN, allows_lots=lots, note=note)
