"""`fluxfloor simulate`: the same code as the stage, on a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fluxfloor.cli.main import app
from fluxfloor.errors import Misconfigured
from fluxfloor.market.archive import to_parquet
from typer.testing import CliRunner, Result

from tests.support.playground import walk


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    path = tmp_path / "bars.parquet"
    path.write_bytes(to_parquet(walk(260)))
    return path


def simulate(bars: Path, *more: str) -> Result:
    given = ["simulate", "--candles", str(bars), "--symbol", "BTC/USDT", "--timeframe", "1h", "--lot", "0.0001"]
    return CliRunner().invoke(app, [*given, *more])


def told(bars: Path, *more: str) -> dict[str, Any]:
    result = simulate(bars, "--json", *more)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def test_it_tells_counts_and_figures_and_keeps_what_it_was_asked_to_keep(bars: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    found = told(bars, "--strategy", "trend", "--fee", "0.0002", "--keep", str(kept))
    assert (found["bars"], found["books_match_venue"]) == (260, True)
    assert found["orders"] >= found["trades"] >= 1
    assert found["opening"] == 10_000
    report = json.loads((kept / "simulation" / "report.json").read_bytes())
    assert report["counts"]["equity"] == found["equity"]
    assert (kept / "paper.db").is_file()
    table = simulate(bars, "--strategy", "trend", "--fee", "0.0002")
    assert "books match venue" in table.stdout


def test_parameters_limits_and_the_market_s_depth_reach_the_floor(bars: Path) -> None:
    resting = ("--limit", "max_chases=0")
    shallow = told(bars, "--strategy", "trend", "--participation", "0.002", "--latency", "0", "0", *resting)
    assert shallow["fills"] > shallow["orders"]
    two = (
        "--strategy",
        "trend",
        "--strategy",
        "breakout",
        "--param",
        "trend.stop_atr=4",
        "--limit",
        "position_cap=0.05",
    )
    assert told(bars, *two)["exposure"] < 0.06


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--strategy", "oracle"), "'oracle' is none of trend"),
        (("--strategy", "trend", "--limit", "luck=1"), "limits.luck"),
        (("--strategy", "trend", "--fee", "0.9"), "fee: Input should be"),
        (("--strategy", "trend", "--latency", "9", "1"), "latency_max_ms must not be below"),
        (("--strategy", "trend", "--timeframe", "2h"), "timeframe: Input should be"),
    ],
)
def test_what_can_not_be_simulated_is_said_in_one_line(bars: Path, more: tuple[str, ...], says: str) -> None:
    result = simulate(bars, *more)
    assert isinstance(result.exception, Misconfigured)
    assert says in str(result.exception)


@pytest.mark.parametrize("more", [("--param", "stop_atr"), ("--param", "wide.stop_atr=1"), ("--symbol", "BTC")])
def test_a_word_that_can_not_be_read_is_a_usage_error(bars: Path, more: tuple[str, ...]) -> None:
    result = simulate(bars, "--strategy", "trend", *more)
    assert result.exit_code == 2
    assert more[0] in result.output
