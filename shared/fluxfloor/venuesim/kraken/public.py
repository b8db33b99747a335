"""Kraken's market data."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

from fluxfloor.contracts.orders import Side
from fluxfloor.venuesim.kraken import names
from fluxfloor.venuesim.kraken.reading import market_named
from fluxfloor.venuesim.markets import Market, levels
from fluxfloor.venuesim.numbers import decimals_of, fixed, whole
from fluxfloor.venuesim.outside import Outside
from fluxfloor.venuesim.refusals import Reason, Refused
from fluxfloor.venuesim.rules import Mode
from fluxfloor.venuesim.tape import Bar
from fluxfloor.venuesim.venue import Venue

OHLC_BARS = 720
PAGE_TRADES = 1_000
DAY_MS = 86_400_000
_INTERVALS = frozenset({1, 5, 15, 30, 60, 240, 1_440, 10_080, 21_600})

Params = dict[str, str]


def server_time(venue: Venue, _params: Params) -> Any:
    now_s = venue.now_ms // 1000
    return {"unixtime": now_s, "rfc1123": time.strftime("%a, %d %b %y %H:%M:%S +0000", time.gmtime(now_s))}


def status(venue: Venue, _params: Params) -> Any:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(venue.now_ms // 1000))
    return {"status": str(Mode(venue.mode)), "timestamp": stamp}


def assets(venue: Venue, _params: Params) -> Any:
    currencies = {name for outside in venue.outside.values() for name in (outside.market.base, outside.market.quote)}
    return {
        names.asset(name): {
            "aclass": "currency",
            "altname": names.altname(name),
            "decimals": venue.rules.decimals.get(name, 8),
            "display_decimals": 5,
            "status": "enabled",
        }
        for name in sorted(currencies)
    }


def asset_pairs(venue: Venue, params: Params) -> Any:
    wanted = params.get("pair")
    markets = [market_named(venue, name) for name in wanted.split(",")] if wanted else _markets(venue)
    return {names.pair(market): _asset_pair(market) for market in markets}


def ticker(venue: Venue, params: Params) -> Any:
    wanted = params.get("pair")
    markets = [market_named(venue, name) for name in wanted.split(",")] if wanted else _markets(venue)
    outsides = [venue.outside[market.symbol] for market in markets]
    return {names.pair(it.market): _ticker(it, venue.now_ms) for it in outsides if it.quote is not None}


def depth(venue: Venue, params: Params) -> Any:
    outside = _quoted(venue, params)
    assert outside.quote is not None
    places, count = decimals_of(outside.market.tick), whole(params.get("count", "100"), "count")
    sides = {"asks": Side.BUY, "bids": Side.SELL}
    return {
        names.pair(outside.market): {
            name: [
                [fixed(price, places), fixed(Decimal(1000) if size is None else size, 3),
                 outside.quote.ts_ms // 1000]
                for price, size in list(levels(outside.market, outside.quote, side))[:count]
            ]
            for name, side in sides.items()
        }
    }  # fmt: skip


def ohlc(venue: Venue, params: Params) -> Any:
    outside = venue.outside[market_named(venue, params.get("pair", "")).symbol]
    minutes = whole(params.get("interval", "1"), "interval")
    if minutes not in _INTERVALS:
        raise Refused(Reason.INVALID_ARGUMENT, "interval")
    since_ms = whole(params.get("since", "0"), "since") * 1000
    bars = outside.tape.bars(minutes * 60_000, 0, OHLC_BARS)
    rows = [_ohlc(outside.market, bar) for bar in bars if bar.open_ms > since_ms or not since_ms]
    return {names.pair(outside.market): rows, "last": rows[-2][0] if len(rows) > 1 else 0}


def trades(venue: Venue, params: Params) -> Any:
    """After `since` (nanoseconds, or seconds), oldest first; the newest where nothing is said."""
    outside = venue.outside[market_named(venue, params.get("pair", "")).symbol]
    since = whole(params.get("since", "0"), "since")
    count = min(whole(params.get("count", "1000"), "count"), PAGE_TRADES)
    cursor_ns = since if since > 10**12 else since * 10**9
    places = decimals_of(outside.market.tick)
    found = [(number, made) for number, made in outside.tape.numbered() if made.ts_ms * 10**6 > cursor_ns]
    found = found[:count] if since else found[-count:]
    rows = [
        [fixed(made.price, places), fixed(made.quantity, 8), made.ts_ms / 1000,
         "b" if number % 2 else "s", "l", "", number]
        for number, made in found
    ]  # fmt: skip
    last_ns = found[-1][1].ts_ms * 10**6 if found else cursor_ns
    return {names.pair(outside.market): rows, "last": str(last_ns)}


def _markets(venue: Venue) -> list[Market]:
    return [outside.market for outside in venue.outside.values()]


def _quoted(venue: Venue, params: Params) -> Outside:
    outside = venue.outside[market_named(venue, params.get("pair", "")).symbol]
    if outside.quote is None:
        raise Refused(Reason.NO_MARKET)
    return outside


def _asset_pair(market: Market) -> dict[str, Any]:
    places = decimals_of(market.tick)
    return {
        "altname": names.pair_altname(market),
        "wsname": names.wsname(market),
        "aclass_base": "currency",
        "base": names.asset(market.base),
        "aclass_quote": "currency",
        "quote": names.asset(market.quote),
        "lot": "unit",
        "cost_decimals": 5,
        "pair_decimals": places,
        "lot_decimals": decimals_of(market.lot),
        "lot_multiplier": 1,
        "leverage_buy": [],
        "leverage_sell": [],
        "fees": [[0, float(market.taker_fee * 100)]],
        "fees_maker": [[0, float(market.maker_fee * 100)]],
        "fee_volume_currency": "ZUSD",
        "margin_call": 80,
        "margin_stop": 40,
        "ordermin": f"{market.min_quantity:f}",
        "costmin": f"{market.min_notional:f}",
        "tick_size": fixed(market.tick, places),
        "status": "online",
    }


def _ticker(outside: Outside, now_ms: int) -> dict[str, Any]:
    assert outside.quote is not None
    quote, places = outside.quote, decimals_of(outside.market.tick)
    today = (outside.tape.bars(DAY_MS, now_ms - 2 * DAY_MS, 1) or [outside.quiet(now_ms)])[0]
    bid, ask, last, low, high, begin = (
        fixed(price, places)
        for price in (quote.bid, quote.ask, outside.last or quote.bid, today.low, today.high, today.open)
    )
    volume = fixed(today.volume, 8)
    average = fixed(today.average, places)
    sizes = [f"{1000 if size is None else size:.3f}" for size in (quote.ask_size, quote.bid_size)]
    return {
        "a": [ask, "1", sizes[0]], "b": [bid, "1", sizes[1]], "c": [last, volume], "v": [volume, volume],
        "p": [average, average], "t": [today.count, today.count], "l": [low, low], "h": [high, high], "o": begin,
    }  # fmt: skip


def _ohlc(market: Market, bar: Bar) -> list[Any]:
    places = decimals_of(market.tick)
    prices = [fixed(price, places) for price in (bar.open, bar.high, bar.low, bar.close)]
    average = fixed(bar.average, places)
    return [bar.open_ms // 1000, *prices, average, fixed(bar.volume, 8), bar.count]
