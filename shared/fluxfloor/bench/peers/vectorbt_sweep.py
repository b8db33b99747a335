"""vectorbt: the same for many pairs at once, a column each; the last value of each."""

from __future__ import annotations

from typing import Any

import numpy as np
import vectorbt as vbt


def run(given: Any) -> Any:
    close = given["close"]
    quick = vbt.MA.run(close, given["fast"].tolist()).ma.to_numpy()
    steady = vbt.MA.run(close, given["slow"].tolist()).ma.to_numpy()
    above, below = np.zeros(quick.shape, bool), np.zeros(quick.shape, bool)
    above[1:], below[1:] = (quick > steady)[:-1], (quick < steady)[:-1]
    book = vbt.Portfolio.from_signals(
        close[:, None],
        above,
        below,
        price=given["open"][:, None],
        fees=float(given["fee"]),
        init_cash=10_000.0,
        freq="1min",
    )
    return book.final_value().to_numpy()
