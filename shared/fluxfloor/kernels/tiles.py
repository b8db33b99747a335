"""The work behind `suite`: twenty indicators of one history at once, in one pass over its bars.

The bars are taken in tiles that stay in the processor's first cache. Within a tile, windows are joined from blocks of 4
and 16 bars, everything that can be is done for several bars at a time, and the recursions run side by side in one loop:
each waits for its own last value only. A tile is always computed whole, whatever of it is used, so that a bar's value
does not depend on how many bars follow. Bars that are not finite take the slow way, through the single kernels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fluxfloor.kernels._build import fused_kernel, kernel, part_of_kernel
from fluxfloor.kernels.recursive import _movements, _start, _true_range, adx, atr, ema, kama, macd, rsi
from fluxfloor.kernels.windows import bollinger, donchian, linear_regression, rolling_std, sma, zscore

Array = NDArray[np.float64]
bars: Any = np.int64


COLUMNS = 20
TILE = 320
BACK = 64
"""Bars before a tile that its windows look back to."""
SEEDED = 34
"""Bars that the single kernels compute: with the last of them every recursion has begun."""

# Rows of the scratch: first the results in the order of `suite`, then what leads to them.
(
    SMA, EMA, RSI, ATR, ADX, PLUS, MINUS, KAMA, LOWER, MIDDLE, UPPER, LINE, SIGNAL, HISTOGRAM, FLOOR, CEILING, STD,
    ZSCORE, SLOPE, R2, OPENED, TOPS, BOTTOMS, GAIN, LOSS, MOVE, REACH, UP, DOWN, KEEP, TAKE, TOP_5, BOTTOM_5, MEAN_4,
    SPREAD_4, CROSS_4, MEAN_16, SPREAD_16, CROSS_16, GAINS, LOSSES, REACHES, UPS, DOWNS, ROWS,
) = range(45)  # fmt: skip
CLOSE = OPENED

K_EMA, K_FAST, K_SLOW, K_SIGNAL = 2.0 / 21.0, 2.0 / 13.0, 2.0 / 27.0, 2.0 / 10.0
WILDER = 13.0 / 14.0
KAMA_LEAST, KAMA_SPAN = 2.0 / 31.0, 2.0 / 3.0 - 2.0 / 31.0
SLOPE_SHARE = 12.0 / (50.0 * (50.0 * 50.0 - 1.0))


@part_of_kernel
def _copy(into: Array, values: Array) -> None:
    for i in range(into.size):
        into[i] = values[i]


@part_of_kernel
def _load(w: Array, row: int, values: Array, start: int, end: int) -> int:
    """Puts a tile's values behind the BACK last ones of the tile before. Returns how many are not finite."""
    held = w[row]
    if start == 0:
        for i in range(BACK):
            held[i] = values[0]
    else:
        _copy(held[:BACK], held[TILE : TILE + BACK])
    fresh, given = held[BACK:], values[start:end]
    spoiled = 0
    for i in range(given.size):
        fresh[i] = given[i]
        spoiled += 0 if given[i] - given[i] == 0.0 else 1
    return spoiled


@part_of_kernel
def _moves(w: Array) -> None:
    """Gains, losses and distances from close to close (16 bars early); true ranges and directional movements."""
    close, last = w[CLOSE, BACK - 16 :], w[CLOSE, BACK - 17 :]
    gain, loss, move = w[GAIN], w[LOSS], w[MOVE]
    for i in range(TILE + 16):
        change = close[i] - last[i]
        up = change if change > 0.0 else 0.0
        gain[i] = up
        loss[i] = up - change
        move[i] = abs(change)
    high, low = w[TOPS, BACK:], w[BOTTOMS, BACK:]
    last_high, last_low, before = w[TOPS, BACK - 1 :], w[BOTTOMS, BACK - 1 :], w[CLOSE, BACK - 1 :]
    reach, ups, downs = w[REACH], w[UP], w[DOWN]
    for i in range(TILE):
        top = high[i] if high[i] > before[i] else before[i]
        bottom = low[i] if low[i] < before[i] else before[i]
        reach[i] = top - bottom
        rise, fall = high[i] - last_high[i], last_low[i] - low[i]
        ups[i] = rise if (rise > fall) & (rise > 0.0) else 0.0
        downs[i] = fall if (fall > rise) & (fall > 0.0) else 0.0


