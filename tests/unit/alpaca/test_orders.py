"""Between Alpaca's JSON, as its manual shows it, and the floor's terms."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from fluxfloor.adapters.venues import alpaca_orders as orders
from fluxfloor.contracts.instruments import Instrument, Kind
from fluxfloor.contracts.orders import OrderState, Side
from fluxfloor.contracts.signals import OrderType, TimeInForce
from fluxfloor.errors import RetryLater, VenueRefused
from fluxfloor.ports import Placement

AAPL = Instrument(
    instrument_id="alpaca:AAPL/USD", venue="alpaca", symbol="AAPL/USD", base="AAPL", quote="USD", kind=Kind.EQUITY,
    tick_size=Decimal("0.01"), lot_size=Decimal(1), taker_fee=Decimal(0),
)  # fmt: skip
FILL: dict[str, Any] = {
    "id": "20220202135509981::2d7be4ff-d1f3-43e9-856a-0f5cf5c5088e", "activity_type": "FILL",
    "transaction_time": "2022-02-02T18:55:09.981482Z", "type": "fill", "price": "174.7812", "qty": "2", "side": "buy",
    "symbol": "AAPL", "leaves_qty": "0", "order_id": "b5abe576-6a8a-49f3-a353-46b72c1ccae9", "cum_qty": "2",
}  # fmt: skip
ORDER: dict[str, Any] = {
    "id": "61e69015-8549-4bfd-b9c3-01e75843f47d", "client_order_id": "abc", "submitted_at": "2021-03-16T18:38:01.9377Z",
    "symbol": "AAPL", "qty": "15", "filled_qty": "0", "filled_avg_price": None, "type": "limit", "side": "buy",
    "status": "new", "replaced_by": None,
}  # fmt: skip


def wish(**more: Any) -> Placement:
    given: dict[str, Any] = {
        "client_order_id": "abc", "instrument": AAPL, "side": Side.BUY, "order_type": OrderType.MARKET,
        "quantity": Decimal(15), "limit_price": None, "trigger_price": None, "expires_ms": 1, "reduce_only": False,
    }  # fmt: skip
    return Placement(**{**given, **more})


# --- what is sent ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "sent"),
    [
        ({}, {"type": "market"}),
        (
            {"order_type": OrderType.LIMIT, "limit_price": Decimal("174.70")},
            {"type": "limit", "limit_price": "174.70"},
        ),
        ({"order_type": OrderType.STOP, "trigger_price": Decimal("170")}, {"type": "stop", "stop_price": "170"}),
        (
            {"order_type": OrderType.STOP_LIMIT, "trigger_price": Decimal("170"), "limit_price": Decimal("169.5")},
            {"type": "stop_limit", "stop_price": "170", "limit_price": "169.5"},
        ),
        (
            {"order_type": OrderType.TRAILING_STOP, "trail": Decimal("6.15")},
            {"type": "trailing_stop", "trail_price": "6.15"},
        ),
    ],
)
def test_every_type_is_sent_with_its_own_prices_and_no_others(terms: dict[str, Any], sent: dict[str, str]) -> None:
    usual = {"symbol": "AAPL", "qty": "15", "side": "buy", "time_in_force": "gtc", "client_order_id": "abc"}
    assert orders.order_body(wish(**terms)) == {**usual, **sent}


def test_a_price_that_belongs_to_another_type_stays_at_home() -> None:
    body = orders.order_body(wish(limit_price=Decimal(3), trigger_price=Decimal(2), trail=Decimal(1)))
    assert not [name for name in body if name.endswith("_price")]


def test_numbers_go_out_as_they_came_never_with_an_exponent() -> None:
    body = orders.order_body(wish(quantity=Decimal("1E+3"), order_type=OrderType.LIMIT, limit_price=Decimal("0.0100")))
    assert (body["qty"], body["limit_price"]) == ("1000", "0.0100")


@pytest.mark.parametrize(("lasts", "said"), [("GTC", "gtc"), ("DAY", "day"), ("IOC", "ioc"), ("FOK", "fok")])
def test_every_time_in_force_has_alpacas_name(lasts: str, said: str) -> None:
    assert orders.order_body(wish(time_in_force=TimeInForce(lasts)))["time_in_force"] == said


def test_a_fraction_of_a_share_is_for_the_day() -> None:
    assert orders.order_body(wish(quantity=Decimal("0.5")))["time_in_force"] == "day"


@pytest.mark.parametrize(
    "terms",
    [
        {"order_type": OrderType.TAKE_PROFIT},
        {"post_only": True},
        {"quantity": Decimal("0.5"), "time_in_force": TimeInForce.IOC},
    ],
)
def test_what_alpaca_does_not_take_is_refused_before_it_is_sent(terms: dict[str, Any]) -> None:
    with pytest.raises(VenueRefused):
        orders.order_body(wish(**terms))


# --- what comes back ---------------------------------------------------------------------------------------------

RESTING = [
    "new", "accepted", "pending_new", "accepted_for_bidding", "held", "stopped", "suspended", "calculated",
    "done_for_day", "pending_cancel", "pending_replace", "something_new",
]  # fmt: skip


@pytest.mark.parametrize("status", RESTING)
def test_whatever_may_still_change_is_not_at_its_end(status: str) -> None:
    assert orders.venue_order([{**ORDER, "status": status}], "abc").state is OrderState.OPEN
    partly = orders.venue_order([{**ORDER, "status": status, "filled_qty": "4"}], "abc")
    assert (partly.state, partly.filled) == (OrderState.PARTIALLY_FILLED, 4)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("filled", OrderState.FILLED),
        ("canceled", OrderState.CANCELLED),
        ("expired", OrderState.EXPIRED),
        ("rejected", OrderState.REJECTED),
    ],
)
def test_alpacas_ends_are_ours(status: str, state: OrderState) -> None:
    seen = orders.venue_order([{**ORDER, "status": status}], "abc")
    assert (seen.state, seen.venue_order_id, seen.symbol, seen.side) == (state, ORDER["id"], "AAPL/USD", Side.BUY)


def test_what_was_replaced_counts_with_what_replaced_it() -> None:
    before = {**ORDER, "status": "replaced", "filled_qty": "4", "replaced_by": "other"}
    after = {**ORDER, "id": "other", "client_order_id": "theirs", "status": "partially_filled", "filled_qty": "0.5"}
    seen = orders.venue_order([before, after], "abc")
    assert (seen.client_order_id, seen.venue_order_id, seen.filled) == ("abc", "other", Decimal("4.5"))


def test_a_fill_keeps_its_price_to_the_last_digit_and_costs_nothing() -> None:
    shown = orders.venue_fill(FILL, "abc")
    assert (shown.fill.price, shown.fill.quantity, shown.fill.fee) == (Decimal("174.7812"), 2, 0)
    assert shown.moves == {"AAPL": Decimal(2), "USD": Decimal("-349.5624")}
    assert (shown.fill.trade_id, shown.fill.ts_event_ms) == (FILL["id"], 1_643_828_109_981)
    assert (shown.side, shown.symbol, shown.venue_order_id) == (Side.BUY, "AAPL/USD", FILL["order_id"])


@pytest.mark.parametrize("side", ["sell", "sell_short"])
def test_a_sale_brings_money_whether_long_or_short(side: str) -> None:
    shown = orders.venue_fill({**FILL, "side": side})
    assert (shown.side, shown.moves["USD"], shown.moves["AAPL"]) == (Side.SELL, Decimal("349.5624"), -2)


def test_balances_are_cash_and_shares_and_what_is_short_is_below_zero() -> None:
    positions = [
        {"symbol": "AAPL", "qty": "5", "side": "long"},
        {"symbol": "TSLA", "qty": "-3", "side": "short"},
        {"symbol": "BRK.B", "qty": "2", "side": "short"},
    ]
    found = orders.balances_of({"cash": "-23140.2"}, positions)
    assert found == {"USD": Decimal("-23140.2"), "AAPL": 5, "TSLA": -3, "BRK.B": -2}


def test_free_margin_is_buying_power_without_its_leverage() -> None:
    account = {"initial_margin": "63480.38", "buying_power": "80680.36", "multiplier": "2"}
    assert orders.margin_of(account) == (Decimal("63480.38"), Decimal("40340.18"))
    assert orders.margin_of({**account, "multiplier": "1"})[1] == Decimal("80680.36")


@pytest.mark.parametrize("row", [{}, {"id": ""}, {"id": None}])
def test_an_answer_that_lacks_what_it_must_have_is_asked_for_again(row: dict[str, Any]) -> None:
    with pytest.raises(RetryLater):
        orders.text(row, "id")


@pytest.mark.parametrize("value", ["many", "NaN", "Infinity", []])
def test_a_number_that_is_none_is_asked_for_again(value: object) -> None:
    with pytest.raises(RetryLater):
        orders.number({"qty": value}, "qty")


# --- money without a trade ---------------------------------------------------------------------------------------

DIVIDEND = {
    "activity_type": "DIV", "activity_sub_type": "CDIV", "id": "20190801011955195::5f596936-6f23-4cef", "status":
    "executed", "date": "2019-08-01", "net_amount": "1.02", "symbol": "T", "qty": "2", "per_share_amount": "0.51",
    "created_at": "2021-05-10T14:01:04.650275Z",
}  # fmt: skip


def test_a_dividend_is_money_and_not_the_shares_that_it_was_paid_for() -> None:
    (paid,) = orders.transfers_of(DIVIDEND)
    assert (paid.kind, paid.currency, paid.amount, paid.fee) == ("reward", "USD", Decimal("1.02"), 0)
    assert (paid.transfer_id, paid.ts_event_ms) == (DIVIDEND["id"], 1_620_655_264_650)
    assert paid.reference == "DIV CDIV T"


@pytest.mark.parametrize(
    ("activity", "kind"),
    [
        ("CSD", "deposit"), ("CSW", "withdrawal"), ("JNLC", "transfer"), ("INT", "interest"), ("FEE", "fee"),
        ("DIVNRA", "reward"), ("DIVFEE", "fee"), ("OPASN", "adjustment"), ("NEW", "adjustment"),
    ],
)  # fmt: skip
def test_every_activity_is_of_some_kind(activity: str, kind: str) -> None:
    row = {"activity_type": activity, "id": "20260105000000000::1", "date": "2026-01-05", "net_amount": "-3"}
    (moved,) = orders.transfers_of(row)
    assert (moved.kind, moved.amount) == (kind, -3)


def test_a_split_moves_shares_and_cash_in_lieu_with_ids_of_their_own() -> None:
    row = {"activity_type": "SPLIT", "id": "20200831000000000::1", "symbol": "AAPL", "qty": "45", "net_amount": "0.6"}
    assert [(part.transfer_id, part.currency, part.amount) for part in orders.transfers_of(row)] == [
        ("20200831000000000::1", "USD", Decimal("0.6")), ("20200831000000000::1:shares", "AAPL", 45),
    ]  # fmt: skip


def test_what_was_called_off_and_what_moved_nothing_are_no_transfers() -> None:
    assert orders.transfers_of({**DIVIDEND, "status": "canceled"}) == ()
    assert orders.transfers_of({**DIVIDEND, "net_amount": "0"}) == ()


@pytest.mark.parametrize(
    ("row", "ms"),
    [
        ({"id": "20220202135509981::x"}, 1_643_828_109_981),  # New York's clock, in winter
        ({"id": "20220702135509981::x"}, 1_656_784_509_981),  # and in summer
        ({"id": "odd", "date": "2022-07-02"}, 1_656_734_400_000),
        ({"id": "odd", "created_at": "2022-07-02T00:00:00.123456789Z"}, 1_656_720_000_123),
    ],
)
def test_an_activity_came_when_it_was_created_or_when_its_id_says(row: dict[str, str], ms: int) -> None:
    assert orders.created_ms(row) == ms
