"""What becomes of a message that can't be handled: brought again, quarantined and released, or a halt."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from fluxfloor.contracts.events import AccountUpdated, ExecutionReported, QuarantineReleased
from fluxfloor.contracts.facts import Fact, fired
from fluxfloor.contracts.journal import Timer
from fluxfloor.contracts.policy import Halt
from fluxfloor.errors import CommitUnknown, InvariantBroken, Poison, RetryLater, Throttled
from fluxfloor.local.floor import tick_delivery
from fluxfloor.ports import Delivery
from fluxfloor.runtime.runner import MAX_ATTEMPTS, PATIENCE, Outcome
from fluxfloor.runtime.work import Work
from fluxfloor.topology import STAGES
from hypothesis import given
from hypothesis import strategies as st

from tests.support.runtime_lab import BOOK, NOW_MS, Lab, count_one, delivery_of, heard, raising

MAIN = Halt.key("main")


def failing(lab: Lab, *problems: BaseException) -> None:
    """The handler raises these, one a call, and counts after that."""
    left = list(problems)

    def decide(event: AccountUpdated, work: Work) -> None:
        if left:
            raise left.pop(0)
        count_one(event, work)

    lab.stage.on(AccountUpdated)(decide)


def held(lab: Lab, database: str = "mode") -> Any:
    (only,) = lab.quarantine(database)
    return only


# --- quarantine --------------------------------------------------------------------------------------------------


def test_poison_is_kept_with_its_reason_and_acked(lab: Lab) -> None:
    failing(lab, Poison("the book is in Latin"))
    fact = heard()
    assert lab.handle(fact) is Outcome.ACK
    record = held(lab)
    assert (record["state"], record["reason"], record["error"]) == ("held", "poison", "the book is in Latin")
    assert record["id"] == f"cerebro:{fact.event_id}"
    assert base64.b64decode(record["data"]) == fact.data()
    assert record["attributes"] == fact.attributes()
    assert "Poison" in record["trace"]
    assert record["at_ms"] == NOW_MS


def test_a_transient_failure_is_brought_again_and_not_kept(lab: Lab) -> None:
    failing(lab, RetryLater("not yet"), Throttled("slowly"), ZeroDivisionError())
    fact = heard()
    assert [lab.handle(fact) for _ in range(4)] == [Outcome.NACK] * 3 + [Outcome.ACK]
    assert lab.quarantine() == []
    assert lab.find(BOOK).account_version == 1


@pytest.mark.parametrize(
    ("problem", "most"),
    [(RetryLater("never"), PATIENCE), (CommitUnknown("no answer"), PATIENCE), (KeyError("a bug"), MAX_ATTEMPTS)],
)
def test_what_fails_to_its_last_attempt_is_for_a_person(lab: Lab, problem: Exception, most: int) -> None:
    failing(lab, problem, problem)
    assert lab.handle(heard(), attempt=most - 1) is Outcome.NACK
    assert lab.handle(heard(), attempt=most) is Outcome.ACK
    assert held(lab)["reason"] == getattr(problem, "reason", "handler_failed")


def test_the_bus_is_more_patient_than_the_stage() -> None:
    """A person sees the reason in the quarantine, and none in the dead letters."""
    given = {subscription.max_attempts for stage in STAGES.values() for subscription in stage.consumes}
    assert MAX_ATTEMPTS < PATIENCE < min(given)


def test_attempts_that_died_do_not_count_as_failures_of_what_only_has_to_wait(lab: Lab) -> None:
    """Fourteen processes died over it or put it off; the fifteenth met a store that did not answer."""
    failing(lab, CommitUnknown("no answer"))
    fact = heard()
    assert [lab.handle(fact, attempt) for attempt in (MAX_ATTEMPTS, MAX_ATTEMPTS + 1)] == [Outcome.NACK, Outcome.ACK]
    assert (lab.quarantine(), lab.find(BOOK).account_version) == ([], 1)


def test_what_was_decided_is_left_to_the_sweep_when_its_effect_keeps_failing(lab: Lab) -> None:
    def act(context: object, fact: Fact) -> None:
        raise Throttled("the venue asks for patience")

    lab.stage.on(AccountUpdated, then=act)(count_one)
    assert lab.handle(heard(), attempt=MAX_ATTEMPTS) is Outcome.ACK
    assert (lab.quarantine(), lab.find(BOOK).account_version) == ([], 1)


def test_a_timer_that_keeps_failing_is_left_to_the_sweep(tmp_path: Path) -> None:
    def check(context: object, fact: Fact) -> None:
        raise Throttled("the venue asks for patience")

    lab = Lab(tmp_path, "execution")
    lab.stage.timer("check")(check)
    fact = fired(Timer("t1", "execution", NOW_MS, "check", "order-1"))
    assert [lab.handle(fact, attempt) for attempt in (1, MAX_ATTEMPTS)] == [Outcome.NACK, Outcome.ACK]
    assert lab.quarantine() == []
    lab.close()


def test_a_bus_that_does_not_count_its_attempts_goes_on_bringing_it(lab: Lab) -> None:
    failing(lab, *[RetryLater("never")] * 40)
    assert {lab.handle(heard(), attempt=0) for _ in range(40)} == {Outcome.NACK}
    assert lab.quarantine() == []


def test_a_message_nobody_handles_is_kept(lab: Lab) -> None:
    assert lab.handle(heard()) is Outcome.ACK
    assert "no handler for accounts.updated.v1" in held(lab)["error"]


def test_a_message_that_is_no_fact_is_kept_under_a_name_of_its_own(lab: Lab) -> None:
    assert lab.runner.handle(Delivery("s", b"\xff\x00", {"type": "nonsense"})) is Outcome.ACK
    assert lab.runner.handle(Delivery("s", b"\xff\x01", {"type": "nonsense"})) is Outcome.ACK
    assert len(lab.quarantine()) == 2


@given(data=st.binary(max_size=64), attributes=st.dictionaries(st.text(max_size=12), st.text(max_size=24), max_size=4))
def test_no_message_makes_a_handler_raise(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, attributes: dict[str, str]
) -> None:
    lab = Lab(tmp_path_factory.mktemp("lab"))
    assert lab.runner.handle(Delivery("s", data, attributes)) is Outcome.ACK
    assert len(lab.quarantine()) == 1
    lab.close()


def test_a_truncated_fact_is_kept(lab: Lab) -> None:
    failing(lab)
    fact = heard()
    for cut in range(0, len(fact.data()), 7):
        assert lab.runner.handle(Delivery("s", fact.data()[:cut], fact.attributes(), "m", 1)) is Outcome.ACK
    assert held(lab)["reason"] == "poison"
    assert lab.find(BOOK) is None


def test_until_the_quarantine_has_it_a_message_is_not_acked(lab: Lab) -> None:
    failing(lab, Poison("no"), Poison("no"))
    lab.store.committing.before = [raising(CommitUnknown("no answer"))]
    assert lab.handle(heard()) is Outcome.NACK
    assert lab.handle(heard()) is Outcome.ACK
    assert held(lab)["error"] == "no"


def test_the_quarantine_is_told_the_newest_reason(lab: Lab) -> None:
    failing(lab, Poison("first"), Poison("second"))
    lab.handle(heard())
    lab.later(5_000)
    lab.handle(heard())
    assert (held(lab)["error"], held(lab)["at_ms"]) == ("second", NOW_MS + 5_000)


def test_a_stage_of_the_edge_keeps_its_quarantine_there(tmp_path: Path) -> None:
    lab = Lab(tmp_path, "ingestion")
    lab.runner.handle(Delivery("ingestion--schedule", b"{}", {"event_id": "e1"}))
    assert lab.quarantine("mode") == []
    assert held(lab, "edge")["id"] == "ingestion:e1"
    lab.close()


def test_a_tick_for_another_stage_is_not_run(lab: Lab) -> None:
    lab.runner.handle(tick_delivery("execution", "sweep", NOW_MS))
    assert "for execution" in held(lab)["error"]


# --- release -----------------------------------------------------------------------------------------------------


def test_a_released_message_is_handled_and_says_who_released_it(lab: Lab) -> None:
    failing(lab, Poison("the book is in Latin"))
    lab.handle(heard())
    assert lab.release(held(lab)["id"]) is Outcome.ACK
    assert lab.find(BOOK).account_version == 1
    assert (held(lab)["state"], held(lab)["released_by"]) == ("released", "ann")


def test_releasing_twice_acts_once(lab: Lab) -> None:
    failing(lab, Poison("no"))
    lab.handle(heard())
    quarantine_id = held(lab)["id"]
    assert [lab.release(quarantine_id), lab.release(quarantine_id)] == [Outcome.ACK] * 2
    assert lab.find(BOOK).account_version == 1


def test_a_release_that_crashed_before_its_mark_acts_once(lab: Lab) -> None:
    failing(lab, Poison("no"))
    lab.handle(heard())
    lab.store.patching.before = [lambda: None, raising(RetryLater("no answer"))]  # of the step, then of the quarantine
    assert lab.release(held(lab)["id"]) is Outcome.NACK
    assert held(lab)["state"] == "held"
    assert lab.release(held(lab)["id"]) is Outcome.ACK
    assert (held(lab)["state"], lab.find(BOOK).account_version) == ("released", 1)


def test_what_still_cannot_be_handled_stays_with_todays_reason(lab: Lab) -> None:
    failing(lab, Poison("first"), Poison("still"), ValueError("a bug now"))
    lab.handle(heard())
    for reason in ("still", "a bug now"):
        assert lab.release(held(lab)["id"]) is Outcome.ACK
        assert (held(lab)["state"], held(lab)["error"]) == ("held", reason)
    lab.release(held(lab)["id"])
    assert (held(lab)["state"], lab.find(BOOK).account_version) == ("released", 1)


def test_a_release_that_meets_a_transient_failure_comes_again(lab: Lab) -> None:
    failing(lab, Poison("first"), RetryLater("not yet"))
    lab.handle(heard())
    quarantine_id = held(lab)["id"]
    assert lab.release(quarantine_id) is Outcome.NACK
    assert lab.release(quarantine_id) is Outcome.ACK
    assert held(lab)["state"] == "released"


def test_a_release_itself_is_never_quarantined(lab: Lab) -> None:
    failing(lab, Poison("first"), RetryLater("never"))
    lab.handle(heard())
    assert lab.release(held(lab)["id"], attempt=PATIENCE) is Outcome.ACK
    assert held(lab)["state"] == "held"


def test_a_release_for_another_stage_or_of_nothing_is_no_matter(lab: Lab) -> None:
    assert lab.release("execution:e1") is Outcome.ACK
    assert lab.release("cerebro:unknown") is Outcome.ACK
    assert lab.quarantine() == []


def test_a_released_timer_or_tick_runs(tmp_path: Path) -> None:
    lab = Lab(tmp_path, "market")
    ran = []

    def pull(context: object, tick: Fact) -> None:
        ran.append(tick)
        if len(ran) == 1:
            raise Poison("the exchange speaks in tongues")

    lab.stage.job("pull")(pull)
    lab.runner.handle(tick_delivery("market", "pull", NOW_MS))
    assert lab.release(held(lab)["id"]) is Outcome.ACK
    assert len(ran) == 2
    assert held(lab)["state"] == "released"
    lab.close()


def test_an_effect_runs_again_for_a_released_message_and_its_decision_does_not(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    acted = []

    def act(context: object, fact: Fact) -> None:
        acted.append(fact.event_id)
        if len(acted) == 1:
            raise Poison("the venue's answer makes no sense")

    lab.stage.on(AccountUpdated, then=act)(count_one)
    lab.handle(heard())
    lab.release(held(lab)["id"])
    assert (len(acted), lab.find(BOOK).account_version) == (2, 1)
    lab.close()


# --- invariants --------------------------------------------------------------------------------------------------


def test_a_broken_invariant_halts_entries_tells_and_keeps_the_message(lab: Lab) -> None:
    failing(lab, InvariantBroken("assets are negative", scope="main"))
    assert lab.handle(heard()) is Outcome.ACK
    halt = lab.find(MAIN)
    assert (halt.reason, halt.raised_by) == ("invariant: assets are negative", "cerebro")
    (told,) = lab.bus.published
    assert (told.event.kind, told.event.severity, told.event.scope) == ("invariant_broken", "critical", "main")
    assert held(lab)["reason"] == "invariant_broken"


def test_an_invariant_without_a_scope_halts_the_floor(lab: Lab) -> None:
    failing(lab, InvariantBroken("nonsense"))
    lab.handle(heard())
    assert lab.find(Halt.key("floor")) is not None


def test_a_halt_that_stands_is_not_overwritten(lab: Lab) -> None:
    lab.put(Halt(id="main", reason="ann said so", raised_by="ann", flatten=True, ts_event_ms=NOW_MS))
    failing(lab, InvariantBroken("assets are negative", scope="main"))
    lab.handle(heard())
    assert (lab.find(MAIN).reason, lab.find(MAIN).flatten) == ("ann said so", True)
    assert len(lab.bus.published) == 1


def test_when_not_even_the_halt_can_be_kept_the_message_comes_again(lab: Lab) -> None:
    failing(lab, InvariantBroken("assets are negative", scope="main"), InvariantBroken("still", scope="main"))
    lab.store.committing.before = [raising(CommitUnknown("no answer"))]
    assert lab.handle(heard()) is Outcome.NACK
    assert (lab.find(MAIN), lab.quarantine()) == (None, [])
    assert lab.handle(heard()) is Outcome.ACK
    assert lab.find(MAIN).reason == "invariant: still"


def test_a_store_that_fails_in_a_new_way_still_only_nacks(lab: Lab) -> None:
    failing(lab, Poison("no"))
    lab.store.committing.before = [raising(MemoryError())]
    assert lab.handle(heard()) is Outcome.NACK


def test_a_stage_that_tells_no_risks_halts_all_the_same(tmp_path: Path) -> None:
    lab = Lab(tmp_path, "alerts")
    lab.stage.on(ExecutionReported)(lambda _, work: None)
    lab.runner._settle(delivery_of(heard()), InvariantBroken("nonsense", scope="main"))
    assert lab.find(MAIN) is not None
    assert lab.bus.published == []
    lab.close()


def test_nothing_but_an_exception_is_caught(lab: Lab) -> None:
    failing(lab, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        lab.handle(heard())


def test_a_release_names_its_stage(lab: Lab) -> None:
    assert QuarantineReleased(quarantine_id="q", stage="cerebro", released_by="ann").attributes() == {
        "stage": "cerebro"
    }
