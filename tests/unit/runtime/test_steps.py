"""A step: decided once, on what is true at its commit, and sent until it is known to be sent."""

from __future__ import annotations

import pytest
from fluxfloor.contracts.events import AccountUpdated
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.ids import digest
from fluxfloor.contracts.policy import PRESETS, Halt, Policy
from fluxfloor.contracts.state import Account, RiskBook
from fluxfloor.errors import CommitUnknown, Conflict, InvariantBroken, RetryLater
from fluxfloor.runtime.runner import MAX_CONFLICTS, Outcome
from fluxfloor.runtime.work import MAX_FACTS, Work

from tests.support.runtime_lab import BOOK, NOW_MS, Lab, book, count_one, heard, raising, said


@pytest.fixture(autouse=True)
def _counting(lab: Lab) -> None:
    lab.stage.on(AccountUpdated)(count_one)


def policy(preset: str = "kraken-mvp") -> Policy:
    return Policy(id="main", preset=preset, account_id="paper-main", currency="USDT", limits=PRESETS[preset])


def halt() -> Halt:
    return Halt(id="main", reason="a person stopped it", raised_by="ann", ts_event_ms=NOW_MS)


# --- once --------------------------------------------------------------------------------------------------------


def test_a_fact_that_comes_twice_is_decided_once(lab: Lab) -> None:
    fact = heard()
    assert [lab.handle(fact), lab.handle(fact)] == [Outcome.ACK, Outcome.ACK]
    assert lab.find(BOOK).account_version == 1
    assert [item.event.message for item in lab.bus.published] == ["counted 1"]
    assert lab.runner.committed == 1


def test_another_fact_is_another_decision(lab: Lab) -> None:
    lab.handle(heard(1))
    lab.handle(heard(2))
    assert lab.find(BOOK).account_version == 2


def test_a_lost_answer_to_a_commit_that_applied_is_not_a_second_decision(lab: Lab) -> None:
    lab.store.committing.after = [raising(CommitUnknown("no answer"))]
    assert lab.handle(heard()) is Outcome.ACK
    assert lab.find(BOOK).account_version == 1
    assert len(lab.bus.published) == 1


def test_who_is_not_sure_that_he_committed_is_not_fresh(lab: Lab) -> None:
    lab.store.committing.after = [raising(CommitUnknown("no answer"))]
    fact = heard()
    assert not lab.context.step(fact, count_one).fresh
    assert not lab.context.step(fact, count_one).fresh
    assert lab.context.step(heard(2), count_one).fresh


def test_an_unanswered_commit_that_did_not_apply_is_left_to_the_redelivery(lab: Lab) -> None:
    lab.store.committing.before = [raising(CommitUnknown("no answer"))]
    fact = heard()
    assert lab.handle(fact) is Outcome.NACK
    assert lab.find(BOOK) is None
    assert lab.handle(fact) is Outcome.ACK
    assert lab.find(BOOK).account_version == 1


def test_a_decision_that_is_impossible_once_it_was_taken_is_taken_as_it_was(lab: Lab) -> None:
    def once_only(_: object, work: Work) -> None:
        (kept,) = work.read(BOOK)
        if kept is not None:
            raise InvariantBroken("this was booked before", scope="main")
        work.write(book(1))
        work.emit(said())

    lab.stage.on(AccountUpdated)(once_only)
    lab.bus.publishing.before = [raising(RetryLater("no bus"))]
    fact = heard()
    assert lab.handle(fact) is Outcome.NACK
    assert lab.handle(fact) is Outcome.ACK
    assert len(lab.bus.published) == 1
    assert lab.find(Halt.key("main")) is None


def test_a_cause_that_was_decided_under_another_id_is_not_decided_again(lab: Lab) -> None:
    first, repeat = heard(1), heard(2)
    lab.context.step(first, count_one)
    taken = lab.context.step(repeat, count_one, also=(first.event_id,))
    assert not taken.fresh
    assert taken.step.event_id == first.event_id
    assert lab.find(BOOK).account_version == 1
    assert lab.step_of(repeat) is None


def test_two_ids_of_one_cause_race_and_one_wins(lab: Lab) -> None:
    first, repeat = heard(1), heard(2)
    lab.store.committing.before = [lambda: lab.context.step(first, count_one) and None]
    taken = lab.context.step(repeat, count_one, also=(first.event_id,))
    assert taken.step.event_id == first.event_id
    assert lab.find(BOOK).account_version == 1


# --- on what is true ---------------------------------------------------------------------------------------------


