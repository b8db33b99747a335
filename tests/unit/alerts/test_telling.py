"""What becomes of a notice: windows, counts, back-off, giving up."""

from __future__ import annotations

import pytest
from fluxfloor.contracts.events import Severity
from fluxfloor.contracts.views import AlertRecord
from fluxfloor.reporting import telling
from fluxfloor.reporting.notices import Subject, Words
from fluxfloor.reporting.telling import MAX_TRIES, WINDOW_MS
from hypothesis import given
from hypothesis import strategies as st

from tests.support.reports import AT_MS

SUBJECT = Subject("books_mismatch", "paper-main", Severity.WARNING)


def opened(*channels: str) -> AlertRecord:
    current, _ = telling.record_ids(SUBJECT, AT_MS)
    return telling.opened(current, SUBJECT, Words("Mismatch", "they differ"), channels, AT_MS)


def test_channels_of_one_kind_are_told_apart_by_number() -> None:
    assert telling.names(["log", "telegram", "telegram", "email", "telegram"]) == (
        "log", "telegram", "telegram-2", "email", "telegram-3",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("severity", "expected"),
    [(Severity.INFO, ("a",)), (Severity.WARNING, ("a", "b")), (Severity.CRITICAL, ("a", "b", "c"))],
)
def test_a_channel_hears_only_what_is_grave_enough(severity: Severity, expected: tuple[str, ...]) -> None:
    assert telling.interested((("a", "info"), ("b", "warning"), ("c", "critical")), severity) == expected


@given(first=st.integers(AT_MS, AT_MS + 10 * WINDOW_MS), later=st.integers(0, 3 * WINDOW_MS))
def test_a_notice_finds_the_record_of_its_window_wherever_that_began(first: int, later: int) -> None:
    began, _ = telling.record_ids(SUBJECT, first)
    record = telling.opened(began, SUBJECT, Words("T", "t"), ("log",), first)
    same = began in telling.record_ids(SUBJECT, first + later) and telling.within(record, first + later)
    assert same == (later < WINDOW_MS)


def test_a_graver_notice_is_not_folded_into_a_milder_one() -> None:
    graver = Subject(SUBJECT.kind, SUBJECT.scope, Severity.CRITICAL)
    assert not set(telling.record_ids(SUBJECT, AT_MS)) & set(telling.record_ids(graver, AT_MS))


def test_a_fold_before_the_first_telling_is_told_with_it() -> None:
    record = telling.folded(telling.folded(opened("slack")))
    assert telling.due(record, AT_MS) == ("slack",)
    assert telling.words_for(record, "slack").text.startswith("they differ\n(2 more like this since ")
    assert not telling.told(record, "slack", told_folds=2).open


def test_a_fold_after_the_telling_waits_for_the_end_of_the_window() -> None:
    record = telling.told(opened("slack"), "slack", told_folds=0)
    assert not record.open
    record = telling.folded(record)
    assert record.open
    assert telling.due(record, AT_MS + WINDOW_MS - 1) == ()
    assert telling.due(record, AT_MS + WINDOW_MS) == ("slack",)
    assert telling.words_for(record, "slack").text.startswith("1 more like this since ")


def test_a_fold_while_the_channel_was_being_told_is_not_lost() -> None:
    record = telling.told(telling.folded(opened("slack")), "slack", told_folds=0)
    assert telling.due(record, AT_MS + WINDOW_MS) == ("slack",)


def test_a_channel_that_failed_waits_twice_as_long_each_time() -> None:
    record, waits, now_ms = opened("slack"), [], AT_MS
    for _ in range(MAX_TRIES - 1):
        record = telling.failed(record, "slack", "slack answered 500", now_ms)
        waits.append(record.waiting["slack"].due_ms - now_ms)
        now_ms = record.waiting["slack"].due_ms
    assert waits == [min(telling.LONGEST_WAIT_MS, 2_000 * 2**step) for step in range(MAX_TRIES - 1)]


def test_a_channel_that_asks_for_patience_gets_it() -> None:
    record = telling.failed(opened("slack"), "slack", "slack answered 429", AT_MS, wait_ms=30_000)
    assert telling.due(record, AT_MS + 29_999) == ()
    assert telling.due(record, AT_MS + 30_000) == ("slack",)


def test_after_the_last_try_a_channel_is_given_up_and_the_record_closed() -> None:
    record = opened("slack")
    for _ in range(MAX_TRIES):
        record = telling.failed(record, "slack", "slack answered 500", AT_MS)
    assert (record.given_up, record.open, record.attempts) == (("slack",), False, MAX_TRIES)


def test_one_channels_failure_leaves_the_others_alone() -> None:
    record = telling.failed(opened("slack", "email"), "slack", "slack answered 500", AT_MS)
    assert telling.due(record, AT_MS) == ("email",)
    record = telling.told(record, "email", told_folds=0)
    assert record.sent == ("email",)
    assert record.open


def test_only_a_failure_that_is_due_within_a_minute_asks_for_redelivery() -> None:
    record = telling.folded(telling.told(opened("slack"), "slack", told_folds=0))
    assert not telling.due_soon(record, AT_MS + WINDOW_MS - 1)
    assert telling.due_soon(telling.failed(opened("slack"), "slack", "x", AT_MS), AT_MS)
    assert not telling.due_soon(telling.failed(opened("slack"), "slack", "x", AT_MS, wait_ms=60_001), AT_MS)


EVENTS = st.lists(st.sampled_from(["fold", "tell", "fail", "refuse"]), max_size=40)


@given(events=EVENTS)
def test_a_record_is_open_exactly_while_somebody_waits_and_no_fold_goes_untold(events: list[str]) -> None:
    record, told = opened("slack"), 0
    for event in events:
        if event == "fold":
            record = telling.folded(record)
        elif "slack" not in record.waiting:
            continue
        elif event == "tell":
            told = record.folded
            record = telling.told(record, "slack", told_folds=told)
        elif event == "fail":
            record = telling.failed(record, "slack", "x", AT_MS)
        else:
            record = telling.given_up(record, "slack")
        assert record.open == bool(record.waiting)
        assert record.open or record.given_up or told == record.folded
