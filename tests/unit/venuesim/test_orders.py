"""What becomes of an order at the simulated venue, type by type."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from fluxfloor.contracts.signals import TimeInForce
from fluxfloor.venuesim.orders import Kind, Status
from fluxfloor.venuesim.refusals import Reason, Refused
from fluxfloor.venuesim.rules import ClientIds, FeeIn, Mode, Rules

from tests.support.venue_core import MARKET, START_MS, SYMBOL, Core

D = Decimal


@pytest.fixture
def core() -> Core:
    return Core()


def test_a_market_order_pays_the_ask_and_a_takers_fee(core: Core) -> None:
    order = core.place("buy", "0.01")
    (fill,) = order.fills
    assert (order.status, fill.price, fill.maker) == (Status.FILLED, D("60000.1"), False)
    assert fill.moves == {"BTC": D("0.01"), "USDT": -D("600.001") * D("1.0026")}
    assert core.account.balances["USDT"] == D(10_000) - D("601.5610026")


def test_a_large_market_order_walks_the_book_and_what_nobody_offers_expires(core: Core) -> None:
    core.quote("60000", "60000.1", size="0.01")
    order = core.place("sell", "0.2")
    assert [fill.price for fill in order.fills] == [D(60_000) - MARKET.tick * level for level in range(10)]
    assert (order.status, order.filled) == (Status.EXPIRED, D("0.1"))
    assert core.account.bound["BTC"] == 0


def test_what_was_taken_of_a_quote_is_gone_until_the_next(core: Core) -> None:
    core.quote("60000", "60000.1", size="0.01")
    first = core.place("buy", "0.05")
    second = core.place("buy", "0.05")
    assert first.fills[-1].price < second.fills[0].price
    core.quote("60000", "60000.1", size="0.01")
    assert core.place("buy", "0.01").fills[0].price == D("60000.1")


def test_a_resting_order_binds_money_and_fills_at_its_own_price_as_a_maker(core: Core) -> None:
    order = core.place("buy", "0.01", Kind.LIMIT, limit="59000")
    assert (order.status, core.account.bound["USDT"]) == (Status.OPEN, D(590) * D("1.0026"))
    core.quote("58000", "58000.1")
    (fill,) = order.fills
    assert (order.status, fill.price, fill.maker, fill.fee) == (Status.FILLED, D(59_000), True, D(590) * D("0.0016"))
    assert core.account.bound["USDT"] == 0


def test_a_limit_order_that_crosses_takes_first_and_rests_with_what_is_left(core: Core) -> None:
    core.quote("60000", "60000.1", size="0.01")
    order = core.place("buy", "0.03", Kind.LIMIT, limit="60000.1")
    assert (order.status, order.filled, order.fills[0].maker) == (Status.OPEN, D("0.01"), False)
    core.quote("59999", "60000", size="0.01")
    assert [fill.maker for fill in order.fills] == [False, True]
    assert order.fills[1].price == D("60000.1")


@pytest.mark.parametrize(
    ("time_in_force", "filled"), [(TimeInForce.IOC, D("0.1")), (TimeInForce.FOK, D(0))], ids=["ioc", "fok"]
)
def test_an_order_that_may_not_rest_ends_at_once(core: Core, time_in_force: TimeInForce, filled: Decimal) -> None:
    core.quote("60000", "60000.1", size="0.1")
    order = core.place("buy", "0.15", Kind.LIMIT, limit="60000.1", time_in_force=time_in_force)
    assert (order.status, order.filled) == (Status.EXPIRED, filled)
    assert core.account.open == {}


@pytest.mark.parametrize(
    ("side", "kind", "terms", "quiet", "loud"),
    [
        ("sell", Kind.STOP, {"trigger": "59000"}, "59000.2", "58999"),
        ("buy", Kind.STOP, {"trigger": "61000"}, "60999", "61001"),
        ("sell", Kind.TAKE_PROFIT, {"trigger": "61000"}, "60999", "61001"),
        ("buy", Kind.TAKE_PROFIT, {"trigger": "59000"}, "59001", "58999"),
        ("sell", Kind.STOP_LIMIT, {"trigger": "59000", "limit": "58000"}, "59000.2", "58999"),
        ("buy", Kind.TAKE_PROFIT_LIMIT, {"trigger": "59000", "limit": "59100"}, "59001", "58999"),
    ],
)
def test_an_order_with_a_trigger_waits_for_it(
    core: Core, side: str, kind: Kind, terms: dict[str, str], quiet: str, loud: str
) -> None:
    order = core.place(side, "0.01", kind, **terms)
    core.quote(quiet, str(D(quiet) + D("0.1")))
    assert (order.status, order.working) == (Status.OPEN, False)
    core.quote(loud, str(D(loud) + D("0.1")))
    assert (order.status, order.fills[0].maker) == (Status.FILLED, False)


def test_a_stop_limit_that_is_jumped_over_rests_at_its_limit(core: Core) -> None:
    order = core.place("sell", "0.01", Kind.STOP_LIMIT, trigger="59000", limit="58900")
    core.quote("57000", "57000.1")
    assert (order.status, order.working, order.filled) == (Status.OPEN, True, D(0))
    core.quote("58950", "58950.1")
    assert order.fills[0].price == D(58_900)


@pytest.mark.parametrize(
    ("side", "path", "stop"),
    [("sell", ("61000", "60800"), D(60_500)), ("buy", ("59000", "59200"), D(59_500))],
)
def test_a_trailing_stop_follows_the_best_price_only(core: Core, side: str, path: tuple[str, str], stop: D) -> None:
    order = core.place(side, "0.01", Kind.TRAILING_STOP, trail="500")
    for price in path:
        core.quote(price, price)
    assert (order.stop, order.status) == (stop, Status.OPEN)
    core.quote(str(stop), str(stop))
    assert order.status is Status.FILLED


def test_a_trailing_stop_with_a_trigger_follows_from_there(core: Core) -> None:
    order = core.place("sell", "0.01", Kind.TRAILING_STOP, trail_share="0.01", trigger="62000")
    core.quote("61000", "61000")
    core.quote("59000", "59000")
    assert (order.stop, order.status) == (None, Status.OPEN)
    core.quote("63000", "63000")
    assert order.stop == D(62_370)


def test_a_stop_that_costs_more_than_there_is_buys_what_it_can_pay(core: Core) -> None:
    order = core.place("buy", "0.16", Kind.STOP, trigger="61000")
    core.quote("70000", "70000")
    assert (order.status, order.reason) == (Status.CANCELLED, "insufficient funds")
    assert 0 < order.filled < D("0.16")
    assert core.account.faults() == []


def test_an_order_ends_when_its_own_time_is_over(core: Core) -> None:
    order = core.place("buy", "0.01", Kind.LIMIT, limit="59000", expires_ms=START_MS + 1_000)
    core.now_ms += 1_000
    core.venue.advance()
    assert (order.status, order.ended_ms, core.account.bound["USDT"]) == (Status.EXPIRED, core.now_ms, 0)


def test_a_budget_is_spent_on_whole_lots(core: Core) -> None:
    order = core.place("buy", "0", spend="100")
    assert (order.filled, order.status) == (D("0.0016"), Status.FILLED)


@pytest.mark.parametrize(
    ("side", "quantity", "kind", "more", "reason"),
    [
        ("buy", "0.2", Kind.MARKET, {}, Reason.INSUFFICIENT_FUNDS),
        ("sell", "1.1", Kind.STOP, {"trigger": "59000"}, Reason.INSUFFICIENT_FUNDS),
        ("buy", "0.0004", Kind.MARKET, {}, Reason.QUANTITY_TOO_SMALL),
        ("buy", "0.001", Kind.LIMIT, {"limit": "100"}, Reason.NOTIONAL_TOO_SMALL),
        ("buy", "0.01", Kind.LIMIT, {"limit": "59000.05"}, Reason.OFF_TICK),
        ("buy", "0.01005", Kind.LIMIT, {"limit": "59000"}, Reason.OFF_LOT),
        ("buy", "0.01", Kind.LIMIT, {}, Reason.INVALID_ARGUMENT),
        ("sell", "0.01", Kind.STOP, {}, Reason.INVALID_ARGUMENT),
        ("sell", "0.01", Kind.TRAILING_STOP, {}, Reason.INVALID_ARGUMENT),
        ("sell", "-1", Kind.MARKET, {}, Reason.INVALID_ARGUMENT),
        ("buy", "0.01", Kind.LIMIT, {"limit": "60000.1", "post_only": True}, Reason.WOULD_TAKE),
        ("sell", "0.01", Kind.MARKET, {"reduce_only": True}, Reason.REDUCE_ONLY),
        ("buy", "0.01", Kind.MARKET, {"deadline_ms": START_MS - 1}, Reason.DEADLINE_PASSED),
    ],
)
def test_what_cannot_be_taken_is_refused_and_nothing_happens(
    core: Core, side: str, quantity: str, kind: Kind, more: dict[str, Any], reason: Reason
) -> None:
    with pytest.raises(Refused) as refusal:
        core.place(side, quantity, kind, **more)
    assert refusal.value.reason is reason
    assert core.venue.orders == []
    assert set(core.account.bound.values()) <= {D(0)}


def test_a_client_id_is_free_again_after_its_orders_end_or_never() -> None:
    for client_ids, again in ((ClientIds.OPEN, True), (ClientIds.EVER, False)):
        core = Core(Rules(client_ids=client_ids))
        first = core.place("buy", "0.01", Kind.LIMIT, limit="59000", client_id="one")
        with pytest.raises(Refused, match="duplicate_client_id"):
            core.place("buy", "0.01", Kind.LIMIT, limit="59000", client_id="one")
        core.venue.cancel("main", first.number)
        if again:
            core.place("buy", "0.01", Kind.LIMIT, limit="59000", client_id="one")
        else:
            with pytest.raises(Refused, match="duplicate_client_id"):
                core.place("buy", "0.01", Kind.LIMIT, limit="59000", client_id="one")


def test_a_venue_may_refuse_a_stop_that_would_go_off_at_once_or_let_it() -> None:
    assert Core().place("sell", "0.01", Kind.STOP, trigger="61000").status is Status.FILLED
    with pytest.raises(Refused, match="would_trigger"):
        Core(Rules(refuses_triggered=True)).place("sell", "0.01", Kind.STOP, trigger="61000")


def test_an_ended_order_cannot_be_cancelled(core: Core) -> None:
    order = core.place("buy", "0.01")
    for number in (order.number, 99):
        with pytest.raises(Refused, match="unknown_order"):
            core.venue.cancel("main", number)


def test_fees_are_taken_where_the_rules_say() -> None:
    for fee_in, side, currency in (
        (FeeIn.QUOTE, "buy", "USDT"), (FeeIn.BASE, "sell", "BTC"), (FeeIn.RECEIVED, "buy", "BTC"),
        (FeeIn.RECEIVED, "sell", "USDT"),
    ):  # fmt: skip
        core = Core(Rules(fee_in=fee_in))
        (fill,) = core.place(side, "0.01").fills
        assert (fill.fee_currency, fill.fee > 0) == (currency, True)
        assert core.account.faults() == []


def test_a_mode_lets_only_some_orders_in(core: Core) -> None:
    resting = {"kind": Kind.LIMIT, "limit": "59000", "post_only": True}
    order = core.place("buy", "0.01", **resting)
    core.venue.mode = Mode.POST_ONLY
    core.place("buy", "0.01", **resting)
    with pytest.raises(Refused, match="post_only_mode"):
        core.place("buy", "0.01")
    core.venue.mode = Mode.CANCEL_ONLY
    with pytest.raises(Refused, match="cancel_only"):
        core.place("buy", "0.01", **resting)
    core.venue.cancel("main", order.number)


def test_a_market_without_a_quote_takes_only_what_has_a_price_of_its_own(core: Core) -> None:
    core.venue.outside[SYMBOL].quote = None
    core.venue.outside[SYMBOL].last = None
    with pytest.raises(Refused, match="no_market"):
        core.place("buy", "0.01")
    assert core.place("buy", "0.01", Kind.LIMIT, limit="59000").status is Status.OPEN
