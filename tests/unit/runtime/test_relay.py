"""The sweep's net under the outbox: what was committed and never sent."""

from __future__ import annotations

from pathlib import Path

import pytest
from fluxfloor.contracts.events import AccountUpdated, TimerFired
from fluxfloor.contracts.facts import Fact, decode
from fluxfloor.contracts.journal import JOURNAL, Step, claim_id
from fluxfloor.errors import RetryLater
from fluxfloor.ports import Commit, Ref
from fluxfloor.runtime import runner as runtime
from fluxfloor.runtime.runner import SWEEP_GRACE_MS, Outcome
from fluxfloor.runtime.work import Work

from tests.support.runtime_lab import Lab, count_one, heard, raising, said


@pytest.fixture(autouse=True)
def _counting(lab: Lab) -> None:
    lab.stage.on(AccountUpdated)(count_one)


def decide_unsent(lab: Lab, *versions: int) -> None:
    """Steps whose process died before it published."""
    for version in versions:
        lab.bus.publishing.before = [raising(RetryLater("no bus"))]
        lab.handle(heard(version))


def messages(lab: Lab) -> list[str]:
    return [fact.event.message for fact in lab.bus.published]  # type: ignore[attr-defined]


def test_what_is_old_enough_is_sent_and_marked(lab: Lab) -> None:
    decide_unsent(lab, 1)
    lab.later(SWEEP_GRACE_MS)
    assert lab.sweep() is Outcome.ACK
    assert messages(lab) == ["counted 1"]
    assert lab.sweep() is Outcome.ACK
    assert len(messages(lab)) == 1


def test_what_somebody_may_be_sending_right_now_is_left_alone(lab: Lab) -> None:
    decide_unsent(lab, 1)
    lab.later(SWEEP_GRACE_MS - 1)
    lab.sweep()
    assert messages(lab) == []


def test_more_than_a_page_is_sent_in_one_sweep(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "SWEEP_LIMIT", 3)
    decide_unsent(lab, *range(10))
    lab.later(SWEEP_GRACE_MS)
    assert lab.runner.relay() == 10
    assert len(messages(lab)) == 10


def test_a_sweep_has_a_bound(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "SWEEP_LIMIT", 2)
    monkeypatch.setattr(runtime, "SWEEP_PAGES", 2)
    decide_unsent(lab, *range(5))
    lab.later(SWEEP_GRACE_MS)
    assert [lab.runner.relay(), lab.runner.relay(), lab.runner.relay()] == [4, 1, 0]


def test_a_step_that_cannot_be_sent_holds_up_no_other(lab: Lab) -> None:
    decide_unsent(lab, 1, 2, 3)
    broken = Ref(JOURNAL, claim_id("cerebro", heard(2).event_id))
    facts = lab.documents.read([broken])[0].data["facts"]  # type: ignore[index]
    lab.documents.patch(broken, {"facts": [{**facts[0], "type": "risks.raised.v99"}]})
    lab.later(SWEEP_GRACE_MS)
    assert lab.sweep() is Outcome.ACK
    assert sorted(messages(lab)) == ["counted 1", "counted 3"]


def test_a_bus_that_is_down_does_not_keep_the_sweep_from_its_own_work(lab: Lab) -> None:
    swept = []
    lab.stage.job("sweep")(lambda context, tick: swept.append(tick))
    decide_unsent(lab, 1)
    lab.later(SWEEP_GRACE_MS)
    lab.bus.publishing.always = raising(RetryLater("no bus"))
    assert lab.sweep() is Outcome.NACK
    assert len(swept) == 1
    lab.bus.publishing.always = None
    assert lab.sweep() is Outcome.ACK
    assert messages(lab) == ["counted 1"]


def test_only_the_stage_that_stated_it_sends_it(lab: Lab) -> None:
    decide_unsent(lab, 1)
    lab.documents.patch(Ref(JOURNAL, claim_id("cerebro", heard(1).event_id)), {"pending": "features"})
    lab.later(SWEEP_GRACE_MS)
    lab.sweep()
    assert messages(lab) == []


def test_a_timer_that_was_decided_and_not_set_is_set_by_the_sweep(tmp_path: Path) -> None:
    lab = Lab(tmp_path, "execution")

    def watch(_: object, work: Work) -> None:
        work.set_timer("check", "order-1", work.now_ms + 60_000)

    lab.timers.setting.before = [raising(RetryLater("no queue"))]
    with pytest.raises(RetryLater):
        lab.runner.step(heard(1), watch)
    lab.later(SWEEP_GRACE_MS)
    assert lab.runner.relay() == 1
    lab.later(60_000)
    ((timer, delivery),) = lab.timers.inner.due(5)  # type: ignore[attr-defined]
    fact = decode(delivery.data, delivery.attributes)
    assert isinstance(fact.event, TimerFired)
    assert (timer.subject, fact.root) == ("order-1", heard(1).root)
    lab.close()


def test_every_database_of_a_stage_is_swept(tmp_path: Path) -> None:
    lab = Lab(tmp_path, "market")
    facts = (Fact.first("e2", said(), lab.clock.now_ms()).record(),)
    step = Step("market", "e1", "schedules.ticked.v1", "e1", lab.clock.now_ms(), facts, pending="market")
    for database in ("mode", "edge"):
        lab.documents.commit(Commit(creates={Ref(JOURNAL, step.id, database): step.record()}))
    lab.later(SWEEP_GRACE_MS)
    assert lab.sweep() is Outcome.ACK
    assert [row["pending"] for database in ("mode", "edge") for row in lab.journal(database)] == [None, None]
    assert len(lab.bus.published) == 2
    lab.close()
