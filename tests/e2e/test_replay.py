"""Recorded bars and webhooks through all the real stages, from the command line, on both backends."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

STEP_MS = 900_000
BEGIN_MS = 1_700_000_100_000 // STEP_MS * STEP_MS


def write_candles(path: Path, count: int, seed: int = 7) -> None:
    """A walk that trends and turns, so that every strategy finds something."""
    random, price = Random(seed), 40_000.0
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["timestamp", "open", "high", "low", "close", "volume"])
        for index in range(count):
            drift = 0.0012 * math.sin(index / 25)
            close = round(price * math.exp(random.gauss(drift, 0.003)), 1)
            high, low = round(max(price, close) * 1.001, 1), round(min(price, close) * 0.999, 1)
            rows.writerow([BEGIN_MS + index * STEP_MS, price, high, low, close, round(random.uniform(1, 9), 3)])
            price = close


def write_signals(path: Path, count: int) -> None:
    """Entries and exits by turns, each of them twice."""
    lines = []
    for index in range(count):
        action = "BUY" if index % 2 == 0 else "SELL"
        body = f"SYMBOL=BTCUSDT;SIGNAL={action};ID=hook-{index}"
        at_ms = BEGIN_MS + (30 + index * 7) * STEP_MS + 5_000
        line = json.dumps({"body": body, "content_type": "text/plain", "at": at_ms})
        lines += [line, line]
    path.write_text("\n".join(lines))


def run_replay(tmp_path: Path, *more: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "fluxfloor.cli.main", "replay", "--candles", str(tmp_path / "bars.csv"), "--json"]
    done = subprocess.run([*command, *more], capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def sound(report: dict[str, Any]) -> None:
    assert report["ledger_balanced"] is True
    assert report["books_match_venue"] is True
    assert report["undelivered"] == 0
    decisions = report["decisions"]
    assert report["signals"] == decisions["accepted"] + sum(decisions["refused"].values())
    assert report["orders"] == decisions["accepted"]


def test_a_replay_goes_through_every_stage_and_its_books_agree(tmp_path: Path) -> None:
    write_candles(tmp_path / "bars.csv", 400)
    write_signals(tmp_path / "signals.jsonl", 12)
    report = run_replay(tmp_path, "--signals", str(tmp_path / "signals.jsonl"))
    sound(report)
    assert report["candles"] == 400
    assert report["webhooks"] == {"accepted": 12, "duplicate": 12, "refused": {}}
    assert report["fills"] >= 4
    assert report["trades"] >= 2


@pytest.mark.emulators
def test_the_emulators_give_the_identical_floor(emulators: object, tmp_path: Path) -> None:
    write_candles(tmp_path / "bars.csv", 140)
    write_signals(tmp_path / "signals.jsonl", 6)
    signals = ("--signals", str(tmp_path / "signals.jsonl"))
    embedded, emulated = run_replay(tmp_path, *signals), run_replay(tmp_path, *signals, "--backend", "emulators")
    sound(emulated)
    assert emulated["fills"] >= 4
    timing = ("wall_s", "steps_per_s", "steps")
    assert {name: embedded[name] for name in embedded if name not in timing} == {
        name: emulated[name] for name in emulated if name not in timing
    }


def test_what_an_earlier_replay_kept_can_be_asked_why(tmp_path: Path) -> None:
    write_candles(tmp_path / "bars.csv", 200)
    write_signals(tmp_path / "signals.jsonl", 2)
    run_replay(tmp_path, "--signals", str(tmp_path / "signals.jsonl"), "--keep", str(tmp_path / "floor"))
    from fluxfloor.adapters.embedded.store import SqliteStore
    from fluxfloor.ports import Query

    store = SqliteStore(tmp_path / "floor")
    order = store.query(Query("orders", limit=1))[0].data
    assert order is not None
    command = [sys.executable, "-m", "fluxfloor.cli.main", "why", order["id"], "--directory", str(tmp_path / "floor")]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert order["client_order_id"] in told
    assert "filled" in told


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--candles", "nowhere.csv"), "nowhere.csv"),
        (("--symbol", "BTCUSDT"), "BASE/QUOTE"),
        (("--timeframe", "7m"), "7m"),
    ],
)
def test_a_mistake_is_told_in_words(tmp_path: Path, arguments: tuple[str, ...], complaint: str) -> None:
    write_candles(tmp_path / "bars.csv", 5)
    base = [sys.executable, "-m", "fluxfloor.cli.main", "replay", "--candles", str(tmp_path / "bars.csv")]
    done = subprocess.run([*base, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
