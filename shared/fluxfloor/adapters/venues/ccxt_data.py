"""Public market data of any venue that ccxt knows.

Reads only: each is tried again after 1, 2 and 4 s while the venue is out of reach. A venue whose OHLC gives only the
newest bars has its older ones rebuilt from its trades.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from pydantic import ValidationError

from fluxfloor.adapters.venues.ccxt_exchange import open_exchange, read
from fluxfloor.contracts.instruments import TIMEFRAME_MS, Candle, Instrument, Kind, Quote
from fluxfloor.errors import RetryLater
from fluxfloor.market.builder import TS_MS, CandleBuilder, Trades
from fluxfloor.market.quality import HIGHEST_PRICE, LOWEST_PRICE
from fluxfloor.market.schedule import Ask, split
from fluxfloor.ports import Clock

R = TypeVar("R")

MAX_PAGES = 200  # of one call; what is left is asked for again in the next pull
PAGE_BARS = 500
PAGE_TRADES = 1_000
_KINDS = {"spot": Kind.SPOT, "swap": Kind.PERPETUAL, "future": Kind.FUTURE}
LARGEST_SIZE = 1e15
_NO_NUMBER = float("nan")


@dataclass(frozen=True, slots=True)
class Traits:
    """What ccxt does not tell of a venue.

    `ohlc_bars` is how many of the newest bars its OHLC gives (None: it pages back as far as asked); older ones come
    from its trades, paged by the request parameter `trade_cursor`, in ns, exclusive.
    """

    ohlc_bars: int | None = None
    trade_cursor: str = ""


TRAITS = {"kraken": Traits(ohlc_bars=720, trade_cursor="since")}


class CcxtMarketData:
    """Implements ports.MarketData. Every method raises Throttled, RetryLater or Misconfigured.

    The exchange is opened at the first call. `rate_limit_ms` overrides ccxt's pause between requests, `base_url` the
    scheme and host of every endpoint; `venue` is the name that instruments carry (default: the exchange's id).
    """

    def __init__(
        self, exchange_id: str, clock: Clock, *, venue: str = "", base_url: str = "", timeout_ms: int = 10_000,
        rate_limit_ms: float | None = None, sleep: Callable[[float], None] = time.sleep, traits: Traits | None = None,
    ) -> None:  # fmt: skip
        self._exchange_id = exchange_id
        self._clock = clock
        self._venue = venue or exchange_id
        self._opening: dict[str, Any] = {
            "base_url": base_url, "timeout_ms": timeout_ms, "rate_limit_ms": rate_limit_ms,
        }  # fmt: skip
        self._sleep = sleep
        self._traits = traits or TRAITS.get(exchange_id, Traits())

    # --- the port ------------------------------------------------------------------------------------------------

    def instruments(self) -> list[Instrument]:
        """Every active spot, linear perpetual and linear future market. Left out: those whose tick or lot depends on
        the price (significant digits), and those whose name our ids do not take."""
        markets = self._read("load_markets", lambda: self._exchange.load_markets(True))
        mode = self._exchange.precisionMode
        made = (instrument_of(market, self._venue, mode) for market in markets.values())
        found = [instrument for instrument in made if instrument is not None]
        if not found:  # an outage: a catalog must never be emptied by one
            raise RetryLater(f"{self._exchange_id} lists no market that can be traded")
        return found

    def candles(self, instrument: Instrument, timeframe: str, since_ms: int, until_ms: int) -> list[Candle]:
        """As ports.MarketData says. A bar that the venue leaves a number out of carries NaN there, for the gate."""
        now_ms, step_ms = self._clock.now_ms(), TIMEFRAME_MS[timeframe]
        ask = Ask(_up(since_ms, step_ms), min(_up(until_ms, step_ms), now_ms // step_ms * step_ms))
        if ask.since_ms >= ask.until_ms:
            return []
        older, newer = split(ask, timeframe, now_ms, self._traits.ohlc_bars)
        rows = self._rebuilt(instrument, timeframe, older) if older else []
        if newer:
            rows += self._ohlc(instrument, timeframe, newer)
        return [_candle(instrument, timeframe, row) for row in rows]

    def quote(self, instrument: Instrument) -> Quote | None:
        """Best bid and ask. Where the venue gives no time it is ours from before the request: never too young."""
        asked_ms, symbol = self._clock.now_ms(), instrument.symbol
        answer = self._read("fetch_ticker", lambda: self._exchange.fetch_ticker(symbol))
        bid, ask = answer.get("bid"), answer.get("ask")
        sizes = answer.get("bidVolume"), answer.get("askVolume")
        if not (bid and ask):
            answer = self._read("fetch_order_book", lambda: self._exchange.fetch_order_book(symbol, 5))
            bid, ask = _best(answer["bids"]), _best(answer["asks"])
            sizes = _best(answer["bids"], 1), _best(answer["asks"], 1)
        if not (bid and ask) or not LOWEST_PRICE <= bid <= ask <= HIGHEST_PRICE:
            return None
        on_bid, on_ask = instrument.ticks_below(Decimal(str(bid))), instrument.ticks_above(Decimal(str(ask)))
        return Quote(
            instrument_id=instrument.instrument_id, bid=instrument.price(max(on_bid, 1)), ask=instrument.price(on_ask),
            ts_event_ms=min(answer.get("timestamp") or asked_ms, asked_ms), bid_size=_size(instrument, sizes[0]),
            ask_size=_size(instrument, sizes[1]),
        )  # fmt: skip

    # --- candles -------------------------------------------------------------------------------------------------

    def _ohlc(self, instrument: Instrument, timeframe: str, ask: Ask) -> list[list[float]]:
        if self._traits.ohlc_bars is not None:  # one page holds all there is
            page = self._page(instrument.symbol, timeframe, ask.since_ms, None)
            return [row for row in page if row[0] is not None and ask.since_ms <= row[0] < ask.until_ms]
        rows: list[list[float]] = []
        since_ms, step_ms = ask.since_ms, TIMEFRAME_MS[timeframe]
        for _ in range(MAX_PAGES):
            limit = min((ask.until_ms - since_ms) // step_ms + 2, PAGE_BARS)
            page = self._page(instrument.symbol, timeframe, since_ms, limit)
            fresh = [row for row in page if row[0] is not None and row[0] >= since_ms]
            rows += fresh
            since_ms = max((row[0] for row in fresh), default=ask.until_ms) + step_ms
            if since_ms >= ask.until_ms:
                break
        return [row for row in rows if row[0] < ask.until_ms]

    def _page(self, symbol: str, timeframe: str, since_ms: int, limit: int | None) -> list[list[Any]]:
        exchange = self._exchange
        return list(self._read("fetch_ohlcv", lambda: exchange.fetch_ohlcv(symbol, timeframe, since_ms, limit)))

    def _rebuilt(self, instrument: Instrument, timeframe: str, ask: Ask) -> list[list[float]]:
        """From trades. When the pages run out first, the bars that are surely whole."""
        builder = CandleBuilder(timeframe)
        rows: list[list[float]] = []
        for trades, complete in self._trades(instrument.symbol, ask):
            rows += builder.add(trades).tolist()
            if complete:
                rows += builder.finish(ask.until_ms).tolist()
        return rows

    def _trades(self, symbol: str, ask: Ask) -> Iterator[tuple[Trades, bool]]:
        """Pages of the trades in the range; True with the last."""
        cursor = str(ask.since_ms * 1_000_000 - 1)
        for _ in range(MAX_PAGES):
            page = self._trade_page(symbol, cursor)
            trades = _rows_of(page)
            inside = trades[(trades[:, TS_MS] >= ask.since_ms) & (trades[:, TS_MS] < ask.until_ms)]
            # ccxt appends the page's end to the last trade of the venue's answer, which makes it the longest
            end = str(max((trade["info"] for trade in page), key=len)[-1]) if page else cursor
            complete = end == cursor or bool(trades[-1, TS_MS] >= ask.until_ms)
            yield inside, complete
            if complete:
                return
            cursor = end

    def _trade_page(self, symbol: str, cursor: str) -> list[dict[str, Any]]:
        params = {self._traits.trade_cursor: cursor}
        page = self._read("fetch_trades", lambda: self._exchange.fetch_trades(symbol, None, PAGE_TRADES, params))
        return sorted(page, key=_venue_order)

    # --- the exchange --------------------------------------------------------------------------------------------

    @cached_property
    def _exchange(self) -> Any:
        return open_exchange(self._exchange_id, **self._opening)

    def _read(self, what: str, call: Callable[[], R]) -> R:
        return read(what, call, self._exchange, self._sleep)


def instrument_of(market: dict[str, Any], venue: str, precision_mode: int) -> Instrument | None:
    """An instrument from ccxt's unified market; None for what can't be traded or stated in fixed ticks and lots.

    A contract's lots and minimum count units of the base asset, whatever ccxt's amounts count.
    """
    kind = _KINDS.get(market.get("type") or "")
    if kind is None or market.get("active") is False or (kind is not Kind.SPOT and not market.get("linear")):
        return None
    precision, limits = market.get("precision") or {}, market.get("limits") or {}
    tick, lot = _step(precision.get("price"), precision_mode), _step(precision.get("amount"), precision_mode)
    if tick is None or lot is None:
        return None
    unit = Decimal(1) if kind is Kind.SPOT else Decimal(str(market.get("contractSize") or 1))
    try:
        return Instrument(
            instrument_id=f"{venue}:{market['symbol']}", venue=venue, symbol=market["symbol"], base=market["base"],
            quote=market["quote"], kind=kind, tick_size=tick, lot_size=lot * unit,
            min_quantity=_least(limits, "amount") * unit, min_notional=_least(limits, "cost"),
            allows_short=kind is not Kind.SPOT, **_fee(market),
        )  # fmt: skip
    except ValidationError:
        return None


def _step(precision: float | None, mode: int) -> Decimal | None:
    """The increment that ccxt's `precision` stands for; None for none, and for significant digits."""
    modes = importlib.import_module("ccxt.base.decimal_to_precision")
    if precision is None:
        return None
    if mode == modes.TICK_SIZE:
        return Decimal(str(precision)) or None
    return Decimal(1).scaleb(-int(precision)) if mode == modes.DECIMAL_PLACES else None


def _candle(instrument: Instrument, timeframe: str, row: list[Any]) -> Candle:
    # not validated: what a venue gets wrong is the gate's to find
    numbers = [_NO_NUMBER if value is None else float(value) for value in row[1:6]]
    return Candle.model_construct(
        instrument_id=instrument.instrument_id, timeframe=timeframe, open_ms=int(row[0]), open=numbers[0],
        high=numbers[1], low=numbers[2], close=numbers[3], volume=numbers[4], marks=(),
    )  # fmt: skip


def _up(time_ms: int, step_ms: int) -> int:
    return -(-time_ms // step_ms) * step_ms


def _rows_of(page: list[dict[str, Any]]) -> Trades:
    rows = [(trade["timestamp"], trade["price"], trade["amount"]) for trade in page]
    return np.array(rows, np.float64).reshape(-1, 3)


def _venue_order(trade: dict[str, Any]) -> tuple[int, int]:
    """ccxt sorts trades of one millisecond by their ids as text, which puts 1000 before 999."""
    trade_id = str(trade.get("id") or "")
    return trade["timestamp"], int(trade_id) if trade_id.isdecimal() else 0


def _best(levels: list[list[float]], column: int = 0) -> float | None:
    """The first level's price (0) or amount (1)."""
    return levels[0][column] if levels else None


def _size(instrument: Instrument, amount: float | None) -> Decimal | None:
    """In whole lots of the base asset; None where the venue tells none, and for contracts, whose amounts count
    something else."""
    if amount is None or instrument.kind is not Kind.SPOT or not 0 <= amount < LARGEST_SIZE:
        return None
    return instrument.quantity(instrument.lots(Decimal(str(amount))))


def _least(limits: dict[str, Any], what: str) -> Decimal:
    return Decimal(str((limits.get(what) or {}).get("min") or 0))


def _fee(market: dict[str, Any]) -> dict[str, Decimal]:
    taker = market.get("taker")
    return {} if taker is None else {"taker_fee": Decimal(str(max(taker, 0)))}
