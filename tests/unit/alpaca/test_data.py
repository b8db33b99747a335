"""Shares, bars and quotes of Alpaca in the floor's terms."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from math import isnan
from typing import Any

import pytest
from fluxfloor.adapters.venues.alpaca_data import AlpacaMarketData, instrument_of
from fluxfloor.adapters.venues.keys import Keys
from fluxfloor.contracts.instruments import TIMEFRAME_MS, Instrument, Kind
from fluxfloor.errors import Misconfigured, RetryLater
from fluxfloor.market.quality import inspect, thresholds_for
from fluxfloor.runtime.clock import VirtualClock

from tests.support.scripted_rest import Say, ScriptedRest
from tests.unit.alpaca.test_orders import AAPL

ASSET: dict[str, Any] = {
    "id": "b0b6dd9d-8b9b-48a9-ba46-b9d54906e415", "class": "us_equity", "exchange": "NASDAQ", "symbol": "AAPL",
    "name": "Apple Inc. Common Stock", "status": "active", "tradable": True, "marginable": True, "shortable": True,
    "easy_to_borrow": True, "borrow_status": "easy_to_borrow", "fractionable": True,
}  # fmt: skip
MARGIN = {"shorting_enabled": True, "multiplier": "2", "cash": "1"}


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000)


NOW_MS = ms("2026-07-08T15:00:30")


def source(url: str, **more: Any) -> AlpacaMarketData:
    return AlpacaMarketData(
        Keys("PK-TEST-KEY", "test-secret"), VirtualClock(NOW_MS), base_url=url, sleep=lambda _: None, **more
    )


def made(shorts: bool = True, fractional: bool = False, **more: Any) -> Instrument | None:
    return instrument_of({**ASSET, **more}, "alpaca", shorts, fractional)


# --- instruments -------------------------------------------------------------------------------------------------


def test_a_share_is_bought_whole_in_cents_and_without_a_commission() -> None:
    found = made()
    assert found == AAPL.model_copy(update={"allows_short": True})
    assert (found.kind, found.quantity(3), found.price(17_470)) == (Kind.EQUITY, 3, Decimal("174.70"))


def test_a_share_in_fractions_has_a_dollars_minimum_and_is_never_short() -> None:
    found = made(fractional=True)
    assert found is not None
    assert (found.lot_size, found.min_notional, found.allows_short) == (Decimal("0.000000001"), 1, False)
    whole = made(fractional=True, fractionable=False)
    assert whole is not None
    assert whole.lot_size == 1


@pytest.mark.parametrize(
    ("shorts", "asset"), [(False, {}), (True, {"shortable": False}), (True, {"borrow_status": "hard_to_borrow"})]
)
def test_short_takes_an_account_a_share_and_somebody_who_lends_it(shorts: bool, asset: dict[str, Any]) -> None:
    found = made(shorts, **asset)
    assert found is not None
    assert not found.allows_short


@pytest.mark.parametrize(
    "asset",
    [{"class": "crypto"}, {"status": "inactive"}, {"tradable": False}, {"symbol": "A B"}, {"symbol": None}],
    ids=str,
)
def test_what_can_not_be_traded_here_is_left_out(asset: dict[str, Any]) -> None:
    assert made(**asset) is None


def test_only_the_wanted_symbols_are_asked_for(server: ScriptedRest) -> None:
    server.say("GET /v2/account", Say(MARGIN))
    server.say("GET /v2/assets/AAPL", Say(ASSET))
    server.say("GET /v2/assets/NOPE", Say({"code": 40410000, "message": "asset not found for NOPE"}, 404))
    found = source(server.url, symbols=("AAPL/USD", "NOPE/USD", "BTC/USDT")).instruments()
    assert [item.instrument_id for item in found] == ["alpaca:AAPL/USD"]
    assert found[0].allows_short
    assert server.count("GET", "/v2/assets") == 2


@pytest.mark.parametrize("account", [{**MARGIN, "shorting_enabled": False}, {**MARGIN, "multiplier": "1"}])
def test_an_account_that_may_not_be_short_has_no_share_that_may(server: ScriptedRest, account: dict[str, Any]) -> None:
    server.say("GET /v2/account", Say(account))
    server.say("GET /v2/assets", Say([ASSET]))
    (found,) = source(server.url).instruments()
    assert not found.allows_short


def test_an_outage_empties_no_catalog(server: ScriptedRest) -> None:
    server.say("GET /v2/account", Say(MARGIN))
    server.say("GET /v2/assets", Say([]))
    with pytest.raises(RetryLater):
        source(server.url).instruments()


# --- bars --------------------------------------------------------------------------------------------------------


def bar(time: str, close: float, **more: Any) -> dict[str, Any]:
    return {"t": time, "o": close, "h": close + 1, "l": close - 1, "c": close, "v": 100, "n": 3, "vw": close, **more}


def bars(*rows: dict[str, Any], token: str | None = None) -> Say:
    return Say({"bars": {"AAPL": list(rows)}, "next_page_token": token})


def test_bars_are_read_page_by_page_from_the_feed_that_was_chosen(server: ScriptedRest) -> None:
    pages = (
        bars(bar("2026-07-08T14:00:00Z", 174.5), token="next"),
        bars(bar("2026-07-08T14:15:00Z", 175)),
    )
    server.say("GET /v2/stocks/bars", *pages)
    found = source(server.url, feed="sip").candles(AAPL, "15m", ms("2026-07-08T14:00"), ms("2026-07-08T15:00"))
    assert [(one.open_ms, one.close, one.volume) for one in found] == [
        (ms("2026-07-08T14:00"), 174.5, 100), (ms("2026-07-08T14:15"), 175, 100),
    ]  # fmt: skip
    asked, again = (one.query for one in server.asked)
    assert (asked["feed"], asked["timeframe"], asked["adjustment"]) == ("sip", "15Min", "split")
    assert (asked["start"], asked["end"]) == ("2026-07-08T14:00:00Z", "2026-07-08T14:59:59Z")
    assert (again["page_token"], "page_token" in asked) == ("next", False)


def test_the_bar_that_is_still_open_is_not_asked_for(server: ScriptedRest) -> None:
    source_ = source(server.url)
    assert source_.candles(AAPL, "1h", ms("2026-07-08T15:00"), ms("2026-07-08T16:00")) == []
    assert server.asked == []


@pytest.mark.parametrize(
    ("begins", "day"),
    [("2026-07-07T04:00:00Z", "2026-07-07T00:00"), ("2026-01-06T05:00:00Z", "2026-01-06T00:00")],
)
def test_a_day_that_begins_in_new_york_is_the_one_of_that_date(server: ScriptedRest, begins: str, day: str) -> None:
    server.say("GET /v2/stocks/bars", bars(bar(begins, 174)))
    (found,) = source(server.url).candles(AAPL, "1d", ms(day), ms(day) + TIMEFRAME_MS["1d"])
    assert found.open_ms == ms(day)


def test_four_hours_are_put_together_from_single_ones(server: ScriptedRest) -> None:
    hours = [bar(f"2026-07-07T{hour:02}:00:00Z", 170 + hour) for hour in (13, 14, 15, 16, 19)]
    server.say("GET /v2/stocks/bars", bars(*hours))
    found = source(server.url).candles(AAPL, "4h", ms("2026-07-07T12:00"), ms("2026-07-07T20:00"))
    assert [(one.open_ms, one.open, one.high, one.low, one.close, one.volume) for one in found] == [
        (ms("2026-07-07T12:00"), 183, 186, 182, 185, 300), (ms("2026-07-07T16:00"), 186, 190, 185, 189, 200),
    ]  # fmt: skip


def test_a_number_that_is_missing_is_left_for_the_gate(server: ScriptedRest) -> None:
    server.say("GET /v2/stocks/bars", bars(bar("2026-07-08T14:00:00Z", 174, c=None)))
    (found,) = source(server.url).candles(AAPL, "15m", ms("2026-07-08T14:00"), ms("2026-07-08T14:15"))
    assert isnan(found.close)


def test_where_nobody_traded_there_is_no_bar_and_no_alarm(server: ScriptedRest) -> None:
    server.say("GET /v2/stocks/bars", Say({"bars": None, "next_page_token": None}))
    since_ms, until_ms = ms("2026-07-08T01:00"), ms("2026-07-08T08:00")
    found = source(server.url).candles(AAPL, "15m", since_ms, until_ms)
    gate = inspect(found, timeframe="15m", since_ms=since_ms, until_ms=until_ms, thresholds=thresholds_for("alpaca"))
    assert (found, gate.stale) == ([], False)


def test_a_feed_without_a_subscription_is_told_as_a_setting(server: ScriptedRest) -> None:
    server.say("GET /v2/stocks/bars", Say({"message": "subscription does not permit querying recent SIP data"}, 403))
    with pytest.raises(Misconfigured, match="recent SIP data"):
        source(server.url, feed="sip").candles(AAPL, "15m", ms("2026-07-08T14:00"), ms("2026-07-08T15:00"))


# --- quotes ------------------------------------------------------------------------------------------------------


def quoted(server: ScriptedRest, **more: Any) -> Any:
    row = {"t": "2026-07-08T15:00:29.286587431Z", "bp": 172.62, "bs": 200, "ap": 172.7, "as": 100, **more}
    server.say("GET /v2/stocks/quotes/latest", Say({"quotes": {"AAPL": row}}))
    return source(server.url).quote(AAPL)


def test_a_quote_is_best_bid_and_ask_with_their_sizes_in_shares(server: ScriptedRest) -> None:
    quote = quoted(server)
    assert (quote.bid, quote.ask, quote.bid_size, quote.ask_size) == (Decimal("172.62"), Decimal("172.70"), 200, 100)
    assert quote.ts_event_ms == ms("2026-07-08T15:00:29") + 286
    assert server.asked[0].query == {"symbols": "AAPL", "feed": "iex"}


def test_a_quote_between_cents_is_widened_never_narrowed(server: ScriptedRest) -> None:
    quote = quoted(server, bp=0.4567, ap=0.4571)
    assert (quote.bid, quote.ask) == (Decimal("0.45"), Decimal("0.46"))


def test_a_quote_of_tomorrow_is_of_now(server: ScriptedRest) -> None:
    assert quoted(server, t="2026-07-08T16:00:00Z").ts_event_ms == NOW_MS


@pytest.mark.parametrize("side", [{"bp": 0}, {"ap": 0}, {"bp": 180}])
def test_an_empty_side_or_a_crossed_book_is_no_quote(server: ScriptedRest, side: dict[str, Any]) -> None:
    assert quoted(server, **side) is None


def test_a_share_that_nobody_quotes_has_none(server: ScriptedRest) -> None:
    server.say("GET /v2/stocks/quotes/latest", Say({"quotes": {}}))
    assert source(server.url).quote(AAPL) is None
