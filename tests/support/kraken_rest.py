"""A loopback server that speaks Kraken's public REST API, so that the real ccxt code can be driven without a network.

Its market is made up, but consistent: every trade follows from its second alone, and candles, ticker and depth follow
from the trades. It keeps Kraken's limits: OHLC gives the newest 720 bars with the one still open among them, Trades
gives 1,000 a page after an exclusive cursor in nanoseconds, and where nobody traded there is no bar.

    python tests/support/kraken_rest.py --port 8099
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import ceil, exp, sin, tau
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

OHLC_BARS = 720
PAGE_TRADES = 1_000
FEES = [[0, 0.40], [10_000, 0.35]]


@dataclass(frozen=True)
class Pair:
    id: str
    wsname: str
    base: str
    quote: str
    price: float
    decimals: int
    lot_decimals: int = 8
    order_minimum: str = "0.00005"
    every_s: int = 20  # a trade about this often
    status: str = "online"

    def asset_pair(self) -> dict[str, Any]:
        return {
            "altname": self.id, "wsname": self.wsname, "aclass_base": "currency", "base": self.base,
            "aclass_quote": "currency", "quote": self.quote, "lot": "unit", "cost_decimals": 5,
            "pair_decimals": self.decimals, "lot_decimals": self.lot_decimals, "lot_multiplier": 1,
            "leverage_buy": [2, 3], "leverage_sell": [2, 3], "fees": FEES, "fees_maker": [[0, 0.25]],
            "fee_volume_currency": "ZUSD", "margin_call": 80, "margin_stop": 40, "ordermin": self.order_minimum,
            "costmin": "0.5", "tick_size": format(10**-self.decimals, f".{self.decimals}f"), "status": self.status,
        }  # fmt: skip


PAIRS = (
    Pair("XBTUSDT", "XBT/USDT", "XXBT", "USDT", 42_000.0, 1),
    Pair("ETHUSDT", "ETH/USDT", "XETH", "USDT", 2_300.0, 2, order_minimum="0.002", every_s=400),
    Pair("XXBTZUSD", "XBT/USD", "XXBT", "ZUSD", 42_010.0, 1),
    Pair("OLDUSDT", "OLD/USDT", "OLD", "USDT", 1.0, 4, status="cancel_only"),
)
ASSETS = {
    name: {"aclass": "currency", "altname": altname, "decimals": 10, "display_decimals": 5, "status": "enabled"}
    for name, altname in (("XXBT", "XBT"), ("XETH", "ETH"), ("USDT", "USDT"), ("ZUSD", "USD"), ("OLD", "OLD"))
}

Trade = tuple[float, str, str, int]
"""Seconds, price, volume, id."""


def trade_at(pair: Pair, second: int) -> Trade | None:
    """The trade of this second, if there was one."""
    noise = second * 2_654_435_761 % 2**32
    if noise % pair.every_s:
        return None
    swing = 0.02 * sin(tau * second / 86_400) + 0.004 * sin(tau * second / 5_000) + 0.0004 * sin(noise)
    volume = f"{0.0001 + (noise >> 8) % 5_000 / 10_000:.8f}"
    moment = second + (noise >> 4) % 1_000 / 1_000
    return moment, f"{pair.price * exp(swing):.{pair.decimals}f}", volume, second


def trades_between(pair: Pair, since_s: float, until_s: float) -> list[Trade]:
    found = (trade_at(pair, second) for second in range(int(since_s), int(until_s) + 1))
    return [trade for trade in found if trade is not None and since_s <= trade[0] < until_s]


@dataclass
class Fault:
    """What the next request of an endpoint gets instead of an answer."""

    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0


class KrakenRest:
    """`with KrakenRest() as venue: … venue.url`. `faults[endpoint]` are used up first in, first out."""

    def __init__(self, port: int = 0, now_s: Callable[[], float] = time.time) -> None:
        self.now_s = now_s
        self.faults: dict[str, deque[Fault]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.last_ohlc_row: list[Any] | None = None  # put in place of the newest closed bar
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> KrakenRest:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fail(self, endpoint: str, *faults: Fault) -> None:
        self.faults.setdefault(endpoint, deque()).extend(faults)

    def asked(self, endpoint: str) -> list[dict[str, str]]:
        return [query for name, query in self.requests if name == endpoint]

    def answer(self, endpoint: str, query: dict[str, str]) -> dict[str, Any]:
        fixed = {
            "Assets": lambda: ASSETS,
            "AssetPairs": lambda: {pair.id: pair.asset_pair() for pair in PAIRS},
            "Time": lambda: {"unixtime": int(self.now_s()), "rfc1123": time.strftime("%a, %d %b %y %H:%M:%S +0000")},
            "SystemStatus": lambda: {"status": "online", "timestamp": "2026-01-01T00:00:00Z"},
        }
        if endpoint in fixed:
            return {"error": [], "result": fixed[endpoint]()}
        about = {"OHLC": self._ohlc, "Trades": self._trades, "Ticker": self._ticker, "Depth": self._depth}
        pair = next((pair for pair in PAIRS if pair.id == query.get("pair")), None)
        if endpoint not in about:
            return {"error": ["EGeneral:Unknown method"]}
        if pair is None:
            return {"error": ["EQuery:Unknown asset pair"]}
        return {"error": [], "result": about[endpoint](pair, query)}

    def _ohlc(self, pair: Pair, query: dict[str, str]) -> dict[str, Any]:
        step_s, now_s = int(query.get("interval", "1")) * 60, self.now_s()
        begin_s = (int(now_s) // step_s - OHLC_BARS + 1) * step_s
        opens = range(max(begin_s, int(query.get("since", "0")) // step_s * step_s + step_s), int(now_s) + 1, step_s)
        rows = [row for open_s in opens if (row := _bar(pair, open_s, min(open_s + step_s, now_s)))]
        if self.last_ohlc_row is not None:
            rows[-2] = [rows[-2][0], *self.last_ohlc_row]
        return {pair.id: rows, "last": rows[-2][0] if len(rows) > 1 else 0}

    def _trades(self, pair: Pair, query: dict[str, str]) -> dict[str, Any]:
        now_s, cursor_ns = self.now_s(), int(query.get("since", "0"))
        if cursor_ns < 10**12:  # Kraken takes seconds too
            cursor_ns *= 10**9
        since_s = cursor_ns // 10**9 if cursor_ns else int(now_s) - 20_000
        rows: list[list[Any]] = []
        while since_s < now_s and len(rows) < PAGE_TRADES:
            chunk = trades_between(pair, since_s, min(since_s + 20_000, now_s))
            rows += [_trade(trade) for trade in chunk if _ns(trade) > cursor_ns]
            since_s += 20_000
        rows = rows[: int(query.get("count", PAGE_TRADES))]
        last_ns = round(rows[-1][2] * 1_000) * 1_000_000 if rows else cursor_ns
        return {pair.id: rows, "last": str(last_ns)}

    def _last(self, pair: Pair) -> float:
        now_s = self.now_s()
        return float(trades_between(pair, now_s - 20_000, now_s)[-1][1])

    def _ticker(self, pair: Pair, _query: dict[str, str]) -> dict[str, Any]:
        last, places = self._last(pair), pair.decimals
        bid, ask = (f"{last + side * 10**-places:.{places}f}" for side in (-1, 1))
        return {
            pair.id: {
                "a": [ask, "1", "1.000"], "b": [bid, "1", "1.000"], "c": [f"{last:.{places}f}", "0.01"],
                "v": ["10.0", "20.0"], "p": [bid, bid], "t": [100, 200], "l": [bid, bid], "h": [ask, ask], "o": bid,
            }
        }  # fmt: skip

    def _depth(self, pair: Pair, _query: dict[str, str]) -> dict[str, Any]:
        last, places, now_s = self._last(pair), pair.decimals, int(self.now_s())
        sides = {
            name: [[f"{last + side * level * 10**-places:.{places}f}", "1.500", now_s] for level in (2, 3, 4)]
            for name, side in (("asks", 1), ("bids", -1))
        }
        return {pair.id: sides}


def _ns(trade: Trade) -> int:
    return round(trade[0] * 1_000) * 1_000_000


def _trade(trade: Trade) -> list[Any]:
    moment_s, price, volume, trade_id = trade
    return [price, volume, round(moment_s, 3), "b" if trade_id % 2 else "s", "l", "", trade_id]


def _bar(pair: Pair, open_s: int, until_s: float) -> list[Any] | None:
    """None where nobody traded. A day has thousands of trades: only those that make its corners are spelled out."""
    seconds = np.arange(open_s, ceil(until_s), dtype=np.uint64)
    noise = seconds * np.uint64(2_654_435_761) % np.uint64(2**32)
    traded = noise % np.uint64(pair.every_s) == 0
    seconds, noise = seconds[traded], noise[traded]
    moments = seconds + (noise >> np.uint64(4)) % np.uint64(1_000) / 1_000
    seconds, noise = seconds[moments < until_s], noise[moments < until_s]
    if not seconds.size:
        return None
    swing = 0.02 * np.sin(tau * seconds / 86_400) + 0.004 * np.sin(tau * seconds / 5_000) + 0.0004 * np.sin(noise)
    corners = (0, int(swing.argmax()), int(swing.argmin()), -1)
    prices = [found[1] for at in corners if (found := trade_at(pair, int(seconds[at])))]
    volume = float(np.sum(0.0001 + (noise >> np.uint64(8)) % np.uint64(5_000) / 10_000))
    return [open_s, *prices, prices[0], f"{volume:.8f}", int(seconds.size)]


def _handler(venue: KrakenRest) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            endpoint = parts.path.rsplit("/", 1)[-1]
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            venue.requests.append((endpoint, query))
            waiting = venue.faults.get(endpoint)
            if waiting:
                self._fail(waiting.popleft())
            else:
                self._send(200, json.dumps(venue.answer(endpoint, query)), {})

        def _fail(self, fault: Fault) -> None:
            time.sleep(fault.delay_s)
            self._send(fault.status, fault.body, fault.headers)

        def _send(self, status: int, body: str, headers: dict[str, str]) -> None:
            with suppress(ConnectionError):  # who timed out has left
                self._write(status, body.encode(), headers)

        def _write(self, status: int, data: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Silent: the test says what matters."""

    return Handler


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8099)
    with KrakenRest(parser.parse_args().port) as venue:
        print(f"Kraken's public REST API, made up, at {venue.url}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
