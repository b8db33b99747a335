"""Webhook → order at the venue, through the real ccxt, on the embedded floor and the wall's clock.

    PYTHONPATH=shared:. .venv/bin/python tests/bench/venue_latency.py --rates 5 20 --seconds 30

Three processes: the floor (`fluxfloor run`), a simulated Kraken (`fluxfloor venue-simulator`), and this one, which
sends the webhooks and serves the market's public data. An order's time is the venue's own, when it took it. The account
is granted more requests than Kraken grants any, so that what is measured is the floor and not Kraken's tiers.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fluxfloor.adapters.embedded.store import SqliteStore
from fluxfloor.ports import Query

from tests.bench.latency import SECRET, send, spread
from tests.support.kraken_rest import KrakenRest

TRADING = ("bench-trading-key", base64.b64encode(b"a secret that may trade").decode())
LOOKING = ("bench-looking-key", base64.b64encode(b"a secret that may look").decode())
PATIENCE_S = 120


def settings_text(market: str, venue: str) -> str:
    return f"""
[market]
symbols = ["BTC/USDT"]
timeframes = ["15m"]
base_url = "{market}"
[strategies]
[accounts.bench]
venue = "kraken"
sandbox = true
base_url = "{venue}"
stops = "floor"
requests_per_minute = 60000
orders_per_minute = 60000
[portfolios.main]
account = "bench"
[portfolios.main.limits]
max_open_positions = 1000
position_cap = 5
exposure_cap = 10
margin_cap = 1
max_leverage = 1
risk_per_trade = "0.5"
[senders.bench]
default_expected_alpha = "0.1"
rate_per_minute = 6000
"""


@contextmanager
def venue(quote: str) -> Iterator[str]:
    """A simulated Kraken whose market stands at the quote."""
    command = [
        sys.executable, "-m", "fluxfloor.cli.main", "venue-simulator", "--port", "0", "--quote", f"BTC/USDT={quote}",
        "--account", f"bench:{TRADING[0]}:{TRADING[1]}", "--query-key", f"bench:{LOOKING[0]}:{LOOKING[1]}",
        "--deposit", "USDT=1000000",
    ]  # fmt: skip
    with program(command, r"simulated at (http://\S+?):? ", {}) as address:
        yield address.rstrip(":")


@contextmanager
def floor(directory: Path, market: str, at: str) -> Iterator[str]:
    settings = directory / "floor.toml"
    settings.write_text(settings_text(market, at))
    secrets = {
        "VENUE_BENCH": json.dumps({"key": TRADING[0], "secret": TRADING[1]}),
        "VENUE_QUERY_BENCH": json.dumps({"key": LOOKING[0], "secret": LOOKING[1]}),
    }
    command = [
        sys.executable, "-m", "fluxfloor.cli.main", "run", "--settings", str(settings), "--port", "0",
        "--directory", str(directory / "floor"),
    ]  # fmt: skip
    names = {f"FLUXFLOOR_SECRET_{name}": value for name, value in secrets.items()}
    (directory / "floor" / "secrets").mkdir(parents=True)
    (directory / "floor" / "secrets" / "sender-bench").write_text(SECRET)
    with program(command, r"The floor is open at\s+(http://\S+)", names) as address:
        yield address


@contextmanager
def program(command: list[str], says: str, variables: dict[str, str]) -> Iterator[str]:
    """Runs it until its address has been used; what it says goes to a file."""
    with tempfile.TemporaryFile("w+b") as output:
        environment = {**os.environ, **variables, "COLUMNS": "400"}
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
        try:
            yield _address(process, output, says)
        finally:
            process.terminate()
            process.wait(20)


def _address(process: subprocess.Popen[bytes], output: Any, says: str) -> str:
    deadline, text = time.monotonic() + PATIENCE_S, ""
    while time.monotonic() < deadline and process.poll() is None:
        text = os.pread(output.fileno(), 1_000_000, 0).decode()
        if found := re.search(says, text):
            return found.group(1)
        time.sleep(0.2)
    raise SystemExit(f"it did not start:\n{text[-3000:]}")


def drive(address: str, directory: Path, at: str, rate: float, seconds: int) -> dict[str, object]:
    """Sends `rate` webhooks a second. Latencies in milliseconds, of every webhook that became an order."""
    run, count = f"r{rate:g}", int(rate * seconds)
    sent_ms: dict[str, float] = {}
    answers: list[float] = []

    def one(index: int) -> None:
        at_ms = time.time() * 1000
        strategy, took_s, status = send(f"{address}/webhooks/bench", run, index)
        if status == 200:
            sent_ms[f"bench:{strategy}"] = at_ms
            answers.append(took_s * 1000)

    with ThreadPoolExecutor(32) as pool:
        begun = time.perf_counter()
        for index in range(count):
            time.sleep(max(0.0, begun + index / rate - time.perf_counter()))
            pool.submit(one, index)
    rows = wait(SqliteStore(directory / "floor"), set(sent_ms))
    taken = {order["client_id"]: order["created_ms"] for order in state(at)["accounts"]["bench"]["orders"]}
    placed = [
        taken[row["client_order_id"]] - sent_ms[name] for name, row in rows.items() if row["client_order_id"] in taken
    ]
    booked = [row["updated_ms"] - sent_ms[name] for name, row in rows.items() if row["state"] == "filled"]
    return {
        "rate_per_s": rate, "sent": count, "accepted": len(answers), "at_the_venue": len(placed),
        "filled": len(booked), "answer_ms": spread(answers), "placed_ms": spread(placed), "filled_ms": spread(booked),
    }  # fmt: skip


def wait(store: SqliteStore, wanted: set[str]) -> dict[str, dict[str, Any]]:
    """Strategy → its order, once all have ended or patience has."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        rows = [row.data or {} for row in store.query(Query("orders", limit=100_000))]
        found = {row["intent"]["strategy_id"]: row for row in rows if row["intent"]["strategy_id"] in wanted}
        if (wanted <= found.keys() and not any(row["open"] for row in found.values())) or time.monotonic() > deadline:
            return found
        time.sleep(3.0)


def state(at: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{at}/_sim/state", timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", type=float, nargs="+", default=[5, 20])
    parser.add_argument("--seconds", type=int, default=30)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, KrakenRest() as market, venue("41999.9/42000") as at:
        directory = Path(scratch)
        with floor(directory, market.url, at) as address:
            drive(address, directory, at, 2, 3)  # opens the exchange, loads its markets
            for rate in asked.rates:
                print(json.dumps(drive(address, directory, at, rate, asked.seconds)), flush=True)
            account = state(at)["accounts"]["bench"]
            print(json.dumps({"venue": account["balances"], "contradictions": account["contradictions"]}))


if __name__ == "__main__":
    main()
