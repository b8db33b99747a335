"""Kernels against numbers that others have published, to the digits they printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fluxfloor import kernels

SHEETS: dict[str, Any] = json.loads((Path(__file__).parent / "kernels_worksheets.json").read_text())


def column(sheet: str, name: str) -> np.ndarray:
    return np.array(SHEETS[sheet][name], dtype=np.float64)


def test_rsi_is_the_worksheets() -> None:
    got = kernels.rsi(column("rsi", "close"))
    assert np.isnan(got[:14]).all()
    assert got[14:] == pytest.approx(column("rsi", "rsi_from_15th"), abs=6e-5)


def test_atr_is_the_worksheets_once_its_first_bar_has_a_last_close() -> None:
    """TA-Lib knows no true range of the first bar; the sheet takes high - low. A bar before it, that closed inside it,
    makes both the same."""
    high, low, close = (np.insert(column("atr", name), 0, 48.0) for name in ("high", "low", "close"))
    got = kernels.atr(high, low, close)
    assert np.isnan(got[:14]).all()
    assert got[14:] == pytest.approx(column("atr", "atr_from_14th"), abs=1e-6)


def test_mean_and_deviation_are_the_worksheets() -> None:
    close = column("bollinger", "close")
    assert kernels.sma(close, 20)[19:] == pytest.approx(column("bollinger", "mean_from_20th"), abs=1e-6)
    assert kernels.rolling_std(close, 20)[19:] == pytest.approx(column("bollinger", "std_from_20th"), abs=1e-6)


def test_zscore_follows_from_the_worksheets_mean_and_deviation() -> None:
    close = column("bollinger", "close")
    expected = (close[19:] - column("bollinger", "mean_from_20th")) / column("bollinger", "std_from_20th")
    assert kernels.zscore(close)[19:] == pytest.approx(expected, abs=5e-6)


def test_ema_composes_to_the_worksheets_macd() -> None:
    close, sheet = column("macd", "close"), SHEETS["macd"]
    fast = kernels.ema(close, 12)
    assert fast[11] == pytest.approx(sheet["ema_12_at_12th"], abs=1e-9)
    line = fast - kernels.ema(close, 26)
    signal = kernels.ema(line, 9)
    for values, published in ((line, sheet["macd"]), (signal, sheet["signal"])):
        for place, expected in published.items():
            assert values[int(place) - 1] == pytest.approx(expected, abs=1e-9)


def test_macd_seeds_as_ta_lib_and_draws_near_the_worksheet() -> None:
    """TA-Lib's fast average starts with the 12 closes up to the 26th; the sheet's with the first 12. The difference
    shrinks by 11/13 with every bar."""
    close = column("macd", "close")
    line, signal, histogram = kernels.macd(close)
    sheet = kernels.ema(close, 12) - kernels.ema(close, 26)
    seeds_apart = close[14:26].mean() - kernels.ema(close, 12)[25]
    assert np.isnan(line[:33]).all()
    assert np.isfinite(line[33:]).all()
    assert line[33:] - sheet[33:] == pytest.approx(seeds_apart * (11 / 13) ** np.arange(8, 15), rel=1e-9)
    assert histogram[33:] == pytest.approx(line[33:] - signal[33:], abs=1e-12)


def test_kama_is_the_worksheets() -> None:
    got = kernels.kama(column("kama", "close"), 10, 2, 30)
    assert np.isnan(got[:10]).all()
    assert got[10:] == pytest.approx(column("kama", "kama_from_11th"), abs=5.1e-5)


def test_efficiency_ratio_gives_the_worksheets_kama_its_pace() -> None:
    """Kaufman's formula solved for ER: what the sheet's average moved, over what it could have moved."""
    close, kama = column("kama", "close"), np.r_[109.24, column("kama", "kama_from_11th")]
    gap = close[10:] - kama[:-1]
    clear = np.abs(gap) > 1.0  # elsewhere four printed digits say too little of the quotient
    slow, fast = 2.0 / 31.0, 2.0 / 3.0
    expected = (np.sqrt((np.diff(kama) / gap)[clear]) - slow) / (fast - slow)
    assert clear.sum() > 15
    assert kernels.efficiency_ratio(close, 10)[10:][clear] == pytest.approx(expected, abs=2e-3)


def test_directional_movement_is_wilders() -> None:
    strength, plus, minus = kernels.adx(column("adx", "high"), column("adx", "low"), column("adx", "close"), 14)
    ranges = column("adx", "true_range_14_from_15th")
    assert np.isnan(plus[:14]).all()
    assert plus[14:34] == pytest.approx(100 * column("adx", "plus_dm_14_from_15th") / ranges, abs=0.05)
    assert minus[14:34] == pytest.approx(100 * column("adx", "minus_dm_14_from_15th") / ranges, abs=0.05)
    assert np.isnan(strength[:27]).all()
    assert strength[28:] == pytest.approx(column("adx", "adx_from_29th"), abs=1.0)


def test_bands_are_the_worksheets_mean_and_twice_its_deviation() -> None:
    lower, middle, upper = kernels.bollinger(column("bollinger", "close"), 20, 2.0)
    mean, deviation = column("bollinger", "mean_from_20th"), column("bollinger", "std_from_20th")
    assert middle[19:] == pytest.approx(mean, abs=1e-6)
    assert lower[19:] == pytest.approx(mean - 2 * deviation, abs=3e-6)
    assert upper[19:] == pytest.approx(mean + 2 * deviation, abs=3e-6)
