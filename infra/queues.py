"""One Cloud Tasks queue for every stage that sets timers."""

from __future__ import annotations

import pulumi
import pulumi_gcp as gcp
from fluxfloor.topology import STAGES

from infra import names
from infra.stack import Stack


def queues(stack: Stack, ready: pulumi.ResourceOptions) -> dict[str, gcp.cloudtasks.Queue]:
    """By stage. Dispatch never outruns what the stage's instances can take; the sweep stands behind the retries."""
    return {
        stage.name: gcp.cloudtasks.Queue(
            f"queue-{stage.name}",
            name=names.queue(stage.name),
            project=stack.project,
            location=stack.region,
            rate_limits=gcp.cloudtasks.QueueRateLimitsArgs(
                max_concurrent_dispatches=stage.concurrency * stage.max_instances, max_dispatches_per_second=50
            ),
            retry_config=gcp.cloudtasks.QueueRetryConfigArgs(
                max_attempts=100, min_backoff="1s", max_backoff="60s", max_doublings=6
            ),
            opts=ready,
        )
        for stage in STAGES.values()
        if stage.uses_timers
    }
