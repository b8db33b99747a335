"""A sender's symbol means exactly one instrument of its venue, or nothing."""

from __future__ import annotations

import pytest
from fluxfloor.contracts.instruments import Kind
from fluxfloor.signals.draft import Wanted
from fluxfloor.signals.refusals import Refused
from fluxfloor.signals.symbols import resolve

from tests.support.webhooks import catalog, instrument

FLOOR = catalog(
    instrument("BTC/USDT"), instrument("BTC/USD"), instrument("ETH/USDT"), instrument("ETH/BTC"),
    instrument("DOGE/USD"),
    instrument("BTC/USDT:USDT", kind=Kind.PERPETUAL), instrument("SOL/USDT:USDT", kind=Kind.PERPETUAL),
    instrument("BTC/USD:BTC-261225", kind=Kind.FUTURE), instrument("AAPL", kind=Kind.EQUITY),
    instrument("BTC/USDT", venue="binance"), instrument("BNB/USDT", venue="binance"),
)  # fmt: skip


def found(symbol: str, venue: str = "kraken", **more: str) -> str:
    return resolve(Wanted(symbol=symbol, **more), venue, FLOOR).instrument.instrument_id  # type: ignore[arg-type]


def refusal(symbol: str, venue: str = "kraken", **more: object) -> Refused:
    with pytest.raises(Refused) as caught:
        resolve(Wanted(symbol=symbol, **more), venue, FLOOR)  # type: ignore[arg-type]
    return caught.value


@pytest.mark.parametrize(
    "symbol",
    ["BTCUSDT", "btcusdt", "BTC/USDT", "BTC-USDT", "BTC_USDT", "btc usdt", "kraken:BTC/USDT", "KRAKEN:BTCUSDT",
     "XBTUSDT", "XBT/USDT", "KRAKEN:XBTUSDT", "BINANCE:BTCUSDT", " BTCUSDT "],
)  # fmt: skip
def test_every_spelling_of_a_spot_pair_finds_it(symbol: str) -> None:
    assert found(symbol) == "kraken:BTC/USDT"


@pytest.mark.parametrize(
    "symbol", ["BTCUSDT.P", "BTCUSDTPERP", "BTC-USDT-SWAP", "BTC-PERP", "BTC/USDT:USDT", "BYBIT:BTCUSDT.P"]
)
def test_a_perpetual_is_only_ever_found_by_a_perpetuals_name(symbol: str) -> None:
    assert found(symbol) == "kraken:BTC/USDT:USDT"


def test_a_perpetual_never_falls_back_to_spot_nor_spot_to_a_perpetual() -> None:
    perpetual, spot = refusal("ETHUSDT.P"), refusal("SOLUSDT")
    assert (perpetual.code, spot.code) == ("unknown_instrument", "unknown_instrument")
    assert "kraken:ETH/USDT" in perpetual.message
    assert "kraken:SOL/USDT:USDT" in spot.message


def test_xbt_is_btc_only_where_it_is_spelt_so() -> None:
    assert found("BITMEX:XBTUSD") == "kraken:BTC/USD"
    assert found("XDGUSD") == "kraken:DOGE/USD"
    assert found("ETHXBT") == "kraken:ETH/BTC"
    assert refusal("BINANCE:XBTUSDT").code == "unknown_instrument"
    assert refusal("XBTUSDT", venue="binance").code == "unknown_instrument"


def test_several_matches_are_refused_with_their_names() -> None:
    refused = refusal("BTC")
    assert refused.code == "ambiguous_instrument"
    assert "kraken:BTC/USD, kraken:BTC/USDT" in refused.message
    assert "kraken:BTC/USD" in refused.fix


def test_a_base_alone_is_enough_when_there_is_only_one_or_a_currency_beside_it() -> None:
    assert found("DOGE") == "kraken:DOGE/USD"
    assert found("BTC", quote="USD") == "kraken:BTC/USD"
    assert found("AAPL") == "kraken:AAPL"


def test_a_kind_narrows_the_choice() -> None:
    assert resolve(Wanted("BTC", kind=Kind.FUTURE), "kraken", FLOOR).instrument.symbol == "BTC/USD:BTC-261225"
    assert refusal("BTC", kind=Kind.FUTURE, expiry="20270326").code == "unknown_instrument"
    assert refusal("BTCUSDT.P", kind=Kind.SPOT).code == "contradiction"


def test_no_match_names_what_looks_like_it() -> None:
    refused = refusal("ETHUSTD")
    assert refused.code == "unknown_instrument"
    assert "kraken:ETH/USDT" in refused.fix


def test_a_chart_elsewhere_is_traded_at_the_senders_venue_and_remembered() -> None:
    resolved = resolve(Wanted("BTCUSDT", exchange="BINANCE"), "kraken", FLOOR)
    assert (resolved.instrument.instrument_id, resolved.charted) == ("kraken:BTC/USDT", "binance")
    assert resolve(Wanted("COINBASE:BTCUSD"), "kraken", FLOOR).charted == "coinbase"
    assert resolve(Wanted("BTCUSDT", exchange="KRAKEN_DL"), "kraken", FLOOR).charted == "kraken"


def test_an_order_addressed_to_another_venue_is_refused() -> None:
    assert refusal("binance:BTC/USDT").code == "unknown_venue"
    with pytest.raises(Refused, match="trades on kraken"):
        resolve(Wanted("BTC/USDT", venue="binance"), "kraken", FLOOR)


def test_what_is_only_listed_elsewhere_is_not_found() -> None:
    assert refusal("BINANCE:BNBUSDT").code == "unknown_instrument"


def test_two_different_exchanges_in_one_alert_are_refused() -> None:
    assert refusal("BINANCE:BTCUSDT", exchange="BYBIT").code == "contradiction"
    assert found("OKEX:BTCUSDT", exchange="okx") == "kraken:BTC/USDT"


@pytest.mark.parametrize("symbol", ["NQ1!", "BTC\nUSDT", "BTC;DROP", "/", "比特币", "A" * 65])
def test_what_is_no_symbol_is_called_so(symbol: str) -> None:
    assert refusal(symbol).code == "invalid_field"


def test_a_venue_whose_instruments_are_not_known_yet_is_said_to_be_so() -> None:
    assert refusal("BTCUSDT", venue="bybit").code == "unknown_venue"
