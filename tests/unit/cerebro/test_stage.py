"""The stage on the embedded floor: many decisions at once, halts, and what happens to what is open."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from fluxfloor.cerebro import book as books
from fluxfloor.contracts.decisions import Reason, Verdict
from fluxfloor.contracts.events import ExecutionReported, RiskRaised, Severity
from fluxfloor.contracts.orders import OrderState, Purpose, Side
from fluxfloor.contracts.policy import FLOOR, Halt
from fluxfloor.contracts.signals import Action, Direction, SizeKind
from fluxfloor.contracts.signals import Size as Asked
from fluxfloor.runtime.runner import Outcome

from tests.support.cerebro_room import CerebroRoom
from tests.support.desk import (
    AT_MS,
    BTC,
    PERP,
    RULES,
    account_update,
    book,
    d,
    fill,
    held,
    intent,
    policy,
    quantity,
    quote,
    report,
    reserved,
    signal,
)

SLOT = f"trend|{BTC.instrument_id}"


@pytest.fixture
def room(tmp_path) -> Iterator[CerebroRoom]:
    opened = CerebroRoom(tmp_path)
    yield opened
    opened.close()


def filled(room, *fills, name="in", lots=100, state=OrderState.FILLED, **more) -> Outcome:
    told = report(intent(name, lots=lots, stop_loss_ticks=490_000, **more), state, *fills)
    return room.tell(ExecutionReported(report=told), name)


# --- many at once ------------------------------------------------------------------------------------------------


def test_decisions_at_once_on_one_book_never_breach_a_limit_together(tmp_path):
    """24 signals of 24 strategies, 8 threads, the real handler: each alone would take the whole position cap."""
    under = policy(max_open_positions=100, position_cap="0.1", exposure_cap="0.17", risk_per_trade="0.5")
    room = CerebroRoom(tmp_path, under=under)
    wishes = [
        signal(rules=rules, name=f"s{n}", strategy_id=f"a{n}", expected_alpha=d("0.5"),
               stop_loss=d(40_000), size=Asked(kind=SizeKind.NOTIONAL, value=d(100 + 37 * n)))
        for n, rules in enumerate([BTC, PERP] * 12)
    ]  # fmt: skip
    todo, lock = list(wishes), threading.Lock()
    outcomes = []

    def work() -> None:
        while True:
            with lock:
                if not todo:
                    return
                wish = todo.pop()
            while (outcome := room.score(wish)) is Outcome.NACK:
                pass
            outcomes.append(outcome)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [Outcome.ACK] * 24
    on = room.book
    accepted = [made for made in room.decisions() if made.verdict is Verdict.ACCEPTED]
    assert len(room.decisions()) == 24
    assert 2 <= len(accepted) == len(on.reservations) == len(room.orders())
    assert books.exposure(on, RULES) <= d("0.17") * 10_000
    for rules in (BTC, PERP):
        assert books.exposure(on, RULES, only=rules.instrument_id) <= d("0.1") * 10_000
    versions = [made.book_version for made in accepted]
    assert len(set(versions)) == len(versions), "two decisions stood on one version of the book"
    room.close()


def test_the_same_signal_delivered_to_many_threads_is_decided_once(room):
    at = quote()
    threads = [threading.Thread(target=lambda: room.score(signal(), at)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(room.decisions()) == len(room.orders()) == len(room.book.reservations) == 1


def test_a_halt_that_comes_while_a_decision_is_made_is_met(room, monkeypatch):
    """The halt appears between the reading and the commit: the decision is made again, and refuses."""
    inner, halts = room.floor.store.commit, [Halt(id=FLOOR, reason="now", raised_by="x", ts_event_ms=AT_MS)]

    def commit(change):
        if halts:
            room.floor.store.commit = inner
            room.put(halts.pop())
        inner(change)

    monkeypatch.setattr(room.floor.store, "commit", commit)
    room.score(signal())
    assert [made.reason for made in room.decisions()] == [Reason.HALTED]
    assert room.orders() == []


def test_a_policy_that_changes_while_a_decision_is_made_is_met(room, monkeypatch):
    inner, tighter = room.floor.store.commit, [policy(position_cap="0.01")]

    def commit(change):
        if tighter:
            room.floor.store.commit = inner
            room.put(tighter.pop())
        inner(change)

    monkeypatch.setattr(room.floor.store, "commit", commit)
    room.score(signal())
    (made,) = room.decisions()
    assert made.notional <= 100


# --- the way of an order -----------------------------------------------------------------------------------------


def test_a_decision_reserves_and_its_end_releases(room):
    room.score(signal())
    (order,) = room.orders()
    assert set(room.book.reservations) == {order.intent_id}
    room.tell(ExecutionReported(report=report(order, OrderState.EXPIRED)))
    assert room.book.reservations == {}


def test_a_refusal_leaves_no_trace_in_the_book(room):
    before = room.book
    room.score(signal(expected_alpha=d(0)))
    assert room.book == before


def test_the_stop_of_the_decision_is_the_stop_of_the_position(room):
    room.score(signal(stop_loss=None), features={"atr_14": 250.0})
    (order,) = room.orders()
    room.tell(ExecutionReported(report=report(order, OrderState.FILLED, fill("t", order.lots))))
    assert room.book.positions[SLOT].stop_price == BTC.price(order.stop_loss_ticks) == d("49505")


def test_a_reversal_is_traded_whichever_half_arrives_first(tmp_path):
    room = CerebroRoom(tmp_path, book(9_950, 10_000, positions=held(10, rules=PERP)))
    out = signal(Action.EXIT, rules=PERP, name="out")
    into = signal(direction=Direction.SHORT, rules=PERP, name="in", size=quantity("0.001"))
    assert room.score(into) is Outcome.NACK
    assert room.score(out) is Outcome.ACK
    assert room.score(into) is Outcome.ACK
    assert [(order.purpose, order.side) for order in room.orders()] == [
        (Purpose.EXIT, Side.SELL), (Purpose.ENTRY, Side.SELL),
    ]  # fmt: skip
    room.close()


def test_a_strategy_of_reversion_by_its_plug_in_has_the_risk_of_reversion(tmp_path):
    room = CerebroRoom(tmp_path, under=policy("fluxhero", position_cap="1", exposure_cap="1"))
    room.score(signal(name="a", strategy_id="mean_reversion", stop_loss=d(45_005)))
    room.score(signal(name="b", strategy_id="trend", stop_loss=d(45_005)))
    assert [order.lots for order in room.orders()] == [150, 200]
    room.close()


def test_without_the_rules_of_what_is_held_nothing_is_sized(tmp_path):
    stranger = BTC.model_copy(update={"instrument_id": "binance:BTC/USDT", "venue": "binance"})
    room = CerebroRoom(tmp_path, book(positions=held(1, rules=stranger, strategy="b")))
    assert room.score(signal()) is Outcome.NACK
    room.close()


# --- what should not be open any more ----------------------------------------------------------------------------


def flattening(scope: str = "main") -> Halt:
    return Halt(id=scope, reason="enough", raised_by="admin", flatten=True, ts_event_ms=AT_MS)


def told_of(halt: Halt) -> RiskRaised:
    return RiskRaised(
        kind="halted", scope=halt.id, severity=Severity.CRITICAL, message="", ts_event_ms=AT_MS,
        details={"flatten": str(halt.flatten).lower()},
    )  # fmt: skip


@pytest.mark.parametrize("scope", ["main", FLOOR])
def test_a_person_who_flattens_is_obeyed_at_once(tmp_path, scope):
    room = CerebroRoom(tmp_path, book(positions={**held(10), **held(-3, rules=PERP)}))
    room.put(flattening(scope))
    room.tell(told_of(flattening(scope)))
    assert {(order.side, order.lots) for order in room.orders()} == {(Side.SELL, 10), (Side.BUY, 3)}
    room.tell(told_of(flattening(scope)), "again")
    assert len(room.orders()) == 2
    room.close()


def test_a_halt_that_was_lifted_before_it_was_heard_of_flattens_nothing(tmp_path):
    room = CerebroRoom(tmp_path, book(positions=held(10)))
    room.tell(told_of(flattening()))
    assert room.orders() == []
    room.close()


def test_an_entry_that_fills_under_a_flattening_halt_goes_out_again(tmp_path):
    room = CerebroRoom(tmp_path, book(reservations=reserved(100, name="in")))
    room.put(flattening())
    filled(room, fill("t", 100))
    (order,) = room.orders()
    assert (order.side, order.lots, order.purpose) == (Side.SELL, 100, Purpose.FLATTEN)
    room.close()


def test_a_closing_order_that_came_to_nothing_is_tried_again_with_the_next_mark(tmp_path):
    room = CerebroRoom(tmp_path, book(positions=held(10)))
    room.put(flattening())
    room.tell(account_update(10_000, version=2))
    (first,) = room.orders()
    room.tell(ExecutionReported(report=report(first, OrderState.REJECTED)))
    room.tell(account_update(10_000, version=3))
    first_again, second = room.orders()
    assert (first_again.intent_id, second.lots) == (first.intent_id, 10)
    assert second.intent_id != first.intent_id
    room.close()


def test_a_signal_that_left_before_its_entry_filled_is_remembered(tmp_path):
    room = CerebroRoom(tmp_path, book(reservations=reserved(100, name="in")))
    room.score(signal(Action.EXIT, name="out"))
    assert room.orders() == []
    filled(room, fill("t1", 30), state=OrderState.PARTIALLY_FILLED)
    filled(room, fill("t2", 70))
    assert [(order.lots, order.signal_id) for order in room.orders()] == [(30, "out"), (70, "out")]
    room.close()


def test_a_broken_limit_halts_flattens_and_is_told_once(tmp_path):
    room = CerebroRoom(tmp_path, book(positions=held(10)))
    room.tell(account_update(7_900, version=2))
    room.tell(account_update(7_800, version=3))
    assert room.read(Halt.key("main")).flatten
    assert [risk["kind"] for risk in room.stated("risks.raised.v1")] == ["drawdown"]
    assert len(room.orders()) == 1
    room.close()


def test_a_halt_grows_into_one_that_flattens_but_never_back(tmp_path):
    room = CerebroRoom(tmp_path, book(positions=held(10)), policy("mathematricks"))
    room.tell(account_update(9_790, version=2))
    assert not room.read(Halt.key("main")).flatten
    room.tell(account_update(9_690, version=3))
    assert room.read(Halt.key("main")).flatten
    room.tell(account_update(9_790, version=4))
    assert room.read(Halt.key("main")).flatten
    assert len(room.orders()) == 1
    room.close()


def test_what_was_resumed_is_halted_again_by_the_same_loss(tmp_path):
    room = CerebroRoom(tmp_path)
    room.tell(account_update(9_700, version=2))
    room.remove(room.read(Halt.key("main")))
    room.score(signal(name="early"))
    room.tell(account_update(9_700, version=3))
    assert [made.reason for made in room.decisions()] == [Reason.DAILY_LOSS]
    assert room.read(Halt.key("main")) is not None
    room.close()


def test_the_next_day_a_resumed_portfolio_trades_although_nothing_else_has_happened(tmp_path):
    room = CerebroRoom(tmp_path)
    room.tell(account_update(9_700, version=2))
    room.remove(room.read(Halt.key("main")))
    room.clock.advance_to(AT_MS + 86_400_000)
    room.score(signal(ts_event_ms=AT_MS + 86_400_000, ts_received_ms=AT_MS + 86_400_000))
    assert [made.verdict for made in room.decisions()] == [Verdict.ACCEPTED]
    room.close()


def test_a_margin_call_halts_once_and_is_told_again_only_when_it_comes_again(room):
    def margin(used, version):
        told = account_update(10_000, version=version).model_copy(update={"margin_used": d(used)})
        room.tell(told)
        return [risk["kind"] for risk in room.stated("risks.raised.v1")].count("margin_call")

    assert [margin(9_000, 2), margin(9_100, 3)] == [1, 1]
    halt = room.read(Halt.key("main"))
    assert (halt.raised_by, halt.flatten, "90% of equity" in halt.reason) == ("cerebro", False, True)
    assert [margin(5_000, 4), margin(9_000, 5)] == [1, 2]  # told, though the halt still stands