def test_a_book_that_changed_meanwhile_is_read_again(lab: Lab) -> None:
    lab.store.committing.before = [lambda: lab.put(book(40))]
    assert lab.handle(heard()) is Outcome.ACK
    assert lab.find(BOOK).account_version == 41


def decide_by_policy(_: object, work: Work) -> None:
    kept, rules, stopped = work.read(BOOK, Policy.key("main"), Halt.key("main"))
    assert kept is not None
    assert rules is not None
    work.emit(said("stopped" if stopped else rules.preset))
    work.write(kept.model_copy(update={"account_version": kept.account_version + 1}))


def test_a_policy_that_changed_meanwhile_is_the_one_that_counts(lab: Lab) -> None:
    lab.put(book())
    lab.put(policy())
    lab.stage.on(AccountUpdated)(decide_by_policy)
    lab.store.committing.before = [lambda: lab.put(policy("fluxhero"))]
    lab.handle(heard())
    assert [item.event.message for item in lab.bus.published] == ["fluxhero"]


def test_a_halt_that_appears_meanwhile_counts(lab: Lab) -> None:
    lab.put(book())
    lab.put(policy())
    lab.stage.on(AccountUpdated)(decide_by_policy)
    lab.store.committing.before = [lambda: lab.put(halt())]
    lab.handle(heard())
    assert [item.event.message for item in lab.bus.published] == ["stopped"]


def test_what_was_read_once_reads_the_same_within_a_step(lab: Lab) -> None:
    seen = []

    def look_twice(_: object, work: Work) -> None:
        (first,) = work.read(BOOK)
        if not seen:
            lab.put(book(7))
        (again,) = work.read(BOOK)
        seen.append((first.account_version, again.account_version))
        work.write(first.model_copy(update={"account_version": again.account_version + 1}))

    lab.put(book(1))
    lab.stage.on(AccountUpdated)(look_twice)
    lab.handle(heard())
    assert seen == [(1, 1), (7, 7)]  # the commit of the first try met the change
    assert lab.find(BOOK).account_version == 8


def test_a_document_read_twice_costs_one_round(lab: Lab) -> None:
    def look_twice(_: object, work: Work) -> None:
        work.read(BOOK)
        work.read(BOOK)

    lab.stage.on(AccountUpdated)(look_twice)
    lab.handle(heard())
    assert lab.store.reading.calls == 1


def test_after_forty_conflicts_the_message_is_nacked(lab: Lab) -> None:
    lab.store.committing.always = lambda: lab.put(book(lab.store.committing.calls))
    assert lab.handle(heard()) is Outcome.NACK
    assert lab.store.committing.calls == MAX_CONFLICTS
    lab.store.committing.always = None
    assert lab.handle(heard()) is Outcome.ACK


# --- what may be written -----------------------------------------------------------------------------------------


def written(lab: Lab, decide: object) -> None:
    lab.runner.step(heard(99), decide)  # type: ignore[arg-type]


def test_nothing_is_written_that_was_not_read(lab: Lab) -> None:
    with pytest.raises(InvariantBroken, match="without having read it"):
        written(lab, lambda _, work: work.write(book()))


def test_nothing_is_deleted_that_was_not_read(lab: Lab) -> None:
    lab.put(book())
    with pytest.raises(InvariantBroken, match="without having read it"):
        written(lab, lambda _, work: work.delete(book()))
    assert lab.find(BOOK) is not None


def test_nobody_writes_what_another_stage_owns(lab: Lab) -> None:
    account = Account(id="paper-main", portfolio_id="main", venue="paper", currency="USDT")
    for verb in ("write", "create", "delete"):
        with pytest.raises(InvariantBroken, match="reconciliation owns"):
            written(
                lab, lambda _, work, verb=verb: (work.read(Account.key("paper-main")), getattr(work, verb)(account))
            )
    assert lab.find(Account.key("paper-main")) is None


def test_any_stage_halts_and_only_a_person_resumes(lab: Lab) -> None:
    lab.runner.step(heard(1), lambda _, work: (work.read(Halt.key("main")), work.write(halt())))  # type: ignore[arg-type]
    with pytest.raises(InvariantBroken, match="only a person"):
        written(lab, lambda _, work: (work.read(Halt.key("main")), work.delete(halt())))
    assert lab.find(Halt.key("main")) == halt().model_copy(update={"version": 1})


def test_what_does_not_change_keeps_its_version_and_is_still_verified(lab: Lab) -> None:
    def same(_: object, work: Work) -> None:
        (kept,) = work.read(BOOK)
        work.write(kept)

    lab.put(book(3))
    lab.runner.step(heard(1), same)
    assert lab.find(BOOK).version == 1
    lab.store.committing.before = [lambda: lab.put(book(4))]
    lab.runner.step(heard(2), same)
    assert lab.store.committing.calls == 3  # the second was decided again


