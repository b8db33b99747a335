"""The record of a run, from facts as a journal keeps them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from fluxfloor.contracts.events import (
    AccountUpdated,
    ExecutionReported,
    PositionView,
    SignalReceived,
    SignalScored,
    TradeClosed,
)
from fluxfloor.contracts.orders import OrderState, Side
from fluxfloor.local.run_record import run_of
from fluxfloor.measures.performance import performance

from tests.support.desk import BTC, d, fill, intent, report, signal

CLOSES = np.array([1_000, 2_000, 3_000, 4_000], np.int64)


def updated(at_ms: int, version: int, equity: str, cash: str, quantity: str = "0", **more: Any) -> dict[str, Any]:
    lots = BTC.lots(d(quantity))
    held = PositionView(
        instrument_id=BTC.instrument_id, lots=lots, quantity=d(quantity), average_price=d(100), mark_price=d(110),
        unrealised=d(0), realised=d(0),
    )  # fmt: skip
    event = AccountUpdated(
        account_id="paper-main", portfolio_id="main", currency="USDT", cash=d(cash), equity=d(equity), realised=d(0),
        unrealised=d(0), fees=d(0), positions=(held,) if lots else (), cause="mark", account_version=version,
        ts_event_ms=at_ms, **more,
    )  # fmt: skip
    return told(event)


def told(event: Any) -> dict[str, Any]:
    return {"type": event.type, "data": event.model_dump(mode="json")}


def filled(at_ms: int, side: Side, lots: int, price: str = "100", name: str = "i1") -> dict[str, Any]:
    one = fill(f"{name}-{at_ms}", lots, price, at_ms=at_ms)
    wanted = intent(name, side=side, lots=lots)
    return told(ExecutionReported(report=report(wanted, OrderState.FILLED, one)))


def closed(entry_ms: int, exit_ms: int, **more: Any) -> TradeClosed:
    given: dict[str, Any] = {
        "trade_id": f"t{exit_ms}", "account_id": "paper-main", "instrument_id": BTC.instrument_id,
        "strategy_id": "trend", "sender_id": "floor", "direction": "LONG", "quantity": d("0.01"),
        "entry_price": d(100), "exit_price": d(110), "entry_ms": entry_ms, "exit_ms": exit_ms, "fees": d("0.01"),
        "profit": d("0.09"), "return_fraction": d("0.09"), "entry_signal_id": "s-in", "exit_signal_id": "s-out",
    }  # fmt: skip
    return TradeClosed(**{**given, **more})


UNKNOWN = closed(910, 940, entry_signal_id="", exit_signal_id="")


def record(*facts: dict[str, Any]) -> Any:
    return run_of(facts, "paper-main", [BTC], CLOSES, 1_000.0, "USDT")


def test_a_bar_has_the_figures_of_the_last_update_at_or_before_its_close() -> None:
    run = record(updated(2_000, 2, "1010", "900", "1"), updated(3_001, 3, "1020", "1020"), updated(1_500, 1, "5", "5"))
    assert run.equity.tolist() == [1_000.0, 1_010.0, 1_010.0, 1_020.0]
    assert run.cash.tolist() == [1_000.0, 900.0, 900.0, 1_020.0]
    assert run.exposure.tolist() == [0.0, 110 / 1010, 110 / 1010, 0.0]


def test_of_two_updates_of_one_moment_the_later_version_counts() -> None:
    run = record(updated(1_000, 5, "7", "7"), updated(1_000, 4, "6", "6"))
    assert run.equity.tolist() == [7.0] * 4


def test_a_fill_belongs_to_the_bar_it_happened_in_and_one_after_the_last_close_to_none() -> None:
    run = record(
        filled(1_000, Side.BUY, 30), filled(1_001, Side.BUY, 10, name="i2"), filled(3_500, Side.SELL, 40, "120", "i3"),
        filled(4_001, Side.BUY, 5, name="i4"),
    )  # fmt: skip
    assert run.positions[:, 0].tolist() == [30, 40, 40, 0]
    assert np.allclose(run.traded, [0.3, 0.1, 0.0, 0.48])


def test_trades_come_in_the_order_of_their_exits_with_what_triggered_them() -> None:
    inward, outward = signal(name="s-in"), signal(name="s-out", explanation={"trigger": "cross_back"})
    late, first = closed(1_500, 3_500, tag="dip"), closed(500, 900, direction="SHORT", exit_signal_id="")
    run = record(
        told(SignalReceived(signal=inward)), told(SignalReceived(signal=outward)),
        updated(3_500, 2, "1", "1", trades=(late,)), updated(900, 1, "1", "1", trades=(first,)),
        updated(4_500, 3, "1", "1", trades=(closed(4_100, 4_400),)),
    )  # fmt: skip
    made = run.trades
    assert made.exit_ms.tolist() == [900, 3_500]
    assert made.side.tolist() == [-1, 1]
    assert made.lots.tolist() == [100, 100]
    assert [made.modes[mode] for mode in made.mode] == ["", "dip"]
    assert [made.triggers[place] for place in made.entered_on] == ["entry", "entry"]
    assert [made.triggers[place] for place in made.left_on] == ["flatten", "cross_back"]
    assert made.profit.tolist() == [0.09, 0.09]


def test_trades_know_their_stops_and_the_regimes_they_were_scored_in() -> None:
    inward = signal(name="s-in")
    outward = signal(name="s-out", explanation={"trigger": "trend_over", "stop_price": 104.5})
    order = intent("i1", side=Side.BUY, lots=10, signal_id="s-in", stop_loss_ticks=BTC.ticks(d("90")))
    run = record(
        told(SignalReceived(signal=inward)), told(SignalScored(signal=inward, features={"regime": 1.0})),
        told(SignalReceived(signal=outward)), told(SignalScored(signal=outward, features={"regime": 2.0})),
        told(ExecutionReported(report=report(order, OrderState.FILLED, fill("f", 10, "100", at_ms=500)))),
        updated(900, 1, "1", "1", trades=(closed(500, 900),)), updated(950, 2, "1", "1", trades=(UNKNOWN,)),
    )  # fmt: skip
    made = run.trades
    assert [made.entry_stop[0], made.exit_stop[0], made.entry_regime[0], made.exit_regime[0]] == [90.0, 104.5, 1.0, 2.0]
    assert made.risk[0] == pytest.approx(0.1), "10 a coin, of a hundredth"
    assert np.isnan([made.entry_stop[1], made.exit_stop[1], made.entry_regime[1], made.exit_regime[1]]).all()


def test_a_senders_stop_that_is_no_number_is_not_known() -> None:
    outward = signal(name="s-out", explanation={"stop_price": "below the low"})
    run = record(told(SignalReceived(signal=outward)), updated(900, 1, "1", "1", trades=(closed(500, 900),)))
    assert np.isnan(run.trades.exit_stop[0])


def test_what_belongs_to_another_account_is_left_out() -> None:
    mine, other = updated(900, 1, "1", "1"), updated(950, 9, "2", "2")
    other["data"]["account_id"] = "another"
    assert record(mine, other).equity.tolist() == [1.0] * 4


def test_a_run_of_nothing_has_a_flat_performance() -> None:
    run = record()
    assert len(run.trades) == 0
    assert performance(run).total_return == 0.0
    assert run.opening == Decimal(1_000)
