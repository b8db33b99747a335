"""What each strategy holds, learned from facts alone: Cerebro's decisions and the venue's executions.

Facts may come late, twice, or in another order than they happened: a fill counts once by its trade id, an order that
has ended stays ended, and a decision about it that comes afterwards changes nothing.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TypeVar

from fluxfloor.contracts.base import MAX_EXPONENT
from fluxfloor.contracts.decisions import Decision, Verdict
from fluxfloor.contracts.fills import kept_lots
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.orders import Fill, OrderIntent, OrderReport, Purpose
from fluxfloor.contracts.signals import OrderType
from fluxfloor.contracts.state import Holding, ModeRecord, Pending, SeenOrder, Stances

MIN_TRADES = 20  # closed round trips before a mean edge says anything
KEPT_MODES = 8
KEPT_ORDERS = 8  # ended orders whose late fills are still told apart from repeated ones
DIGITS = 27

Item = TypeVar("Item")


def holding_key(portfolio_id: str, strategy_id: str) -> str:
    return f"{portfolio_id}|{strategy_id}"


def split_key(key: str) -> tuple[str, str]:
    """(portfolio_id, strategy_id)"""
    portfolio_id, _, strategy_id = key.partition("|")
    return portfolio_id, strategy_id


def mean_edge(holding: Holding | None) -> Decimal | None:
    """The measured mean return per closed round trip, net of fees; None before MIN_TRADES of them."""
    if holding is None or holding.trades < MIN_TRADES:
        return None
    return _rounded(holding.edge_sum / holding.trades)


# --- decisions ---------------------------------------------------------------------------------------------------


def unsure(stances: Stances, decision: Decision) -> tuple[str, ...]:
    """Orders of the decision of which nothing is known, where those that have ended may have been forgotten."""
    holding = stances.holdings.get(holding_key(decision.portfolio_id, decision.strategy_id), Holding())
    full = sum(order.ended for order in holding.orders.values()) >= KEPT_ORDERS
    return tuple(intent for intent in decision.intent_ids if full and intent not in holding.orders)


def apply_decision(stances: Stances, decision: Decision, ended: frozenset[str] = frozenset()) -> Stances:
    """A refused signal is at its end; an accepted one is on its way until its order ends. `ended`: orders that have,
    though nothing of it is remembered here."""
    key = holding_key(decision.portfolio_id, decision.strategy_id)
    holding = stances.holdings.get(key, Holding())
    over = {name for name, order in holding.orders.items() if order.ended} | ended
    left = tuple(intent for intent in decision.intent_ids if intent not in over)
    if decision.verdict is Verdict.REFUSED or not left:
        pending = _without(holding.pending, decision.signal_id)
    else:
        known = holding.pending.get(decision.signal_id)
        item = Pending(
            exit=decision.purpose is not Purpose.ENTRY, since_ms=decision.ts_event_ms, intents=left,
            prepared_ms=known.prepared_ms if known else 0,
        )  # fmt: skip
        pending = {**holding.pending, decision.signal_id: item}
    if pending == holding.pending:
        return stances
    return with_holding(stances, key, holding.model_copy(update={"pending": pending}))


# --- executions --------------------------------------------------------------------------------------------------


def apply_report(stances: Stances, report: OrderReport, instrument: Instrument) -> Stances:
    """Books the fills that are new, and frees the strategy when the order is at its end."""
    intent = report.intent
    key = holding_key(intent.portfolio_id, intent.strategy_id)
    holding = stances.holdings.get(key, Holding())
    seen = holding.orders.get(intent.intent_id, SeenOrder())
    fresh = {fill.trade_id: fill for fill in report.new_fills if fill.trade_id not in seen.trade_ids}
    for fill in fresh.values():
        holding = _filled(holding, intent, fill, instrument)
    seen = SeenOrder(trade_ids=(*seen.trade_ids, *fresh), ended=seen.ended or report.state.terminal)
    pending = _ended(holding.pending, intent) if seen.ended else holding.pending
    update = {"orders": _remember(holding.orders, intent.intent_id, seen), "pending": pending}
    return with_holding(stances, key, holding.model_copy(update=update))


def _filled(holding: Holding, intent: OrderIntent, fill: Fill, instrument: Instrument) -> Holding:
    lots = kept_lots(fill, intent.side, instrument)
    if not lots:
        return holding
    against = holding.lots * intent.side.sign < 0
    closes = min(lots, abs(holding.lots)) if against else 0
    fee = _fee(fill, instrument)
    if closes:
        holding = _close(holding, closes, fill.price, fee * closes / lots, instrument)
    if lots > closes:
        holding = _open(holding, lots - closes, fill, fee * (lots - closes) / lots, intent, instrument)
    return holding


def _open(
    holding: Holding, lots: int, fill: Fill, fee: Decimal, intent: OrderIntent, instrument: Instrument
) -> Holding:
    before = abs(holding.lots)
    average = (holding.average_price * before + fill.price * lots) / (before + lots)
    update = {
        "lots": holding.lots + intent.side.sign * lots,
        "average_price": _rounded(average),
        "fees": _rounded(holding.fees + fee),
        "entry_ms": holding.entry_ms if before else fill.ts_event_ms,
        "stop_price": _price(intent.stop_loss_ticks, instrument) or holding.stop_price,
        "take_profit": _price(intent.take_profit_ticks, instrument) or holding.take_profit,
        "trail": _trail(intent, instrument) or holding.trail,
        "tag": intent.tag,
    }
    return holding.model_copy(update=update)


def _trail(intent: OrderIntent, instrument: Instrument) -> Decimal | None:
    """What an entry trails to get in by says nothing of its stop."""
    return None if intent.order_type is OrderType.TRAILING_STOP else _price(intent.trail_ticks, instrument)


def _close(holding: Holding, lots: int, price: Decimal, fee: Decimal, instrument: Instrument) -> Holding:
    held = abs(holding.lots)
    sign = 1 if holding.lots > 0 else -1
    quantity = instrument.quantity(lots)
    entry_fee = holding.fees * lots / held
    cost = holding.closed_cost + holding.average_price * quantity
    profit = holding.closed_profit + sign * (price - holding.average_price) * quantity - entry_fee - fee
    if lots == held:
        return _flat(holding, profit / cost)
    update = {
        "lots": holding.lots - sign * lots,
        "fees": _rounded(holding.fees - entry_fee),
        "closed_cost": _rounded(cost),
        "closed_profit": _rounded(profit),
    }
    return holding.model_copy(update=update)


def _flat(holding: Holding, edge: Decimal) -> Holding:
    """A round trip is over: only its edge, and what is known of orders, stays."""
    return Holding(
        pending=holding.pending,
        orders=holding.orders,
        trades=holding.trades + 1,
        edge_sum=_rounded(holding.edge_sum + edge),
        modes=_recorded(holding.modes, holding.tag, _rounded(edge)),
        judged_month=holding.judged_month,
    )


def _recorded(modes: dict[str, ModeRecord], tag: str, edge: Decimal) -> dict[str, ModeRecord]:
    """The trade counts for the mode it went in with, if it had one. A sender may think of ever new tags: only so many
    are remembered."""
    if not tag or (tag not in modes and len(modes) >= KEPT_MODES):
        return modes
    before = modes.get(tag, ModeRecord())
    edges = (*before.edges, edge)[-MIN_TRADES:]
    return {**modes, tag: before.model_copy(update={"trades": before.trades + 1, "edges": edges})}


def _fee(fill: Fill, instrument: Instrument) -> Decimal:
    """In the quote currency; a fee in a third currency can't be valued here and counts as none."""
    if fill.fee_currency == instrument.quote:
        return fill.fee
    return fill.fee * fill.price if fill.fee_currency == instrument.base else Decimal(0)


