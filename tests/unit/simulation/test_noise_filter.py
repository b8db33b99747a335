"""The noise filter in a backtest: it holds back entries, never exits, and is told apart as an ablation."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
from fluxfloor.errors import Misconfigured
from fluxfloor.features.noise import NoiseFilter, history
from fluxfloor.measures.records import Run
from fluxfloor.simulation import FREE, Settings, backtest, preset, spot
from fluxfloor.simulation.setups import Setup
from fluxfloor.strategies import build

from tests.support.histories import random_bars

HOUR = 3_600_000
COIN = spot("BTC/USDT")
PLAIN = Settings(costs=FREE, edge_gate=False, halts="off")
STRICT = NoiseFilter(spread_share=1e9, volume_ratio=1.2, gap=0.5)
BARS = random_bars(4_000, seed=3, risk=0.01)


def play(settings: Settings) -> Run:
    return backtest(build("mean_reversion", {}), [BARS], [COIN], settings)  # type: ignore[arg-type]


def test_every_entry_was_decided_on_a_bar_that_passed_and_exits_were_not_held_back() -> None:
    run = play(replace(PLAIN, noise="on", noise_filter=STRICT))
    codes = history(STRICT, BARS, HOUR, "floor-2")
    decided = np.searchsorted(BARS[:, 0], run.trades.entry_ms) - 1
    left = np.searchsorted(BARS[:, 0], run.trades.exit_ms) - 1
    assert len(run.trades) > 20
    assert (codes[decided] == 0).all()
    assert (codes[left] != 0).any()


def test_the_filter_is_off_unless_asked_for_and_then_changes_what_is_traded() -> None:
    plain, filtered = play(PLAIN), play(replace(PLAIN, noise="on", noise_filter=STRICT))
    codes = history(STRICT, BARS, HOUR, "floor-2")
    assert (codes[np.searchsorted(BARS[:, 0], plain.trades.entry_ms) - 1] != 0).any()
    assert len(filtered.trades) < len(plain.trades)


def test_the_spread_is_the_modelled_quotes_or_the_estimate() -> None:
    narrow = NoiseFilter(volume_ratio=0.0, gap=0.5)
    dear = replace(PLAIN, noise="on", noise_filter=narrow, costs=replace(FREE, half_spread=0.01))
    cheap, estimated = replace(dear, costs=FREE), replace(dear, costs=FREE, noise_spread="estimate")
    assert len(play(dear).trades) == 0
    assert len(play(cheap).trades) == len(play(PLAIN).trades)
    assert 0 <= len(play(estimated).trades) < len(play(cheap).trades)


def test_a_breakout_wants_more_volume() -> None:
    lax = replace(STRICT, volume_ratio=0.0, breakout_volume_ratio=1.5)
    usual = play(replace(PLAIN, noise="on", noise_filter=lax))
    breakout = play(replace(PLAIN, noise="breakout", noise_filter=lax))
    assert len(breakout.trades) < len(usual.trades) == len(play(PLAIN).trades)


def test_what_the_filter_is_worth_is_asked_by_leaving_it_out() -> None:
    setup = Setup("mean_reversion", {}, {"BTC/USDT": COIN}, replace(PLAIN, noise="on"))
    without = setup.without()
    assert without["noise filter"].settings == PLAIN
    assert "noise filter" not in Setup("mean_reversion", {}, {"BTC/USDT": COIN}, PLAIN).without()


def test_a_preset_takes_some_of_the_filters_settings_and_the_report_tells_all() -> None:
    made = preset("us-equities", noise="on", noise_filter={"sessions": "us-equities", "gap": 0.01})
    assert made.noise_filter == NoiseFilter(sessions="us-equities", gap=0.01)
    told = made.told()
    assert told["noise"] == "on"
    assert told["noise_filter"] == {**asdict(NoiseFilter()), "sessions": "us-equities", "gap": 0.01}
    with pytest.raises(Misconfigured, match="noise"):
        preset("us-equities", noise="loud")
