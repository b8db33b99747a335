"""What is hoped of dual mode, held against bars: every wish is answered, from the runs that it names."""

from __future__ import annotations

import json

import numpy as np
import pytest
from fluxfloor.cli.main import app
from fluxfloor.measures.performance import performance
from fluxfloor.simulation import preset, spot
from fluxfloor.simulation.histories import History
from fluxfloor.simulation.hypotheses import Hypothesis, hypotheses
from fluxfloor.simulation.setups import Setup
from typer.testing import CliRunner

from tests.support.histories import random_bars

FINE = spot("X/USDT", "0.000001")
CALM = preset("kraken-mvp", halts="off", edge_gate=False)
WISHES = 12


def told(history: History) -> dict[str, Hypothesis]:
    found = hypotheses(Setup("dual_mode", {}, {"X/USDT": FINE}, CALM), history, np.random.default_rng(1))
    assert len(found) == WISHES
    return {item.wish: item for item in found}


@pytest.fixture(scope="module")
def history() -> History:
    return {"X/USDT": random_bars(6_000, 5)}


def test_the_figures_are_those_of_the_run(history: History) -> None:
    found = told(history)
    run = Setup("dual_mode", {}, {"X/USDT": FINE}, CALM)(history)
    assert found["Sharpe ratio above 0.8"].measured == performance(run).sharpe
    assert found["drawdown below 25 %"].measured == performance(run).max_drawdown
    assert found["Sharpe ratio above 0.8"].note == f"{len(run.trades)} trades"


def test_a_part_is_held_against_the_run_without_it(history: History) -> None:
    part = told(history)["KAMA: Sharpe ratio 10% higher"]
    without = Setup("dual_mode", {"kama": 0.0}, {"X/USDT": FINE}, CALM)(history)
    assert part.against == performance(without).sharpe
    assert part.measured is not None
    assert part.against is not None
    assert part.met == (part.measured >= part.against + 0.1 * abs(part.against))
    assert part.interval is not None
    assert part.interval.low <= part.measured - part.against <= part.interval.high


def test_what_the_bars_cannot_tell_is_said_to_be_unknown() -> None:
    short = told({"X/USDT": random_bars(100, 6)})  # shorter than the warm-up: nothing is ever traded
    for wish in ("more than 60 % of the months gain", "more than 45 % of the trades win"):
        assert (short[wish].measured, short[wish].met) == (None, None)
    assert short["Sharpe ratio above 0.8"].note == "0 trades"


def test_the_command_tells_every_wish(tmp_path, history: History) -> None:
    import pandas as pd

    bars = history["X/USDT"]
    frame = pd.DataFrame(bars[:, 1:], columns=["open", "high", "low", "close", "volume"])
    frame.insert(0, "timestamp", pd.to_datetime(bars[:, 0], unit="ms", utc=True))
    frame.to_parquet(tmp_path / "bars.parquet")
    asked = ["hypotheses", "--candles", str(tmp_path / "bars.parquet"), "--symbol", "X/USDT", "--costs", "kraken-mvp"]
    plain = CliRunner().invoke(app, asked)
    assert plain.exit_code == 0, plain.output
    assert "whipsaws" in " ".join(plain.output.split())
    found = json.loads(CliRunner().invoke(app, [*asked, "--json"]).output.strip().splitlines()[-1])
    assert len(found) == WISHES
    assert {"wish", "measured", "against", "met"} <= set(found[0])
