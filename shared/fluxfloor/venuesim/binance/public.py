"""Binance's market data."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from fluxfloor.contracts.orders import Side
from fluxfloor.venuesim.binance.reading import KINDS, market_named, symbol
from fluxfloor.venuesim.binance.shapes import amount
from fluxfloor.venuesim.markets import Market, levels
from fluxfloor.venuesim.numbers import whole
from fluxfloor.venuesim.outside import Outside
from fluxfloor.venuesim.refusals import Reason, Refused
from fluxfloor.venuesim.tape import Bar, Print
from fluxfloor.venuesim.venue import Venue

DAY_MS = 86_400_000
MAX_ROWS = 1_000
_ENDLESS = Decimal(1000)  # shown where a level has no end
_INTERVALS_MS = {
    "1m": 60_000, "3m": 180_000, "5m": 300_000, "15m": 900_000, "30m": 1_800_000, "1h": 3_600_000, "2h": 7_200_000,
    "4h": 14_400_000, "6h": 21_600_000, "8h": 28_800_000, "12h": 43_200_000, "1d": DAY_MS,
}  # fmt: skip

Params = dict[str, str]


def ping(_venue: Venue, _params: Params) -> Any:
    return {}


def server_time(venue: Venue, _params: Params) -> Any:
    return {"serverTime": venue.now_ms}


def system_status(venue: Venue, _params: Params) -> Any:
    online = venue.mode == "online"
    return {"status": 0, "msg": "normal"} if online else {"status": 1, "msg": "system maintenance"}


def exchange_info(venue: Venue, params: Params) -> Any:
    markets = [market_named(venue, params["symbol"])] if "symbol" in params else _markets(venue)
    return {
        "timezone": "UTC", "serverTime": venue.now_ms, "rateLimits": [], "exchangeFilters": [],
        "symbols": [_symbol_info(market, venue.rules.max_open_orders, venue.rules.max_stops) for market in markets],
    }  # fmt: skip


def no_symbols(venue: Venue, _params: Params) -> Any:
    """The futures' exchanges: ccxt asks them for their markets too, and there are none."""
    return {"timezone": "UTC", "serverTime": venue.now_ms, "symbols": []}


def depth(venue: Venue, params: Params) -> Any:
    outside = _quoted(venue, params)
    assert outside.quote is not None
    count = whole(params.get("limit", "100"), "limit")
    sides = {
        name: [
            [amount(price), amount(_ENDLESS if size is None else size)]
            for price, size in list(levels(outside.market, outside.quote, side))[:count]
        ]
        for name, side in (("bids", Side.SELL), ("asks", Side.BUY))
    }
    return {"lastUpdateId": outside.tape.count, **sides}


def trades(venue: Venue, params: Params) -> Any:
    return [
        {
            "id": number, "price": amount(made.price), "qty": amount(made.quantity),
            "quoteQty": amount(made.price * made.quantity), "time": made.ts_ms, "isBuyerMaker": number % 2 == 0,
            "isBestMatch": True,
        }
        for number, made in _prints(venue, params)
    ]  # fmt: skip


def aggregate_trades(venue: Venue, params: Params) -> Any:
    return [
        {
            "a": number, "p": amount(made.price), "q": amount(made.quantity), "f": number, "l": number,
            "T": made.ts_ms, "m": number % 2 == 0, "M": True,
        }
        for number, made in _prints(venue, params)
    ]  # fmt: skip


def klines(venue: Venue, params: Params) -> Any:
    outside = venue.outside[market_named(venue, params.get("symbol")).symbol]
    step_ms = _INTERVALS_MS.get(params.get("interval", ""))
    if step_ms is None:
        raise Refused(Reason.INVALID_ARGUMENT, "interval")
    since_ms, until_ms, limit = _span(params, 500)
    bars = [bar for bar in outside.tape.bars(step_ms, since_ms, MAX_ROWS * 10) if bar.open_ms <= until_ms]
    return [_kline(bar, step_ms) for bar in (bars[:limit] if "startTime" in params else bars[-limit:])]


def day_ticker(venue: Venue, params: Params) -> Any:
    return _of_symbols(venue, params, lambda outside: _day(outside, venue.now_ms))


def price_ticker(venue: Venue, params: Params) -> Any:
    return _of_symbols(venue, params, lambda it: {"symbol": symbol(it.market), "price": amount(it.last)})


def book_ticker(venue: Venue, params: Params) -> Any:
    return _of_symbols(venue, params, _best)


# --- parts -------------------------------------------------------------------------------------------------------


def _markets(venue: Venue) -> list[Market]:
    return [outside.market for outside in venue.outside.values()]


def _quoted(venue: Venue, params: Params) -> Outside:
    outside = venue.outside[market_named(venue, params.get("symbol")).symbol]
    if outside.quote is None:
        raise Refused(Reason.NO_MARKET)
    return outside


