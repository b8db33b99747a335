"""A signal of several legs through the real stages: one decision, an order a leg or none at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from fluxfloor.contracts.events import ExecutionReported, LegScored
from fluxfloor.contracts.orders import OrderState
from fluxfloor.runtime.runner import Outcome

from tests.support import desk
from tests.support.cerebro_room import CerebroRoom
from tests.support.pair_floor import BTC, ETH, STRATEGY, Died, PairFloor, leg
from tests.unit.cerebro import test_several as unit

NAMES = BTC.instrument_id, ETH.instrument_id
PAIR = leg("BTC/USDT", quantity="0.01"), leg("ETH/USDT", quantity="0.02")


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[PairFloor]:
    opened = PairFloor(tmp_path)
    yield opened
    opened.close()


def test_a_pair_is_one_decision_and_two_orders_and_leaves_together(floor: PairFloor) -> None:
    assert floor.send(*PAIR).status_code == 200
    floor.settle()
    (made,) = floor.decisions()
    assert [item["instrument_id"] for item in made["legs"]] == [BTC.instrument_id, ETH.instrument_id]
    assert floor.orders() == [(name, "entry", "filled") for name in NAMES]
    exits = leg("ETH/USDT"), leg("BTC/USDT")
    assert floor.send(*exits, signal_type="EXIT", name="p2").status_code == 200
    floor.settle()
    assert floor.orders() == [(name, what, "filled") for name in NAMES for what in ("entry", "exit")]
    (book,) = floor.rows("risk_books")
    assert [key for key in (*book["positions"], *book["reservations"]) if key.startswith(STRATEGY)] == []
    holdings = [row["holdings"][f"main|{STRATEGY}"] for row in floor.rows("stances")]
    assert [(held["lots"], held["pending"], held["trades"]) for held in holdings] == [(0, {}, 1)] * 2


def test_one_leg_too_small_is_no_order_at_all(floor: PairFloor) -> None:
    floor.send(PAIR[0], leg("ETH/USDT", quantity="0.00000001"))
    floor.settle()
    (made,) = floor.decisions()
    assert (made["verdict"], made["reason"], floor.orders()) == ("refused", "min_notional", [])
    assert "ETH/USDT" in made["text"]
    assert [item["reason"] for item in made["legs"]] == ["ok", "min_notional"]


def test_the_quotes_and_features_of_all_legs_go_with_the_signal(floor: PairFloor) -> None:
    floor.send(*PAIR)
    floor.settle()
    (scored,) = [told for told in floor.stated("signals.scored.v1") if told["signal"]["strategy_id"] == STRATEGY]
    other = scored["others"][ETH.instrument_id]
    assert scored["quote"]["instrument_id"] == BTC.instrument_id
    assert other["quote"]["instrument_id"] == ETH.instrument_id
    assert set(other["features"]) == set(scored["features"])
    assert other["features"]["atr_14"] != scored["features"]["atr_14"]


def test_a_pair_may_wait_in_a_window_like_any_entry(tmp_path: Path) -> None:
    floor = PairFloor(tmp_path, joint_window_takes="all")
    floor.send(*PAIR)
    floor.settle()
    assert [state for _, _, state in floor.orders()] == ["filled"] * 2
    assert floor.rows("entry_windows") == []
    floor.close()


def test_a_leg_that_the_venue_rejects_is_told_of_and_the_other_keeps_its_stop(tmp_path: Path) -> None:
    room = CerebroRoom(tmp_path, under=desk.policy(**unit.WIDE))
    wish = unit.pair(unit.leg(desk.BTC, desk.quantity("0.02")), unit.leg(desk.ETH, desk.quantity("0.5")))
    quoted = desk.quote(2999, 3001, desk.ETH, at_ms=room.clock.now_ms())
    assert room.score(wish, others={desk.ETH.instrument_id: LegScored(quote=quoted)}) is Outcome.ACK
    btc, eth = room.orders()
    room.tell(ExecutionReported(report=desk.report(btc, OrderState.FILLED, desk.fill("t", btc.lots))))
    assert room.stated("risks.raised.v1") == []
    room.tell(ExecutionReported(report=desk.report(eth, OrderState.REJECTED)))
    assert [told["kind"] for told in room.stated("risks.raised.v1")] == ["leg_missing"]
    (held,) = room.book.positions.values()
    assert held.stop_price == desk.BTC.price(btc.stop_loss_ticks or 0)
    assert room.book.reservations == {}
    room.close()


# --- crashes -----------------------------------------------------------------------------------------------------


def crashed(directory: Path, dies_at: int) -> tuple[int, list[str], bool]:
    """The boundaries that were met, what became of the orders, and whether anybody was told of a missing leg."""
    floor = PairFloor(directory)
    try:
        floor.boundaries.count, floor.boundaries.dies_at = 0, dies_at
        try:
            floor.send(*PAIR)
        except Died:
            floor.send(*PAIR)
        floor.settle()
        count, floor.boundaries.dies_at = floor.boundaries.count, 0
        floor.swept()
        (made,) = floor.decisions()
        requested = [told["intent"]["intent_id"] for told in floor.stated("orders.requested.v1")]
        assert set(made["intent_ids"]) <= set(requested)
        ordered = [(name, what) for name, what, _ in floor.orders()]
        assert ordered == ([(name, "entry") for name in NAMES] if made["verdict"] == "accepted" else [])
        raised = [told for told in floor.stated("risks.raised.v1") if told["kind"] == "leg_missing"]
        return count, [state for _, _, state in floor.orders()], bool(raised)
    finally:
        floor.close()


def test_a_crash_at_any_boundary_leaves_both_orders_or_none_and_no_missing_leg_untold(tmp_path: Path) -> None:
    """What is found by a sweep alone may be stale by then; an order whose sender dies with it on its lips may expire,
    for it is never sent twice on a guess."""
    count, states, told = crashed(tmp_path / "whole", 0)
    assert (states, told) == (["filled"] * 2, False)
    for at in sorted(Random(4).sample(range(1, count + 1), min(count, 24))):
        _, states, told = crashed(tmp_path / str(at), at)
        assert told == (states not in (["filled"] * 2, [])), (at, states)
