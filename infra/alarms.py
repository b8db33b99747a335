"""Alarms that don't need the floor to be alive. Each condition costs money every month, so there are few and wide."""

from __future__ import annotations

import pulumi
import pulumi_gcp as gcp
from fluxfloor.topology import STAGES

from infra import names
from infra.stack import Stack

SWEEP = "sweep"
SWEEP_METRIC = "fluxfloor/sweeps"
UNACKED_S = 300
FAILURES = 10  # in five minutes; a retried conflict answers with an error too and is nothing to wake for
_PUSHED = 'NOT resource.label.subscription_id = starts_with("dead-letters--")'
_DEAD = 'resource.label.subscription_id = starts_with("dead-letters--")'
_SUBSCRIPTION = 'resource.type = "pubsub_subscription" AND metric.type = "pubsub.googleapis.com/subscription/'


DEAD_LETTERS_TOLD = (
    "A message was given up after all its attempts. Its subscription `dead-letters--<stage>` keeps it for 31 days; "
    "the attribute CloudPubSubDeadLetterSourceSubscription says where it came from. "
    "`fluxfloor dead-letters --project P` lists what lies there; once the stage can handle it, the same with "
    "`--put-back` has it delivered again."
)
UNACKED_TOLD = f"The oldest message of some subscription has waited more than {UNACKED_S} s for its stage."
FAILING_TOLD = f"More than {FAILURES} requests in five minutes were answered with 5xx."
CRITICAL_TOLD = (
    "A stage logged at CRITICAL: an invariant is broken and entries are halted, or it could not even do that."
)
STOPPED_TOLD = (
    "Cloud Scheduler has not had a good answer from a stage's sweep for three of its periods. Orders that are not at "
    "their end are not looked after: the floor can't tell you this itself."
)


def alarms(stack: Stack, ready: pulumi.ResourceOptions) -> None:
    channels = _channels(stack, ready)
    swept = _sweeps(stack, ready)
    for title, severity, told, conditions in (
        ("Dead letters", "CRITICAL", DEAD_LETTERS_TOLD, [_dead_letters()]),
        ("Messages wait too long", "ERROR", UNACKED_TOLD, [_unacked()]),
        ("Stages answer with errors", "ERROR", FAILING_TOLD, [_failing()]),
        ("Something critical was logged", "CRITICAL", CRITICAL_TOLD, [_critical()]),
        ("A sweep has stopped", "CRITICAL", STOPPED_TOLD, [_stopped(every_min) for every_min in sweep_periods_min()]),
    ):
        _policy(stack, title, severity, told, conditions, channels, swept)
    _budget(stack, channels, ready)


def _channels(stack: Stack, ready: pulumi.ResourceOptions) -> list[pulumi.Output[str]]:
    if not stack.notify_email:
        return []
    channel = gcp.monitoring.NotificationChannel(
        "notify-email",
        project=stack.project,
        display_name="Fluxfloor alarms",
        type="email",
        labels={"email_address": stack.notify_email},
        opts=ready,
    )
    return [channel.name]


def _policy(
    stack: Stack,
    title: str,
    severity: str,
    told: str,
    conditions: list[gcp.monitoring.AlertPolicyConditionArgs],
    channels: list[pulumi.Output[str]],
    swept: gcp.logging.Metric,
) -> None:
    by_log = conditions[0].condition_matched_log is not None
    gcp.monitoring.AlertPolicy(
        f"alarm-{title.lower().replace(' ', '-')}",
        project=stack.project,
        display_name=f"Fluxfloor {stack.mode}: {title}",
        combiner="OR",
        severity=severity,
        conditions=conditions,
        notification_channels=channels,
        documentation=gcp.monitoring.AlertPolicyDocumentationArgs(content=told, mime_type="text/markdown"),
        alert_strategy=_strategy(by_log),
        opts=pulumi.ResourceOptions(depends_on=[swept]),
    )


def _strategy(by_log: bool) -> gcp.monitoring.AlertPolicyAlertStrategyArgs:
    """A log alarm must be told how often it may speak, and only a log alarm may be."""
    limit = gcp.monitoring.AlertPolicyAlertStrategyNotificationRateLimitArgs(period="300s") if by_log else None
    return gcp.monitoring.AlertPolicyAlertStrategyArgs(auto_close="86400s", notification_rate_limit=limit)


def _above(
    title: str, measured: str, threshold: float, aligner: str, reducer: str, duration_s: int = 0
) -> gcp.monitoring.AlertPolicyConditionArgs:
    """One series over everything it watches: the price of a condition rises with its series."""
    return gcp.monitoring.AlertPolicyConditionArgs(
        display_name=title,
        condition_threshold=gcp.monitoring.AlertPolicyConditionConditionThresholdArgs(
            filter=measured,
            comparison="COMPARISON_GT",
            threshold_value=threshold,
            duration=f"{duration_s}s",
            aggregations=[
                gcp.monitoring.AlertPolicyConditionConditionThresholdAggregationArgs(
                    alignment_period="300s", per_series_aligner=aligner, cross_series_reducer=reducer
                )
            ],
        ),
    )


