"""Webhook → answer and webhook → fill on the emulators: every stage its own process, at a steady rate.

    .venv/bin/python tests/bench/latency.py --rates 5 20 --seconds 30

Times are taken outside the floor: a webhook is sent, its answer timed, and its fill looked for in Firestore.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fluxfloor.adapters.google.store import FirestoreStore
from fluxfloor.errors import RetryLater
from fluxfloor.local import processes
from fluxfloor.ports import Query, Snapshot
from support.kraken_rest import KrakenRest

SECRET = "bench-secret-8312"


def settings_text(kraken: str) -> str:
    return f"""
[market]
symbols = ["BTC/USDT", "ETH/USDT"]
timeframes = ["15m"]
base_url = "{kraken}"
[accounts.paper-main]
deposit = 1000000
[portfolios.main.limits]
max_open_positions = 1000
position_cap = 5
exposure_cap = 10
margin_cap = 1
max_leverage = 1
max_signal_age_ms = 600000
max_quote_age_ms = 600000
risk_per_trade = "0.5"
[senders.bench]
default_expected_alpha = "0.1"
rate_per_minute = 6000
"""


def send(url: str, run: str, index: int) -> tuple[str, float, int]:
    """The signal's id, seconds to the answer, and the status."""
    body = {
        "secret": SECRET, "signal_id": f"{run}-{index}", "strategy_id": f"bench-{run}-{index}", "action": "ENTRY",
        "instrument": "BTC/USDT", "direction": "LONG", "quantity": "0.0005", "stop_loss": "1",
    }  # fmt: skip
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    begun = time.perf_counter()
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            response.read()
            status = response.status
    except urllib.error.HTTPError as problem:
        print(problem.read().decode()[:300], file=sys.stderr)
        status = problem.code
    return body["strategy_id"], time.perf_counter() - begun, status


def drive(floor: processes.ProcessFloor, store: FirestoreStore, rate: float, seconds: int) -> dict[str, object]:
    """Sends `rate` webhooks a second and waits for their fills. Latencies in milliseconds."""
    run, count = f"r{rate:g}", int(rate * seconds)
    url = floor.stages["ingestion"].url + "/webhooks/bench"
    sent_ms: dict[str, float] = {}
    answers: list[float] = []
    lock = threading.Lock()

    def one(index: int) -> None:
        at_ms = time.time() * 1000
        strategy, took_s, status = send(url, run, index)
        with lock:
            if status == 200:
                sent_ms[f"bench:{strategy}"] = at_ms
                answers.append(took_s * 1000)

    with ThreadPoolExecutor(32) as pool:
        begun = time.perf_counter()
        for index in range(count):
            time.sleep(max(0.0, begun + index / rate - time.perf_counter()))
            pool.submit(one, index)
    fills, states = wait_for_fills(store, set(sent_ms), timeout_s=300)
    delays = [fills[name] - sent_ms[name] for name in fills]
    return {
        "rate_per_s": rate, "sent": count, "accepted": len(answers), "filled": len(fills), "orders": states,
        "answer_ms": spread(answers), "fill_ms": spread(delays),
    }  # fmt: skip


def wait_for_fills(store: FirestoreStore, wanted: set[str], timeout_s: float) -> tuple[dict[str, float], Counter[str]]:
    """Strategy → when execution committed its fill (ms), and how many orders there are of each state. Looks seldom: a
    look reads every order, and takes its time from the floor's."""
    deadline = time.monotonic() + timeout_s
    while True:
        rows = [row.data or {} for row in look(store)]
        orders = {row["intent"]["strategy_id"]: row for row in rows if row["intent"]["strategy_id"] in wanted}
        states = Counter(row["state"] for row in orders.values())
        over = not set(states) - {"filled", "cancelled", "rejected", "expired"}
        if (wanted <= orders.keys() and over) or time.monotonic() > deadline:
            return {name: row["updated_ms"] for name, row in orders.items() if row["state"] == "filled"}, states
        time.sleep(5.0)


def look(store: FirestoreStore) -> list[Snapshot]:
    """Every order; none while the emulator is too busy to answer."""
    try:
        return store.query(Query("orders", limit=100_000))
    except RetryLater:
        return []


def spread(values: list[float]) -> dict[str, float]:
    if len(values) < 2:
        return {}
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {"p50": round(cuts[49], 1), "p99": round(cuts[98], 1), "max": round(max(values), 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", type=float, nargs="+", default=[5, 20])
    parser.add_argument("--seconds", type=int, default=30)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, KrakenRest() as kraken:
        settings = Path(scratch) / "floor.toml"
        settings.write_text(settings_text(kraken.url))
        secrets = {"sender-bench": SECRET, "api-session-key": "x" * 64, "api-admin-password-hash": "none"}
        with processes.running(Path(scratch) / "floor", settings, secrets) as floor:
            processes.open_for_business(floor)
            print(json.dumps({name: round(stage.started_s, 2) for name, stage in floor.stages.items()}))
            store = FirestoreStore.connect(processes.PROJECT, {"edge": "edge", "mode": "paper"})
            drive(floor, store, 2, 3)  # warms connections
            for rate in asked.rates:
                print(json.dumps(drive(floor, store, rate, asked.seconds)))


if __name__ == "__main__":
    main()
