"""What the floor is counted to do stays within what its design says, and the bill is worked out from the count."""

from __future__ import annotations

from dataclasses import fields

import pytest
from fluxfloor.local.measuring import measured
from fluxfloor.reporting.cost import bills
from fluxfloor.reporting.operations import SIGNAL, Counts, OperationCounts, by_design

BOUNDED = ("invocations", "steps", "reads", "writes", "timers", "blob_writes", "blob_reads")


@pytest.fixture(scope="module")
def counted() -> Counts:
    return measured()


def test_no_stage_does_more_than_the_design_allows(counted: Counts) -> None:
    design = by_design()
    beyond = [
        (cause, stage, name, getattr(done, name), getattr(allowed, name))
        for cause, stages in counted.items()
        for stage, done in stages.items()
        for allowed in [design[cause].get(stage, OperationCounts())]
        for name in BOUNDED
        if getattr(done, name) > getattr(allowed, name) + (2 if name == "reads" else 1e-9)
    ]
    assert beyond == []


def test_a_signal_makes_just_the_facts_that_the_design_says(counted: Counts) -> None:
    design = by_design()[SIGNAL]
    assert {stage: dict(done.published) for stage, done in counted[SIGNAL].items()} == {
        stage: dict(done.published) for stage, done in design.items()
    }


def test_the_counted_bill_is_of_the_designs_order_and_not_dearer_when_busy(counted: Counts) -> None:
    for by_count, by_plan in zip(bills(counted), bills(), strict=True):
        assert 0.5 * by_plan.list_usd < by_count.list_usd < 1.1 * by_plan.list_usd


def test_every_cause_is_counted_but_bars_that_are_only_watched(counted: Counts) -> None:
    busy = [name for cause in counted for done in counted[cause].values() for name in _told(done)]
    assert set(counted) == set(by_design())
    assert {"reads", "writes", "steps", "published"} <= set(busy)


def _told(done: OperationCounts) -> list[str]:
    return [each.name for each in fields(done) if getattr(done, each.name)]
