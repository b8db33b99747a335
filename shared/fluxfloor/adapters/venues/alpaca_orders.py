"""Orders, fills and other activities between Alpaca's JSON and the floor's terms: pure.

docs/orders-at-alpaca (types, times in force, states), docs/account-activities, reference/postorder.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

from fluxfloor.contracts.money import cost, exact, rounded
from fluxfloor.contracts.orders import Fill, OrderState, Side
from fluxfloor.contracts.signals import OrderType, TimeInForce
from fluxfloor.errors import RetryLater, VenueRefused
from fluxfloor.ports import Placement, VenueFill, VenueOrder, VenueTransfer

USD = "USD"
EQUITY = "us_equity"
ZERO = Decimal(0)
Row = dict[str, Any]

TYPES: Final = {
    OrderType.MARKET: "market", OrderType.LIMIT: "limit", OrderType.STOP: "stop", OrderType.STOP_LIMIT: "stop_limit",
    OrderType.TRAILING_STOP: "trailing_stop",
}  # fmt: skip
TIMES: Final = {TimeInForce.GTC: "gtc", TimeInForce.DAY: "day", TimeInForce.IOC: "ioc", TimeInForce.FOK: "fok"}
# Whatever is not named here may still change, a state that nobody has heard of included. `done_for_day` goes on
# tomorrow or is called expired, `stopped` and `calculated` are to be settled, `replaced` is followed to what replaced
# it.
ENDED: Final = {
    "filled": OrderState.FILLED, "canceled": OrderState.CANCELLED, "expired": OrderState.EXPIRED,
    "rejected": OrderState.REJECTED,
}  # fmt: skip
REPLACED = "replaced"
_NEW_YORK = ZoneInfo("America/New_York")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


# --- what is sent ------------------------------------------------------------------------------------------------


def order_body(placement: Placement) -> dict[str, Any]:
    """Of POST /v2/orders. Raises VenueRefused for what Alpaca does not take."""
    kind, lasts = TYPES.get(placement.order_type), TIMES.get(placement.time_in_force)
    if kind is None:
        raise VenueRefused(f"alpaca takes no {placement.order_type} orders", code="order_type")
    if placement.post_only:
        raise VenueRefused("alpaca takes no post-only orders", code="post_only")
    if placement.quantity % 1 and lasts == TIMES[TimeInForce.GTC]:
        lasts = TIMES[TimeInForce.DAY]  # docs/fractional-trading: a fraction of a share is for the day only
    if lasts is None or (placement.quantity % 1 and lasts != TIMES[TimeInForce.DAY]):
        raise VenueRefused(f"alpaca takes no {placement.time_in_force} order of this kind", code="time_in_force")
    prices = {
        "limit_price": placement.limit_price if placement.order_type in _LIMITED else None,
        "stop_price": placement.trigger_price if placement.order_type in _TRIGGERED else None,
        "trail_price": placement.trail if placement.order_type is OrderType.TRAILING_STOP else None,
    }
    return {
        "symbol": placement.instrument.base, "qty": plain(placement.quantity), "side": placement.side.lower(),
        "type": kind, "time_in_force": lasts, "client_order_id": placement.client_order_id,
        **{name: plain(price) for name, price in prices.items() if price is not None},
    }  # fmt: skip


_LIMITED = (OrderType.LIMIT, OrderType.STOP_LIMIT)
_TRIGGERED = (OrderType.STOP, OrderType.STOP_LIMIT)


def plain(number: Decimal) -> str:
    """Without an exponent, and with the digits that it came with."""
    return format(number, "f")


# --- what comes back ---------------------------------------------------------------------------------------------


@exact
def venue_order(rows: list[Row], client_order_id: str, fills: tuple[Fill, ...] = ()) -> VenueOrder:
    """`rows` is the order as it was sent, and what replaced it at the venue since, under ids of its own."""
    row = rows[-1]
    filled, status = sum((number(item, "filled_qty") for item in rows), ZERO), text(row, "status")
    state = ENDED.get(status, OrderState.PARTIALLY_FILLED if filled else OrderState.OPEN)
    reason = status if state in (OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REJECTED) else ""
    return VenueOrder(
        client_order_id, text(row, "id"), state, fills, f"{reason} at the venue" if reason else "", filled=filled,
        symbol=symbol_of(row), side=side_of(row),
    )  # fmt: skip


def venue_fill(row: Row, client_order_id: str = "") -> VenueFill:
    """A FILL activity. Alpaca takes no commission; the regulators' fees come as activities of their own."""
    fill, side = fill_of(row), side_of(row)
    moves = {
        text(row, "symbol"): side.sign * fill.quantity,
        USD: -side.sign * cost(fill.price, fill.quantity),
    }
    return VenueFill(fill, client_order_id, moves, symbol_of(row), side, text(row, "order_id"))


def fill_of(row: Row) -> Fill:
    return Fill(
        trade_id=text(row, "id"), price=number(row, "price"), quantity=number(row, "qty"), fee=ZERO, fee_currency=USD,
        ts_event_ms=time_ms(text(row, "transaction_time")),
    )  # fmt: skip


