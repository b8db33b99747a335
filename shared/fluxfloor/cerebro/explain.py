"""A decision in words: what was done or not, why, and what bound it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fluxfloor.cerebro import planning, routing, words
from fluxfloor.cerebro.case import Case
from fluxfloor.cerebro.checks import Refusal
from fluxfloor.cerebro.entering import Sized
from fluxfloor.cerebro.leaving import Leaving
from fluxfloor.contracts.decisions import Decision
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.orders import OrderIntent
from fluxfloor.contracts.signals import Direction, OrderType, Signal

MAX_TEXT = 1_900
MAX_TOLD = 6  # values of an explanation that fit in a sentence; all of them stand in the signal
NOT_TOLD = frozenset({"symbol", "charted_on", "sender_signal_id", "sender_order_id", "stop_price"})


def entered(case: Case, sized: Sized) -> str:
    """ "BUY 0.012 BTC at about 64,210 USDT, because …; stop at 62,100 USDT; limited by …" """
    intent, rules = sized.intent, case.rules
    parts = [f"{intent.side} {words.quantity(intent.lots, rules)} {_at(sized, rules)}, {because(case.signal)}"]
    parts.append(_stop(intent, sized, rules))
    if intent.take_profit_ticks:
        parts.append(f"take-profit at {words.price(rules.price(intent.take_profit_ticks))}")
    if worked := planning.told(intent.plan):
        parts.append(worked)
    if len(sized.orders) > 1:
        parts.append(_split(sized.orders, rules))
    bound = next(step for step in sized.steps if step.binding)
    parts.append(f"limited by {words.limit(bound.name)}: {bound.note}")
    return "; ".join(parts)[:MAX_TEXT]


def left(case: Case, leaving: Leaving) -> str:
    """ "SELL 0.012 BTC at about 64,210 USDT, because …" """
    rules, why = case.rules, because(case.signal)
    price = f"{words.price(rules.price(leaving.price_ticks))} {rules.quote}"
    parts = []
    if leaving.orders:
        parts.append(f"{leaving.side} {words.quantity(leaving.lots, rules)} at about {price}, {why}")
    if len(leaving.orders) > 1:
        parts.append(_split(leaving.orders, rules))
    if leaving.inbound:
        lots = sum(case.book.reservations[name].lots for name in leaving.inbound)
        inbound = f"{leaving.side} {words.quantity(lots, rules)} as soon as they are in: they are still on their way"
        parts.append(inbound if parts else f"{inbound}, {why}")
    return "; ".join(parts)[:MAX_TEXT]


def refused(signal: Signal, rules: Instrument | None, refusal: Refusal) -> str:
    """ "REFUSED ENTRY LONG BTC/USDT of trend: the position cap leaves no room: of 1,500 USDT allowed …" """
    symbol = rules.symbol if rules else signal.leg.instrument_id
    side = "" if signal.leg.direction is Direction.FLAT else f" {signal.leg.direction}"
    what = f"{side} {symbol}" if len(signal.legs) == 1 else f" of {len(signal.legs)} legs"
    return f"REFUSED {signal.action}{what} of {signal.strategy_id}: {refusal.message}"[:MAX_TEXT]


def together(done: Sequence[str], others: Sequence[str]) -> str:
    """ "2 legs together: BUY …; and SELL …; REFUSED …" """
    legs = f"{len(done) + len(others)} legs: " if others else f"{len(done)} legs together: "
    room = (MAX_TEXT - len(legs)) // (len(done) + len(others)) - len("; and ")
    shown = [text if len(text) <= room else f"{text[: room - 1]}…" for text in (*done, *others)]
    return legs + "; and ".join(shown)


def because(signal: Signal) -> str:
    """ "because trend leaves on cross back (ma_20 63,905)": the trigger, the values given for it, the sender."""
    known = {name: value for name, value in signal.explanation.items() if name not in NOT_TOLD}
    trigger = str(known.pop("trigger", "") or "").replace("_", " ")
    values = [words.told(name, value) for name, value in known.items() if value is not None and value != ""]
    said = words.listed(values[:MAX_TOLD])
    if signal.sender_id not in ("floor", signal.strategy_id):
        return f"because {signal.sender_id} sent it for {signal.strategy_id}" + (f" ({said})" if said else "")
    if trigger:
        return f"because {signal.strategy_id} leaves on {trigger}" + (f" ({said})" if said else "")
    return f"because {signal.strategy_id} saw {said}" if said else f"because {signal.strategy_id} said so"


def _at(sized: Sized, rules: Instrument) -> str:
    intent = sized.intent
    price = f"{words.price(rules.price(sized.prices.expected))} {rules.quote}"
    if intent.order_type is OrderType.MARKET:
        return f"at about {price}"
    trigger = f"once {words.price(rules.price(intent.trigger_ticks))} is reached" if intent.trigger_ticks else ""
    limit = f"at {price} or better" if intent.limit_ticks else ""
    return " ".join(part for part in (limit, trigger) if part)


def _split(orders: Sequence[OrderIntent], rules: Instrument) -> str:
    """ "of it 0.3 BTC at a and 0.2 BTC at b" """
    return f"of it {routing.told(rules, {order.account_id: order.lots for order in orders})}"


def _stop(intent: OrderIntent, sized: Sized, rules: Instrument) -> str:
    stop = intent.stop_loss_ticks or 0
    share = abs(rules.price(sized.prices.expected - stop)) / rules.price(sized.prices.expected)
    return f"stop at {words.price(rules.price(stop))}, {words.percent(share)} away"


def waterfall(decision: Decision, rules: Mapping[str, Instrument]) -> list[str]:
    """The decision's sentence, one line for every limit of every leg, and the tail. "▶" marks what bound, "✗" what
    refused."""
    lines = [decision.text]
    for part in decision.parts():
        lines += [f"{part.instrument_id}:"] * bool(decision.legs)
        lines += _steps(part, rules.get(part.instrument_id))
    return lines


def _steps(decision: Decision, rules: Instrument | None) -> list[str]:
    lines = []
    for step in decision.waterfall:
        mark = "✗" if not step.passed else "▶" if step.binding else " "
        allows = "" if step.allows_lots is None else words.quantity(step.allows_lots, rules) if rules else ""
        lines.append(f"{mark} {step.name:<16} {allows:>14}  {step.note}")
    if decision.tail is not None:
        tail = decision.tail
        before, after = (words.percent(words.from_float(value)) for value in (tail.before, tail.after))
        marginal = words.grouped(words.from_float(round(tail.marginal, 5)))
        at = words.percent(tail.alpha)
        lines.append(f"  one-day CVaR at {at}: {before} of equity before, {after} after; {marginal} a unit of notional")
    return lines