@part_of_kernel
def _kama_steps(w: Array) -> None:
    """What KAMA keeps of its last value and takes of each close: the efficiency of the last 10 moves, squared."""
    d0, d1, d2, d3, d4 = w[MOVE, 16:], w[MOVE, 15:], w[MOVE, 14:], w[MOVE, 13:], w[MOVE, 12:]
    d5, d6, d7, d8, d9 = w[MOVE, 11:], w[MOVE, 10:], w[MOVE, 9:], w[MOVE, 8:], w[MOVE, 7:]
    close, old, keep, take = w[CLOSE, BACK:], w[CLOSE, BACK - 10 :], w[KEEP], w[TAKE]
    for i in range(TILE):
        path = ((d0[i] + d1[i]) + (d2[i] + d3[i])) + ((d4[i] + d5[i]) + (d6[i] + d7[i])) + (d8[i] + d9[i])
        change = abs(close[i] - old[i])
        ratio = change / path
        ratio = ratio if path > change else 1.0
        smooth = ratio * KAMA_SPAN + KAMA_LEAST
        smooth *= smooth
        keep[i] = 1.0 - smooth
        take[i] = close[i] * smooth


@part_of_kernel
def _channel(w: Array) -> None:
    """Extremes of 20 bars out of extremes of 5."""
    h0, h1, h2, h3, h4 = (
        w[TOPS, BACK - 15 :], w[TOPS, BACK - 16 :], w[TOPS, BACK - 17 :], w[TOPS, BACK - 18 :], w[TOPS, BACK - 19 :],
    )  # fmt: skip
    l0, l1, l2, l3, l4 = (
        w[BOTTOMS, BACK - 15 :], w[BOTTOMS, BACK - 16 :], w[BOTTOMS, BACK - 17 :], w[BOTTOMS, BACK - 18 :],
        w[BOTTOMS, BACK - 19 :],
    )  # fmt: skip
    top, bottom = w[TOP_5], w[BOTTOM_5]
    for i in range(TILE + 15):
        a = h0[i] if h0[i] > h1[i] else h1[i]
        b = h2[i] if h2[i] > h3[i] else h3[i]
        a = a if a > b else b
        top[i] = a if a > h4[i] else h4[i]
        a = l0[i] if l0[i] < l1[i] else l1[i]
        b = l2[i] if l2[i] < l3[i] else l3[i]
        a = a if a < b else b
        bottom[i] = a if a < l4[i] else l4[i]
    top_1, top_2, top_3 = w[TOP_5, 5:], w[TOP_5, 10:], w[TOP_5, 15:]
    bottom_1, bottom_2, bottom_3 = w[BOTTOM_5, 5:], w[BOTTOM_5, 10:], w[BOTTOM_5, 15:]
    ceiling, floor = w[CEILING], w[FLOOR]
    for i in range(TILE):
        a = top[i] if top[i] > top_1[i] else top_1[i]
        b = top_2[i] if top_2[i] > top_3[i] else top_3[i]
        ceiling[i] = a if a > b else b
        a = bottom[i] if bottom[i] < bottom_1[i] else bottom_1[i]
        b = bottom_2[i] if bottom_2[i] < bottom_3[i] else bottom_3[i]
        floor[i] = a if a < b else b


