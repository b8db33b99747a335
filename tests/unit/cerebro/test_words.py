"""A decision reads as a person would write it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from fluxfloor.cerebro import words
from fluxfloor.contracts.orders import Side
from fluxfloor.contracts.signals import Action, Direction, OrderType

from tests.support.desk import BTC, book, d, decide, held, quantity, quote, reserved, signal


def text(*given, **more) -> str:
    return decide(*given, **more).decision.text


def test_an_entry_says_what_why_where_it_stops_and_what_limited_it():
    wish = signal(explanation={"close": 49_990.0, "ma_20": 49_800.123, "stop_price": 49_000.0})
    assert text(wish) == (
        "BUY 0.0299 BTC at about 50,005 USDT, because trend saw close 49,990 and ma_20 49,800.1; stop at 49,000, "
        "2.01% away; limited by the position cap: of 1,500 USDT allowed in BTC/USDT (15% of equity) nothing is in use"
    )


def test_a_senders_word_is_his_and_quoted():
    wish = signal(sender_id="tradingview", strategy_id="alerts", size=quantity("0.01"), take_profit=d(55_000),
                  explanation={"symbol": "BTCUSD", "comment": "above the high"})  # fmt: skip
    assert text(wish) == (
        "BUY 0.01 BTC at about 50,005 USDT, because tradingview sent it for alerts (comment “above the high”); "
        "stop at 49,000, 2.01% away; take-profit at 55,000; limited by the size asked for: the signal asks for "
        "0.01 BTC"
    )


def test_an_exit_names_its_trigger():
    wish = signal(Action.EXIT, explanation={"trigger": "cross_back", "ma_20": 49_800.0, "ma_100": 49_900.0})
    assert text(wish, book(positions=held(120))) == (
        "SELL 0.012 BTC at about 50,000 USDT, because trend leaves on cross back (ma_20 49,800 and ma_100 49,900)"
    )


def test_an_exit_of_what_is_coming_says_when_it_goes():
    on = book(positions=held(20), reservations=reserved(100, side=Side.BUY, name="in"))
    assert text(signal(Action.EXIT), on) == (
        "SELL 0.002 BTC at about 50,000 USDT, because trend said so; SELL 0.01 BTC as soon as they are in: they are "
        "still on their way"
    )


def test_limit_and_stop_orders_say_their_prices():
    limited = signal(order_type=OrderType.LIMIT, limit_price=d("49900"))
    both = signal(order_type=OrderType.STOP_LIMIT, trigger_price=d(50_500), limit_price=d("50600.5"))
    stop = signal(order_type=OrderType.STOP, trigger_price=d(50_500))
    assert "BTC at 49,900 USDT or better, because" in text(limited)
    assert "BTC at 50,600.5 USDT or better once 50,500 is reached, because" in text(both)
    assert "BTC once 50,500 is reached, because" in text(stop)


def test_a_refusal_says_of_whom_and_why():
    assert text(signal(), book(8_500, 10_000, positions=held(300, strategy="b"))) == (
        "REFUSED ENTRY LONG BTC/USDT of trend: the position cap leaves no room: of 1,500 USDT allowed in BTC/USDT "
        "(15% of equity) 1,500 USDT are in use"
    )
    assert text(signal(expected_alpha=d("-0.0054"))) == (
        "REFUSED ENTRY LONG BTC/USDT of trend: the signal expects −0.54% a trade: nothing to gain"
    )
    assert text(signal(), at=quote(at_ms=quote().ts_event_ms - 400_000)) == (
        "REFUSED ENTRY LONG BTC/USDT of trend: the quote is 7 min old, and 60 s are allowed"
    )
    assert text(signal(Action.EXIT, Direction.FLAT)) == (
        "REFUSED EXIT BTC/USDT of trend: trend holds nothing of BTC/USDT"
    )


def test_the_thirty_percent_rule_reads_as_a_sum():
    assert text(signal(expected_alpha=d("0.006"), reference_price=d(49_950))) == (
        "REFUSED ENTRY LONG BTC/USDT of trend: a move of 0.1% against us, 0.01% of half spread and 0.26% of fee take "
        "62% of the expected gain of 0.6%, and 30% may go"
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [("0", "0%"), ("0.15", "15%"), ("0.0075", "0.75%"), ("0.00042", "0.042%"), ("0.0000123", "under 0.01%"),
     ("-0.0054", "−0.54%"), ("35.11", "3,511%"), ("0.12345", "12.34%")],
)  # fmt: skip
def test_percentages(value, said):
    assert words.percent(Decimal(value)) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [("0", "0 USDT"), ("1500", "1,500 USDT"), ("1234567.891", "1,234,567.89 USDT"), ("48.1", "48.10 USDT"),
     ("0.00424", "0.00424 USDT"), ("0.000412345", "0.0004123 USDT"), ("-3.5", "−3.50 USDT")],
)  # fmt: skip
def test_money(value, said):
    assert words.money(Decimal(value), "USDT") == said


def test_a_quantity_has_six_digits_to_be_read():
    fine = BTC.model_copy(update={"lot_size": Decimal("0.00000001")})
    assert words.quantity(5_507_010_1, fine) == "0.550701 BTC"
    assert words.quantity(1, fine) == "0.00000001 BTC"
    assert words.quantity(123_456_789_012_345, fine) == "1,234,568 BTC"


@pytest.mark.parametrize(("ms", "said"), [(1_499, "1 s"), (119_000, "119 s"), (120_000, "2 min"), (7_200_000, "2 h")])
def test_durations(ms, said):
    assert words.duration(ms) == said
