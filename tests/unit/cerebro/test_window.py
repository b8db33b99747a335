"""Entries of a bar wait for each other in the stage's own document, and are decided together by its timer."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from fluxfloor.contracts.decisions import Decision, Reason, Verdict
from fluxfloor.contracts.events import TimerFired
from fluxfloor.contracts.facts import Fact, fired
from fluxfloor.contracts.instruments import QuoteState
from fluxfloor.contracts.journal import Timer
from fluxfloor.contracts.policy import FLOOR, Halt
from fluxfloor.contracts.signals import Action, Direction, Signal
from fluxfloor.contracts.state import EntryWindow
from fluxfloor.local import audit
from fluxfloor.ports import Delivery
from fluxfloor.runtime.runner import Outcome

from tests.support.cerebro_room import CerebroRoom
from tests.support.desk import AT_MS, BTC, ETH, d, held, policy, quote, signal

WINDOW_MS = 2_000


@pytest.fixture
def room(tmp_path) -> Iterator[CerebroRoom]:
    opened = CerebroRoom(tmp_path)
    yield opened
    opened.close()


def of_bar(name: str, strategy: str = "trend", close_ms: int = AT_MS, **more: Any) -> Signal:
    return signal(name=name, strategy_id=strategy, bar_close_ms=close_ms, **more)


def of_eth(name: str, **more: Any) -> Signal:
    return of_bar(name, rules=ETH, stop_loss=d(2940), reference_price=d(3000), **more)


def pass_time(room: CerebroRoom, ms: int = WINDOW_MS) -> None:
    until_ms = room.clock.now_ms() + ms
    room.floor.drain(until_ms=until_ms)
    room.clock.advance_to(until_ms)


def waiting(room: CerebroRoom) -> list[str]:
    window = room.read(EntryWindow.key("main"))
    return [item.scored.signal.signal_id for item in window.waiting] if window else []


def answers(room: CerebroRoom) -> dict[str, Decision]:
    return {decision.signal_id: decision for decision in room.decisions()}


# --- who waits ---------------------------------------------------------------------------------------------------


def test_entries_of_a_bar_wait_for_each_other_and_are_decided_in_one_commit(room):
    room.score(of_bar("a"))
    room.score(of_bar("b", "other"))
    assert (waiting(room), room.decisions()) == (["a", "b"], [])
    pass_time(room)
    assert waiting(room) == []
    assert [answer.verdict for answer in room.decisions()] == [Verdict.ACCEPTED, Verdict.REFUSED]
    (step,) = [row for row in audit.rows(room.floor.store, "journal") if row["facts"]]
    assert step["type"] == TimerFired.type
    assert sum(len(row["timers"]) for row in audit.rows(room.floor.store, "journal")) == 1


def test_what_is_decided_together_is_told_as_the_answer_to_each_signals_own_fact(room):
    room.score(of_bar("a"))
    room.score(of_bar("b", "other"))
    pass_time(room)
    taken = {row["event_id"]: row["subjects"] for row in audit.rows(room.floor.store, "journal") if not row["facts"]}
    (step,) = [row for row in audit.rows(room.floor.store, "journal") if row["facts"]]
    made = [fact for fact in step["facts"] if fact["type"] == "decisions.made.v1"]
    assert len(made) == 2
    for fact in made:
        assert taken[fact["parent"]] == [fact["data"]["decision"]["signal_id"]]
        assert fact["root"] == fact["parent"]


def test_an_entry_that_names_no_bar_is_decided_at_once(room):
    room.score(signal(name="alert"))
    assert (waiting(room), len(room.decisions())) == ([], 1)


def test_unless_the_policy_has_all_of_them_wait(tmp_path):
    room = CerebroRoom(tmp_path, under=policy(joint_window_takes="all"))
    room.score(signal(name="alert"))
    assert waiting(room) == ["alert"]
    pass_time(room)
    assert answers(room)["alert"].verdict is Verdict.ACCEPTED
    room.close()


def test_a_window_of_nothing_is_none(tmp_path):
    room = CerebroRoom(tmp_path, under=policy(joint_window_ms=0))
    room.score(of_bar("a"))
    assert (waiting(room), len(room.decisions())) == ([], 1)
    room.close()


def test_an_exit_never_waits(tmp_path, room):
    room.put(room.book.model_copy(update={"positions": held(100)}))
    room.score(of_bar("b", "other"))
    room.score(of_bar("out", action=Action.EXIT))
    room.score(of_bar("down", strategy="third", action=Action.TARGET, direction=Direction.FLAT))
    assert waiting(room) == ["b"]
    assert {name: answer.reason for name, answer in answers(room).items()} == {
        "out": Reason.OK, "down": Reason.AT_TARGET,
    }  # fmt: skip


def test_a_target_waits_only_where_it_leads_into_a_position(room):
    room.score(of_bar("in", action=Action.TARGET))
    assert waiting(room) == ["in"]
    pass_time(room)
    room.put(room.book.model_copy(update={"positions": held(100, strategy="full"), "reservations": {}}))
    room.score(of_bar("reached", strategy="full", action=Action.TARGET))
    assert waiting(room) == []
    assert answers(room)["reached"].reason is Reason.AT_TARGET


# --- the order ---------------------------------------------------------------------------------------------------


def three(close_ms: int = AT_MS) -> list[Signal]:
    """Two of them fill what may be open; the stop of "near" is the nearest, and "late" is of the next bar."""
    return [
        of_bar("far", "alpha", close_ms, reference_price=d(50_000), stop_loss=d(47_000)),
        of_bar("near", "zeta", close_ms, reference_price=d(50_000), stop_loss=d(49_500)),
        of_eth("late", strategy="beta", close_ms=close_ms + 1, ts_event_ms=close_ms + 1, expected_alpha=d("0.5")),
    ]


@pytest.mark.parametrize("arrived", list(permutations(range(3))))
def test_who_comes_when_changes_nothing(tmp_path, arrived):
    room = CerebroRoom(tmp_path, under=policy(position_cap="0.1", exposure_cap="0.18"))
    market = quote(), quote(), quote("2999.9", "3000.1", rules=ETH)
    for place in arrived:
        room.score(three()[place], at=market[place])
    pass_time(room)
    got = [(answer.signal_id, answer.verdict.value, answer.lots) for answer in room.decisions()]
    assert got == [("near", "accepted", 199), ("far", "refused", 0), ("late", "accepted", 268)]
    room.close()


# --- when it goes wrong ------------------------------------------------------------------------------------------


def fire(room: CerebroRoom, due_ms: int, name: str = "again") -> Outcome:
    fact: Fact = fired(Timer(name, "cerebro", due_ms, "joint", "main"))
    return room.floor.runners["cerebro"].handle(Delivery("t", fact.data(), fact.attributes(), name, 1))


def test_a_timer_that_fires_twice_or_for_a_window_that_is_gone_decides_nothing_again(room):
    room.score(of_bar("a"))
    due_ms = room.clock.now_ms() + WINDOW_MS
    pass_time(room)
    before = len(room.orders())
    assert fire(room, due_ms) is Outcome.ACK
    room.score(of_eth("b", strategy="other"))
    assert fire(room, due_ms, "third") is Outcome.ACK
    assert (len(room.orders()), waiting(room)) == (before, ["b"])


def test_a_timer_that_is_early_by_the_clocks_difference_still_decides(room):
    room.score(of_bar("a"))
    fire(room, room.clock.now_ms() + WINDOW_MS)
    assert (waiting(room), len(room.decisions())) == ([], 1)


def test_what_waits_is_decided_by_the_sweep_where_its_timer_was_lost(room):
    room.score(of_bar("a"))
    lost = room.floor.timers._database.connection
    lost.execute("DELETE FROM timers")
    pass_time(room, WINDOW_MS - 1)
    room.floor.tick("cerebro", "sweep")
    assert waiting(room) == ["a"]
    pass_time(room)
    room.floor.tick("cerebro", "sweep")
    assert (waiting(room), answers(room)["a"].verdict) == ([], Verdict.ACCEPTED)


def test_the_next_one_to_come_wakes_a_window_whose_timer_was_lost(room):
    room.score(of_bar("a"))
    room.floor.timers._database.connection.execute("DELETE FROM timers")
    pass_time(room, WINDOW_MS + 10_000)
    room.score(of_eth("b", strategy="other"))
    room.score(of_eth("c", strategy="third"))
    pass_time(room)
    assert set(answers(room)) == {"a", "b", "c"}
    assert sum(len(row["timers"]) for row in audit.rows(room.floor.store, "journal")) == 2


def test_a_halt_raised_while_they_wait_refuses_them(room):
    room.score(of_bar("a"))
    room.put(Halt(id=FLOOR, reason="kill switch", raised_by="ann", ts_event_ms=AT_MS))
    pass_time(room)
    assert answers(room)["a"].reason is Reason.HALTED


def test_a_signal_that_becomes_stale_while_it_waits_is_refused(tmp_path):
    room = CerebroRoom(tmp_path, under=policy(max_signal_age_ms=1_500))
    room.score(of_bar("a"))
    pass_time(room)
    assert answers(room)["a"].reason is Reason.STALE_SIGNAL
    room.close()


def test_a_later_exit_calls_off_an_entry_that_waits(room):
    room.score(of_bar("in"))
    room.score(of_bar("stays", "other"))
    room.score(signal(name="out", action=Action.EXIT, ts_event_ms=AT_MS + 1))
    assert waiting(room) == ["stays"]
    assert {name: answer.reason for name, answer in answers(room).items()} == {
        "in": Reason.WITHDRAWN, "out": Reason.NOTHING_TO_EXIT,
    }  # fmt: skip


def test_an_exit_that_comes_first_calls_off_the_entry_that_comes_after_it(room):
    room.score(signal(name="out", action=Action.EXIT, ts_event_ms=AT_MS + 1))
    room.score(signal(name="in"))
    room.score(of_bar("waits"))
    pass_time(room)
    assert {name: answer.reason for name, answer in answers(room).items()} == {
        "out": Reason.NOTHING_TO_EXIT, "in": Reason.WITHDRAWN, "waits": Reason.WITHDRAWN,
    }  # fmt: skip


def test_the_exit_of_a_reversal_leaves_the_entry_of_its_bar_alone(room):
    room.put(room.book.model_copy(update={"positions": held(-100, rules=BTC)}))
    room.score(of_bar("in"))
    room.score(of_bar("out", action=Action.EXIT, direction=Direction.SHORT))
    assert (waiting(room), answers(room)["out"].reason) == (["in"], Reason.OK)
    pass_time(room)
    assert answers(room)["in"].verdict is Verdict.ACCEPTED


def test_one_that_needs_a_fact_still_on_its_way_holds_up_none_of_the_others(room):
    """The other half of the reversal has not come: the entry waits on, and is refused when it never comes."""
    room.put(room.book.model_copy(update={"positions": held(-100, strategy="turns")}))
    room.score(of_bar("turn", "turns"))
    room.score(of_eth("free"))
    pass_time(room)
    assert (set(answers(room)), waiting(room)) == ({"free"}, ["turn"])
    pass_time(room, 12_000)
    assert (waiting(room), answers(room)["turn"].reason) == ([], Reason.POSITION_OPEN)


def test_a_full_window_closes_at_once(tmp_path):
    room = CerebroRoom(tmp_path, under=policy(joint_window_ms=60_000, max_open_positions=100))
    for number in range(60):
        assert room.score(of_bar(f"s{number}", f"strategy-{number}")) is Outcome.ACK
    assert room.score(of_bar("one-more", "strategy-60")) is Outcome.NACK
    room.floor.drain()
    assert (waiting(room), len(room.decisions())) == ([], 60)
    assert room.score(of_bar("one-more", "strategy-60")) is Outcome.ACK
    room.close()


# --- after an outage ---------------------------------------------------------------------------------------------


def test_an_entry_that_comes_late_is_decided_on_the_newest_quote(room):
    """It was scored before the market ran away; what it would lose now is more than 30 % of what it expects."""
    late = signal(name="late", reference_price=d(50_000), ts_event_ms=AT_MS - 20_000)
    room.put(QuoteState(id=BTC.instrument_id, quote=quote(50_990, 51_010, at_ms=AT_MS + 1_000)))
    room.score(late, at=quote(at_ms=AT_MS))
    assert waiting(room) == ["late"]
    pass_time(room)
    answer = answers(room)["late"]
    assert answer.reason is Reason.SLIPPAGE
    assert answer.slippage_share is not None
    assert answer.slippage_share > Decimal("0.3")
