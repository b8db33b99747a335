"""The stop that an entry was sized with is the stop that its position is watched by, from Cerebro to the closed bar."""

from __future__ import annotations

from fluxfloor.contracts.execution import Order
from fluxfloor.contracts.instruments import Candle
from fluxfloor.contracts.orders import Purpose
from fluxfloor.contracts.state import RiskBook, Stances
from fluxfloor.features.positions import holding_key
from fluxfloor.local.chaos import scenario
from fluxfloor.strategies import protective_stop

from tests.support.trading_floor import TradingFloor


def bought(room: TradingFloor, **more):
    """The order, Cerebro's position, and what the features stage holds, after a webhook was filled."""
    room.pull()
    assert room.send(action="buy", timestamp=room.clock.now_ms() // 1000, **more).status_code == 200
    room.later(5_000)
    (order,) = [Order.decode(row) for row in room.rows("orders")]
    assert order.intent.purpose is Purpose.ENTRY
    assert order.filled_lots
    (position,) = RiskBook.decode(room.rows("risk_books")[0]).positions.values()
    (stances,) = [Stances.decode(row) for row in room.rows("stances")]
    return order, position, stances.holdings[holding_key("main", order.intent.strategy_id)]


def test_a_stop_from_the_atr_is_watched_by_book_and_features(tmp_path):
    room = TradingFloor(tmp_path)
    order, position, holding = bought(room)
    stop = scenario.INSTRUMENT.price(order.intent.stop_loss_ticks)
    assert stop < position.average_price
    assert position.stop_price == holding.stop_price == stop
    room.close()


def test_a_stop_of_the_signal_is_watched_by_book_and_features_and_closes_the_position(tmp_path):
    room = TradingFloor(tmp_path)
    _, position, holding = bought(room, stopLoss={"stopPrice": 30_000})
    assert position.stop_price == holding.stop_price == 30_000
    bar = Candle(
        instrument_id=position.instrument_id, timeframe="15m", open_ms=holding.entry_ms, open=31_000.0, high=31_000.0,
        low=29_999.0, close=30_500.0, volume=1.0,
    )  # fmt: skip
    assert protective_stop(bar, holding) is not None
    assert protective_stop(bar.model_copy(update={"low": 30_001.0}), holding) is None
    room.close()
