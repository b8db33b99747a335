"""How a third-party order is to be placed and protected, read by the names its format has for each part.

Protection that cannot be honoured is refused and never dropped: who sent a stop believes to have one.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from fluxfloor.contracts.signals import Direction, OrderType
from fluxfloor.signals.draft import Terms
from fluxfloor.signals.fields import Fields, missing
from fluxfloor.signals.numbers import fitted
from fluxfloor.signals.refusals import Refused
from fluxfloor.signals.words import read_order_type
from fluxfloor.signals.working import WORK_NAMES, WorkNames, read_work, skip_work

_LIMITED = (OrderType.LIMIT, OrderType.STOP_LIMIT)
_TRIGGERED = (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT)
Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TermNames:
    """Every spelling of each part. Percentages are in percent, offsets in price."""

    order_type: Names = ("ordertype",)
    limit: Names = ("limitprice",)
    trigger: Names = ("triggerprice", "stopprice")
    price: Names = ("orderprice", "strategyorderprice", "price")
    seen: Names = ("signalprice", "close", "referenceprice")
    stop: Names = ("stoploss", "sl", "slprice", "stoplossprice", "stop")
    stop_offset: Names = ("sloffset", "stoplossoffset")
    stop_percent: Names = ("slpercent", "stoplosspercent", "slpct", "stoplosspct")
    target: Names = ("takeprofit", "tp", "tpprice", "takeprofitprice", "targetprice")
    target_offset: Names = ("tpoffset", "takeprofitoffset")
    target_percent: Names = ("tppercent", "takeprofitpercent", "tppct", "takeprofitpct")
    in_pips: Names = (
        "slpips",
        "stoplosspips",
        "slticks",
        "slpoints",
        "tppips",
        "takeprofitpips",
        "tpticks",
        "tppoints",
    )
    trailing: Names = ("trailingstop", "trailingstoploss", "trailpoints", "trailing")  # by what, they don't say
    work: WorkNames = WORK_NAMES


def read_terms(fields: Fields, names: TermNames, enters: Direction | None) -> Terms:
    """`enters` is the side of the position that is entered; None for an exit, which needs no protection."""
    order_type = _order_type(fields, names)
    price, seen = fields.price(*names.price), fields.price(*names.seen)
    limit = _limit(fields, names, order_type, price)
    trigger = _trigger(fields, names, order_type)
    reference = seen or (price if order_type not in _LIMITED else None)
    if enters is None:
        fields.read(*names.stop, *names.target, *names.trigger)
        skip_work(fields, names.work)
        return Terms(order_type, limit, trigger, reference_price=reference)
    stop, target = _protection(fields, names, enters, limit or trigger or reference)
    if stop is None and order_type not in _TRIGGERED:
        stop = fields.price(*names.trigger)  # a stop price beside an order that is no stop order protects it
    return Terms(order_type, limit, trigger, stop, target, reference, read_work(fields, names.work, order_type))


def check_leverage(fields: Fields) -> None:
    leverage = fields.number("leverage", "lev")
    if leverage is not None and leverage not in (0, 1):
        path = fields.path_of("leverage", "lev")
        fix = "Leave it out or send 1; an account's leverage is set in its policy, not by a signal."
        raise Refused("unsupported_field", "A signal cannot set leverage.", field=path, fix=fix)


def _order_type(fields: Fields, names: TermNames) -> OrderType:
    word = fields.find(*names.order_type)
    if word is not None:
        return read_order_type(str(word.value), word.path)
    return OrderType.LIMIT if fields.has(*names.limit) else OrderType.MARKET


def _limit(fields: Fields, names: TermNames, order_type: OrderType, price: Decimal | None) -> Decimal | None:
    own = fields.price(*names.limit)
    if order_type not in _LIMITED:
        return None
    if not (own or price):
        raise missing(fields.at(names.limit[0]), "at which price to limit the order", "Add the limit price.")
    return own or price


def _trigger(fields: Fields, names: TermNames, order_type: OrderType) -> Decimal | None:
    if order_type not in _TRIGGERED:
        return None
    trigger = fields.price(*names.trigger)
    if trigger is None:
        raise missing(fields.at(names.trigger[-1]), "at which price the stop order is triggered", "Add the stop price.")
    return trigger


def _protection(
    fields: Fields, names: TermNames, enters: Direction, base: Decimal | None
) -> tuple[Decimal | None, Decimal | None]:
    fix = "Send the stop or target as a price; what a pip or tick is differs between venues."
    fields.refuse(names.in_pips, "is counted in pips or ticks.", fix)
    fix = "Send trail_amount, a distance in price, or trail_percent."
    fields.refuse(names.trailing, "does not say by what the stop is to trail.", fix)
    sign = 1 if enters is Direction.LONG else -1
    stop = fields.price(*names.stop) or _relative(fields, names.stop_offset, names.stop_percent, base, -sign)
    target = fields.price(*names.target) or _relative(fields, names.target_offset, names.target_percent, base, sign)
    return stop, target


def _relative(fields: Fields, offset: Names, percent: Names, base: Decimal | None, sign: int) -> Decimal | None:
    """A price that is given by its distance from the entry."""
    by_offset, by_percent = fields.not_negative(*offset), fields.not_negative(*percent)
    if not by_offset and not by_percent:
        return None
    path = fields.path_of(*offset, *percent)
    if base is None:
        fix = "Add the price the distance counts from (price or close), or send the stop itself as a price."
        raise Refused("missing_field", f"{path} is a distance, and no price is given.", field=path, fix=fix)
    price = base + sign * (by_offset or base * (by_percent or Decimal(0)) / 100)
    if price <= 0:
        raise Refused("invalid_field", f"{path} leads below zero.", field=path, fix="Send a smaller distance.")
    return fitted(price, path)
