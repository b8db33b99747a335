"""An order that is prepared holds its room, and goes or falls with the bar's close."""

from __future__ import annotations

from fluxfloor.contracts.decisions import Reason, Verdict
from fluxfloor.contracts.events import ExecutionReported
from fluxfloor.contracts.orders import ChangeKind, OrderState
from fluxfloor.contracts.plans import Plan, PlanStyle
from fluxfloor.contracts.policy import Halt
from fluxfloor.contracts.signals import Action, Direction

from tests.support.cerebro_room import CerebroRoom
from tests.support.desk import AT_MS, PERP, book, d, decide, policy, quote, report, signal

CLOSE_MS = AT_MS + 60_000


def provisional(**more):
    return signal(name="prepared", provisional=True, bar_close_ms=CLOSE_MS, **more)


def confirming(**more):
    given = {"name": "real", "bar_close_ms": CLOSE_MS, "ts_event_ms": CLOSE_MS, "ts_received_ms": CLOSE_MS}
    return signal(**{**given, **more})


def at_the_close(wish, on, at=None, halts=(), after_ms=3_000):
    now_ms = CLOSE_MS + after_ms
    return decide(wish, on, at=at or quote(at_ms=now_ms), now_ms=now_ms, halts=halts)


def test_a_provisional_entry_is_decided_and_reserved_but_only_prepared():
    decided = decide(provisional())
    (order,) = decided.intents
    assert order.plan == Plan(style=PlanStyle.PREPARED, release_by_ms=CLOSE_MS + 15_000)
    assert decided.book.reservations[order.intent_id].release_by_ms == CLOSE_MS + 15_000


def test_the_closed_bars_wish_lets_it_go_and_asks_for_no_second_order():
    before = decide(provisional())
    decided = at_the_close(confirming(), before.book)
    (change,) = decided.changes
    assert (change.kind, change.intent_id) == (ChangeKind.RELEASE, before.intents[0].intent_id)
    assert decided.intents == ()
    assert decided.decision.verdict is Verdict.ACCEPTED
    assert decided.decision.intent_ids == before.decision.intent_ids
    assert decided.decision.lots == before.decision.lots
    assert decided.decision.text == "RELEASE 0.0299 BTC that were prepared: the closed bar confirms it"
    again = at_the_close(confirming(name="again"), decided.book)
    assert again.decision.reason is Reason.POSITION_OPEN


def test_what_may_not_be_let_go_any_more_is_taken_back():
    before = decide(provisional()).book
    halt = Halt(id="main", reason="enough", raised_by="anna", ts_event_ms=AT_MS)
    moved = quote(51_000, 51_010, at_ms=CLOSE_MS + 3_000)
    for decided, reason in (
        (at_the_close(confirming(), before, halts=(halt,)), Reason.HALTED),
        (at_the_close(confirming(reference_price=d(50_000)), before, at=moved), Reason.SLIPPAGE),
    ):
        assert decided.decision.reason is reason
        assert [change.kind for change in decided.changes] == [ChangeKind.CANCEL]
        assert decided.intents == ()


def test_the_other_side_is_taken_back_and_not_entered():
    before = decide(provisional(rules=PERP)).book
    wish = confirming(rules=PERP, direction=Direction.SHORT)
    decided = at_the_close(wish, before, at=quote(rules=PERP, at_ms=CLOSE_MS + 3_000))
    assert decided.decision.reason is Reason.POSITION_OPEN
    assert [change.kind for change in decided.changes] == [ChangeKind.CANCEL]


def test_another_bars_wish_and_one_that_comes_too_late_let_nothing_go():
    before = decide(provisional()).book
    later = confirming(bar_close_ms=CLOSE_MS + 900_000, ts_event_ms=CLOSE_MS + 900_000)
    assert decide(later, before, at=quote(at_ms=CLOSE_MS), now_ms=CLOSE_MS).changes == ()
    late = at_the_close(confirming(), before, after_ms=15_000)
    assert (late.decision.reason, late.changes) == (Reason.POSITION_OPEN, ())


def test_on_the_stage_it_goes_round_without_a_window_and_the_cancel_takes_it_back(tmp_path):
    room = CerebroRoom(tmp_path, on=book(), under=policy(joint_window_takes="all"))
    room.score(provisional())
    (order,) = room.orders()
    assert order.plan.style is PlanStyle.PREPARED
    room.score(signal(Action.CANCEL, Direction.FLAT, name="unconfirmed"))
    (changed,) = room.stated("orders.changed.v1")
    assert (changed["change"]["kind"], changed["change"]["intent_id"]) == ("cancel", order.intent_id)
    room.tell(ExecutionReported(report=report(order, OrderState.CANCELLED)))
    assert room.book.reservations == {}
    room.close()
