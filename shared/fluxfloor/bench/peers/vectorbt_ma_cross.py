"""vectorbt: both averages, signals on the close, orders at the next open, the value at every bar."""

from __future__ import annotations

from typing import Any

import numpy as np
import vectorbt as vbt


def run(given: Any) -> Any:
    close, fast, slow = given["close"], int(given["fast"][0]), int(given["slow"][0])
    quick, steady = vbt.MA.run(close, fast).ma.to_numpy().ravel(), vbt.MA.run(close, slow).ma.to_numpy().ravel()
    above, below = np.zeros(close.size, bool), np.zeros(close.size, bool)
    above[1:], below[1:] = (quick > steady)[:-1], (quick < steady)[:-1]
    book = vbt.Portfolio.from_signals(
        close, above, below, price=given["open"], fees=float(given["fee"]), init_cash=10_000.0, freq="1min"
    )
    return book.value().to_numpy().ravel()
