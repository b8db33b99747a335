"""`fluxfloor venue-simulator` as a process of its own, and what it says to what it cannot do."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest
from fluxfloor.adapters.venues.ccxt_exchange import open_exchange
from fluxfloor.cli.main import app
from fluxfloor.errors import Misconfigured
from typer.testing import CliRunner

ROOT = Path(__file__).parents[2]


@contextmanager
def as_from_a_terminal() -> Iterator[None]:
    """Who runs the tests in the background has Ctrl-C ignored, and so would the program."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def simulator(*words: str) -> Iterator[str]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'shared'}:{ROOT}", "COLUMNS": "200"}
    command = [sys.executable, "-u", "-m", "fluxfloor.cli.main", "venue-simulator", "--port", "0", *words]
    with as_from_a_terminal():
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT)
    try:
        assert process.stdout is not None
        found = re.search(r"http://[\d.]+:\d+", process.stdout.readline())
        assert found
        yield found.group()
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


def test_ccxt_trades_at_the_simulator_that_the_command_starts() -> None:
    with simulator("--account", "main:KEY:c2VjcmV0", "--deposit", "USDT=10000", "--walk", "BTC/USDT=60000") as url:
        client = open_exchange("kraken", base_url=url, apiKey="KEY", secret="c2VjcmV0", rate_limit_ms=0)
        placed = client.create_order("BTC/USDT", "market", "buy", 0.01)
        assert client.fetch_order(placed["id"])["status"] == "closed"
        assert 9_000 < client.fetch_balance()["USDT"]["total"] < 9_800
        state = httpx.get(f"{url}/_sim/state", trust_env=False).json()
        assert state["accounts"]["main"]["contradictions"] == []


def test_binance_with_a_key_that_looks_and_markets_from_bars_and_by_hand(tmp_path: Path) -> None:
    hours = 1_700_000_000_000 // 3_600_000 * 3_600_000 + np.arange(48) * 3_600_000
    rows = "".join(f"{int(at)},{100 + n},{101 + n},{99 + n},{100.5 + n},5\n" for n, at in enumerate(hours))
    bars = tmp_path / "bars.csv"
    bars.write_text("timestamp,open,high,low,close,volume\n" + rows)
    words = ("--venue", "binance", "--account", "a:K:S", "--query-key", "a:Q:T", "--deposit", "a:EUR=5", "--size", "3")
    with simulator(*words, "--bars", f"SOL/EUR={bars}", "--pace", "3600", "--quote", "BTC/EUR=100/101") as url:
        client = open_exchange("binance", base_url=url, apiKey="Q", secret="T", rate_limit_ms=0)
        assert client.fetch_balance()["EUR"]["total"] == 5
        assert client.fetch_order_book("BTC/EUR")["asks"][0] == [101, 3]
        assert 98 < client.fetch_ticker("SOL/EUR")["last"] < 150


def test_alpaca_is_simulated_too_and_keeps_count_of_requests() -> None:
    with simulator("--venue", "alpaca", "--account", "main:KEY:SECRET", "--throttle") as url:
        headers = {"APCA-API-KEY-ID": "KEY", "APCA-API-SECRET-KEY": "SECRET"}
        with httpx.Client(base_url=url, headers=headers, trust_env=False) as client:
            assert client.get("/v2/account").json()["cash"].startswith("10000")
            statuses = [client.get("/v2/clock").status_code for _ in range(220)]
    assert set(statuses) == {200, 429}


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--venue", "mtgox"), "mtgox"),
        (("--account", "main:KEY"), "NAME:KEY:SECRET"),
        (("--account", "main:KEY:not base64!"), "base64"),
        (("--walk", "BTCUSDT=1"), "BTC/USDT"),
        (("--walk", "BTC/USDT=many"), "many"),
        (("--walk", "BTC/USDT"), "NAME=VALUE"),
        (("--deposit", "USDT=-5"), "above 0"),
    ],
)
def test_what_it_cannot_do_it_says(words: tuple[str, ...], problem: str) -> None:
    done = CliRunner().invoke(app, ["venue-simulator", "--port", "0", *words])
    assert isinstance(done.exception, Misconfigured)
    assert problem in str(done.exception)
