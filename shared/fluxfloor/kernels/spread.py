"""The spread where nobody kept the quotes: read from highs and lows, or as a backtest models it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fluxfloor.kernels._build import kernel
from fluxfloor.kernels.orders import Rules, price_of, quote
from fluxfloor.kernels.windows import sma

Array = NDArray[np.float64]

ROOTS = 3.0 - 2.0 * np.sqrt(2.0)
ONE_SIDE = (np.sqrt(2.0) - 1.0) / ROOTS  # (√(2·beta) - √beta) / (3 - 2√2) is this times √beta


@kernel
def corwin_schultz(high: Array, low: Array, close: Array, period: int = 1) -> Array:
    """Relative bid-ask spread from the highs and lows of each two neighbouring bars, averaged over `period` pairs.

    A bar's high is likely bought and its low sold, so its range holds the volatility of one bar and the whole spread;
    the range of two bars holds twice the volatility and the same spread:
        beta = ln(H₁/L₁)² + ln(H₂/L₂)²,  gamma = ln(max H / min L)²
        alpha = (√(2·beta) - √beta) / (3 - 2√2) - √(gamma / (3 - 2√2)),  spread = 2·(e^alpha - 1) / (1 + e^alpha)
    Corwin & Schultz, "A Simple Way to Estimate Bid-Ask Spreads from Daily High and Low Prices", Journal of Finance 67
    (2012). As there: where the first bar's close lies outside the second bar's range, the second bar is shifted by the
    gap (the overnight adjustment), and a negative estimate counts as 0, before the average is taken.

    high, low, close: (n,), prices. Returns (n,), the full spread as a fraction of the price, at least 0; the first
    `period` are NaN, and so is every window with a price that is not positive.
    Raises ValueError for a period below 1 or unequal lengths.
    """
    if period < 1:
        raise ValueError("period must be at least 1")
    if high.size != close.size or low.size != close.size:
        raise ValueError("high, low and close differ in length")
    out, range_ = np.full(close.size, np.nan), np.full(close.size, np.nan)
    for i in range(close.size):
        if low[i] > 0.0:
            range_[i] = np.log(high[i] / low[i])
    for i in range(1, close.size):
        last = close[i - 1]
        gap = last - high[i] if last > high[i] else last - low[i] if last < low[i] else 0.0
        top, bottom = high[i] + gap, low[i] + gap
        if not (bottom > 0.0 and low[i - 1] > 0.0 and last == last):
            continue
        before, now = range_[i - 1], range_[i] if gap == 0.0 else np.log(top / bottom)
        both = np.log(max(top, high[i - 1]) / min(bottom, low[i - 1]))
        alpha = ONE_SIDE * np.sqrt(before * before + now * now) - both / np.sqrt(ROOTS)
        grown = np.exp(alpha)
        out[i] = max(0.0, 2.0 * (grown - 1.0) / (1.0 + grown))
    return sma(out, period) if period > 1 else out


@kernel
def modelled_spread(rules: Rules, s: int, price: Array, half_spread: float) -> Array:
    """Ask less bid of the quote that is modelled around each price, on the grid of symbol `s`.

    price: (n,); half_spread: a fraction of it. Returns (n,), in price, never narrower than said.
    """
    out = np.empty(price.size)
    for i in range(price.size):
        bid, ask = quote(rules, s, price[i], half_spread)
        out[i] = price_of(rules, s, float(ask - bid))
    return out