def _of_symbols(venue: Venue, params: Params, show: Any) -> Any:
    """One object for `symbol`, a list for `symbols` and for nothing."""
    if "symbol" in params:
        return show(_quoted(venue, params))
    wanted = params.get("symbols", "")
    return [
        show(outside)
        for outside in venue.outside.values()
        if outside.quote is not None and (not wanted or f'"{symbol(outside.market)}"' in wanted)
    ]


def _span(params: Params, rows: int) -> tuple[int, int, int]:
    """(since, until, limit)."""
    since_ms = whole(params.get("startTime", "0"), "startTime")
    until_ms = whole(params.get("endTime", str(1 << 53)), "endTime")
    return since_ms, until_ms, min(whole(params.get("limit", str(rows)), "limit"), MAX_ROWS)


def _prints(venue: Venue, params: Params) -> list[tuple[int, Print]]:
    outside = venue.outside[market_named(venue, params.get("symbol")).symbol]
    since_ms, until_ms, limit = _span(params, 500)
    found = [(number, made) for number, made in outside.tape.numbered() if since_ms <= made.ts_ms <= until_ms]
    return found[:limit] if "startTime" in params else found[-limit:]


def _symbol_info(market: Market, max_orders: int, max_stops: int) -> dict[str, Any]:
    filters = [
        {"filterType": "PRICE_FILTER", "minPrice": amount(market.tick), "maxPrice": "10000000.00000000",
         "tickSize": amount(market.tick)},
        {"filterType": "LOT_SIZE", "minQty": amount(market.min_quantity or market.lot), "maxQty": "9000.00000000",
         "stepSize": amount(market.lot)},
        {"filterType": "MARKET_LOT_SIZE", "minQty": amount(None), "maxQty": "9000.00000000", "stepSize": amount(None)},
        {"filterType": "NOTIONAL", "minNotional": amount(market.min_notional), "applyMinToMarket": True,
         "maxNotional": "9000000.00000000", "applyMaxToMarket": False, "avgPriceMins": 5},
        {"filterType": "TRAILING_DELTA", "minTrailingAboveDelta": 10, "maxTrailingAboveDelta": 2000,
         "minTrailingBelowDelta": 10, "maxTrailingBelowDelta": 2000},
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": max_orders},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": max_stops},
    ]  # fmt: skip
    return {
        "symbol": symbol(market), "status": "TRADING", "baseAsset": market.base, "baseAssetPrecision": 8,
        "quoteAsset": market.quote, "quotePrecision": 8, "quoteAssetPrecision": 8, "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8, "orderTypes": list(KINDS), "icebergAllowed": False, "ocoAllowed": False,
        "otoAllowed": False, "quoteOrderQtyMarketAllowed": True, "allowTrailingStop": True,
        "cancelReplaceAllowed": False, "isSpotTradingAllowed": True, "isMarginTradingAllowed": False,
        "filters": filters, "permissions": [], "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "NONE", "allowedSelfTradePreventionModes": ["NONE"],
    }  # fmt: skip


def _best(outside: Outside) -> dict[str, Any]:
    quote = outside.quote
    assert quote is not None
    return {
        "symbol": symbol(outside.market),
        "bidPrice": amount(quote.bid),
        "bidQty": amount(_ENDLESS if quote.bid_size is None else quote.bid_size),
        "askPrice": amount(quote.ask),
        "askQty": amount(_ENDLESS if quote.ask_size is None else quote.ask_size),
    }


def _day(outside: Outside, now_ms: int) -> dict[str, Any]:
    bars = outside.tape.bars(60_000, now_ms - DAY_MS, 1_440) or [outside.quiet(now_ms)]
    day = Bar(bars[0].open_ms, bars[0].open, bars[0].high, bars[0].low, bars[0].close, Decimal(0), Decimal(0), 0)
    for bar in bars:
        day.add(bar)
    change = day.close - day.open
    return _best(outside) | {
        "priceChange": amount(change), "priceChangePercent": f"{change / day.open * 100:.3f}",
        "weightedAvgPrice": amount(day.average), "prevClosePrice": amount(day.open),
        "lastPrice": amount(outside.last), "lastQty": amount(bars[-1].volume), "openPrice": amount(day.open),
        "highPrice": amount(day.high), "lowPrice": amount(day.low), "volume": amount(day.volume),
        "quoteVolume": amount(day.turnover), "openTime": day.open_ms, "closeTime": now_ms, "firstId": 1,
        "lastId": outside.tape.count, "count": day.count,
    }  # fmt: skip


def _kline(bar: Bar, step_ms: int) -> list[Any]:
    prices = [amount(price) for price in (bar.open, bar.high, bar.low, bar.close)]
    half = [amount(value / 2) for value in (bar.volume, bar.turnover)]
    return [
        bar.open_ms, *prices, amount(bar.volume), bar.open_ms + step_ms - 1, amount(bar.turnover), bar.count, *half,
        "0",
    ]  # fmt: skip
