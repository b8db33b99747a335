"""Definition `floor-2`: floor-1's features and what regimes, filters and adaptive strategies need, live and in batch.

Both come from one function, which is told how many rows at the end are wanted: one live, a tile's in a long history.
Each tile begins LOOKBACK_BARS early, so no value comes from fewer bars than the live row's, and its scratch columns
stay in the processor's cache. What carries on from bar to bar (EMA, Wilder's averages) runs over all the bars handed
in; what sees a window, or has a stated memory, over no more than the wanted rows need.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fluxfloor.kernels._build import kernel, part_of_kernel
from fluxfloor.kernels.adaptive import (
    adaptive_kama,
    adaptive_period,
    adaptive_rsi,
    adaptive_sma,
    faded_kama,
    volatility_ratio,
)
from fluxfloor.kernels.recursive import adx, atr, ema, macd, rsi
from fluxfloor.kernels.regimes import confirmed, trend_regime, volatility_regime
from fluxfloor.kernels.returns import log_return
from fluxfloor.kernels.row import WARM_UP_BARS
from fluxfloor.kernels.spread import corwin_schultz
from fluxfloor.kernels.windows import (
    bollinger,
    donchian,
    efficiency_ratio,
    linear_regression,
    rolling_median,
    rolling_std,
    sma,
    zscore,
)

Array = NDArray[np.float64]
Places = NDArray[np.int64]
bars: Any = np.int64

LOOKBACK_BARS = 400
TILE_BARS = 2_048
TILES_A_THREAD = 16  # below, starting it takes longer than it saves
LABEL_BARS = 101  # before a bar: a label lasts 100 bars, and it took three to confirm


class Row2(NamedTuple):
    """Prices in the instrument's quote currency; returns natural logarithms; regimes are the codes of `regimes`."""

    close: float
    log_return_1: float
    log_return_3: float
    log_return_6: float
    volatility_14: float  # standard deviation (ddof 1) of the last 14 one-bar log returns, times √14
    rsi_14: float
    macd: float
    macd_signal: float
    macd_histogram: float
    atr_14: float
    atr_median_100: float
    zscore_price_20: float
    ma_20: float
    ma_100: float
    trend_strength: float  # |ma_20 - ma_100| / atr_14; 0 where nothing has moved
    donchian_lower_20: float  # of the 20 bars before this one
    donchian_upper_20: float
    ema_20: float
    kama_10: float  # with a memory of 300 bars, like the three adaptive ones
    efficiency_ratio_10: float
    adaptive_kama_10: float
    adx_14: float
    plus_di_14: float
    minus_di_14: float
    slope_50: float  # price a bar
    r2_50: float
    bollinger_lower_20: float
    bollinger_middle_20: float
    bollinger_upper_20: float
    atr_mean_50: float
    volatility_ratio: float  # atr_14 / atr_mean_50; 1 where nothing has moved
    regime_raw: float  # -1 down, 0 neutral, 1 up, 2 reverting
    regime: float  # the last raw one that stood for three bars
    volatility_regime_raw: float  # -1 calm, 0 usual, 1 wild
    volatility_regime: float
    adaptive_period_14: float  # bars: 10, 14 or 18
    adaptive_rsi_14: float  # over adaptive_period_14
    adaptive_ma_20: float  # over 14, 20 or 26 bars
    volume_ratio_20: float  # against the mean of the 20 bars before this one; 0 where none of them traded
    gap: float  # open / last close - 1
    spread_estimate_20: float  # Corwin-Schultz, mean of 20 pairs of bars; a fraction of the price


AT: Any = Row2(*range(len(Row2._fields)))
"""The place of each column in a full row."""
EVERY = np.arange(len(AT))


@kernel
def _tail(values: Array, count: int) -> Array:
    """The last `count` values, or all there are."""
    return values[max(0, values.size - count) :]


