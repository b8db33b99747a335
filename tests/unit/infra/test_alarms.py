"""The alarms: one for each way in which a floor goes wrong without being able to say so."""

from __future__ import annotations

import re

import pytest
from fluxfloor.reporting.cost import Inventory
from fluxfloor.topology import STAGES

SWEEPS = {f"{stage.name}--sweep": each.every_min for stage in STAGES.values() for each in stage.schedules
          if each.job == "sweep"}  # fmt: skip


def policy(floor, title):
    return floor.one(f"alarm-{title}")


def threshold(floor, title):
    (condition,) = policy(floor, title)["conditions"]
    return condition["conditionThreshold"]


def test_any_dead_letter_raises_an_alarm(either):
    found = threshold(either, "dead-letters")
    assert (found["comparison"], found["thresholdValue"], found["duration"]) == ("COMPARISON_GT", 0, "0s")
    assert "num_undelivered_messages" in found["filter"]
    assert 'resource.label.subscription_id = starts_with("dead-letters--")' in found["filter"]
    assert "fluxfloor dead-letters --project P" in policy(either, "dead-letters")["documentation"]["content"]
    keepers = [each["name"] for each in either.of("Subscription") if "pushConfig" not in each.inputs]
    assert keepers
    assert all(name.startswith("dead-letters--") for name in keepers)


def test_a_message_that_waits_too_long_raises_one_and_a_dead_letter_that_waits_does_not(either):
    found = threshold(either, "messages-wait-too-long")
    assert "oldest_unacked_message_age" in found["filter"]
    assert 'NOT resource.label.subscription_id = starts_with("dead-letters--")' in found["filter"]
    assert found["thresholdValue"] == 300


def test_failing_stages_raise_one(either):
    found = threshold(either, "stages-answer-with-errors")
    assert "run.googleapis.com/request_count" in found["filter"]
    assert 'response_code_class = "5xx"' in found["filter"]


def test_a_critical_log_line_raises_one_at_once(either):
    found = policy(either, "something-critical-was-logged")
    (condition,) = found["conditions"]
    assert "severity>=CRITICAL" in condition["conditionMatchedLog"]["filter"]
    assert found["alertStrategy"]["notificationRateLimit"]["period"] == "300s"


def test_every_stage_has_a_sweep_to_miss():
    assert {name.removesuffix("--sweep") for name in SWEEPS} == set(STAGES)


def test_each_stopped_sweep_raises_an_alarm_within_three_periods(either):
    watched = {}
    for condition in policy(either, "a-sweep-has-stopped")["conditions"]:
        found = condition["conditionThreshold"]
        (aggregation,) = found["aggregations"]
        assert aggregation["groupByFields"] == ["resource.label.job_id"]
        window_s = int(aggregation["alignmentPeriod"].removesuffix("s"))
        for job in re.findall(r'job_id = "([^"]+)"', found["filter"]):
            watched[job] = window_s
    assert watched == {job: max(300, 180 * every_min) for job, every_min in SWEEPS.items()}


def test_silence_counts_as_a_stopped_sweep(either):
    for condition in policy(either, "a-sweep-has-stopped")["conditions"]:
        found = condition["conditionThreshold"]
        assert (found["comparison"], found["thresholdValue"]) == ("COMPARISON_LT", 1)
        assert found["evaluationMissingData"] == "EVALUATION_MISSING_DATA_ACTIVE"
        assert int(found["duration"].removesuffix("s")) >= 60  # below that the API refuses to judge missing data


def test_sweeps_are_counted_outside_the_floor(either):
    (metric,) = either.of("Metric")
    assert 'resource.type="cloud_scheduler_job"' in metric["filter"]
    assert "AttemptFinished" in metric["filter"]
    assert re.search(r'job_id=~"(.+)"', metric["filter"]).group(1) == "--sweep$"
    for condition in policy(either, "a-sweep-has-stopped")["conditions"]:
        assert f"logging.googleapis.com/user/{metric['name']}" in condition["conditionThreshold"]["filter"]


def test_a_live_floor_tells_somebody(live):
    (channel,) = live.of("NotificationChannel")
    assert channel["labels"] == {"email_address": "desk@example.com"}
    for found in live.of("AlertPolicy"):
        assert found["notificationChannels"] == [channel.name]


def test_a_budget_is_watched_when_a_billing_account_is_named(paper, live):
    assert not paper.of("Budget")
    (budget,) = live.of("Budget")
    assert budget["budgetFilter"]["projects"] == ["projects/123456789012"]
    assert budget["amount"]["specifiedAmount"] == {"currencyCode": "USD", "units": "50"}
    assert {rule["spendBasis"] for rule in budget["thresholdRules"]} == {"CURRENT_SPEND", "FORECASTED_SPEND"}


@pytest.mark.parametrize("title", ["dead-letters", "messages-wait-too-long", "stages-answer-with-errors"])
def test_a_condition_over_many_series_is_folded_into_one_because_each_is_paid_for(paper, title):
    (aggregation,) = threshold(paper, title)["aggregations"]
    assert aggregation["crossSeriesReducer"] in ("REDUCE_SUM", "REDUCE_MAX")
    assert not aggregation.get("groupByFields")


def test_the_bill_counts_the_alarms_that_are_declared(paper):
    conditions = [each for found in paper.of("AlertPolicy") for each in found["conditions"]]
    by_job = [each for each in conditions if "groupByFields" in str(each)]
    jobs = sum(len(re.findall("job_id = ", each["conditionThreshold"]["filter"])) for each in by_job)
    by_log = [each for each in conditions if "conditionMatchedLog" in each]
    assert Inventory().alarm_conditions == len(conditions)
    assert Inventory().alarm_series == len(conditions) - len(by_job) - len(by_log) + jobs
