"""Scheduler jobs and timer queues."""

from __future__ import annotations

import base64

import pytest
from fluxfloor.adapters.google.push import delivery_from_push, schedule_push
from fluxfloor.adapters.google.timers import queue_name
from fluxfloor.contracts.events import ScheduleTicked
from fluxfloor.contracts.facts import decode
from fluxfloor.topology import STAGES

JOBS = [(stage, schedule) for stage in STAGES.values() for schedule in stage.schedules]
EVERY = pytest.mark.parametrize(("stage", "schedule"), JOBS, ids=[f"{a.name}-{b.job}" for a, b in JOBS])


def test_there_is_one_job_a_schedule_and_no_other(either):
    assert sorted(each["name"] for each in either.of("Job")) == sorted(f"{a.name}--{b.job}" for a, b in JOBS)


@EVERY
def test_a_job_runs_at_its_time_in_utc_and_calls_its_own_stage(paper, stage, schedule):
    job = paper.one(f"job-{stage.name}--{schedule.job}")
    assert (job["schedule"], job["timeZone"]) == (schedule.cron, "Etc/UTC")
    target = job["httpTarget"]
    assert target["uri"] == paper.stack.internal_url(stage.name)
    assert target["oidcToken"] == {
        "audience": paper.stack.url(stage.name),
        "serviceAccountEmail": f"call-{stage.name}@my-floor.iam.gserviceaccount.com",
    }


@EVERY
def test_a_stage_reads_in_a_job_s_call_which_schedule_has_ticked(paper, stage, schedule):
    body = base64.b64decode(paper.one(f"job-{stage.name}--{schedule.job}")["httpTarget"]["body"])
    _, headers = schedule_push(stage.name, schedule.job, 1_700_000_100_000)
    delivery = delivery_from_push(body, headers)
    event = decode(delivery.data, delivery.attributes).event
    assert event == ScheduleTicked(stage=stage.name, job=schedule.job, scheduled_ms=1_700_000_100_000)


@EVERY
def test_a_job_waits_as_long_as_its_stage_may_take(paper, stage, schedule):
    deadline_s = int(paper.one(f"job-{stage.name}--{schedule.job}")["attemptDeadline"].removesuffix("s"))
    assert 15 <= deadline_s <= 1800
    assert deadline_s >= stage.timeout_s


def test_a_rare_job_is_tried_again_and_a_frequent_one_is_mended_by_its_next_run(paper):
    for stage, schedule in JOBS:
        tries = paper.one(f"job-{stage.name}--{schedule.job}")["retryConfig"]["retryCount"]
        assert (tries > 0) is (schedule.every_min >= 15)


def test_only_stages_with_timers_have_a_queue_named_as_the_adapter_names_it(either):
    assert {each["name"] for each in either.of("Queue")} == {
        queue_name(stage.name) for stage in STAGES.values() if stage.uses_timers
    }


def test_a_queue_never_sends_more_at_once_than_its_stage_can_take(paper):
    for queue in paper.of("Queue"):
        stage = STAGES[queue["name"].removeprefix("timers-")]
        assert queue["rateLimits"]["maxConcurrentDispatches"] <= stage.concurrency * stage.max_instances
