"""Where moving averages cross: of one pair, or of many over the same closes.

Closes are taken in tiles. In each, the sum of every window length that any pair asks for is made once, from blocks of
1, 2, 4, 8… values as in `windows`: a value depends on its window alone, not on the tile or on who else asks. A pair
then compares its two for many bars at once, and walks along the answers without a branch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fluxfloor.kernels._build import kernel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TILE_BARS = 512
SAME = 1e-12  # means so close, relatively, are equal: what was stays


@kernel
def ma_cross_switches(close: Floats, fast: int, slow: int) -> Ints:
    """The bars on whose close the mean of the last `fast` closes changes sides with that of the last `slow`.

    close: (n,), finite and positive. Returns (k,): the first is a change to above, then they alternate; on equal means
    nothing changes. Raises ValueError unless 1 <= fast < slow.
    """
    found, count = ma_cross_switches_of_all(close, np.array([fast]), np.array([slow]))
    return found[0, : count[0]].copy()


@kernel
def ma_cross_switches_of_all(close: Floats, fast: Ints, slow: Ints) -> tuple[Ints, Ints]:
    """The same of many pairs at once, in a fraction of the time. fast, slow: (pairs,).

    Returns (switches, count): (pairs, room) and (pairs,); of each row its first `count` bars count.
    """
    if fast.size != slow.size or np.any(fast < 1) or np.any(slow <= fast):
        raise ValueError("fast must be at least 1, and slow above it")
    periods = np.unique(np.concatenate((fast, slow)))
    back, pairs = periods[-1] - 1, fast.size
    quick, steady = np.searchsorted(periods, fast), np.searchsorted(periods, slow)
    width = min(max(TILE_BARS, 4 * back), close.size + 1)
    sums, block, wider = np.empty((periods.size, width + back)), np.empty(width + back), np.empty(width + back)
    sides = np.empty((2, width), np.int64)
    found, count = np.empty((pairs, width + 1), np.int64), np.zeros(pairs, np.int64)
    for start in range(np.min(slow) - 1, close.size, width):
        first, end = max(start - back, 0), min(start + width, close.size)
        _window_sums(sums, close[first:end], periods, block, wider)
        if np.max(count) + width >= found.shape[1]:  # one place more: each bar is written before it is counted
            found = np.concatenate((found, np.empty_like(found)), axis=1)
        for pair in range(pairs):
            begin = max(start, slow[pair] - 1)
            if begin < end:
                one, other = sums[quick[pair], begin - first :], sums[steady[pair], begin - first : end - first]
                scale, into = slow[pair] / fast[pair], found[pair, count[pair] :]
                count[pair] += _crossings(into, one, other, scale, begin, count[pair] & 1, sides)
    return found, count


@kernel
def _window_sums(sums: Floats, x: Floats, periods: Ints, block: Floats, wider: Floats) -> None:
    """sums[k, i] = the sum of the periods[k] values up to x[i], where there are as many."""
    n, width = x.size, 1
    for i in range(n):
        block[i] = x[i]
    while width <= periods[-1]:
        for k in range(periods.size):
            if periods[k] & width:
                taken = periods[k] & (width - 1)
                into, part = sums[k, taken:n], block[: max(n - taken, 0)]
                if taken:
                    for i in range(part.size):
                        into[i] += part[i]
                else:
                    for i in range(part.size):
                        into[i] = part[i]
        new, late, early = wider[width:n], block[width:n], block[: max(n - width, 0)]
        for i in range(early.size):
            new[i] = late[i] + early[i]
        block, wider = wider, block
        width += width


@kernel
def _crossings(into: Ints, quick: Floats, steady: Floats, scale: float, begin: int, above: int, sides: Ints) -> int:
    """Writes the bars of the changes to `into`, counted from `begin`; returns how many there are."""
    over, level = sides[0], sides[1]
    for i in range(steady.size):
        apart, least = quick[i] * scale - steady[i], SAME * steady[i]
        over[i] = apart > least
        level[i] = apart >= -least
    count = 0
    for i in range(steady.size):
        now = over[i] | (level[i] & above)
        into[count] = begin + i
        count += now ^ above
        above = now
    return count
