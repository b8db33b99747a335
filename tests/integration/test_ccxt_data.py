"""The real ccxt code against a loopback server that speaks Kraken's public REST."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from math import isnan
from typing import Any

import numpy as np
import pytest
from fluxfloor.adapters.venues.ccxt_data import CcxtMarketData, Traits, instrument_of
from fluxfloor.contracts.instruments import TIMEFRAME_MS, Candle, Instrument, Kind, Quote
from fluxfloor.contracts.state import CandleWindow
from fluxfloor.errors import Misconfigured, RetryLater, Throttled
from fluxfloor.market.builder import build
from fluxfloor.market.pull import CandleClosed, quarantined_bars, take
from fluxfloor.market.quality import thresholds_for
from fluxfloor.market.schedule import Line, due
from fluxfloor.market.window import decode, rows
from fluxfloor.ports import MarketData
from fluxfloor.runtime.clock import VirtualClock

from tests.support.kraken_rest import PAIRS, Fault, KrakenRest, trades_between

NOW_MS = 1_760_000_123_000
MINUTE = 60_000


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOW_MS)


@pytest.fixture
def kraken(clock: VirtualClock) -> Iterator[KrakenRest]:
    with KrakenRest(now_s=lambda: clock.now_ms() / 1_000) as server:
        yield server


class Source:
    """The adapter with its sleeps noted down instead of slept."""

    def __init__(self, url: str, clock: VirtualClock, **settings: Any) -> None:
        self.slept: list[float] = []
        self.data: MarketData = CcxtMarketData(
            "kraken", clock, base_url=url, rate_limit_ms=0, sleep=self.slept.append, **settings
        )


@pytest.fixture
def source(kraken: KrakenRest, clock: VirtualClock) -> Source:
    return Source(kraken.url, clock)


def listed(source: Source) -> dict[str, Instrument]:
    return {item.symbol: item for item in source.data.instruments()}


def instrument(symbol: str = "BTC/USDT", tick: str = "0.1") -> Instrument:
    base, quote = symbol.split("/")
    return Instrument(
        instrument_id=f"kraken:{symbol}", venue="kraken", symbol=symbol, base=base, quote=quote,
        tick_size=Decimal(tick), lot_size=Decimal("0.00000001"),
    )  # fmt: skip


BTC, ETH = instrument(), instrument("ETH/USDT", "0.01")


def floor(ms: int, timeframe: str) -> int:
    return ms // TIMEFRAME_MS[timeframe] * TIMEFRAME_MS[timeframe]


def from_trades(pair: int, timeframe: str, since_ms: int, until_ms: int) -> np.ndarray:
    found = trades_between(PAIRS[pair], since_ms / 1_000, until_ms / 1_000)
    trades = np.array([(round(t[0] * 1_000), float(t[1]), float(t[2])) for t in found])
    return build(trades, timeframe)


def assert_same_bars(candles: list[Candle], bars: np.ndarray) -> None:
    given = rows(candles)
    assert given.shape == bars.shape
    assert np.array_equal(given[:, :5], bars[:, :5])
    assert np.allclose(given[:, 5], bars[:, 5], atol=1e-8)  # the venue prints volumes with eight decimals


# --- instruments -------------------------------------------------------------------------------------------------


def test_instruments_are_what_the_venue_says(source: Source) -> None:
    assert listed(source)["BTC/USDT"] == Instrument(
        instrument_id="kraken:BTC/USDT", venue="kraken", symbol="BTC/USDT", base="BTC", quote="USDT",
        kind=Kind.SPOT, tick_size=Decimal("0.1"), lot_size=Decimal("0.00000001"), min_quantity=Decimal("0.00005"),
        min_notional=Decimal("0.5"), taker_fee=Decimal("0.004"),
    )  # fmt: skip


def test_a_market_that_is_closed_is_not_an_instrument(source: Source) -> None:
    assert set(listed(source)) == {"BTC/USDT", "ETH/USDT", "BTC/USD"}


def test_instruments_are_asked_for_anew_each_time(source: Source, kraken: KrakenRest) -> None:
    source.data.instruments()
    source.data.instruments()
    assert len(kraken.asked("AssetPairs")) == 2


PERPETUAL = {
    "symbol": "BTC/USDT:USDT", "base": "BTC", "quote": "USDT", "type": "swap", "linear": True, "active": True,
    "contractSize": 0.001, "precision": {"price": 0.5, "amount": 1.0}, "taker": 0.0005,
    "limits": {"amount": {"min": 2.0}, "cost": {"min": None}},
}  # fmt: skip
TICK_SIZE, DECIMAL_PLACES, SIGNIFICANT_DIGITS = 4, 2, 3


def test_a_contracts_lots_count_the_base_asset() -> None:
    found = instrument_of(PERPETUAL, "okx", TICK_SIZE)
    assert found is not None
    assert (found.instrument_id, found.kind, found.allows_short) == ("okx:BTC/USDT:USDT", Kind.PERPETUAL, True)
    assert (found.tick_size, found.lot_size, found.min_quantity) == (Decimal("0.5"), Decimal("0.001"), Decimal("0.002"))
    assert (found.min_notional, found.taker_fee) == (0, Decimal("0.0005"))


def test_decimal_places_are_turned_into_increments() -> None:
    spot = {**PERPETUAL, "symbol": "BTC/USDT", "type": "spot", "precision": {"price": 2, "amount": 6}}
    found = instrument_of(spot, "x", DECIMAL_PLACES)
    assert found is not None
    assert (found.tick_size, found.lot_size) == (Decimal("0.01"), Decimal("0.000001"))


@pytest.mark.parametrize(
    "change",
    [
        {"type": "option"}, {"active": False}, {"linear": False}, {"symbol": "币/USDT"}, {"precision": {}},
        {"precision": {"price": 0.0, "amount": 1.0}}, {"precision": {"price": 1e-20, "amount": 1.0}},
    ],
)  # fmt: skip
def test_what_can_not_be_stated_in_ticks_and_lots_is_left_out(change: dict[str, Any]) -> None:
    assert instrument_of(PERPETUAL, "x", TICK_SIZE) is not None
    assert instrument_of({**PERPETUAL, **change}, "x", TICK_SIZE) is None
    assert instrument_of(PERPETUAL, "x", SIGNIFICANT_DIGITS) is None


# --- candles -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("timeframe", ["1m", "5m", "15m"])
def test_candles_are_the_bars_of_the_trades(source: Source, timeframe: str) -> None:
    until_ms = floor(NOW_MS, timeframe)
    since_ms = until_ms - 100 * TIMEFRAME_MS[timeframe]
    candles = source.data.candles(BTC, timeframe, since_ms, until_ms)
    assert candles[0].instrument_id == "kraken:BTC/USDT"
    assert candles[0].timeframe == timeframe
    assert_same_bars(candles, from_trades(0, timeframe, since_ms, until_ms))


def test_the_bar_that_is_still_open_is_not_given(source: Source) -> None:
    candles = source.data.candles(BTC, "1m", NOW_MS - 10 * MINUTE, NOW_MS + 10 * MINUTE)
    assert candles[-1].open_ms == floor(NOW_MS, "1m") - MINUTE
    assert candles[0].open_ms >= NOW_MS - 10 * MINUTE
    assert source.data.candles(BTC, "1m", floor(NOW_MS, "1m"), NOW_MS + MINUTE) == []


def test_where_nobody_traded_there_is_no_bar(source: Source) -> None:
    until_ms = floor(NOW_MS, "1m")
    candles = source.data.candles(ETH, "1m", until_ms - 200 * MINUTE, until_ms)
    assert 0 < len(candles) < 200
    assert_same_bars(candles, from_trades(1, "1m", until_ms - 200 * MINUTE, until_ms))


def test_bars_that_ohlc_no_longer_gives_are_rebuilt_from_trades(source: Source, kraken: KrakenRest) -> None:
    until_ms = floor(NOW_MS, "1m")
    since_ms = until_ms - 1_500 * MINUTE
    candles = source.data.candles(BTC, "1m", since_ms, until_ms)
    assert_same_bars(candles, from_trades(0, "1m", since_ms, until_ms))
    assert len(kraken.asked("Trades")) > 1  # pages
    assert len(kraken.asked("OHLC")) == 1


def test_only_old_bars_need_no_ohlc(source: Source, kraken: KrakenRest) -> None:
    until_ms = floor(NOW_MS, "15m") - 2_000 * 15 * MINUTE
    since_ms = until_ms - 20 * 15 * MINUTE
    candles = source.data.candles(BTC, "15m", since_ms, until_ms)
    assert_same_bars(candles, from_trades(0, "15m", since_ms, until_ms))
    assert not kraken.asked("OHLC")


def test_trades_of_one_millisecond_keep_the_order_of_their_numbers(source: Source, kraken: KrakenRest) -> None:
    since_ms = floor(NOW_MS, "1m") - 2_000 * MINUTE
    at_s, end = since_ms / 1_000 + 1, f"{since_ms + 1_000}000000"
    trades = [["10.0", "1.0", at_s, "b", "l", "", 999], ["11.0", "1.0", at_s, "b", "l", "", 1000]]
    for page in (trades, []):
        kraken.fail("Trades", Fault(body=json.dumps({"error": [], "result": {"XBTUSDT": page, "last": end}})))
    candles = source.data.candles(BTC, "1m", since_ms, since_ms + MINUTE)
    assert rows(candles).tolist() == [[since_ms, 10.0, 11.0, 10.0, 11.0, 2.0]]


def test_a_venue_that_pages_back_is_paged(kraken: KrakenRest, clock: VirtualClock) -> None:
    paging = Source(kraken.url, clock, traits=Traits())
    until_ms = floor(NOW_MS, "1m")
    candles = paging.data.candles(BTC, "1m", until_ms - 700 * MINUTE, until_ms)
    assert_same_bars(candles, from_trades(0, "1m", until_ms - 700 * MINUTE, until_ms))
    assert len(kraken.asked("OHLC")) == 2


def test_a_number_that_the_venue_leaves_out_reaches_the_gate_as_nan(source: Source, kraken: KrakenRest) -> None:
    kraken.last_ohlc_row = [None, "1.0", "1.0", "1.0", "1.0", "1.0", 3]
    until_ms = floor(NOW_MS, "1m")
    assert isnan(source.data.candles(BTC, "1m", until_ms - 5 * MINUTE, until_ms)[-1].open)


# --- quotes ------------------------------------------------------------------------------------------------------


def test_a_quote_is_the_tickers_best_bid_and_ask_at_our_time(source: Source, kraken: KrakenRest) -> None:
    last = Decimal(trades_between(PAIRS[0], NOW_MS / 1_000 - 20_000, NOW_MS / 1_000)[-1][1])
    tick = Decimal("0.1")
    assert source.data.quote(BTC) == Quote(
        instrument_id="kraken:BTC/USDT", bid=last - tick, ask=last + tick, ts_event_ms=NOW_MS, bid_size=Decimal(1),
        ask_size=Decimal(1),
    )  # fmt: skip
    assert not kraken.asked("Depth")


def test_a_ticker_without_bid_and_ask_sends_us_to_the_book(source: Source, kraken: KrakenRest) -> None:
    kraken.fail("Ticker", Fault(body='{"error": [], "result": {"XBTUSDT": {"c": ["42000.0", "1"]}}}'))
    quote = source.data.quote(BTC)
    assert quote is not None
    assert quote.ask - quote.bid == Decimal("0.4")
    assert quote.bid_size is not None
    assert quote.bid_size > 0


def test_a_ticker_that_tells_no_sizes_gives_a_quote_without_them(source: Source, kraken: KrakenRest) -> None:
    ticker = {"XBTUSDT": {"b": ["41999.0"], "a": ["42001.0"]}}
    kraken.fail("Ticker", Fault(body=json.dumps({"error": [], "result": ticker})))
    quote = source.data.quote(BTC)
    assert quote is not None
    assert (quote.bid, quote.bid_size, quote.ask_size) == (Decimal(41_999), None, None)


@pytest.mark.parametrize(
    ("bid", "ask"), [("42001.0", "42000.0"), ("0.0", "0.0"), ("-1.0", "42000.0"), ("42000.0", "1e300")]
)
def test_a_quote_that_can_not_be_is_none(source: Source, kraken: KrakenRest, bid: str, ask: str) -> None:
    ticker = {"XBTUSDT": {"b": [bid, "1"], "a": [ask, "1"]}}
    kraken.fail("Ticker", Fault(body=json.dumps({"error": [], "result": ticker})))
    kraken.fail("Depth", Fault(body='{"error": [], "result": {"XBTUSDT": {"bids": [], "asks": []}}}'))
    assert source.data.quote(BTC) is None


# --- faults ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        Fault(429, "{}", {"Retry-After": "7"}),
        Fault(200, '{"error": ["EGeneral:Too many requests"]}', {"Retry-After": "7"}),
        Fault(200, '{"error": ["EAPI:Rate limit exceeded"]}', {"Retry-After": "7"}),
    ],
)
def test_a_venue_that_asks_for_patience_is_not_asked_again(source: Source, kraken: KrakenRest, fault: Fault) -> None:
    source.data.instruments()
    kraken.fail("Ticker", fault)
    with pytest.raises(Throttled) as told:
        source.data.quote(BTC)
    assert told.value.retry_after_s == 7
    assert len(kraken.asked("Ticker")) == 1
    assert not source.slept


OUTAGES = [
    Fault(502, "<html>Bad Gateway</html>"),
    Fault(520, "{}"),
    Fault(200, '{"error": ["EService:Unavailable"]}'),
    Fault(200, '{"error": ["EService:Market in post_only mode"]}'),
    Fault(200, '{"error": ["EWhat:Nobody ever saw this"]}'),
    Fault(200, "<html>We'll be right back</html>"),
    Fault(200, ""),
    Fault(200, '{"error": [], "result": {"XBTU'),
]


@pytest.mark.parametrize("fault", OUTAGES)
def test_an_outage_is_waited_out(source: Source, kraken: KrakenRest, fault: Fault) -> None:
    kraken.fail("OHLC", fault, fault)
    until_ms = floor(NOW_MS, "1m")
    assert len(source.data.candles(BTC, "1m", until_ms - 5 * MINUTE, until_ms)) == 5
    assert source.slept == [1, 2]


@pytest.mark.parametrize("answer", ["<html>We'll be right back</html>", '{"error": [], "result": {}}'])
def test_an_outage_never_empties_the_catalog(source: Source, kraken: KrakenRest, answer: str) -> None:
    kraken.fail("AssetPairs", *[Fault(200, answer)] * 4)
    with pytest.raises(RetryLater):
        source.data.instruments()


def test_a_long_outage_is_for_a_later_run(source: Source, kraken: KrakenRest) -> None:
    kraken.fail("Ticker", *[OUTAGES[0]] * 4)
    with pytest.raises(RetryLater, match=r"kraken fetch_ticker: .*502 Bad Gateway"):
        source.data.quote(BTC)
    assert source.slept == [1, 2, 4]
    assert len(kraken.asked("Ticker")) == 4


def test_a_venue_that_does_not_answer_is_timed_out(kraken: KrakenRest, clock: VirtualClock) -> None:
    hurried = Source(kraken.url, clock, timeout_ms=100)
    hurried.data.instruments()
    kraken.fail("Ticker", Fault(200, "{}", delay_s=0.3))
    assert hurried.data.quote(BTC) is not None
    assert hurried.slept == [1]


def test_a_venue_that_can_not_be_reached_is_for_a_later_run(clock: VirtualClock) -> None:
    away = Source("http://127.0.0.1:9", clock)
    with pytest.raises(RetryLater, match="kraken load_markets"):
        away.data.instruments()
    assert away.slept == [1, 2, 4]


def test_a_market_that_the_venue_does_not_have_is_a_wrong_setting(source: Source) -> None:
    with pytest.raises(Misconfigured, match=r"BadSymbol.*check exchange, symbols"):
        source.data.quote(instrument("NOPE/USDT"))
    assert not source.slept


@pytest.mark.parametrize("name", ["no_such_venue", "nosuchvenue", "base", "pro", "os.path", "Kraken", ""])
def test_an_exchange_that_ccxt_does_not_know_is_a_wrong_setting(clock: VirtualClock, name: str) -> None:
    with pytest.raises(Misconfigured, match="ccxt has no exchange"):
        CcxtMarketData(name, clock).instruments()


# --- the whole way -----------------------------------------------------------------------------------------------


def test_pulls_of_a_live_venue_keep_a_window_without_a_bad_bar(
    source: Source, kraken: KrakenRest, clock: VirtualClock
) -> None:
    line, window, stated, bad = Line(BTC.instrument_id, "1m"), None, [], 0
    for at in range(6):
        kraken.last_ohlc_row = ["1.0", "2.0", "3.0", "1.0", "1.0", "1.0", 3] if at == 2 else None
        ask = due(window.last_open_ms if window else 0, "1m", clock.now_ms(), limit=50)
        assert ask is not None
        candles = source.data.candles(BTC, "1m", ask.since_ms, ask.until_ms)
        taken = take(
            window, line, candles, ask, clock.now_ms(), traded=True, limit=50, thresholds=thresholds_for("kraken")
        )
        stated += [fact.candle.open_ms for fact in taken.facts if isinstance(fact, CandleClosed)]
        bad += quarantined_bars(taken.facts)
        window = taken.window
        clock.advance_to(clock.now_ms() + MINUTE)
    assert isinstance(window, CandleWindow)
    assert bad == 1
    first = floor(NOW_MS, "1m") - MINUTE
    assert stated == [first + at * MINUTE for at in range(6)]  # the bad one was mended by the next pull
    assert np.array_equal(decode(window.bars)[-1, :5], from_trades(0, "1m", stated[-1], stated[-1] + MINUTE)[0, :5])


def test_opening_one_exchange_imports_no_other_and_spoils_no_later_import() -> None:
    program = """
import sys
from fluxfloor.adapters.venues.ccxt_exchange import open_exchange
kraken = open_exchange("kraken")
assert "ccxt.binance" not in sys.modules and "ccxt" not in sys.modules
import ccxt
assert ccxt.kraken is type(kraken) and issubclass(ccxt.BadSymbol, ccxt.ExchangeError) and ccxt.exchanges
from ccxt.base.errors import BadSymbol
assert ccxt.BadSymbol is BadSymbol
assert type(open_exchange("binance")) is ccxt.binance
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