@kernel
def _put(out: Array, place: int, values: Array) -> None:
    """The end of a column, as many as there is room for."""
    if place >= 0:
        row = out[place]
        end = values[values.size - row.size :]
        for i in range(row.size):
            row[i] = end[i]


@kernel
def _any(at: Places, first: int, last: int) -> bool:
    """Is one of these neighbouring columns wanted?"""
    found = False
    for j in range(first, last + 1):
        found = found or at[j] >= 0
    return found


@kernel
def _before(values: Array, lag: int) -> Array:
    """The column as it was `lag` bars ago."""
    out = np.empty(values.size)
    for i in range(values.size):
        out[i] = values[i - lag] if i >= lag else np.nan
    return out


@kernel
def _share(part: Array, whole: Array) -> Array:
    """part / whole, both ending with the same bar; 0 where the whole is 0."""
    size = min(part.size, whole.size)
    above, below, out = _tail(part, size), _tail(whole, size), np.empty(size)
    for i in range(size):
        out[i] = 0.0 if below[i] == 0.0 else above[i] / below[i]
    return out


@kernel
def _prices(out: Array, at: Places, open: Array, high: Array, low: Array, close: Array, volume: Array) -> None:
    rows = out.shape[1]
    _put(out, at[AT.close], close)
    if at[AT.log_return_1] >= 0 or at[AT.volatility_14] >= 0:
        one_bar = log_return(_tail(close, rows + 14), bars(1))
        _put(out, at[AT.log_return_1], one_bar)
        if at[AT.volatility_14] >= 0:
            deviation = rolling_std(one_bar, bars(14), bars(1))
            for i in range(deviation.size):
                deviation[i] *= np.sqrt(14.0)
            _put(out, at[AT.volatility_14], deviation)
    if at[AT.log_return_3] >= 0:
        _put(out, at[AT.log_return_3], log_return(_tail(close, rows + 3), bars(3)))
    if at[AT.log_return_6] >= 0:
        _put(out, at[AT.log_return_6], log_return(_tail(close, rows + 6), bars(6)))
    if at[AT.zscore_price_20] >= 0:
        _put(out, at[AT.zscore_price_20], zscore(_tail(close, rows + 19), bars(20)))
    if _any(at, AT.donchian_lower_20, AT.donchian_upper_20):
        lower, upper = donchian(_tail(high, rows + 20), _tail(low, rows + 20), bars(20))
        _put(out, at[AT.donchian_lower_20], _before(lower, bars(1)))
        _put(out, at[AT.donchian_upper_20], _before(upper, bars(1)))
    if at[AT.volume_ratio_20] >= 0:
        _put(out, at[AT.volume_ratio_20], _share(volume, _before(sma(_tail(volume, rows + 20), bars(20)), bars(1))))
    if at[AT.gap] >= 0:
        gap = _share(open, _before(_tail(close, rows + 1), bars(1)))
        for i in range(gap.size):
            gap[i] -= 1.0
        _put(out, at[AT.gap], gap)
    if at[AT.spread_estimate_20] >= 0:
        tops, bottoms, closes = _tail(high, rows + 20), _tail(low, rows + 20), _tail(close, rows + 20)
        _put(out, at[AT.spread_estimate_20], corwin_schultz(tops, bottoms, closes, bars(20)))