def balances_of(account: Row, positions: list[Row]) -> dict[str, Decimal]:
    """Cash and shares; what is short is below zero. reference/getaccount, reference/getallopenpositions."""
    held = {text(row, "symbol"): _signed(row) for row in positions}
    return {USD: number(account, "cash"), **held}


def _signed(row: Row) -> Decimal:
    quantity = abs(number(row, "qty"))
    return -quantity if row.get("side") == "short" else quantity


def margin_of(account: Row) -> tuple[Decimal, Decimal]:
    """(used, free) in USD: Regulation T's initial margin, and the buying power without its leverage."""
    multiplier = max(number(account, "multiplier"), Decimal(1))
    return number(account, "initial_margin"), rounded(number(account, "buying_power") / multiplier)


def symbol_of(row: Row) -> str:
    return f"{text(row, 'symbol')}/{USD}"


def side_of(row: Row) -> Side:
    """Activities may also say sell_short."""
    return Side.BUY if text(row, "side").startswith("buy") else Side.SELL


# --- activities that are no trades -------------------------------------------------------------------------------

_KINDS: Final[dict[str, str]] = {
    "CSD": "deposit", "CSW": "withdrawal", "TRANS": "transfer", "JNL": "transfer", "JNLC": "transfer",
    "JNLS": "transfer", "ACATC": "transfer", "ACATS": "transfer", "FOPT": "transfer", "INT": "interest",
    "INTNRA": "interest", "INTTW": "interest", "FEE": "fee", "CFEE": "fee", "PTC": "fee", "PTR": "fee",
    "DIVFEE": "fee", "CGD": "reward",
}  # fmt: skip
# Of these `qty` counts shares that came or went; of a dividend it only says what was paid for.
_SHARES: Final = frozenset({"ACATS", "JNLS", "FOPT", "SPLIT", "SSP", "SPIN", "SSO", "REORG", "MA", "NC", "SC"})


def transfers_of(row: Row) -> tuple[VenueTransfer, ...]:
    """What an activity that is no trade did to the balances: money, shares or both. One that was called off did
    nothing."""
    if row.get("status") == "canceled":
        return ()
    kind = _kind_of(text(row, "activity_type"))
    made = []
    if amount := number(row, "net_amount"):
        made.append(_transfer(row, kind, str(row.get("currency") or USD), amount, ""))
    if text(row, "activity_type") in _SHARES and row.get("symbol") and (shares := number(row, "qty")):
        made.append(_transfer(row, kind, text(row, "symbol"), shares, ":shares"))
    return tuple(made)


def _transfer(row: Row, kind: Any, currency: str, amount: Decimal, part: str) -> VenueTransfer:
    words = (row.get("activity_type"), row.get("activity_sub_type"), row.get("symbol"), row.get("description"))
    return VenueTransfer(
        text(row, "id") + part, kind, currency, amount, ZERO, created_ms(row), " ".join(str(w) for w in words if w)
    )


def _kind_of(activity: str) -> str:
    return _KINDS.get(activity) or ("reward" if activity.startswith("DIV") else "adjustment")


def happened_ms(row: Row) -> int:
    """Of any activity."""
    return time_ms(text(row, "transaction_time")) if row.get("activity_type") == "FILL" else created_ms(row)


def created_ms(row: Row) -> int:
    """When it came into the account. Older activities only have it in their id, which begins with New York's time."""
    if row.get("created_at"):
        return time_ms(text(row, "created_at"))
    try:
        stamp = datetime.strptime(text(row, "id")[:17] + "000", "%Y%m%d%H%M%S%f").replace(tzinfo=_NEW_YORK)
    except ValueError:
        return time_ms(text(row, "date"))
    return _ms(stamp)


# --- values ------------------------------------------------------------------------------------------------------


def text(row: Row, name: str) -> str:
    """Raises RetryLater where it is missing: then the answer is not what it seems to be."""
    value = row.get(name) if isinstance(row, dict) else None
    if value is None or value == "":
        raise RetryLater(f"alpaca's answer has no {name}")
    return str(value)


def number(row: Row, name: str) -> Decimal:
    """0 where there is none. Raises RetryLater for what is no number."""
    value = row.get(name)
    try:
        found = Decimal(str(value)) if value not in (None, "") else ZERO
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise RetryLater(f"alpaca's {name} is no number")
    return found


def time_ms(moment: str) -> int:
    """RFC 3339 with up to nanoseconds, or a date, which begins in New York."""
    try:
        read = datetime.fromisoformat(moment)
    except ValueError as problem:
        raise RetryLater(f"alpaca's time {moment[:40]!r} can't be read") from problem
    return _ms(read if read.tzinfo else read.replace(tzinfo=_NEW_YORK))


def rfc3339(ms: int) -> str:
    """Whole seconds, rounded down: activities take no finer time."""
    return (_EPOCH + timedelta(seconds=ms // 1_000)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)
