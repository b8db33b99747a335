"""The research commands as people type them: figures, files, and errors that say what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fluxfloor.cli.main import app
from fluxfloor.errors import FloorError
from fluxfloor.market.archive import from_parquet, to_parquet
from fluxfloor.measures.performance import performance
from fluxfloor.simulation import backtest, preset, spot
from fluxfloor.strategies import build
from typer.testing import CliRunner, Result

from tests.support.histories import random_bars
from tests.support.runs import DAY, T0

DAYS = 190  # January to early July: three windows of three months and one


def rounded(seed: int) -> Any:
    """Bars in cents, as a market's are."""
    bars = random_bars(24 * DAYS, seed, drift=0.0001, risk=0.006)
    bars[:, 1:5] = np.round(bars[:, 1:5], 2)
    return bars


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("bars")
    for name, seed in (("btc", 1), ("eth", 2)):
        (made / f"{name}.parquet").write_bytes(to_parquet(rounded(seed)))
    (made / "empty").mkdir()
    return made


def call(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def answer(*words: object) -> dict[str, Any]:
    """The last line of a command that went well."""
    done = call(*words, "--json")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert not [name for name, value in found.items() if isinstance(value, dict | list)]
    return found


def refusal(*words: object) -> str:
    """What a command says that will not run."""
    done = call(*words)
    assert done.exit_code != 0
    return str(done.exception) if isinstance(done.exception, FloorError) else " ".join(done.output.split())


def test_a_backtest_says_what_the_library_measures(folder: Path) -> None:
    found = answer("backtest", "--candles", folder / "btc.parquet", "--strategy", "ma_cross", "--param", "slow=60",
                   "--set", "edge_gate=0")  # fmt: skip
    strategy: Any = build("ma_cross", {"slow": 60})
    run = backtest(strategy, [rounded(1)], [spot("BTC/USDT")], preset("kraken-mvp", edge_gate=False))
    expected = performance(run)
    assert found["total_return"] == pytest.approx(expected.total_return, rel=1e-9)
    assert found["sharpe"] == pytest.approx(expected.sharpe, rel=1e-9)
    assert found["trades"] == len(run.trades) > 20
    assert found["sharpe_ratio_low"] < found["sharpe"] < found["sharpe_ratio_high"]
    assert {"buy_and_hold_total_return", "ma_cross_20_100_sharpe", "random_entries_max_drawdown"} <= set(found)
    assert 0 <= found["beats_chance"] <= 1


def test_a_backtest_prints_its_tables_and_writes_its_report(folder: Path, tmp_path: Path) -> None:
    for kind, begins in ((".pdf", b"%PDF"), (".html", b"<!doctype"), (".png", b"\x89PNG")):
        out = tmp_path / f"report{kind}"
        done = call("backtest", "--candles", folder / "btc.parquet", "--strategy", "trend", "--report", out)
        assert done.exit_code == 0, done.output
        assert out.read_bytes().startswith(begins)
    for words in ("this run", "MA cross", "Sharpe ratio", "95 % interval", "2024-01-01 to 2024-07-08"):
        assert words in done.output


def test_free_costs_cost_nothing_and_several_symbols_share_one_account(folder: Path) -> None:
    both = ["--candles", folder / "btc.parquet", "--candles", folder / "eth.parquet", "--symbol", "BTC/USDT",
            "--symbol", "ETH/USDT", "--strategy", "breakout"]  # fmt: skip
    paid, free = answer("backtest", *both), answer("backtest", *both, "--costs", "free")
    assert paid["symbols"] == "BTC/USDT,ETH/USDT"
    assert paid["fees_paid"] > 0
    assert free["fees_paid"] == 0


def test_days_can_be_left_out(folder: Path) -> None:
    words = ("backtest", "--candles", folder / "btc.parquet", "--strategy", "trend")
    found = answer(*words, "--since", "2024-02-01", "--until", "2024-03-01")
    assert found["bars"] == 29 * 24
    assert found["begin_ms"] == T0 + 31 * DAY


def test_a_sweep_ranks_what_the_strategy_accepts_and_doubts_it(folder: Path, tmp_path: Path) -> None:
    words = ("sweep", "--candles", folder / "btc.parquet", "--strategy", "ma_cross", "--grid", "fast=10,20,40",
             "--grid", "slow=20:60:20", "--set", "edge_gate=0")  # fmt: skip
    found = answer(*words, "--chart", tmp_path / "map.png")
    assert found["variants"] == 6  # of nine, those whose fast average is the faster one
    assert 0 <= found["deflated_sharpe"] <= 1
    assert 0 <= found["overfitting_probability"] <= 1
    best = answer("backtest", "--candles", folder / "btc.parquet", "--strategy", "ma_cross", "--set", "edge_gate=0",
                  "--param", f"fast={found['best_fast']}", "--param", f"slow={found['best_slow']}")  # fmt: skip
    assert best["sharpe"] == pytest.approx(found["best_sharpe"])
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")
    shown = call(*words, "--top", "3")
    assert "The best 3 of 6 by sharpe" in shown.output


def test_walking_forward_chooses_anew_for_each_period(folder: Path, tmp_path: Path) -> None:
    words = ("walkforward", "--candles", folder / "btc.parquet", "--strategy", "ma_cross", "--set", "edge_gate=0")
    found = answer(*words, "--grid", "fast=5,20", "--grid", "slow=40,80", "--chart", tmp_path / "periods.png")
    assert found["periods"] == 3
    assert found["gaining_share"] == pytest.approx(found["gaining"] / 3)
    assert found["passed"] is (found["gaining"] >= 2)
    fixed = call(*words)
    assert fixed.exit_code == 0
    assert "2024-04" in fixed.output
    assert "fixed" in fixed.output
    assert "no 13 whole calendar months" in refusal(*words, "--train-months", 12)


def test_the_full_report_walks_forward_deflates_and_takes_parts_away(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "all.html"
    found = answer("report", out, "--candles", folder / "btc.parquet", "--strategy", "dual_mode", "--grid",
                   "entry_atr=0.3,0.6", "--set", "edge_gate=0", "--title", "All of it")  # fmt: skip
    assert found["deflated_sharpe"] is not None
    assert found["walk_forward_gaining"] is not None
    text = out.read_text()
    assert "<h1>All of it</h1>" in text
    assert "regime gate" in text
    assert "Cash earns nothing" in text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--candles", "none.parquet"), "none.parquet: no such file or folder"),
        (("--candles", "{folder}/btc.parquet", "--strategy", "magic"), "'magic' is none of trend"),
        (("--candles", "{folder}/btc.parquet", "--param", "speed=3"), "no parameter speed; it has stop_atr"),
        (("--candles", "{folder}/btc.parquet", "--param", "stop_atr=much"), "'much' is no number"),
        (("--candles", "{folder}/btc.parquet", "--param", "stop_atr"), "is not NAME=VALUE"),
        (("--candles", "{folder}/btc.parquet", "--costs", "cheap"), "none of kraken-mvp, us-equities, free"),
        (("--candles", "{folder}/btc.parquet", "--set", "colour=1"), "no such setting; there are"),
        (("--candles", "{folder}/btc.parquet", "--set", "costs.colour=1"), "colour"),
        (("--candles", "{folder}/btc.parquet", "--symbol", "BTC"), "is not BASE/QUOTE"),
        (("--candles", "{folder}/btc.parquet", "--candles", "{folder}/eth.parquet"), "needs --symbol"),
        (("--candles", "{folder}/btc.parquet", "--since", "yesterday"), "is no day like"),
        (("--candles", "{folder}/btc.parquet", "--since", "2030-01-01"), "no bar is left between"),
        (("--candles", "{folder}/btc.parquet", "--report", "x.docx"), "written as .pdf, .html, .png"),
        (("--candles", "{folder}/btc.parquet", "--report", "/nowhere/x.pdf"), "there is no folder /nowhere"),
        (("--candles", "{folder}/empty"), "no Parquet file in this folder"),
    ],
)
def test_what_can_not_be_run_says_why(folder: Path, words: tuple[str, ...], told: str) -> None:
    filled = [word.format(folder=folder) for word in words]
    strategy = [] if "--strategy" in filled else ["--strategy", "trend"]
    assert told in refusal("backtest", *filled, *strategy)


