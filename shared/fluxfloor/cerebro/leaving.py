"""An exit: sized by what is there to leave, and by nothing else. No limit refuses it, no halt, no age of anything."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from fluxfloor.cerebro import book as books
from fluxfloor.cerebro import routing, words
from fluxfloor.cerebro.case import Case, Wanted, reference_price
from fluxfloor.cerebro.checks import Refusal
from fluxfloor.contracts import ids
from fluxfloor.contracts.decisions import Limit, Reason
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.money import exact
from fluxfloor.contracts.orders import OrderIntent, Purpose, Side
from fluxfloor.contracts.signals import Direction, Size, SizeKind


@dataclass(frozen=True, slots=True)
class Leaving:
    """The orders, one an account, if something is held now; and the entries on their way that are to go out as soon as
    they fill."""

    orders: tuple[OrderIntent, ...]
    inbound: tuple[str, ...]
    price_ticks: int
    side: Side
    steps: tuple[Limit, ...]

    @property
    def lots(self) -> int:
        return sum(order.lots for order in self.orders)


@exact
def leave(case: Case, wish: Wanted) -> Leaving:
    """Raises Refusal only where there is nothing to leave."""
    held = case.staying if _on_side(case.staying, wish.direction) else 0
    inbound = {name: item for name, item in case.entries.items() if _on_side(item.side.sign, wish.direction)}
    there = abs(held) + sum(item.lots for item in inbound.values())
    if not there:
        raise _nothing(case, wish.direction)
    price_ticks = max(1, case.rules.ticks(reference_price(case)))
    asked = _asked(case, wish.size, there, price_ticks)
    if not asked:
        raise Refusal(Reason.NOTHING_TO_EXIT, "the signal asks to leave nothing of it")
    least = case.rules.min_lots(price_ticks)
    lots = _tradable(asked, abs(held), least)
    side = Side.SELL if (held or next(iter(inbound.values())).side.sign) > 0 else Side.BUY
    beyond = tuple(inbound) if asked > abs(held) else ()
    parts = routing.leaving(lots, _staying(case, held), least)
    orders = routing.orders(_intent(case, side, lots, price_ticks), parts, case.place) if parts else ()
    return Leaving(orders, beyond, price_ticks, side, (_held(case.rules, abs(held), there - abs(held)),))


def _staying(case: Case, held: int) -> dict[str, int]:
    """Unsigned, by account, of what is held on the side that is left."""
    there = books.staying_by_account(case.book, case.signal.strategy_id, case.rules.instrument_id)
    return {account: abs(lots) for account, lots in there.items() if lots * held > 0}


def _on_side(sign: int, direction: Direction) -> bool:
    if direction is Direction.FLAT:
        return sign != 0
    return sign > 0 if direction is Direction.LONG else sign < 0


def _nothing(case: Case, direction: Direction) -> Refusal:
    strategy, symbol = case.signal.strategy_id, case.rules.symbol
    if case.held and not case.staying:
        text = f"what {strategy} holds of {symbol} is on its way out already"
    elif direction is Direction.FLAT:
        text = f"{strategy} holds nothing of {symbol}"
    else:
        text = f"{strategy} holds no {direction.lower()} position in {symbol}"
    return Refusal(Reason.NOTHING_TO_EXIT, text)


def _asked(case: Case, size: Size | None, there: int, price_ticks: int) -> int:
    """In lots, up to the next whole one: less exposure is left, not more."""
    if size is None:
        return there
    if size.kind is SizeKind.FRACTION:
        return _ceiling(there * min(size.value, Decimal(1)))
    quantity = size.value
    if size.kind is not SizeKind.QUANTITY:
        money = size.value if size.kind is SizeKind.NOTIONAL else size.value * case.book.equity
        quantity = money / case.rules.price(price_ticks)
    return min(there, max(0, _ceiling(quantity / case.rules.lot_size)))


def _ceiling(value: Decimal) -> int:
    return int(value.to_integral_value(ROUND_CEILING))


def _tradable(asked: int, held: int, least: int) -> int:
    """What the venue takes, and leaves nothing behind that it would not take later."""
    lots = min(max(asked, least), held)
    return held if held - lots < least else lots


def _held(rules: Instrument, held: int, inbound: int) -> Limit:
    note = f"{words.quantity(held, rules)} held"
    if inbound:
        note += f", {words.quantity(inbound, rules)} on its way in"
    return Limit(name="held", allows_lots=held, binding=True, note=f"{note}; nothing else limits an exit")


def _intent(case: Case, side: Side, lots: int, price_ticks: int) -> OrderIntent:
    """At the market, and with no expiry: it is wanted until it is done."""
    signal = case.signal
    return OrderIntent(
        intent_id=ids.intent_id(signal.signal_id, case.place, Purpose.EXIT), signal_id=signal.signal_id,
        portfolio_id=signal.portfolio_id, account_id=case.book.account_id, strategy_id=signal.strategy_id,
        sender_id=signal.sender_id, instrument_id=case.rules.instrument_id, purpose=Purpose.EXIT, side=side, lots=lots,
        arrival_ticks=price_ticks, requested_ms=case.now_ms, signal_ms=signal.ts_received_ms, tag=signal.tag,
    )  # fmt: skip