@kernel
def _averages(out: Array, at: Places, close: Array, ranges: Array) -> None:
    rows = out.shape[1]
    if at[AT.ma_20] >= 0 or _any(at, AT.ma_100, AT.trend_strength):
        ma_20 = _tail(sma(_tail(close, rows + 19), bars(20)), rows)
        ma_100 = _tail(sma(_tail(close, rows + 99), bars(100)), rows)
        _put(out, at[AT.ma_20], ma_20)
        _put(out, at[AT.ma_100], ma_100)
        apart = np.empty(rows)
        for i in range(rows):
            apart[i] = abs(ma_20[i] - ma_100[i])
        _put(out, at[AT.trend_strength], _share(apart, ranges))
    if _any(at, AT.bollinger_lower_20, AT.bollinger_upper_20):
        lower, middle, upper = bollinger(_tail(close, rows + 19), bars(20), 2.0)
        _put(out, at[AT.bollinger_lower_20], lower)
        _put(out, at[AT.bollinger_middle_20], middle)
        _put(out, at[AT.bollinger_upper_20], upper)
    if at[AT.ema_20] >= 0:
        _put(out, at[AT.ema_20], ema(close, bars(20)))
    if at[AT.kama_10] >= 0:
        _put(out, at[AT.kama_10], faded_kama(_tail(close, rows + 310), bars(10), bars(2), bars(30), bars(300)))
    if at[AT.efficiency_ratio_10] >= 0:
        _put(out, at[AT.efficiency_ratio_10], efficiency_ratio(_tail(close, rows + 10), bars(10)))
    if at[AT.adaptive_kama_10] >= 0:
        closes = _tail(close, rows + 314)
        _put(out, at[AT.adaptive_kama_10], adaptive_kama(closes, bars(10), bars(2), bars(30), bars(5), bars(300)))


@kernel
def _momentum(out: Array, at: Places, close: Array) -> None:
    if at[AT.rsi_14] >= 0:
        _put(out, at[AT.rsi_14], rsi(close, bars(14)))
    if _any(at, AT.macd, AT.macd_histogram):
        line, smooth, histogram = macd(close, bars(12), bars(26), bars(9))
        _put(out, at[AT.macd], line)
        _put(out, at[AT.macd_signal], smooth)
        _put(out, at[AT.macd_histogram], histogram)


@kernel
def _volatility(out: Array, at: Places, close: Array, ranges: Array) -> None:
    rows = out.shape[1]
    _put(out, at[AT.atr_14], ranges)
    if at[AT.atr_median_100] >= 0:
        _put(out, at[AT.atr_median_100], rolling_median(_tail(ranges, rows + 99), bars(100)))
    if at[AT.atr_mean_50] >= 0:
        _put(out, at[AT.atr_mean_50], sma(_tail(ranges, rows + 49), bars(50)))
    if not (at[AT.volatility_ratio] >= 0 or _any(at, AT.volatility_regime_raw, AT.adaptive_ma_20)):
        return
    ratio = _tail(volatility_ratio(_tail(ranges, rows + 350), bars(50)), rows + 301)
    _put(out, at[AT.volatility_ratio], ratio)
    if _any(at, AT.volatility_regime_raw, AT.volatility_regime):
        raw = volatility_regime(_tail(ratio, rows + LABEL_BARS))
        _put(out, at[AT.volatility_regime_raw], raw)
        _put(out, at[AT.volatility_regime], confirmed(raw, bars(3), bars(100)))
    if _any(at, AT.adaptive_period_14, AT.adaptive_rsi_14):
        period = adaptive_period(ratio, bars(14))
        _put(out, at[AT.adaptive_period_14], period)
        _put(out, at[AT.adaptive_rsi_14], adaptive_rsi(_tail(close, ratio.size), period, bars(300)))
    if at[AT.adaptive_ma_20] >= 0:
        period = adaptive_period(_tail(ratio, rows + 25), bars(20))
        _put(out, at[AT.adaptive_ma_20], adaptive_sma(_tail(close, period.size), period))


@kernel
def _regimes(out: Array, at: Places, high: Array, low: Array, close: Array) -> None:
    if not (_any(at, AT.adx_14, AT.r2_50) or _any(at, AT.regime_raw, AT.regime)):
        return
    known = out.shape[1] + LABEL_BARS
    strength, plus, minus = adx(high, low, close, bars(14))
    slope, r2 = linear_regression(_tail(close, known + 49), bars(50))
    raw = trend_regime(_tail(strength, known), _tail(slope, known), _tail(r2, known))
    _put(out, at[AT.adx_14], strength)
    _put(out, at[AT.plus_di_14], plus)
    _put(out, at[AT.minus_di_14], minus)
    _put(out, at[AT.slope_50], slope)
    _put(out, at[AT.r2_50], r2)
    _put(out, at[AT.regime_raw], raw)
    _put(out, at[AT.regime], confirmed(raw, bars(3), bars(100)))


