"""nautilus_trader: the same cross through its event loop, a market order a signal, at a simulated venue."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.indicators import SimpleMovingAverage
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.objects import Money
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

PAIR = TestInstrumentProvider.btcusdt_binance()
BARS = BarType.from_str(f"{PAIR.id}-1-HOUR-LAST-EXTERNAL")
SIZE = Decimal("0.010000")


class Cross(Strategy):  # type: ignore[misc]
    """Long while the fast average is above the slow one."""

    def __init__(self, fast: int, slow: int) -> None:
        super().__init__()
        self.fast, self.slow = SimpleMovingAverage(fast), SimpleMovingAverage(slow)
        self.entries = self.exits = 0

    def on_start(self) -> None:
        self.register_indicator_for_bars(BARS, self.fast)
        self.register_indicator_for_bars(BARS, self.slow)
        self.subscribe_bars(BARS)

    def on_bar(self, bar: Bar) -> None:
        if not self.indicators_initialized():
            return
        flat = self.portfolio.is_flat(PAIR.id)
        if flat and self.fast.value > self.slow.value:
            self.entries += 1
            self.order(OrderSide.BUY)
        elif not flat and self.fast.value < self.slow.value:
            self.exits += 1
            self.order(OrderSide.SELL)

    def order(self, side: OrderSide) -> None:
        self.submit_order(self.order_factory.market(PAIR.id, side, PAIR.make_qty(SIZE)))


def prepare(given: Any) -> Any:
    table = given["bars"]
    frame = pd.DataFrame(table[:, 1:], columns=["open", "high", "low", "close", "volume"])
    frame.index = pd.to_datetime(table[:, 0].astype(np.int64), unit="ms", utc=True)
    return BarDataWrangler(BARS, PAIR).process(frame), int(given["fast"]), int(given["slow"])


def run(given: Any) -> Any:
    bars, fast, slow = given
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), run_analysis=False))
    engine.add_venue(
        Venue("BINANCE"), oms_type=OmsType.NETTING, account_type=AccountType.CASH, base_currency=None,
        starting_balances=[Money(1_000_000, USDT)],
    )  # fmt: skip
    engine.add_instrument(PAIR)
    engine.add_data(bars)
    strategy = Cross(fast, slow)
    engine.add_strategy(strategy)
    engine.run()
    counted = np.array([engine.iteration, strategy.entries, strategy.exits])
    engine.dispose()
    return counted
