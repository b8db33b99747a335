"""What was made and how orders were carried out: sums that lose nothing, and quantiles that are what they say."""

from __future__ import annotations

import pytest
from fluxfloor.accounts import quality, results, sketch
from fluxfloor.contracts.events import TradeClosed
from fluxfloor.contracts.orders import DUST, OrderState, Side
from fluxfloor.contracts.results import MOST_KEYS, OTHERS, Made, Pnl, QualityBook, Sketch

from tests.support.desk import AT_MS, BTC, d, fill, intent, report


def closed(profit: str, strategy: str = "trend", tag: str = "", **more) -> TradeClosed:
    return TradeClosed(
        trade_id="t", account_id="a", instrument_id=BTC.instrument_id, strategy_id=strategy, sender_id="floor",
        direction="LONG", quantity=d(1), entry_price=d(1), exit_price=d(1), entry_ms=AT_MS, exit_ms=AT_MS,
        fees=d("0.5"), profit=d(profit), return_fraction=d(0), entry_signal_id="s", exit_signal_id="x", tag=tag, **more,
    )  # fmt: skip


def nothing() -> Pnl:
    return Pnl(id="a|all", account_id="a", portfolio_id="main", currency="USDT", mode="paper", day="all")


# --- results -----------------------------------------------------------------------------------------------------


def test_every_dimension_sums_to_all_of_it():
    trades = [closed("3", tag="up"), closed("-1", "other"), closed("0.5", tag="up")]
    pnl = results.added(nothing(), trades)
    assert pnl.total == Made(trades=3, wins=2, profit=d("2.5"), fees=d("1.5"), gains=d("3.5"))
    for dimension in (pnl.strategy, pnl.sender, pnl.tag):
        assert results.summed(dimension.values()) == pnl.total
    assert pnl.tag.keys() == {"up", "(none)"}
    assert pnl.strategy["other"].profit == -1


def test_what_was_made_in_another_currency_counts_at_its_worth_and_what_nothing_tells_is_only_counted():
    worth = closed("0.001", value=d(50), fees_value=d(2))
    unknown = closed("0.001", valued=False)
    total = results.added(nothing(), [worth, unknown]).total
    assert (total.trades, total.unvalued, total.profit, total.fees) == (2, 1, 50, 2)


def test_there_are_never_more_keys_than_a_document_can_hold():
    pnl = results.added(nothing(), [closed("1", f"s{number}") for number in range(MOST_KEYS + 7)])
    assert (len(pnl.strategy), pnl.strategy[OTHERS].trades) == (MOST_KEYS + 1, 7)
    assert results.summed(pnl.strategy.values()) == pnl.total


# --- quantiles ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.5, 0.95, 1.0])
def test_a_quantile_is_right_to_five_percent(share):
    values = [(-1) ** number * 1.013**number for number in range(700)]
    made = Sketch()
    for value in values:
        made = sketch.added(made, value)
    exact = sorted(values)[int(share * (len(values) - 1))]
    assert sketch.quantile(made, share) == pytest.approx(exact, rel=0.05)
    assert sketch.mean(made) == pytest.approx(sum(values) / len(values))


def test_sketches_of_parts_are_the_sketch_of_the_whole_and_stay_small():
    whole, parts = Sketch(), [Sketch(), Sketch()]
    for number in range(4_000):
        value = (number % 97 - 40) * 10.0 ** (number % 23 - 9)
        whole = sketch.added(whole, value)
        parts[number % 2] = sketch.added(parts[number % 2], value)
    added = sketch.merged(parts)
    assert (added.above, added.below, added.zeros, added.count) == (whole.above, whole.below, whole.zeros, whole.count)
    assert len(whole.above) + len(whole.below) <= 2 * 291
    assert sketch.quantile(Sketch(), 0.5) is None


# --- orders ------------------------------------------------------------------------------------------------------


def followed(*reports):
    """How an order is known after these; fees as the fills say."""
    order = quality.begun(reports[0], BTC, "paper")
    for told in reports:
        fees = {item.trade_id: item.fee for item in told.new_fills}
        order = quality.followed(order, told, BTC, fees)
    return order


def test_an_orders_cost_is_signed_and_its_fees_are_of_what_was_traded():
    """Bought at 50,050 on average against a mid of 50,000: 10 bps; sold there it is a gain."""
    fills = (fill("a", 10, 50_000, "0.05"), fill("b", 10, 50_100, "0.0501"))
    bought = followed(report(intent(lots=20), OrderState.FILLED, *fills))
    sold = followed(report(intent(side=Side.SELL, lots=20), OrderState.FILLED, *fills))
    assert (bought.cost_bps, sold.cost_bps, bought.fee_bps) == (10, -10, 10)


def test_a_report_of_the_end_that_overtakes_its_fills_waits_for_them():
    order = intent(lots=20)
    late, end = report(order, OrderState.OPEN, fill("a"), filled=10), report(order, OrderState.CANCELLED, filled=10)
    assert not quality.complete(followed(end))
    assert quality.complete(followed(end, late))
    assert quality.complete(followed(late, end))
    assert not quality.complete(followed(late, end).model_copy(update={"counted": True}))


def test_dust_has_no_quality():
    assert not quality.tells(report(intent(strategy=DUST), OrderState.FILLED, fill("a")))
    given = fill(f"{DUST}:x", 5, 40_000)
    order = followed(report(intent(lots=15), OrderState.CANCELLED, fill("a"), given, filled=15))
    assert (order.cost_bps, order.quantity, quality.complete(order)) == (0, d("0.001"), True)


def test_times_are_from_hand_to_hand_and_a_venues_early_clock_is_no_time():
    order = intent(signal_ms=AT_MS - 70, requested_ms=AT_MS)
    told = report(order, OrderState.FILLED, fill("a", at_ms=AT_MS + 5)).model_copy(update={"submitted_ms": AT_MS + 30})
    book = quality.summed(QualityBook(id="a", venue="paper"), followed(told))
    found = book.strategies["trend"]
    means = [sketch.mean(item) for item in (found.decided_ms, found.sent_ms, found.filled_ms)]
    assert (means, found.orders, found.filled) == ([70, 30, 0], 1, 1)


def test_orders_that_ended_without_a_fill_are_counted_by_reason():
    book = QualityBook(id="a", venue="paper")
    for number, reason in enumerate(("insufficient_funds: of USDT", "insufficient_funds: of BTC", "")):
        state = OrderState.REJECTED if reason else OrderState.EXPIRED
        told = report(intent(f"i{number}"), state).model_copy(update={"reason": reason})
        book = quality.summed(book, followed(told))
    found = book.strategies["trend"]
    assert (found.rejects, found.orders, found.filled) == ({"rejected: insufficient_funds": 2, "expired": 1}, 3, 0)