def test_versions_rise_by_one_whatever_a_handler_puts_there(lab: Lab) -> None:
    lab.put(book(3))
    lab.runner.step(
        heard(1),
        lambda _, work: (work.read(BOOK), work.write(book(4).model_copy(update={"version": 70}))),  # type: ignore[arg-type]
    )
    assert lab.find(BOOK).version == 2


def test_a_created_document_that_exists_is_a_conflict(lab: Lab) -> None:
    lab.put(book())
    with pytest.raises(RetryLater, match="conflicts"):
        written(lab, lambda _, work: work.create(book(5)))
    assert lab.find(BOOK).account_version == 0


def test_what_was_found_absent_can_be_created(lab: Lab) -> None:
    lab.runner.step(heard(1), lambda _, work: (work.read(BOOK), work.create(book(5))))  # type: ignore[arg-type]
    assert lab.find(BOOK).account_version == 5


def test_a_step_has_a_bound_on_what_it_states(lab: Lab) -> None:
    with pytest.raises(InvariantBroken, match="more than 200 facts"):
        written(lab, lambda _, work: work.emit(*[said(str(i)) for i in range(MAX_FACTS + 1)]))


def test_ids_of_facts_and_timers_are_the_same_on_every_try(lab: Lab) -> None:
    def stating(_: object, work: Work) -> None:
        work.read(BOOK)
        work.emit(said("a"), said("b"))
        work.set_timer("check", "order-1", NOW_MS)

    tries = []
    for _ in range(2):
        work = Work("cerebro", heard(), lab.store, NOW_MS, lab.runner.references, lab.ports.settings)
        stating(None, work)
        tries.append(([fact.event_id for fact in work.facts], [timer.timer_id for timer in work.timers]))
    assert tries[0] == tries[1]
    assert len({*tries[0][0]}) == 2


# --- sent --------------------------------------------------------------------------------------------------------


def test_what_was_decided_and_not_sent_is_sent_by_the_redelivery(lab: Lab) -> None:
    lab.bus.publishing.before = [raising(RetryLater("no bus"))]
    fact = heard()
    assert lab.handle(fact) is Outcome.NACK
    assert lab.step_of(fact)["pending"] == "cerebro"  # type: ignore[index]
    assert lab.handle(fact) is Outcome.ACK
    assert [item.event.message for item in lab.bus.published] == ["counted 1"]
    assert not lab.step_of(fact)["pending"]  # type: ignore[index]


def test_what_was_sent_and_not_marked_is_the_same_fact_again(lab: Lab) -> None:
    lab.store.patching.before = [raising(RetryLater("no answer"))]
    fact = heard()
    lab.handle(fact)
    lab.handle(fact)
    first, again = lab.bus.published
    assert (first.event_id, first.data(), first.attributes()) == (again.event_id, again.data(), again.attributes())


def test_what_was_marked_is_not_sent_again(lab: Lab) -> None:
    fact = heard()
    for _ in range(3):
        lab.handle(fact)
    assert len(lab.bus.published) == 1


def test_a_step_that_states_nothing_publishes_and_marks_nothing(lab: Lab) -> None:
    lab.stage.on(AccountUpdated)(lambda _, work: work.read(BOOK) and None)
    lab.handle(heard())
    assert (lab.bus.publishing.calls, lab.timers.setting.calls, lab.store.patching.calls) == (0, 0, 0)
    assert lab.step_of(heard()) is not None


def test_a_conflict_that_is_no_claim_of_ours_is_no_decision(lab: Lab) -> None:
    lab.store.committing.before = [raising(Conflict("somebody was faster"))]
    lab.handle(heard())
    assert lab.find(BOOK).account_version == 1
    assert lab.store.committing.calls == 2


def test_a_step_of_its_own_belongs_to_the_invocations_story(lab: Lab) -> None:
    parent = Fact("p", said(), "root-1", "", NOW_MS, "00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    cause = lab.runner.cause(parent, said(), "order-1", 3)
    assert (cause.root, cause.parent) == ("root-1", "p")
    assert cause.event_id == lab.runner.cause(None, said(), "order-1", 3).event_id
    assert cause.event_id != lab.runner.cause(parent, said(), "order-1", 4).event_id
    assert cause.event_id == digest("cerebro", said().type, "order-1", 3)


def test_documents_decode_what_a_newer_writer_left(lab: Lab) -> None:
    assert RiskBook.decode({**book(2).encode(), "from_the_future": 1}).account_version == 2