def _ended(pending: dict[str, Pending], intent: OrderIntent) -> dict[str, Pending]:
    """A signal is at its end when all of its orders are; its orders are those that it was decided to have, also where
    another signal had prepared them."""
    left = {}
    for name, item in pending.items():
        orders = tuple(one for one in item.intents if one != intent.intent_id)
        over = intent.intent_id in item.intents if item.intents else name == intent.signal_id
        if orders or not over:
            left[name] = item.model_copy(update={"intents": orders})
    return left


def unprepared(holding: Holding, close_ms: int) -> Holding:
    """As if nothing had been prepared for that close: how its strategy is asked on it."""
    pending = {name: item for name, item in holding.pending.items() if item.prepared_ms != close_ms}
    return holding if len(pending) == len(holding.pending) else holding.model_copy(update={"pending": pending})


# --- small things ------------------------------------------------------------------------------------------------


def with_holding(stances: Stances, key: str, holding: Holding) -> Stances:
    return stances.model_copy(update={"holdings": {**stances.holdings, key: holding}})


def _remember(orders: dict[str, SeenOrder], intent_id: str, seen: SeenOrder) -> dict[str, SeenOrder]:
    """The order last reported goes to the end; the ended ones that nobody has heard of for longest are dropped."""
    kept = {**_without(orders, intent_id), intent_id: seen}
    ended = [name for name, order in kept.items() if order.ended]
    for name in ended[:-KEPT_ORDERS]:
        del kept[name]
    return kept


def _without(items: dict[str, Item], key: str) -> dict[str, Item]:
    return {name: item for name, item in items.items() if name != key}


def _price(ticks: int | None, instrument: Instrument) -> Decimal | None:
    return None if ticks is None else instrument.price(ticks)


def _rounded(value: Decimal) -> Decimal:
    """To what a Number may hold: 18 places, fewer where the part before the point is long."""
    places = min(MAX_EXPONENT, DIGITS - max(value.adjusted() + 1, 1))
    return round(value, places)
