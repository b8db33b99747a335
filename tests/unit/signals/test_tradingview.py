"""TradingView's alerts, nested or flat, a strategy's or plain."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from fluxfloor.contracts.signals import OrderType

from tests.support.webhooks import KRAKEN, MARGIN, NOW_MS, TIME, gist, refused, send, sender, signal

STRATEGY: dict[str, Any] = {
    "time": TIME,
    "exchange": "BINANCE",
    "ticker": "DOGEUSDT",
    "bar": {"time": "2025-09-24T15:15:00Z", "open": 0.27, "high": 0.28, "low": 0.26, "close": 0.275, "volume": 150177},
    "strategy": {
        "position_size": 10000,
        "order_action": "buy",
        "order_contracts": 10000,
        "order_price": 0.2745,
        "order_id": "doge door",
        "market_position": "long",
        "market_position_size": 10000,
        "prev_market_position": "flat",
        "prev_market_position_size": 0,
    },
}


def test_a_nested_strategy_alert_enters_what_the_strategy_entered() -> None:
    one = signal(STRATEGY)
    assert gist(one) == ("ENTRY", "LONG", "quantity 10000")
    assert one.leg.instrument_id == "kraken:DOGE/USDT"
    assert one.reference_price == Decimal("0.2745")
    assert one.explanation["charted_on"] == "binance"
    assert one.explanation["sender_order_id"] == "doge door"
    assert one.explanation["bar.close"] == "0.275"
    assert (one.format, one.strategy_id, one.portfolio_id) == ("tradingview", "alerts", "main")


def test_numbers_may_be_texts_and_the_order_a_block_of_its_own() -> None:
    body = {
        "time": TIME, "exchange": "BINANCE", "ticker": "BTCUSDT",
        "strategy": {"market_position": "long", "market_position_size": "0.1", "prev_market_position": "flat"},
        "order": {"action": "buy", "contracts": "0.1", "price": "45000.00"},
    }  # fmt: skip
    one = signal(body)
    assert gist(one) == ("ENTRY", "LONG", "quantity 0.1")
    assert one.reference_price == 45000


FLAT = {
    "ticker": "BTCUSDT", "action": "sell", "contracts": "0.3", "price": "65000.5", "order_id": "Short",
    "market_position": "short", "market_position_size": "0.1", "prev_market_position": "long",
    "prev_market_position_size": "0.2", "timestamp": TIME,
}  # fmt: skip


def test_a_reversal_is_an_exit_and_an_entry_in_that_order() -> None:
    leaves, enters = send(FLAT).signals
    assert gist(leaves) == ("EXIT", "LONG", "fraction 1")
    assert gist(enters) == ("ENTRY", "SHORT", "quantity 0.1")
    assert leaves.signal_id != enters.signal_id


def test_the_position_decides_and_the_action_must_agree() -> None:
    assert refused({**FLAT, "action": "buy"}).code == "contradiction"
    closes = {**FLAT, "market_position": "flat", "market_position_size": "0", "contracts": "0.2"}
    assert gist(signal(closes)) == ("EXIT", "LONG", "fraction 1")


def test_without_the_position_before_the_target_is_carried() -> None:
    body = {"ticker": "BTCUSDT", "market_position": "long", "market_position_size": 0.4, "timestamp": TIME}
    assert gist(signal(body)) == ("TARGET", "LONG", "quantity 0.4")


def test_a_reduction_leaves_the_difference() -> None:
    body = {**FLAT, "market_position": "long", "market_position_size": "0.05", "contracts": "0.15"}
    assert gist(signal(body)) == ("EXIT", "LONG", "quantity 0.15")


def test_an_addition_says_that_it_adds() -> None:
    body = {**FLAT, "action": "buy", "market_position": "long", "market_position_size": "0.5"}
    one = signal(body)
    assert (gist(one), one.adds) == (("ENTRY", "LONG", "quantity 0.3"), True)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"action": "BUY"}, ("ENTRY", "LONG", "")),
        ({"side": "long", "quantity": "0.5"}, ("ENTRY", "LONG", "quantity 0.5")),
        ({"type": "BUY", "volume": 1}, ("ENTRY", "LONG", "quantity 1")),
        ({"c": "SELL"}, ("EXIT", "LONG", "fraction 1")),
        ({"action": "sell", "qty": 2}, ("EXIT", "LONG", "quantity 2")),
        ({"action": "short"}, ("ENTRY", "SHORT", "")),
        ({"action": "cover"}, ("EXIT", "SHORT", "fraction 1")),
        ({"action": "close"}, ("EXIT", "FLAT", "fraction 1")),
        ({"action": "exit", "direction": "short"}, ("EXIT", "SHORT", "fraction 1")),
        ({"action": "sell", "direction": "short"}, ("ENTRY", "SHORT", "")),
        ({"action": "buy", "positionSide": "SHORT"}, ("EXIT", "SHORT", "fraction 1")),
        ({"action": "exit_long"}, ("EXIT", "LONG", "fraction 1")),
        ({"strategy-order-action": "buy", "strategy-prev_market_position": "flat"}, ("ENTRY", "LONG", "")),
    ],
)
def test_a_plain_alert_means_what_its_word_says(words: dict[str, Any], expected: tuple[str, str, str]) -> None:
    assert gist(signal({"symbol": "BTCUSDT", **words})) == expected


def test_a_bare_sell_never_opens_a_short_even_where_one_is_possible() -> None:
    assert gist(signal({"symbol": "BTCUSDT", "action": "sell"}, catalogs=MARGIN)) == ("EXIT", "LONG", "fraction 1")


def test_a_wrapped_alert_with_offsets_gets_its_stop_and_target() -> None:
    body = {
        "data": {
            "strategy-order-action": "buy", "strategy-order-price": 65000, "sl-offset": 500, "tp-offset": 1000.5,
            "heartbeat": False, "strategy-id": "s1", "ticker": "BTC/USDT", "strategy-prev_market_position": "flat",
        }
    }  # fmt: skip
    one = signal(body)
    assert (one.leg.stop_loss, one.leg.take_profit) == (64500, Decimal("66000.5"))
    assert one.strategy_id == "anna:s1"


def test_the_stop_of_a_short_lies_above() -> None:
    one = signal({"symbol": "BTCUSDT", "action": "short", "price": 100, "sl_percent": 2, "tp_percent": "5"})
    assert (one.leg.stop_loss, one.leg.take_profit) == (102, 95)


def test_orders_may_be_limited_or_triggered() -> None:
    limit = signal({"symbol": "BTCUSDT", "action": "buy", "type": "limit", "price": 64000, "close": 65000}).leg
    assert (limit.order_type, limit.limit_price) == (OrderType.LIMIT, 64000)
    both = signal(
        {"symbol": "BTCUSDT", "action": "buy", "orderType": "stop_limit", "stopPrice": 66000, "limitPrice": 66100}
    )
    assert (both.leg.order_type, both.leg.trigger_price, both.leg.limit_price) == (OrderType.STOP_LIMIT, 66000, 66100)


def test_a_limit_price_alone_makes_a_limit_order_but_a_price_is_only_what_was_seen() -> None:
    assert signal({"symbol": "BTCUSDT", "action": "buy", "limit_price": 64000}).leg.order_type is OrderType.LIMIT
    seen = signal({"symbol": "BTCUSDT", "action": "buy", "price": 64000})
    assert (seen.leg.order_type, seen.leg.limit_price, seen.reference_price) == (OrderType.MARKET, None, 64000)


def test_the_volume_of_a_bar_is_never_taken_for_a_quantity() -> None:
    bar = {"symbol": "BTCUSDT", "action": "buy", "open": 1, "high": 2, "low": 1, "close": 2, "volume": 150177}
    assert signal(bar).leg.size is None


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"action": "buy"}, "missing_field", "symbol"),
        ({"c": "BUY"}, "missing_field", "symbol"),
        ({"symbol": "BTCUSDT", "message": "RSI low"}, "missing_field", "action"),
        ({"symbol": "BTCUSDT", "ticker": "ETHUSDT", "action": "buy"}, "contradiction", "ticker"),
        ({"symbol": "BTCUSDT", "action": "buy", "side": "sell"}, "contradiction", "side"),
        ({"symbol": "BTCUSDT", "action": "buy", "type": "sell"}, "contradiction", "type"),
        ({"symbol": "BTCUSDT", "action": "enter_long", "direction": "short"}, "contradiction", "direction"),
        ({"symbol": "BTCUSDT", "order": {"action": "buy"}, "order_action": "sell"}, "contradiction", "order_action"),
        ({"symbol": "BTCUSDT", "action": "moon"}, "unsupported_action", "action"),
        ({"symbol": "BTCUSDT", "action": "hold"}, "no_change", "action"),
        ({"symbol": "BTCUSDT", "action": "buy", "heartbeat": True}, "no_change", "heartbeat"),
        ({"symbol": "BTCUSDT", "action": "buy", "quantity": 0}, "invalid_field", "quantity"),
        ({"symbol": "BTCUSDT", "action": "buy", "quantity": "-1"}, "invalid_field", "quantity"),
        ({"symbol": "BTCUSDT", "action": "buy", "quantity": "1,5"}, "not_a_number", "quantity"),
        ({"symbol": "BTCUSDT", "action": "buy", "quantity": True}, "not_a_number", "quantity"),
        ({"symbol": "BTCUSDT", "action": "buy", "sl": "NaN"}, "not_a_number", "sl"),
        ({"symbol": "BTCUSDT", "action": "buy", "price": "1e30"}, "invalid_field", "price"),
        ({"symbol": "BTCUSDT", "action": "buy", "sl_pips": 20}, "unsupported_field", "sl_pips"),
        ({"symbol": "BTCUSDT", "action": "buy", "trailing_stop": 1}, "unsupported_field", "trailing_stop"),
        ({"symbol": "BTCUSDT", "action": "buy", "qty_percent": 50}, "unsupported_field", "qty_percent"),
        ({"symbol": "BTCUSDT", "action": "buy", "leverage": 10}, "unsupported_field", "leverage"),
        ({"symbol": "BTCUSDT", "action": "buy", "sl_percent": 2}, "missing_field", "sl_percent"),
        ({"symbol": "BTCUSDT", "action": "buy", "price": 10, "sl_percent": 100}, "invalid_field", "sl_percent"),
        ({"symbol": "BTCUSDT", "action": "buy", "order_type": "iceberg"}, "unsupported_field", "order_type"),
        ({"symbol": "BTCUSDT", "action": "buy", "order_type": "limit"}, "missing_field", "limitprice"),
        ({"symbol": "BTCUSDT", "action": ["buy"]}, "invalid_field", "action"),
        ({"symbol": "BTCUSDT", "market_position": "sideways"}, "invalid_field", "market_position"),
        ({"symbol": "BTCUSDT", "action": "buy", "expected_alpha": 5}, "invalid_field", "expected_alpha"),
        ({"symbol": "{{ticker}}", "action": "buy"}, "unfilled_placeholder", "symbol"),
        ({"symbol": "BTCUSDT", "action": "{{strategy.order.action}}"}, "unfilled_placeholder", "action"),
        (
            {"symbol": "BTCUSDT", "action": "buy", "id": "{{strategy.order.id}}-{{timenow}}"},
            "unfilled_placeholder",
            "id",
        ),
    ],
)
def test_what_cannot_be_understood_is_refused_by_field(body: dict[str, Any], code: str, field: str) -> None:
    told = refused(body)
    assert (told.status, told.code, told.field) == (422, code, field)
    assert told.fix


def test_an_unfilled_comment_does_not_stop_a_trade() -> None:
    one = signal({"symbol": "BTCUSDT", "action": "buy", "comment": "{{strategy.order.comment}}", "rsi": "{{plot_0}}"})
    assert one.tag == ""
    assert one.explanation["rsi"] == "{{plot_0}}"


def test_a_stop_of_zero_or_null_is_none() -> None:
    one = signal({"symbol": "BTCUSDT", "action": "buy", "sl": "0", "tp": "null", "price": "0.0"})
    assert (one.leg.stop_loss, one.leg.take_profit, one.reference_price) == (None, None, None)


def test_a_floats_tail_is_rounded_off_rather_than_refused() -> None:
    one = signal({"symbol": "BTCUSDT", "action": "buy", "price": 1.2345678901234567e-05})
    assert one.reference_price == Decimal("0.000012345678901235")


def test_other_fields_are_kept_as_notes_but_not_too_many() -> None:
    one = signal({"symbol": "BTCUSDT", "action": "buy", "__name__": "x" * 999, **{f"f{i}": i for i in range(99)}})
    assert len(one.explanation) <= 24
    assert one.explanation["name"] == "x" * 200
    assert not any(key.startswith("_") for key in one.explanation)


def test_times_are_read_as_utc_in_every_usual_spelling() -> None:
    for text in (TIME, "2025-09-24T17:30:00+02:00", "2025-09-24 15:30:00", "1758727800", 1758727800000, 1758727800.0):
        assert signal({"symbol": "BTCUSDT", "action": "buy", "timestamp": text}).ts_event_ms == NOW_MS - 2000


def test_without_a_time_the_signal_is_of_now() -> None:
    assert signal({"symbol": "BTCUSDT", "action": "buy"}).ts_event_ms == NOW_MS


def test_the_senders_default_edge_fills_in_and_the_signals_own_wins() -> None:
    by = sender(default_expected_alpha="0.004")
    plain = {"symbol": "BTCUSDT", "action": "buy"}
    assert signal(plain, by=by).expected_alpha is None
    assert signal(plain, by=by).fallback_alpha == Decimal("0.004")
    assert signal({**plain, "expected_alpha": "-0.01"}, by=by).expected_alpha == Decimal("-0.01")
    assert signal(plain).expected_alpha is None


def test_a_strategys_name_is_the_senders_own() -> None:
    plain = {"symbol": "BTCUSDT", "action": "buy"}
    assert signal({**plain, "strategy": "EMA Crossover"}, catalogs=KRAKEN).strategy_id == "anna:EMA-Crossover"
    assert signal({**plain, "strategy": "alerts"}).strategy_id == "alerts"
    assert signal({**plain, "strategy": "trend"}).strategy_id == "anna:trend"
    assert signal({**plain, "strategy": "多头"}).strategy_id.startswith("anna:")
