"""Alpaca's endpoints over the core, each as it is carried out when its request arrives."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from fluxfloor.contracts.instruments import TIMEFRAME_MS
from fluxfloor.features.sessions import NEW_YORK, closing_minute
from fluxfloor.venuesim.alpaca import reading, sessions, shapes
from fluxfloor.venuesim.alpaca.reading import Params
from fluxfloor.venuesim.alpaca.words import USD
from fluxfloor.venuesim.numbers import whole
from fluxfloor.venuesim.orders import Order
from fluxfloor.venuesim.outside import Outside
from fluxfloor.venuesim.refusals import Reason, Refused
from fluxfloor.venuesim.tape import Bar
from fluxfloor.venuesim.venue import Venue

PAGE_ORDERS, PAGE_ACTIVITIES, PAGE_BARS = 50, 100, 1_000
MOST_ORDERS, MOST_BARS = 500, 10_000
_STEPS: Final = {
    "1Min": TIMEFRAME_MS["1m"], "5Min": TIMEFRAME_MS["5m"], "15Min": TIMEFRAME_MS["15m"], "1Hour": TIMEFRAME_MS["1h"],
    "1Day": TIMEFRAME_MS["1d"],
}  # fmt: skip


# --- the account -------------------------------------------------------------------------------------------------


def account(venue: Venue, name: str, _params: Params) -> Any:
    held = venue.account(name)
    shares = (amount * (_last(venue, base) or Decimal(0)) for base, amount in held.balances.items() if base != USD)
    return shapes.account(held, sum(shares, Decimal(0)))


def positions(venue: Venue, name: str, _params: Params) -> Any:
    held = venue.account(name)
    return [shapes.position(held, base, _last(venue, base)) for base, amount in sorted(held.balances.items())
            if base != USD and amount]  # fmt: skip


def activities(venue: Venue, name: str, params: Params) -> Any:
    """By their time, `after` and `until` exclusive, a page of at most 100 after (or before) `page_token`."""
    wanted = [kind for kind in params.get("activity_types", "").split(",") if kind]
    fills = [(done.ts_ms, shapes.fill(done, venue.orders[done.order - 1])) for done in venue.visible_fills(name)]
    others = [(line.ts_ms, shapes.entry(line)) for line in venue.visible_entries(name) if not line.fill]
    after_ms, until_ms = reading.time_of(params, "after"), reading.time_of(params, "until")
    rows = [
        row
        for ts_ms, row in sorted((*fills, *others), key=lambda item: (item[0], item[1]["id"]))
        if (after_ms is None or ts_ms > after_ms) and (until_ms is None or ts_ms < until_ms)
        if not wanted or row["activity_type"] in wanted
    ]
    if params.get("direction", "desc") == "desc":
        rows.reverse()
    begin = max((at for at, row in enumerate(rows, 1) if row["id"] == params.get("page_token")), default=0)
    return rows[begin : begin + _size(params, "page_size", PAGE_ACTIVITIES, PAGE_ACTIVITIES)]


# --- orders ------------------------------------------------------------------------------------------------------


def place(venue: Venue, name: str, params: Params) -> Any:
    terms = reading.terms_of(params, venue.now_ms)
    reading.check_wash_trade(venue.account(name), terms)
    return _shown(venue, venue.place(name, terms))


def orders(venue: Venue, name: str, params: Params) -> Any:
    """By their submission; `after`, `until` and the ids are exclusive."""
    status, symbols = params.get("status", "open"), [item for item in params.get("symbols", "").split(",") if item]
    after_ms, until_ms = reading.time_of(params, "after"), reading.time_of(params, "until")
    after, before = _number_of(params.get("after_order_id", "")), _number_of(params.get("before_order_id", ""))
    rows = [
        order
        for order in venue.visible_orders(name)
        if status == "all" or order.open == (status == "open")
        if not symbols or order.terms.symbol.partition("/")[0] in symbols
        if (after_ms is None or order.created_ms > after_ms) and (until_ms is None or order.created_ms < until_ms)
        if order.number > after and (not before or order.number < before)
    ]
    if params.get("direction", "desc") == "desc":
        rows.reverse()
    return [_shown(venue, order) for order in rows[: _size(params, "limit", PAGE_ORDERS, MOST_ORDERS)]]


def order(venue: Venue, name: str, params: Params) -> Any:
    return _shown(venue, _found(venue, name, params))


def cancel(venue: Venue, name: str, params: Params) -> Any:
    found = _found(venue, name, params)
    if not found.open:
        status = shapes.status_of(found, True)
        raise Refused(Reason.INVALID_ARGUMENT, f'request: order is already in "{status}" state')
    venue.cancel(name, found.number)
    return None


def _found(venue: Venue, name: str, params: Params) -> Order:
    """By Alpaca's id or the client's, as far as look-ups show it."""
    number, client_id = _number_of(params.get("order_id", "")), params.get("client_order_id", "")
    for seen in venue.visible_orders(name):
        if seen.number == number or (client_id and seen.terms.client_id == client_id):
            return seen
    raise Refused(Reason.UNKNOWN_ORDER, params.get("order_id") or client_id)


def _shown(venue: Venue, order: Order) -> Any:
    return shapes.order(order, venue.trades_at(venue.now_ms))


def _number_of(order_id: str) -> int:
    try:
        number = int(order_id.partition("-")[0], 16)
    except ValueError:
        return 0
    return number if shapes.order_id(number) == order_id else 0


# --- the market --------------------------------------------------------------------------------------------------


def assets(venue: Venue, params: Params) -> Any:
    listed = [shapes.asset(outside.market) for outside in venue.outside.values()]
    return listed if params.get("status", "active") == "active" else []


def asset(venue: Venue, params: Params) -> Any:
    wanted = params["symbol"]
    for row in assets(venue, {}):
        if wanted in (row["symbol"], row["id"]):
            return row
    raise Refused(Reason.UNKNOWN_ORDER, wanted)


def quotes(venue: Venue, params: Params) -> Any:
    found = {base: shapes.quote(outside) for base, outside in _wanted(venue, params).items()}
    return {"quotes": {base: row for base, row in found.items() if row is not None}}


def bars(venue: Venue, params: Params) -> Any:
    """Ended or not, `end` inclusive; the token is where the next page begins."""
    step = params.get("timeframe", "")
    if step not in _STEPS:
        raise Refused(Reason.INVALID_ARGUMENT, "timeframe")
    start_ms, end_ms = reading.time_of(params, "start") or 0, reading.time_of(params, "end") or venue.now_ms
    rows = [
        (base, _bar(open_ms, one))
        for base, outside in sorted(_wanted(venue, params).items())
        for open_ms, one in _grouped(outside, step).items()
        if start_ms <= open_ms <= end_ms
    ]
    begin = max(0, whole(params.get("page_token") or "0", "page_token"))
    size = _size(params, "limit", PAGE_BARS, MOST_BARS)
    page: dict[str, list[Any]] = {}
    for base, row in rows[begin : begin + size]:
        page.setdefault(base, []).append(row)
    return {"bars": page, "next_page_token": str(begin + size) if len(rows) > begin + size else None}


def clock(venue: Venue, _params: Params) -> Any:
    now_ms = venue.now_ms
    return {
        "timestamp": shapes.in_new_york(now_ms), "is_open": venue.trades_at(now_ms),
        "next_open": shapes.in_new_york(sessions.next_open_ms(now_ms)),
        "next_close": shapes.in_new_york(sessions.next_close_ms(now_ms)),
    }  # fmt: skip


def calendar(venue: Venue, params: Params) -> Any:
    today = datetime.fromtimestamp(venue.now_ms / 1_000, UTC).astimezone(NEW_YORK).date()
    first, last = (_day(params, name, default) for name, default in (("start", today), ("end", today + _A_MONTH)))
    return [
        {
            "date": day.isoformat(), "open": "09:30", "close": sessions.clock_text(closing_minute(day) or 0),
            "session_open": "0400", "session_close": "2000",
        }
        for day in sessions.days(first, last)
    ]  # fmt: skip


_A_MONTH: Final = timedelta(days=30)


def _day(params: Params, name: str, default: date) -> date:
    try:
        return date.fromisoformat(params[name][:10]) if params.get(name) else default
    except ValueError as problem:
        raise Refused(Reason.INVALID_ARGUMENT, name) from problem


def _size(params: Params, name: str, usual: int, most: int) -> int:
    """Of a page."""
    asked = whole(params.get(name) or str(usual), name)
    if asked < 1:
        raise Refused(Reason.INVALID_ARGUMENT, name)
    return min(asked, most)


def _wanted(venue: Venue, params: Params) -> dict[str, Outside]:
    symbols = params.get("symbols", "").split(",")
    return {base: venue.outside[f"{base}/{USD}"] for base in symbols if f"{base}/{USD}" in venue.outside}


def _grouped(outside: Outside, step: str) -> dict[int, Bar]:
    """Minutes made into bars: days are New York's."""
    opens: Callable[[int], int] = _day_begins if step == "1Day" else lambda ms: ms // _STEPS[step] * _STEPS[step]
    made: dict[int, Bar] = {}
    for minute in outside.tape.minutes:
        open_ms = opens(minute.open_ms)
        if open_ms in made:
            made[open_ms].add(minute)
        else:
            made[open_ms] = Bar(open_ms, minute.open, minute.high, minute.low, minute.close, minute.volume,
                                minute.turnover, minute.count)  # fmt: skip
    return made


def _day_begins(ms: int) -> int:
    day = datetime.fromtimestamp(ms / 1_000, UTC).astimezone(NEW_YORK)
    return int(day.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()) * 1_000


def _bar(open_ms: int, bar: Bar) -> dict[str, Any]:
    return {
        "t": (shapes.moment(open_ms) or "").replace(".000Z", "Z"), "o": float(bar.open), "h": float(bar.high),
        "l": float(bar.low), "c": float(bar.close), "v": int(bar.volume), "n": bar.count,
        "vw": float(bar.turnover / bar.volume) if bar.volume else float(bar.close),
    }  # fmt: skip


def _last(venue: Venue, base: str) -> Decimal | None:
    outside = venue.outside.get(f"{base}/{USD}")
    return outside.last if outside else None
