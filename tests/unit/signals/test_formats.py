"""Which format a body is, and what 3Commas, TradersPost and KEY=VALUE alerts become."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from fluxfloor.contracts.signals import OrderType
from fluxfloor.signals.formats import FORMATS

from tests.support.webhooks import MARGIN, NOW_MS, TIME, gist, refused, send, sender, signal

THREECOMMAS: dict[str, Any] = {
    "max_lag": "300", "timestamp": TIME, "trigger_price": "65000.5", "tv_exchange": "BINANCE",
    "tv_instrument": "BTCUSDT", "action": "buy", "bot_uuid": "7f3c",
    "strategy_info": {
        "market_position": "long", "market_position_size": "0.1", "prev_market_position": "flat",
        "prev_market_position_size": "0",
    },
    "order": {"amount": "0.1", "currency_type": "base"},
}  # fmt: skip


def amount(value: float, currency_type: str) -> dict[str, Any]:
    return {"amount": value, "currency_type": currency_type}


CUSTOM = {name: value for name, value in THREECOMMAS.items() if name != "strategy_info"}


def test_a_threecommas_strategy_message_is_its_bots_signal() -> None:
    one = signal(THREECOMMAS)
    assert gist(one) == ("ENTRY", "LONG", "quantity 0.1")
    assert (one.format, one.strategy_id, one.reference_price) == ("threecommas", "anna:7f3c", Decimal("65000.5"))
    assert (one.leg.order_type, one.leg.trigger_price) == (OrderType.MARKET, None)


def test_max_lag_of_the_body_decides_what_is_stale() -> None:
    assert signal({**THREECOMMAS, "max_lag": "600"}, at=NOW_MS + 400_000)
    assert refused(THREECOMMAS, at=NOW_MS + 400_000).code == "stale"
    assert refused({**THREECOMMAS, "max_lag": "1"}).code == "stale"
    assert refused({**THREECOMMAS, "max_lag": "-5"}).field == "max_lag"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"action": "enter_long"}, ("ENTRY", "LONG", "quantity 0.1")),
        ({"action": "enter_short"}, ("ENTRY", "SHORT", "quantity 0.1")),
        ({"action": "exit_long", "order": None}, ("EXIT", "LONG", "fraction 1")),
        ({"action": "enter_long", "order": amount(500, "quote")}, ("ENTRY", "LONG", "notional 500")),
        ({"action": "enter_long", "order": amount(12.5, "margin_percent")}, ("ENTRY", "LONG", "weight 0.125")),
        ({"action": "exit_long", "order": amount(50, "position_percent")}, ("EXIT", "LONG", "fraction 0.5")),
    ],
)  # fmt: skip
def test_a_threecommas_custom_message_says_it_in_a_word(change: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert gist(signal({**CUSTOM, **change})) == expected


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"action": "exit_long", "order": amount(50, "margin_percent")}, "contradiction"),
        ({"action": "enter_long", "order": amount(50, "bananas")}, "unsupported_field"),
        ({"action": "enter_long", "stop_loss": "1.0"}, "unsupported_field"),
        ({"action": "{{strategy.order.action}}"}, "unfilled_placeholder"),
        ({"message_type": "bot", "bot_id": 1}, "unsupported_action"),
    ],
)
def test_a_threecommas_message_that_cannot_be_honoured_is_refused(change: dict[str, Any], code: str) -> None:
    assert refused({**CUSTOM, **change}).code == code


POST: dict[str, Any] = {"ticker": "BTCUSDT", "action": "buy", "signalPrice": 65000, "time": TIME}


def posted(change: dict[str, Any], **how: Any) -> list[tuple[str, str, str]]:
    return [gist(one) for one in send({**POST, **change}, **how).signals]


def test_a_traderspost_message_gets_stop_and_target_from_percentages() -> None:
    one = signal(
        {**POST, "takeProfit": {"percent": 10}, "stopLoss": {"type": "stop", "percent": 5}, "extras": {"why": "x"}}
    )
    assert (one.format, one.leg.take_profit, one.leg.stop_loss) == ("traderspost", 71500, 61750)
    assert one.explanation["extras.why"] == "x"


def test_sentiment_says_where_the_position_shall_be() -> None:
    assert posted({"sentiment": "bullish", "quantity": 1}) == [("ENTRY", "LONG", "quantity 1")]
    assert posted({"sentiment": "flat"}) == [("EXIT", "SHORT", "fraction 1")]
    assert posted({"action": "sell", "sentiment": "flat"}) == [("EXIT", "LONG", "fraction 1")]
    assert posted({"action": "sell", "sentiment": "short"}) == [("EXIT", "LONG", "fraction 1"), ("ENTRY", "SHORT", "")]


def test_a_buy_covers_first_only_where_something_can_be_short() -> None:
    both = [("EXIT", "SHORT", "fraction 1"), ("ENTRY", "LONG", "")]
    assert posted({"sentiment": "long"}, catalogs=MARGIN) == both
    assert posted({"sentiment": "long"}) == both[1:]


def test_a_repeat_entry_needs_the_word_add() -> None:
    assert not signal({**POST, "sentiment": "long"}).adds
    assert signal({"ticker": "BTCUSDT", "action": "add"}).adds
    assert gist(signal({**POST, "action": "add", "sentiment": "short", "quantity": 2}, catalogs=MARGIN)) == (
        "ENTRY", "SHORT", "quantity 2",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "size"),
    [
        ({"quantity": 10}, "quantity 10"),
        ({"quantity": "1000", "quantityType": "dollar_amount"}, "notional 1000"),
        ({"quantity": 10, "quantityType": "percent_of_equity"}, "weight 0.1"),
        ({"action": "exit", "quantity": 50, "quantityType": "percent_of_position"}, "fraction 0.5"),
    ],
)
def test_a_traderspost_quantity_has_a_type(change: dict[str, Any], size: str) -> None:
    assert gist(signal({**POST, **change}))[2] == size


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"action": "breakeven"}, "unsupported_action", "action"),
        ({"sentiment": "short"}, "contradiction", "sentiment"),
        ({"quantity": 1, "quantityType": "risk_dollar_amount"}, "unsupported_field", "quantityType"),
        ({"quantity": 1, "quantityType": "percent_of_position"}, "contradiction", "quantityType"),
        ({"action": "exit", "quantity": 101, "quantityType": "percent_of_position"}, "contradiction", "quantityType"),
        ({"stopLoss": {"type": "trailing_stop"}}, "missing_field", "stopLoss.type"),
        ({"stopLoss": {"trailPercent": 100}}, "invalid_field", "stopLoss.trailPercent"),
        ({"orderType": "trailing_stop"}, "missing_field", "stoplosstrailprice"),
        ({"timeInForce": "opg"}, "unsupported_field", "timeInForce"),
        ({"optionType": "call"}, "unsupported_field", "optionType"),
        ({"delay": 30}, "unsupported_field", "delay"),
    ],
)
def test_a_traderspost_message_that_cannot_be_honoured_is_refused(
    change: dict[str, Any], code: str, field: str
) -> None:
    told = refused({**POST, **change})
    assert (told.code, told.field) == (code, field)


def test_cancel_after_is_an_expiry() -> None:
    assert signal({**POST, "cancelAfter": 30}).expires_ms == NOW_MS + 30_000


def test_key_value_lines_make_a_limit_order_with_its_protection() -> None:
    one = signal(
        "EXCHANGE=binance\r\nSYMBOL=BTCUSDT\nVOLUME=0.01\nPRICE=30000\nSTOP_PRICE=28000\n"
        "TAKE_PROFIT_PRICE=35000\nSIGNAL=BUY\nORDER_TYPE=LIMIT\nTAG=swing\n",
        content_type="text/plain",
    )
    assert (one.format, gist(one), one.tag) == ("keyvalue", ("ENTRY", "LONG", "quantity 0.01"), "swing")
    leg = one.leg
    assert (leg.order_type, leg.limit_price, leg.stop_loss, leg.take_profit) == (OrderType.LIMIT, 30000, 28000, 35000)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("EXCHANGE=KUCOIN;SYMBOL=ETHUSDT;SIGNAL=sell;VOLUME=1.115;PRICE=0.9060", ("EXIT", "LONG", "quantity 1.115")),
        ("signal=long,symbol=BTCUSDT,qty=2", ("ENTRY", "LONG", "quantity 2")),
        ("SYMBOL=BTCUSDT;SIGNAL=SELL;VOLUME=50%", ("EXIT", "LONG", "fraction 0.5")),
        ("SYMBOL=BTCUSDT;SIGNAL=BUY;VOLUME=100q", ("ENTRY", "LONG", "notional 100")),
        ("SYMBOL=BTCUSDT;SIGNAL=BUY;VOLUME=12t%", ("ENTRY", "LONG", "weight 0.12")),
        ("SYMBOL=BTCUSDT;SIGNAL=BUY;REDUCE_ONLY=true", ("EXIT", "SHORT", "fraction 1")),
        ("SYMBOL=BTCUSDT;SIGNAL=SHORT", ("ENTRY", "SHORT", "")),
        ("SYMBOL = BTCUSDT\n\nSIGNAL = EXIT\n", ("EXIT", "FLAT", "fraction 1")),
    ],
)
def test_key_value_pairs_may_be_separated_in_several_ways(text: str, expected: tuple[str, ...]) -> None:
    assert gist(signal(text)) == expected


def test_a_stop_order_is_triggered_by_its_stop_price() -> None:
    leg = signal("SYMBOL=BTCUSDT;SIGNAL=SELL;ORDER_TYPE=STOP;STOP_PRICE=60000").leg
    assert (leg.order_type, leg.trigger_price, leg.stop_loss) == (OrderType.STOP, 60000, None)


@pytest.mark.parametrize(
    ("text", "code", "field"),
    [
        ("SYMBOL=BTCUSDT;SIGNAL=EXPLODE;TAG=exit1", "unsupported_action", "SIGNAL"),
        ("SYMBOL=BTCUSDT;SIGNAL=BUY;PRICE=10%;ORDER_TYPE=LIMIT", "unsupported_field", "PRICE"),
        ("SYMBOL=BTCUSDT;SIGNAL=BUY;STOP_PRICE=-3d", "unsupported_field", "STOP_PRICE"),
        ("SYMBOL=BTCUSDT;SIGNAL=BUY;VOLUME=10%", "unsupported_field", "VOLUME"),
        ("SYMBOL=BTCUSDT;SIGNAL=BUY;LEVERAGE=5", "unsupported_field", "LEVERAGE"),
        ("SYMBOL=BTCUSDT;SIGNAL=BUY;TAKE_PROFIT_PRICE=7;TAKE_PROFIT_PRICE_1=8", "unsupported_field",
         "TAKE_PROFIT_PRICE_1"),
        ("SYMBOL=BTCUSDT;SIGNAL=BUY;ORDER_TYPE=STOP", "missing_field", "stopprice"),
        ("SYMBOL=BTCUSDT", "missing_field", "SIGNAL"),
        ("SIGNAL=BUY", "missing_field", "symbol"),
        ("SYMBOL=BTCUSDT;SIGNAL=BUY;please", "invalid_field", "#3"),
        ("SYMBOL=BTCUSDT,SIGNAL=BUY,PRICE=1,5", "invalid_field", "#4"),
        ("SYMBOL=BTCUSDT;SIGNAL=BUY;SIGNAL=SELL", "duplicate_key", "SIGNAL"),
        ("SYMBOL=BTCUSDT;SIGNAL=BUY;VOLUME=0", "invalid_field", "VOLUME"),
        ("EXCHANGE={{exchange}}\nSYMBOL={{ticker}}\nSIGNAL=BUY", "unfilled_placeholder", "SYMBOL"),
    ],
)  # fmt: skip
def test_key_value_text_that_cannot_be_honoured_is_refused(text: str, code: str, field: str) -> None:
    told = refused(text)
    assert (told.code, told.field) == (code, field)
    assert told.fix


@pytest.mark.parametrize(
    "body",
    [
        {}, [{}], {"msg": "Long "}, {"key": "x", "telegram": "", "msg": "EURUSD less than 1.06"}, "buy", "42", '"x"',
        "AAPL,buy,150.25,10", "BTC/USDT TF H1\nSHORT Sell,\nEntry: 13512.24\nStop Loss: null", "# Orders\nFor a buy.",
        ";;;",
        "- `STOP_PRICE` is required when `ORDER_TYPE=STOP`; see `TAKE_PROFIT_PRICE=1234;TAKE_PROFIT_PRICE_1=1456`",
        [1], [["a"]], ["SYMBOL"], [""],
    ],
)  # fmt: skip
def test_what_no_format_recognises_is_told_what_would_be(body: Any) -> None:
    told = refused(body)
    assert (told.status, told.code) == (422, "unrecognised_format")
    assert '"action": "buy"' in told.fix


def test_a_message_that_is_only_a_template_is_told_about_the_placeholder() -> None:
    assert refused({"msg": "Possible uptrend on {{ticker}}"}).code == "unfilled_placeholder"
    assert refused("Long {{ticker}}").code == "unfilled_placeholder"


def test_an_array_holds_one_signal_in_each_element_and_is_taken_whole_or_not_at_all() -> None:
    accepted = send([{"symbol": "BTCUSDT", "action": "buy"}, {"symbol": "ETHUSDT", "action": "sell"}])
    assert [one.leg.instrument_id for one in accepted.signals] == ["kraken:BTC/USDT", "kraken:ETH/USDT"]
    told = refused([{"symbol": "BTCUSDT", "action": "buy"}, {"symbol": "NOPE", "action": "sell"}])
    assert told.field == "signals[1].symbol"


def test_an_array_has_a_length() -> None:
    assert refused([]).code == "missing_field"
    assert refused([{"symbol": "BTCUSDT", "action": "buy"}] * 33).code == "too_many_signals"


def test_a_sender_may_be_held_to_its_formats() -> None:
    told = refused({"symbol": "BTCUSDT", "action": "buy"}, by=sender(formats=("standard", "keyvalue")))
    assert told.code == "format_not_allowed"
    assert "standard" in told.fix
    one = signal({**POST, "sentiment": "long"}, by=sender(formats=("tradingview",)))
    assert one.format == "tradingview"  # the first format that is allowed and recognises it


def test_every_format_has_its_own_name() -> None:
    assert [one.name for one in FORMATS] == ["standard", "threecommas", "traderspost", "tradingview", "keyvalue"]