@part_of_kernel
def _blocks(w: Array) -> None:
    """Mean, squared deviations and deviations times bar number of every 4 bars (44 early) and every 16 (32 early)."""
    x0, x1, x2, x3 = w[CLOSE, BACK - 47 :], w[CLOSE, BACK - 46 :], w[CLOSE, BACK - 45 :], w[CLOSE, BACK - 44 :]
    mean, spread, cross = w[MEAN_4], w[SPREAD_4], w[CROSS_4]
    for i in range(TILE + 44):
        early, late = x1[i] - x0[i], x3[i] - x2[i]
        first = x0[i] + 0.5 * early
        gap = x2[i] + 0.5 * late - first
        mean[i] = first + 0.5 * gap
        spread[i] = 0.5 * (early * early + late * late) + gap * gap
        cross[i] = 0.5 * (early + late) + 2.0 * gap
    m1, m2, m3 = w[MEAN_4, 4:], w[MEAN_4, 8:], w[MEAN_4, 12:]
    s1, s2, s3 = w[SPREAD_4, 4:], w[SPREAD_4, 8:], w[SPREAD_4, 12:]
    c1, c2, c3 = w[CROSS_4, 4:], w[CROSS_4, 8:], w[CROSS_4, 12:]
    mean_16, spread_16, cross_16 = w[MEAN_16], w[SPREAD_16], w[CROSS_16]
    for i in range(TILE + 32):
        early, late = m1[i] - mean[i], m3[i] - m2[i]
        first = mean[i] + 0.5 * early
        gap = m2[i] + 0.5 * late - first
        mean_16[i] = first + 0.5 * gap
        spread_16[i] = (spread[i] + s1[i]) + (s2[i] + s3[i]) + 2.0 * (early * early + late * late) + 4.0 * (gap * gap)
        cross_16[i] = (cross[i] + c1[i]) + (c2[i] + c3[i]) + 8.0 * (early + late) + 32.0 * gap


@part_of_kernel
def _lines(w: Array) -> None:
    """Slope and R² of 50 bars, joined from 16 + 16 + 16 + 2."""
    mean, spread, cross = w[MEAN_16, 32:], w[SPREAD_16, 32:], w[CROSS_16, 32:]
    m1, s1, c1 = w[MEAN_16, 16:], w[SPREAD_16, 16:], w[CROSS_16, 16:]
    m2, s2, c2 = w[MEAN_16], w[SPREAD_16], w[CROSS_16]
    x0, x1 = w[CLOSE, BACK - 49 :], w[CLOSE, BACK - 48 :]
    slopes, explained = w[SLOPE], w[R2]
    for i in range(TILE):
        gap = mean[i] - m1[i]
        s = spread[i] + s1[i] + gap * gap * 8.0
        c = cross[i] + c1[i] + gap * 128.0
        m = m1[i] + 0.5 * gap
        gap = m2[i] - m
        s += s2[i] + gap * gap * (32.0 * 16.0 / 48.0)
        c += c2[i] - gap * 256.0
        m += gap * (1.0 / 3.0)
        pair = x1[i] - x0[i]
        gap = x0[i] + 0.5 * pair - m
        s += 0.5 * pair * pair + gap * gap * 1.92
        c += 0.5 * pair - gap * 48.0
        slope = c * SLOPE_SHARE
        ratio = slope * c / s
        ratio = ratio if s != 0.0 else 0.0
        slopes[i] = slope
        explained[i] = ratio if ratio < 1.0 else 1.0


@part_of_kernel
def _bands(w: Array) -> None:
    """Mean, deviation, z-score and bands of 20 bars, joined from 16 + 4."""
    mean, spread, m4, s4, close = w[MEAN_16, 32:], w[SPREAD_16, 32:], w[MEAN_4, 28:], w[SPREAD_4, 28:], w[CLOSE, BACK:]
    means, middles, lower, upper, deviation, score = w[SMA], w[MIDDLE], w[LOWER], w[UPPER], w[STD], w[ZSCORE]
    for i in range(TILE):
        gap = m4[i] - mean[i]
        s = spread[i] + s4[i] + gap * gap * 3.2
        m = mean[i] + gap * 0.2
        std = np.sqrt(s * 0.05)
        means[i] = m
        middles[i] = m
        lower[i] = m - 2.0 * std
        upper[i] = m + 2.0 * std
        deviation[i] = std
        away = (close[i] - m) / std
        score[i] = away if s != 0.0 else 0.0


