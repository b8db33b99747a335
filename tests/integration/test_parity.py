"""The compiled loop and the real stages, at zero latency, make the same trades of real bars."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fluxfloor.local.demo import instrument_of, sample

from tests.support.parity import Setup, fast, real

CENT = Decimal("0.01")


def setup(plugin: str, first: int, count: int, **more: Any) -> Setup:
    """Hours of EUR/USD from the sample that ships, as a venue would trade them. The alpha is what lets 30 % of it pay
    for costs."""
    bars, _ = sample()
    fee = Decimal(more.get("fee", "0.0002"))
    rules = instrument_of("EUR/USD", bars, "kraken", fee, Decimal("0.00001"), CENT)
    params = {"expected_alpha": 0.05, **more.pop("params", {})}
    return Setup(plugin, bars[first : first + count], rules, "1h", params, **more)


def same(setup: Setup, tmp_path: Path, least: int) -> Counter[str]:
    trades, cash, run = fast(setup)
    real_trades, real_cash, decisions = real(setup, tmp_path)
    assert trades == real_trades
    assert len(trades) >= least
    fills = 2 * len(trades) + 1
    assert abs(cash - float(real_cash)) <= 1e-8 * fills, "the venue rounds each fee up to 8 places"
    refused = Counter(decision["reason"] for decision in decisions if decision["verdict"] == "refused")
    assert refused == run.settings["refused"]
    return refused


@pytest.mark.parametrize(
    ("plugin", "first", "least"),
    [
        ("trend", 500, 6),
        ("mean_reversion", 1_500, 25),
        ("breakout", 2_000, 12),
        ("dual_mode", 1_500, 25),
        ("ma_cross", 500, 10),
    ],
)
def test_every_strategy_trades_the_same_on_both(plugin: str, first: int, least: int, tmp_path: Path) -> None:
    """Without costs they gain, so that the measured edge lets those that trade often go on beyond twenty trades."""
    free = setup(plugin, first, 1_500, fee="0", slippage_bps="0", limits={"slippage_share": "1"})
    same(free, tmp_path, least)


def test_the_noise_filter_holds_back_the_same_entries_on_both(tmp_path: Path) -> None:
    more = {"fee": "0", "slippage_bps": "0", "limits": {"slippage_share": "1"}}
    filtered = setup("mean_reversion", 1_500, 1_500, noise={"spread_share": 0.5, "volume_ratio": 0.7}, **more)
    same(filtered, tmp_path, 10)
    assert len(fast(filtered)[0]) < len(fast(setup("mean_reversion", 1_500, 1_500, **more))[0])


def test_the_measured_edge_stops_both_at_the_same_trade(tmp_path: Path) -> None:
    refused = same(setup("mean_reversion", 0, 1_300), tmp_path, 20)
    assert refused["no_edge"] > 5


def test_a_halt_of_the_day_and_a_flattening_find_both_in_the_same_place(tmp_path: Path) -> None:
    limits = {
        "daily_loss_halts": "0.004", "daily_loss_flattens": "0.006", "position_cap": "0.9", "exposure_cap": "0.9",
        "risk_per_trade": "0.005", "drawdown_halves": "0.004", "drawdown_flattens": "0.02",
    }  # fmt: skip
    refused = same(setup("breakout", 0, 1_500, limits=limits), tmp_path, 3)
    assert refused["halted"] > 5


def test_the_drawdowns_first_step_halves_on_both(tmp_path: Path) -> None:
    limits = {"drawdown_halves": "0.0005", "position_cap": "0.5", "exposure_cap": "0.5"}
    trades = fast(setup("mean_reversion", 0, 700, limits=limits))[0]
    assert min(trade[3] for trade in trades) < 0.6 * max(trade[3] for trade in trades)
    same(setup("mean_reversion", 0, 700, limits=limits), tmp_path, 10)
