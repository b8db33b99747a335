"""Market data of US equities from Alpaca. Implements ports.MarketData.

A symbol is "AAPL/USD": one share in dollars. Bars lie on UTC's grid as everywhere on the floor: a day's bar is the one
of New York's day of the same date, and four hours are put together from single ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from fluxfloor.adapters.venues.alpaca_client import DATA, LIVE, PAPER, AlpacaClient, budget_of
from fluxfloor.adapters.venues.alpaca_orders import EQUITY, USD, Row, number, rfc3339, text, time_ms
from fluxfloor.adapters.venues.keys import Keys
from fluxfloor.contracts.instruments import TIMEFRAME_MS, Candle, Instrument, Kind, Quote
from fluxfloor.errors import RetryLater
from fluxfloor.ports import Clock

MAX_PAGES = 200  # of one call; what is left is asked for again in the next pull
PAGE_BARS = 10_000
HIGHEST_PRICE = 1e9
CENT, SHARE, LEAST_FRACTION = Decimal("0.01"), Decimal(1), Decimal("0.000000001")
# docs/stockbars: days begin in New York, and of the hours only the single ones are on UTC's grid for certain.
TIMEFRAMES: Final = {"1m": "1Min", "5m": "5Min", "15m": "15Min", "1h": "1Hour", "4h": "1Hour", "1d": "1Day"}
_DAY_MS = TIMEFRAME_MS["1d"]
_NEW_YORK = ZoneInfo("America/New_York")
_NO_NUMBER = float("nan")


class AlpacaMarketData:
    """Every method raises Throttled, RetryLater or Misconfigured.

    `symbols` ("AAPL/USD") are the only ones that are asked for; without any it is all that Alpaca lists. `fractional`
    has lots of a billionth of a share where the share allows it. The rest as in AlpacaVenue.
    """

    def __init__(
        self, keys: Keys, clock: Clock, *, symbols: Sequence[str] = (), sandbox: bool = True, base_url: str = "",
        feed: str = "iex", fractional: bool = False, venue: str = "alpaca",
        sleep: Callable[[float], None] = time.sleep, answer_s: float = 10.0,
    ) -> None:  # fmt: skip
        trading = base_url or (PAPER if sandbox else LIVE)
        self._client = AlpacaClient(trading, keys, clock, budget_of(clock), sleep=sleep, answer_s=answer_s)
        self._data = AlpacaClient(base_url or DATA, keys, clock, budget_of(clock), sleep=sleep, answer_s=answer_s)
        self._clock = clock
        self._symbols = tuple(symbols)
        self._feed = feed
        self._fractional = fractional
        self._venue = venue

    def instruments(self) -> list[Instrument]:
        """Active, tradable shares. Short only where the share is easy to borrow and the account may."""
        shorts = _may_short(self._document("/v2/account"))
        made = (instrument_of(row, self._venue, shorts, self._fractional) for row in self._assets())
        found = [item for item in made if item is not None]
        if not found:  # an outage: a catalog must never be emptied by one
            raise RetryLater("alpaca lists no share that can be traded")
        return found

    def candles(self, instrument: Instrument, timeframe: str, since_ms: int, until_ms: int) -> list[Candle]:
        """As ports.MarketData says, split-adjusted. Where nobody traded there is no bar."""
        step_ms = TIMEFRAME_MS[timeframe]
        since_ms = -(-since_ms // step_ms) * step_ms
        until_ms = min(-(-until_ms // step_ms), self._clock.now_ms() // step_ms) * step_ms
        if since_ms >= until_ms:
            return []
        rows = ((open_time(row, timeframe), row) for row in self._bars(instrument, timeframe, since_ms, until_ms))
        bars = [_candle(instrument, timeframe, at_ms, row) for at_ms, row in rows if since_ms <= at_ms < until_ms]
        return joined(bars) if timeframe == "4h" else bars

    def quote(self, instrument: Instrument) -> Quote | None:
        return latest_quote(self._data, instrument, self._feed, self._clock.now_ms())

    # --- inside --------------------------------------------------------------------------------------------------

    def _assets(self) -> Iterator[Row]:
        """reference/get-v2-assets-1, reference/get-v2-assets-symbol_or_asset_id"""
        if not self._symbols:
            found = self._client.read("/v2/assets", {"status": "active", "asset_class": EQUITY})
            yield from found if isinstance(found, list) else ()
        for symbol in self._symbols:
            base, _, money = symbol.partition("/")
            row = self._client.read(f"/v2/assets/{base}") if money == USD else None
            if row is not None:
                yield row

    def _bars(self, instrument: Instrument, timeframe: str, since_ms: int, until_ms: int) -> Iterator[Row]:
        """reference/stockbars: `end` is inclusive."""
        end_ms = until_ms + _DAY_MS if timeframe == "1d" else until_ms - 1_000
        asked = {
            "symbols": instrument.base, "timeframe": TIMEFRAMES[timeframe], "start": rfc3339(since_ms),
            "end": rfc3339(min(end_ms, self._clock.now_ms())), "limit": str(PAGE_BARS), "adjustment": "split",
            "feed": self._feed, "sort": "asc",
        }  # fmt: skip
        for _ in range(MAX_PAGES):
            page = self._data.read("/v2/stocks/bars", asked)
            if not isinstance(page, dict):
                raise RetryLater("alpaca's bars can't be read")
            yield from (page.get("bars") or {}).get(instrument.base) or ()
            if not page.get("next_page_token"):
                return
            asked = {**asked, "page_token": str(page["next_page_token"])}

    def _document(self, path: str) -> Row:
        found = self._client.read(path)
        if not isinstance(found, dict):
            raise RetryLater(f"alpaca GET {path}: not the document that it should be")
        return found


def latest_quote(data: AlpacaClient, instrument: Instrument, feed: str, now_ms: int) -> Quote | None:
    """reference/stocklatestquotes. None where a side of it is empty. Sizes are in shares (since 2025-11-03)."""
    answer = data.read("/v2/stocks/quotes/latest", {"symbols": instrument.base, "feed": feed})
    row = (answer.get("quotes") or {}).get(instrument.base) if isinstance(answer, dict) else None
    if not row:
        return None
    bid, ask = number(row, "bp"), number(row, "ap")
    if not 0 < bid <= ask <= Decimal(HIGHEST_PRICE):
        return None
    return Quote(
        instrument_id=instrument.instrument_id, bid=instrument.price(max(instrument.ticks_below(bid), 1)),
        ask=instrument.price(instrument.ticks_above(ask)), ts_event_ms=min(time_ms(text(row, "t")), now_ms),
        bid_size=_whole(number(row, "bs")), ask_size=_whole(number(row, "as")),
    )  # fmt: skip


def instrument_of(row: Row, venue: str, shorts: bool, fractional: bool = False) -> Instrument | None:
    """None for what can't be traded, is no share, or has a name that our ids do not take.

    The tick is a cent. Below a dollar Alpaca takes a hundredth of one, of which a cent is a multiple.
    """
    if row.get("class") != EQUITY or row.get("status") != "active" or not row.get("tradable"):
        return None
    easy = row.get("borrow_status", "easy_to_borrow" if row.get("easy_to_borrow") else "") == "easy_to_borrow"
    fraction = fractional and bool(row.get("fractionable"))
    try:
        return Instrument(
            instrument_id=f"{venue}:{row['symbol']}/{USD}", venue=venue, symbol=f"{row['symbol']}/{USD}",
            base=row["symbol"], quote=USD, kind=Kind.EQUITY, tick_size=CENT,
            lot_size=LEAST_FRACTION if fraction else SHARE, min_notional=SHARE if fraction else Decimal(0),
            taker_fee=Decimal(0), allows_short=shorts and bool(row.get("shortable")) and easy and not fraction,
        )  # fmt: skip
    except (KeyError, ValidationError):
        return None


def _may_short(account: Row) -> bool:
    """docs/margin-and-short-selling: a limited margin account (multiplier 1) may not."""
    return bool(account.get("shorting_enabled")) and number(account, "multiplier") > 1


# --- bars --------------------------------------------------------------------------------------------------------


def open_time(row: Row, timeframe: str) -> int:
    """On UTC's grid: a day's bar by its date in New York, four hours' by the hour that it is part of."""
    open_ms = time_ms(text(row, "t"))
    if timeframe == "1d":
        day = datetime.fromtimestamp(open_ms / 1_000, UTC).astimezone(_NEW_YORK).date()
        return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000
    return open_ms // TIMEFRAME_MS[timeframe] * TIMEFRAME_MS[timeframe] if timeframe == "4h" else open_ms


def joined(bars: Iterable[Candle]) -> list[Candle]:
    """Bars of the same opening time, oldest first, made one."""
    made: list[Candle] = []
    for bar in bars:
        if made and made[-1].open_ms == bar.open_ms:
            before = made[-1]
            made[-1] = before.model_copy(
                update={
                    "high": max(before.high, bar.high), "low": min(before.low, bar.low), "close": bar.close,
                    "volume": before.volume + bar.volume,
                }
            )  # fmt: skip
        else:
            made.append(bar)
    return made


def _candle(instrument: Instrument, timeframe: str, open_ms: int, row: Row) -> Candle:
    # not validated: what a venue gets wrong is the gate's to find
    return Candle.model_construct(
        instrument_id=instrument.instrument_id, timeframe=timeframe, open_ms=open_ms, open=_float(row.get("o")),
        high=_float(row.get("h")), low=_float(row.get("l")), close=_float(row.get("c")), volume=_float(row.get("v")),
        marks=(),
    )  # fmt: skip


def _float(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else _NO_NUMBER


def _whole(size: Decimal) -> Decimal:
    return size.to_integral_value()