@part_of_kernel
def _recursions(w: Array, held: Array, first: int, end: int) -> None:
    """Carries on every average by a tile. Kept undivided (a sum that decays), each costs one multiply-add a bar."""
    close, gain, loss, reach, up, down = w[CLOSE, BACK:], w[GAIN, 16:], w[LOSS, 16:], w[REACH], w[UP], w[DOWN]
    keep, take, averages, gains, losses = w[KEEP], w[TAKE], w[EMA], w[GAINS], w[LOSSES]
    ranges, reaches, ups, downs, adaptive = w[ATR], w[REACHES], w[UPS], w[DOWNS], w[KAMA]
    lines, signals, strengths = w[LINE], w[SIGNAL], w[ADX]
    average, fast, slow, g, lo, ranged = held[0], held[1], held[2], held[3], held[4], held[5]
    r, u, d, k, signal, strength = held[6], held[7], held[8], held[9], held[10], held[11]
    for i in range(first, end):
        average = average * (1.0 - K_EMA) + close[i]
        averages[i] = average
        fast = fast * (1.0 - K_FAST) + close[i]
        slow = slow * (1.0 - K_SLOW) + close[i]
        line = fast * K_FAST - slow * K_SLOW
        lines[i] = line
        signal = signal * (1.0 - K_SIGNAL) + line
        signals[i] = signal
        g = g * WILDER + gain[i]
        gains[i] = g
        lo = lo * WILDER + loss[i]
        losses[i] = lo
        ranged = ranged * WILDER + reach[i]
        ranges[i] = ranged
        r = r * WILDER + reach[i]
        reaches[i] = r
        u = u * WILDER + up[i]
        ups[i] = u
        d = d * WILDER + down[i]
        downs[i] = d
        both = u + d
        moved = strength * WILDER + abs(u - d) / both * (100.0 / 14.0)
        strength = moved if both != 0.0 else strength
        strengths[i] = strength
        k = k * keep[i] + take[i]
        adaptive[i] = k
    held[0], held[1], held[2], held[3], held[4], held[5] = average, fast, slow, g, lo, ranged
    held[6], held[7], held[8], held[9], held[10], held[11] = r, u, d, k, signal, strength


@part_of_kernel
def _shares(w: Array) -> None:
    """Divides what the recursions kept undivided."""
    averages, ranges, gains, losses, strength = w[EMA], w[ATR], w[GAINS], w[LOSSES], w[RSI]
    for i in range(TILE):
        averages[i] *= K_EMA
        ranges[i] *= 1.0 / 14.0
        moved = gains[i] + losses[i]
        share = 100.0 * (gains[i] / moved)
        strength[i] = share if moved != 0.0 else 0.0
    reaches, ups, downs, plus, minus = w[REACHES], w[UPS], w[DOWNS], w[PLUS], w[MINUS]
    for i in range(TILE):
        reach = reaches[i]
        up, down = 100.0 * (ups[i] / reach), 100.0 * (downs[i] / reach)
        plus[i] = up if reach != 0.0 else 0.0
        minus[i] = down if reach != 0.0 else 0.0
    lines, signals, histogram = w[LINE], w[SIGNAL], w[HISTOGRAM]
    for i in range(TILE):
        signals[i] *= K_SIGNAL
        histogram[i] = lines[i] - signals[i]


@kernel
def _begin(head: Array, held: Array, high: Array, low: Array, close: Array) -> None:
    """The first bars, at most SEEDED, from the single kernels; and what the recursions hold after all of them."""
    n = close.size
    head[EMA, :n] = ema(close, bars(20))
    head[RSI, :n] = rsi(close, bars(14))
    head[ATR, :n] = atr(high, low, close, bars(14))
    head[ADX, :n], head[PLUS, :n], head[MINUS, :n] = adx(high, low, close, bars(14))
    head[KAMA, :n] = kama(close, bars(10), bars(2), bars(30))
    head[LINE, :n], head[SIGNAL, :n], head[HISTOGRAM, :n] = macd(close, bars(12), bars(26), bars(9))
    if n < SEEDED:
        return
    last = SEEDED - 1
    held[0] = head[EMA, last] / K_EMA
    held[1] = ema(close[14:], bars(12))[-1] / K_FAST
    held[2] = ema(close, bars(26))[-1] / K_SLOW
    held[5], held[9], held[11] = head[ATR, last] * 14.0, head[KAMA, last], head[ADX, last]
    held[10] = head[SIGNAL, last] / K_SIGNAL
    gains = losses = ranges = ups = downs = 0.0
    for i in range(1, SEEDED):
        change = close[i] - close[i - 1]
        decay = WILDER if i > 14 else 1.0
        gains = gains * decay + max(change, 0.0)
        losses = losses * decay + max(-change, 0.0)
        up, down = _movements(high[i] - high[i - 1], low[i - 1] - low[i])
        decay = WILDER if i > 13 else 1.0
        ranges = ranges * decay + _true_range(high[i], low[i], close[i - 1])
        ups, downs = ups * decay + up, downs * decay + down
    held[3], held[4], held[6], held[7], held[8] = gains, losses, ranges, ups, downs


