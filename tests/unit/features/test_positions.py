"""What a strategy holds is what the facts say, in whatever order and however often they come."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from fluxfloor.contracts.decisions import Decision, Reason, Verdict
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.orders import Fill, OrderIntent, OrderReport, OrderState, Purpose, Side
from fluxfloor.contracts.state import Holding, SeenOrder, Stances
from fluxfloor.features import apply_decision, apply_report, holding_key, mean_edge
from fluxfloor.features.positions import KEPT_ORDERS, split_key, unsure
from hypothesis import given, settings
from hypothesis import strategies as st

BTC = Instrument(
    instrument_id="kraken:BTC/USDT", venue="kraken", symbol="BTC/USDT", base="BTC", quote="USDT",
    tick_size=Decimal("0.1"), lot_size=Decimal("0.001"),
)  # fmt: skip
KEY = holding_key("main", "trend")
EMPTY = Stances(id=BTC.instrument_id)


def intent(name: str = "in", side: Side = Side.BUY, lots: int = 10, **more: Any) -> OrderIntent:
    purpose = Purpose.ENTRY if side is Side.BUY else Purpose.EXIT
    given: dict[str, Any] = {
        "intent_id": name, "signal_id": f"sig-{name}", "portfolio_id": "main", "account_id": "paper-main",
        "strategy_id": "trend", "sender_id": "floor", "instrument_id": BTC.instrument_id, "purpose": purpose,
        "side": side, "lots": lots, "arrival_ticks": 1_000, "requested_ms": 1_000,
    }  # fmt: skip
    return OrderIntent(**{**given, **more})


def fill(trade_id: str, lots: int, price: str, fee: str = "0", currency: str = "USDT", at_ms: int = 5_000) -> Fill:
    return Fill(
        trade_id=trade_id, price=Decimal(price), quantity=BTC.quantity(lots), fee=Decimal(fee), fee_currency=currency,
        ts_event_ms=at_ms,
    )  # fmt: skip


def report(order: OrderIntent, state: OrderState, *fills: Fill) -> OrderReport:
    return OrderReport(
        intent=order, state=state, attempt=1, client_order_id=f"c-{order.intent_id}", new_fills=fills, ts_event_ms=6_000
    )


def decision(order: OrderIntent, verdict: Verdict = Verdict.ACCEPTED) -> Decision:
    accepted = verdict is Verdict.ACCEPTED
    return Decision(
        decision_id=f"d-{order.intent_id}", signal_id=order.signal_id, portfolio_id="main", strategy_id="trend",
        sender_id="floor", instrument_id=BTC.instrument_id, verdict=verdict,
        reason=Reason.OK if accepted else Reason.STALE_QUOTE, purpose=order.purpose if accepted else None,
        intent_ids=(order.intent_id,) if accepted else (), text="", ts_event_ms=2_000,
    )  # fmt: skip


def after(reports: Sequence[OrderReport], stances: Stances = EMPTY) -> Holding:
    for item in reports:
        stances = apply_report(stances, item, BTC)
    return stances.holdings[KEY]


ENTRY = intent(stop_loss_ticks=950, take_profit_ticks=1_200, tag="a")
FILLED, PARTIAL = OrderState.FILLED, OrderState.PARTIALLY_FILLED
BOUGHT = report(ENTRY, FILLED, fill("t1", 10, "100", "0.26"))


def test_an_entry_becomes_a_holding_with_its_price_time_stop_and_target() -> None:
    got = after([BOUGHT])
    assert (got.lots, got.average_price, got.fees, got.entry_ms, got.tag) == (10, 100, Decimal("0.26"), 5_000, "a")
    assert (got.stop_price, got.take_profit) == (95, 120)


def test_partial_fills_average_their_price_and_keep_the_first_time() -> None:
    first = report(ENTRY, PARTIAL, fill("t1", 4, "100", "0.1", at_ms=5_000))
    second = report(ENTRY, FILLED, fill("t2", 6, "101", "0.2", at_ms=9_000))
    got = after([first, second])
    assert (got.lots, got.average_price, got.entry_ms, got.fees) == (10, Decimal("100.6"), 5_000, Decimal("0.3"))


def test_a_round_trip_leaves_its_edge_net_of_fees_and_nothing_else() -> None:
    sold = report(intent("out", Side.SELL), FILLED, fill("t2", 10, "110", "0.28"))
    got = after([BOUGHT, sold])
    assert (got.lots, got.stop_price, got.entry_ms, got.tag) == (0, None, 0, "")
    assert (got.trades, got.edge_sum) == (1, (Decimal("0.1") - Decimal("0.54")) / 1)


def test_a_partial_exit_keeps_its_share_and_the_trade_counts_when_flat() -> None:
    half = report(intent("out-1", Side.SELL, 5), FILLED, fill("t2", 5, "110", "0.13"))
    rest = report(intent("out-2", Side.SELL, 5), FILLED, fill("t3", 5, "90", "0.13"))
    kept = after([BOUGHT, half])
    assert (kept.lots, kept.average_price, kept.fees, kept.trades) == (5, 100, Decimal("0.13"), 0)
    assert (kept.stop_price, kept.closed_cost) == (95, Decimal("0.5"))
    flat = after([BOUGHT, half, rest])
    assert (flat.trades, flat.edge_sum) == (1, Decimal("-0.52"))
    assert (flat.closed_cost, flat.closed_profit) == (0, 0)


def test_a_short_earns_when_the_price_falls() -> None:
    sold = report(intent("in", Side.SELL, purpose=Purpose.ENTRY, stop_loss_ticks=1_050), FILLED, fill("t1", 10, "100"))
    back = report(intent("out", Side.BUY, purpose=Purpose.EXIT), FILLED, fill("t2", 10, "80"))
    assert (after([sold]).lots, after([sold]).stop_price) == (-10, 105)
    assert after([sold, back]).edge_sum == Decimal("0.2")


def test_an_order_through_zero_closes_one_trade_and_opens_the_next() -> None:
    turn = report(intent("turn", Side.SELL, 15), FILLED, fill("t2", 15, "110", "0.3", at_ms=8_000))
    got = after([BOUGHT, turn])
    assert (got.lots, got.average_price, got.entry_ms, got.trades) == (-5, 110, 8_000, 1)
    assert got.fees == Decimal("0.1")


def test_a_fee_in_the_base_currency_is_valued_at_the_fill() -> None:
    assert after([report(ENTRY, FILLED, fill("t1", 10, "100", "0.0001", "BTC"))]).fees == Decimal("0.01")
    assert after([report(ENTRY, FILLED, fill("t1", 10, "100", "3", "BNB"))]).fees == 0


def test_a_repeated_report_adds_nothing() -> None:
    part = report(ENTRY, PARTIAL, fill("t1", 4, "100"))
    whole = report(ENTRY, FILLED, fill("t1", 4, "100"), fill("t2", 6, "101"))
    assert after([part, part, whole, whole]) == after([part, whole])


def test_a_late_fill_of_an_ended_order_is_still_booked() -> None:
    cancelled = report(ENTRY, OrderState.CANCELLED, fill("t1", 4, "100"))
    late = report(ENTRY, OrderState.CANCELLED, fill("t2", 3, "100"))
    assert after([cancelled, late]).lots == 7


def test_an_order_that_ended_stays_ended_when_older_news_arrives() -> None:
    opened = report(ENTRY, OrderState.OPEN)
    assert after([BOUGHT, opened]).orders["in"] == SeenOrder(trade_ids=("t1",), ended=True)


def test_dust_below_a_lot_changes_nothing() -> None:
    dust = Fill(trade_id="t1", price=Decimal(1), quantity=Decimal("0.0001"), fee_currency="USDT", ts_event_ms=1)
    assert after([report(ENTRY, FILLED, dust)]).lots == 0


def test_ended_orders_are_forgotten_in_time_and_open_ones_never() -> None:
    reports = [report(intent("open"), OrderState.OPEN)]
    reports += [report(intent(f"n{i}"), OrderState.REJECTED) for i in range(KEPT_ORDERS + 9)]
    orders = after(reports).orders
    assert len(orders) == KEPT_ORDERS + 1
    assert "open" in orders
    assert "n8" not in orders
    assert "n9" in orders


# --- pending -----------------------------------------------------------------------------------------------------


def test_an_accepted_signal_is_pending_until_its_order_ends() -> None:
    stances = apply_decision(EMPTY, decision(ENTRY))
    assert not stances.holdings[KEY].pending["sig-in"].exit
    stances = apply_report(stances, report(ENTRY, PARTIAL, fill("t1", 4, "100")), BTC)
    assert stances.holdings[KEY].pending
    stances = apply_report(stances, report(ENTRY, OrderState.EXPIRED), BTC)
    assert not stances.holdings[KEY].pending
    assert stances.holdings[KEY].lots == 4


def test_an_accepted_exit_is_on_its_way_out() -> None:
    assert apply_decision(EMPTY, decision(intent("out", Side.SELL))).holdings[KEY].leaving


def test_a_refusal_ends_its_own_signal_only() -> None:
    stances = apply_decision(apply_decision(EMPTY, decision(ENTRY)), decision(intent("other")))
    refused = apply_decision(stances, decision(intent("other"), Verdict.REFUSED))
    assert set(refused.holdings[KEY].pending) == {"sig-in"}
    assert apply_decision(refused, decision(intent("third"), Verdict.REFUSED)) is refused
    assert apply_decision(EMPTY, decision(ENTRY, Verdict.REFUSED)) is EMPTY


@pytest.mark.parametrize("state", [OrderState.FILLED, OrderState.REJECTED, OrderState.CANCELLED, OrderState.EXPIRED])
def test_a_decision_that_comes_after_the_end_of_its_order_leaves_nobody_waiting(state: OrderState) -> None:
    stances = apply_report(EMPTY, report(ENTRY, state), BTC)
    assert apply_decision(stances, decision(ENTRY)) is stances


def test_a_decision_that_comes_after_its_order_was_forgotten_has_it_looked_up() -> None:
    """Only so many orders that have ended are remembered; a decision may come days after its own."""
    others = [intent(f"o{n}") for n in range(KEPT_ORDERS)]
    stances = EMPTY
    assert unsure(stances, decision(ENTRY)) == ()
    for order in (ENTRY, *others):
        stances = apply_report(stances, report(order, OrderState.FILLED), BTC)
    assert unsure(stances, decision(others[-1])) == ()
    assert unsure(stances, decision(ENTRY)) == (ENTRY.intent_id,)
    assert apply_decision(stances, decision(ENTRY)).holdings[KEY].pending
    assert apply_decision(stances, decision(ENTRY), frozenset({ENTRY.intent_id})) is stances


# --- edges -------------------------------------------------------------------------------------------------------


def test_a_mean_edge_is_told_from_twenty_round_trips_on() -> None:
    assert mean_edge(None) is None
    assert mean_edge(Holding(trades=19, edge_sum=Decimal("0.19"))) is None
    assert mean_edge(Holding(trades=20, edge_sum=Decimal("-0.1"))) == Decimal("-0.005")
    assert Holding(edge_sum=mean_edge(Holding(trades=21, edge_sum=Decimal(1))) or Decimal(0)).edge_sum > 0


def test_a_key_names_portfolio_and_strategy() -> None:
    assert split_key(holding_key("main", "a/b:c")) == ("main", "a/b:c")


PRICES = st.decimals("0.1", "99999999.9", places=1)


@given(
    moves=st.lists(st.tuples(st.sampled_from(list(Side)), st.integers(1, 10**9), PRICES), min_size=1, max_size=30),
    data=st.data(),
)
@settings(max_examples=150, deadline=None)
def test_lots_are_the_sum_of_all_fills_in_any_order_and_every_state_can_be_stored(
    moves: list[tuple[Side, int, Decimal]], data: st.DataObject
) -> None:
    reports = [
        report(intent(f"i{n}", side, lots), FILLED, fill(f"t{n}", lots, str(price), str(price / 1_000)))
        for n, (side, lots, price) in enumerate(moves)
    ]
    shuffled = data.draw(st.permutations(reports))
    stances = EMPTY
    for item in [*shuffled, *shuffled[-KEPT_ORDERS:]]:
        stances = Stances.decode(apply_report(stances, item, BTC).encode())
    assert stances.holdings[KEY].lots == sum(side.sign * lots for side, lots, _ in moves)
