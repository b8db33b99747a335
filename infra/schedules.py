"""Cloud Scheduler jobs: every schedule of the topology, in UTC."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

import pulumi
import pulumi_gcp as gcp
from fluxfloor.topology import STAGES, Schedule, StageSpec

from infra import names
from infra.identities import Identities
from infra.stack import Stack

RETRIED_FROM_MIN = 15  # what runs more often is mended by its next run


def schedules(stack: Stack, people: Identities, running: Mapping[str, gcp.cloudrunv2.Service]) -> None:
    for stage in STAGES.values():
        for schedule in stage.schedules:
            _job(stack, stage, schedule, people, running[stage.name])


def _job(
    stack: Stack, stage: StageSpec, schedule: Schedule, people: Identities, service: gcp.cloudrunv2.Service
) -> gcp.cloudscheduler.Job:
    name = names.job(stage.name, schedule.job)
    return gcp.cloudscheduler.Job(
        f"job-{name}",
        name=name,
        project=stack.project,
        region=stack.region,
        description=schedule.does[:500],
        schedule=schedule.cron,
        time_zone="Etc/UTC",
        attempt_deadline=f"{min(max(stage.timeout_s, 15), 1800)}s",
        retry_config=_retries(schedule),
        http_target=gcp.cloudscheduler.JobHttpTargetArgs(
            uri=stack.internal_url(stage.name),
            http_method="POST",
            headers={"Content-Type": "application/json"},
            body=body(stage.name, schedule.job),
            oidc_token=gcp.cloudscheduler.JobHttpTargetOidcTokenArgs(
                service_account_email=people.callers[stage.name].email, audience=stack.url(stage.name)
            ),
        ),
        opts=pulumi.ResourceOptions(depends_on=[service]),
    )


def body(stage: str, job: str) -> str:
    """What the stage is sent, in base64 as the API wants it. It is fixed when the job is made: the scheduled time, from
    which the run's id is derived, comes in a header."""
    return base64.b64encode(json.dumps({"stage": stage, "job": job}).encode()).decode()


def _retries(schedule: Schedule) -> gcp.cloudscheduler.JobRetryConfigArgs:
    count = 3 if schedule.every_min >= RETRIED_FROM_MIN else 0
    return gcp.cloudscheduler.JobRetryConfigArgs(
        retry_count=count, min_backoff_duration="5s", max_backoff_duration="60s", max_doublings=4
    )