@part_of_kernel
def _put_head(w: Array, head: Array) -> None:
    """Over the first bars' places: what the windows cannot fill yet, and the recursions' first values."""
    for row in (SMA, LOWER, MIDDLE, UPPER, FLOOR, CEILING, STD, ZSCORE):
        w[row, :19] = np.nan
    w[SLOPE, :49] = np.nan
    w[R2, :49] = np.nan
    for row in (EMA, RSI, ATR, ADX, PLUS, MINUS, KAMA, LINE, SIGNAL, HISTOGRAM):
        _copy(w[row, :SEEDED], head[row])


@kernel
def _one_by_one(out: Array, symbol: int, high: Array, low: Array, close: Array) -> None:
    """The same columns from the single kernels, which know what to do with bars that are not finite."""
    out[symbol, SMA] = sma(close, bars(20))
    out[symbol, EMA] = ema(close, bars(20))
    out[symbol, RSI] = rsi(close, bars(14))
    out[symbol, ATR] = atr(high, low, close, bars(14))
    out[symbol, ADX], out[symbol, PLUS], out[symbol, MINUS] = adx(high, low, close, bars(14))
    out[symbol, KAMA] = kama(close, bars(10), bars(2), bars(30))
    out[symbol, LOWER], out[symbol, MIDDLE], out[symbol, UPPER] = bollinger(close, bars(20), 2.0)
    out[symbol, LINE], out[symbol, SIGNAL], out[symbol, HISTOGRAM] = macd(close, bars(12), bars(26), bars(9))
    out[symbol, FLOOR], out[symbol, CEILING] = donchian(high, low, bars(20))
    out[symbol, STD] = rolling_std(close, bars(20), bars(0))
    out[symbol, ZSCORE] = zscore(close, bars(20))
    out[symbol, SLOPE], out[symbol, R2] = linear_regression(close, bars(50))


@part_of_kernel
def _tiles(
    out: Array, symbol: int, begun: int, high: Array, low: Array, close: Array, w: Array, head: Array, held: Array
) -> bool:
    """Fills a symbol's columns from bar `begun` on; False, with nothing of use in them, if a bar is not finite."""
    n = close.size - begun
    tops, bottoms, closes = high[begun:], low[begun:], close[begun:]
    _begin(head, held, tops[:SEEDED], bottoms[:SEEDED], closes[:SEEDED])
    finite = True
    for start in range(0, n, TILE):
        end = min(start + TILE, n)
        spoiled = _load(w, CLOSE, closes, start, end)
        spoiled += _load(w, TOPS, tops, start, end)
        spoiled += _load(w, BOTTOMS, bottoms, start, end)
        finite = finite and spoiled == 0
        if not finite:
            break
        _moves(w)
        _kama_steps(w)
        _channel(w)
        _blocks(w)
        _lines(w)
        _bands(w)
        _recursions(w, held, SEEDED if start == 0 else 0, end - start)
        _shares(w)
        if start == 0:
            _put_head(w, head)
        for column in range(COLUMNS):
            _copy(out[symbol, column, begun + start : begun + end], w[column])
    return finite


@fused_kernel
def fill(out: Array, high: Array, low: Array, close: Array, first: int, last: int) -> None:
    """Fills out (symbols, COLUMNS, n) for the symbols from `first` to before `last` of (symbols, n) bars."""
    w = np.empty((ROWS, TILE + BACK))
    head, held = np.empty((COLUMNS, SEEDED)), np.empty(12)
    for symbol in range(first, last):
        tops, bottoms, closes = high[symbol], low[symbol], close[symbol]
        begun = _start(closes)
        together = _start(tops) == begun and _start(bottoms) == begun
        out[symbol, :, :begun] = np.nan
        if not together or not _tiles(out, symbol, begun, tops, bottoms, closes, w, head, held):
            _one_by_one(out, symbol, tops, bottoms, closes)