def _dead_letters() -> gcp.monitoring.AlertPolicyConditionArgs:
    return _above(
        "any dead letter", f'{_SUBSCRIPTION}num_undelivered_messages" AND {_DEAD}', 0, "ALIGN_MAX", "REDUCE_SUM"
    )


def _unacked() -> gcp.monitoring.AlertPolicyConditionArgs:
    measured = f'{_SUBSCRIPTION}oldest_unacked_message_age" AND {_PUSHED}'
    return _above(f"oldest older than {UNACKED_S} s", measured, UNACKED_S, "ALIGN_MAX", "REDUCE_MAX")


def _failing() -> gcp.monitoring.AlertPolicyConditionArgs:
    measured = (
        'resource.type = "cloud_run_revision" AND metric.type = "run.googleapis.com/request_count" AND '
        'metric.label.response_code_class = "5xx"'
    )
    return _above(f"more than {FAILURES} in 5 min", measured, FAILURES, "ALIGN_DELTA", "REDUCE_SUM")


def _critical() -> gcp.monitoring.AlertPolicyConditionArgs:
    return gcp.monitoring.AlertPolicyConditionArgs(
        display_name="severity CRITICAL or above",
        condition_matched_log=gcp.monitoring.AlertPolicyConditionConditionMatchedLogArgs(
            filter='resource.type="cloud_run_revision" AND severity>=CRITICAL'
        ),
    )


def sweep_periods_min() -> list[int]:
    """Periods at which some stage is swept."""
    return sorted({each.every_min for stage in STAGES.values() for each in stage.schedules if each.job == SWEEP})


def swept_every(every_min: int) -> list[str]:
    """Names of the sweep jobs of one period."""
    return [
        names.job(stage.name, each.job)
        for stage in STAGES.values()
        for each in stage.schedules
        if each.job == SWEEP and each.every_min == every_min
    ]


def _sweeps(stack: Stack, ready: pulumi.ResourceOptions) -> gcp.logging.Metric:
    """Sweeps that a stage answered well, counted from Scheduler's own log, job by job."""
    return gcp.logging.Metric(
        "sweeps",
        name=names.checked("metric", SWEEP_METRIC),
        project=stack.project,
        description="Sweeps that were run and answered well.",
        filter=(
            'resource.type="cloud_scheduler_job" AND '
            'jsonPayload.@type="type.googleapis.com/google.cloud.scheduler.logging.AttemptFinished" AND '
            f'severity<WARNING AND resource.labels.job_id=~"--{SWEEP}$"'
        ),
        metric_descriptor=gcp.logging.MetricMetricDescriptorArgs(metric_kind="DELTA", value_type="INT64", unit="1"),
        opts=ready,
    )


def _stopped(every_min: int) -> gcp.monitoring.AlertPolicyConditionArgs:
    """Fewer than one good sweep in three periods, for any one job; no data at all counts as none."""
    jobs = " OR ".join(f'resource.label.job_id = "{job}"' for job in swept_every(every_min))
    metric = f'metric.type = "logging.googleapis.com/user/{SWEEP_METRIC}"'
    return gcp.monitoring.AlertPolicyConditionArgs(
        display_name=f"a sweep of every {every_min} min is missing",
        condition_threshold=gcp.monitoring.AlertPolicyConditionConditionThresholdArgs(
            filter=f'resource.type = "cloud_scheduler_job" AND {metric} AND ({jobs})',
            comparison="COMPARISON_LT",
            threshold_value=1,
            duration="60s",
            evaluation_missing_data="EVALUATION_MISSING_DATA_ACTIVE",
            aggregations=[
                gcp.monitoring.AlertPolicyConditionConditionThresholdAggregationArgs(
                    alignment_period=f"{max(300, 3 * 60 * every_min)}s",
                    per_series_aligner="ALIGN_DELTA",
                    cross_series_reducer="REDUCE_SUM",
                    group_by_fields=["resource.label.job_id"],
                )
            ],
        ),
    )


def _budget(stack: Stack, channels: list[pulumi.Output[str]], ready: pulumi.ResourceOptions) -> None:
    if not stack.billing_account:
        return
    rules = [(0.5, "CURRENT_SPEND"), (0.9, "CURRENT_SPEND"), (1.0, "CURRENT_SPEND"), (1.0, "FORECASTED_SPEND")]
    gcp.billing.Budget(
        "budget",
        billing_account=stack.billing_account,
        display_name=f"Fluxfloor {stack.project}",
        budget_filter=gcp.billing.BudgetBudgetFilterArgs(projects=[f"projects/{stack.project_number}"]),
        amount=gcp.billing.BudgetAmountArgs(
            specified_amount=gcp.billing.BudgetAmountSpecifiedAmountArgs(
                currency_code="USD", units=str(stack.budget_usd)
            )
        ),
        threshold_rules=[
            gcp.billing.BudgetThresholdRuleArgs(threshold_percent=part, spend_basis=basis) for part, basis in rules
        ],
        all_updates_rule=gcp.billing.BudgetAllUpdatesRuleArgs(monitoring_notification_channels=channels)
        if channels
        else None,
        opts=ready,
    )