@pytest.mark.parametrize("grid", ["fast", "fast=1:2", "fast=9:1:1", "fast=a,b"])
def test_a_grid_that_is_none_is_refused(folder: Path, grid: str) -> None:
    words = ("sweep", "--candles", folder / "btc.parquet", "--strategy", "ma_cross", "--grid", grid)
    assert "fast" in refusal(*words)


def test_a_grid_without_a_possible_point_says_what_is_wrong_with_it(folder: Path) -> None:
    words = ("sweep", "--candles", folder / "btc.parquet", "--strategy", "ma_cross", "--grid", "fast=200,300")
    assert "fast below slow" in refusal(*words)


def test_broken_rows_are_left_out_of_a_backtest_and_said(folder: Path, tmp_path: Path) -> None:
    bars = rounded(1)
    bars[100, 2], bars[200, 5] = 1.0, -5.0
    bars = np.vstack([bars, bars[50:52]])
    (tmp_path / "bad.parquet").write_bytes(to_parquet(bars))
    done = call("backtest", "--candles", tmp_path / "bad.parquet", "--strategy", "trend", "--json")
    assert done.exit_code == 0, done.output
    said = " ".join(done.stderr.split())
    assert "1 bad volume, 1 high below low, 2 repeated" in said
    assert json.loads(done.stdout.splitlines()[-1])["bars"] == 24 * DAYS - 2


def test_parts_of_one_history_are_joined(folder: Path, tmp_path: Path) -> None:
    bars = rounded(1)
    months = tmp_path / "archive"
    months.mkdir()
    for name, part in (("2024-01", bars[:2000]), ("2024-02", bars[2000:])):
        (months / f"{name}.parquet").write_bytes(to_parquet(part))
    whole = answer("backtest", "--candles", folder / "btc.parquet", "--strategy", "trend")
    assert answer("backtest", "--candles", months, "--strategy", "trend") == whole
    files = [word for name in ("2024-02", "2024-01") for word in ("--candles", months / f"{name}.parquet")]
    assert answer("backtest", *files, "--symbol", "BTC/USDT", "--strategy", "trend") == whole
    np.testing.assert_array_equal(from_parquet((months / "2024-01.parquet").read_bytes()), bars[:2000])


def test_without_bars_the_packaged_year_is_played() -> None:
    done = call("backtest", "--strategy", "trend", "--json")
    assert done.exit_code == 0, done.output
    assert "packaged year" in done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["symbols"], found["currency"]) == ("EUR/USD", "USD")


def test_a_file_of_several_symbols_is_refused_rather_than_mixed(tmp_path: Path) -> None:
    (tmp_path / "two.parquet").write_bytes(to_parquet(np.vstack([rounded(1), rounded(2)])))
    assert "are they of several symbols?" in refusal(
        "backtest", "--candles", tmp_path / "two.parquet", "--strategy", "trend"
    )