@part_of_kernel
def _columns(out: Array, open: Array, high: Array, low: Array, close: Array, volume: Array, at: Places) -> None:
    """out: (count, rows) of the last bars, the column whose `at` is j in row j; where it is -1 it is left out."""
    ranges = atr(high, low, close, bars(14))
    _prices(out, at, open, high, low, close, volume)
    _averages(out, at, close, ranges)
    _momentum(out, at, close)
    _volatility(out, at, close, ranges)
    _regimes(out, at, high, low, close)


@kernel
def floor_2_fill(
    out: Array, open: Array, high: Array, low: Array, close: Array, volume: Array, at: Places, begin: int, end: int
) -> None:
    """Writes the wanted columns of bars `begin` to `end` into out[0], out[1] …; nothing is checked.

    out: (end - begin, count). The rest as in `floor_2_batch`.
    """
    count = out.shape[1]
    for start in range(begin, end, TILE_BARS):
        first, until = max(0, start + 1 - LOOKBACK_BARS), min(end, start + TILE_BARS)
        tile = np.empty((count, until - start))
        _columns(
            tile, open[first:until], high[first:until], low[first:until], close[first:until], volume[first:until], at
        )
        for i in range(until - start):
            row = out[start - begin + i]
            for j in range(count):
                row[j] = tile[j, i]


def floor_2_batch(
    open: Array, high: Array, low: Array, close: Array, volume: Array, at: Places, threads: int | None = None
) -> Array:
    """The wanted columns of every bar of a history.

    open, high, low, close, volume: (n,), contiguous, oldest first. at: (41,), for each of Row2's names the place of its
    column, or -1. threads: as many as this process may use cores, unless told; a short history never takes more than
    one. Returns (n, k), k being the greatest place + 1; rows before WARM_UP_BARS are NaN, and every other row is, to
    the digits that the averages' seeds leave (1e-9 relative), what `floor_2_latest` says of the LOOKBACK_BARS up to it.
    Raises ValueError for unequal lengths or another number of places.
    """
    columns, n, begin = (open, high, low, close, volume), close.size, WARM_UP_BARS - 1
    if any(column.size != n for column in columns) or at.size != len(AT):
        raise ValueError("the columns differ in length, or at is not one place a name")
    out = np.empty((n, at.max() + 1))
    out[:begin] = np.nan
    tiles = -(-max(0, n - begin) // TILE_BARS)
    workers = max(1, min(threads or len(os.sched_getaffinity(0)), tiles // TILES_A_THREAD))
    edges = [min(n, begin + tiles * worker // workers * TILE_BARS) for worker in range(workers + 1)]

    def fill(first: int, last: int) -> None:
        floor_2_fill(out[first:last], *columns, at, first, last)

    if workers == 1:
        fill(*edges)
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(fill, edges[:-1], edges[1:]))
    return out


def floor_2_latest(open: Array, high: Array, low: Array, close: Array, volume: Array) -> Array:
    """The whole row of a window's last bar, (41,), in the order of Row2.

    open, high, low, close, volume: (n,), contiguous, oldest first, finite, n >= WARM_UP_BARS; of more than
    LOOKBACK_BARS the last ones count. Raises ValueError for a shorter window or unequal lengths.
    """
    n = close.size
    if n < WARM_UP_BARS:
        raise ValueError("the window is shorter than WARM_UP_BARS")
    if open.size != n or high.size != n or low.size != n or volume.size != n:
        raise ValueError("the columns differ in length")
    row = np.empty(len(AT))
    floor_2_fill(row.reshape(1, -1), open, high, low, close, volume, EVERY, n - 1, n)
    return row
