"""What every Timers does, on every backend."""

from __future__ import annotations

from fluxfloor.contracts.events import TimerFired
from fluxfloor.contracts.facts import decode
from fluxfloor.contracts.ids import digest
from fluxfloor.contracts.journal import Timer

from tests.support.labs import Received, TimersLab


def timer(lab: TimersLab, in_ms: int, subject: str = "order-1", stage: str = "execution") -> Timer:
    due_ms = lab.inbox.now_ms() + in_ms
    return Timer(digest("timer", stage, subject), stage, due_ms, "check", subject)


def subject_of(taken: Received) -> str:
    event = decode(taken.delivery.data, taken.delivery.attributes).event
    assert isinstance(event, TimerFired)
    return event.subject


def test_a_timer_says_what_it_was_set_for(timers_lab: TimersLab) -> None:
    wanted = timer(timers_lab, 50)
    timers_lab.timers.set([wanted])
    timers_lab.run_until(lambda: len(timers_lab.inbox.received) == 1)
    (taken,) = timers_lab.inbox.received
    fact = decode(taken.delivery.data, taken.delivery.attributes)
    assert taken.stage == "execution"
    assert taken.delivery.subscription == "execution--timers"
    assert fact.event == TimerFired(stage="execution", purpose="check", subject="order-1", due_ms=wanted.due_ms)
    assert fact.event_id == fact.root == wanted.timer_id


def test_a_timer_never_fires_before_its_time(timers_lab: TimersLab) -> None:
    wanted = timer(timers_lab, 400)
    timers_lab.timers.set([wanted])
    timers_lab.settle(0.25)
    assert timers_lab.inbox.received == []
    timers_lab.run_until(lambda: len(timers_lab.inbox.received) == 1)
    assert timers_lab.inbox.received[0].at_ms >= wanted.due_ms


def test_timers_fire_by_their_time_and_not_by_when_they_were_set(timers_lab: TimersLab) -> None:
    wanted = [timer(timers_lab, in_ms, f"in-{in_ms}") for in_ms in (500, 100, 300)]
    timers_lab.timers.set(wanted)
    timers_lab.run_until(lambda: len(timers_lab.inbox.received) == 3)
    assert [subject_of(taken) for taken in timers_lab.inbox.received] == ["in-100", "in-300", "in-500"]


def test_a_timer_whose_time_has_passed_fires_at_once(timers_lab: TimersLab) -> None:
    timers_lab.timers.set([timer(timers_lab, -5_000)])
    timers_lab.run_until(lambda: len(timers_lab.inbox.received) == 1)


def test_setting_a_timer_twice_fires_it_once(timers_lab: TimersLab) -> None:
    wanted = timer(timers_lab, 100)
    timers_lab.timers.set([wanted, wanted])
    timers_lab.timers.set([wanted])
    timers_lab.settle(0.6)
    assert len(timers_lab.inbox.received) == 1


def test_setting_a_timer_that_has_fired_does_not_fire_it_again(timers_lab: TimersLab) -> None:
    wanted = timer(timers_lab, 50)
    timers_lab.timers.set([wanted])
    timers_lab.run_until(lambda: len(timers_lab.inbox.received) == 1)
    timers_lab.settle(0.2)
    timers_lab.timers.set([wanted])
    timers_lab.settle(0.3)
    assert len(timers_lab.inbox.received) == 1


def test_a_timer_set_before_stays_as_it_is(timers_lab: TimersLab) -> None:
    first = timer(timers_lab, 100)
    timers_lab.timers.set([first])
    timers_lab.timers.set([timer(timers_lab, 60_000)])
    timers_lab.run_until(lambda: len(timers_lab.inbox.received) == 1)
    event = decode(timers_lab.inbox.received[0].delivery.data, timers_lab.inbox.received[0].delivery.attributes).event
    assert isinstance(event, TimerFired)
    assert event.due_ms == first.due_ms


def test_a_timer_that_was_not_taken_comes_again_and_counts(timers_lab: TimersLab) -> None:
    timers_lab.inbox.answer = lambda *_: len(timers_lab.inbox.received) >= 3
    timers_lab.timers.set([timer(timers_lab, 20)])
    timers_lab.run_until(lambda: len(timers_lab.inbox.received) == 3)
    timers_lab.settle(1.0)
    assert [taken.delivery.attempt for taken in timers_lab.inbox.received] == [1, 2, 3]
    assert len({taken.delivery.attributes["event_id"] for taken in timers_lab.inbox.received}) == 1
    assert len({taken.delivery.data for taken in timers_lab.inbox.received}) == 1


def test_timers_reach_the_stage_they_are_for(timers_lab: TimersLab) -> None:
    timers_lab.timers.set([timer(timers_lab, 20, stage="execution"), timer(timers_lab, 20, stage="alerts")])
    timers_lab.run_until(lambda: len(timers_lab.inbox.received) == 2)
    assert {taken.stage for taken in timers_lab.inbox.received} == {"execution", "alerts"}


def test_setting_no_timers_is_fine(timers_lab: TimersLab) -> None:
    timers_lab.timers.set([])
