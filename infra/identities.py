"""Who each stage is, who may call it, and the little that it may do: exactly what the topology says.

Two accounts a stage: it *runs* as one, and Pub/Sub, Scheduler and Tasks *call* it as the other. Neither can do the
other's part, and no stage can call a neighbour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp
from fluxfloor.topology import STAGES, StageSpec

from infra import names
from infra.stack import Stack


@dataclass(frozen=True, slots=True)
class Identities:
    runners: Mapping[str, gcp.serviceaccount.Account]
    callers: Mapping[str, gcp.serviceaccount.Account]

    def runner(self, stage: str) -> pulumi.Output[str]:
        return pulumi.Output.concat("serviceAccount:", self.runners[stage].email)

    def caller(self, stage: str) -> pulumi.Output[str]:
        return pulumi.Output.concat("serviceAccount:", self.callers[stage].email)


def identities(stack: Stack, ready: pulumi.ResourceOptions) -> Identities:
    def account(stage: StageSpec, account_id: str, title: str) -> gcp.serviceaccount.Account:
        return gcp.serviceaccount.Account(
            f"account-{account_id}",
            account_id=account_id,
            project=stack.project,
            display_name=f"{title} {stage.name}",
            description=stage.does[:256],
            opts=ready,
        )

    return Identities(
        {name: account(stage, names.runner_account(name), "runs") for name, stage in STAGES.items()},
        {name: account(stage, names.caller_account(name), "calls") for name, stage in STAGES.items()},
    )


def powers(
    stack: Stack,
    people: Identities,
    published: Mapping[str, gcp.pubsub.Topic],
    blobs: gcp.storage.Bucket,
    waiting: Mapping[str, gcp.cloudtasks.Queue],
) -> None:
    """What each stage may do while it runs."""
    for stage in STAGES.values():
        member = people.runner(stage.name)
        _traces(stack, stage, member)
        _publishes(stack, stage, member, published)
        _keeps_documents(stack, stage, member)
        _reads_secrets(stack, stage, member)
        _keeps_blobs(stack, stage, member, blobs)
        if stage.signs_links:
            _signs_links(stage, member, people)
        if stage.uses_timers:
            _sets_timers(stack, stage, member, people, waiting[stage.name])


def let_in(stack: Stack, people: Identities, running: Mapping[str, gcp.cloudrunv2.Service]) -> None:
    """Who may call each stage: its caller account and, for the two that face the internet, anybody."""
    for stage in STAGES.values():
        _may_invoke(stack, stage.name, "caller", people.caller(stage.name), running[stage.name])
        if stage.public:
            _may_invoke(stack, stage.name, "public", "allUsers", running[stage.name])
        if stage.consumes:
            gcp.serviceaccount.IAMMember(
                f"pubsub-speaks-as-{names.caller_account(stage.name)}",
                service_account_id=people.callers[stage.name].name,
                role="roles/iam.serviceAccountTokenCreator",
                member=stack.pubsub_agent,
            )


def _may_invoke(stack: Stack, stage: str, who: str, member: pulumi.Input[str], service: gcp.cloudrunv2.Service) -> None:
    gcp.cloudrunv2.ServiceIamMember(
        f"invoke-{stage}-{who}",
        project=stack.project,
        location=stack.region,
        name=service.name,
        role="roles/run.invoker",
        member=member,
    )


def _traces(stack: Stack, stage: StageSpec, member: pulumi.Output[str]) -> None:
    gcp.projects.IAMMember(f"trace-{stage.name}", project=stack.project, role="roles/cloudtrace.agent", member=member)


def _publishes(
    stack: Stack, stage: StageSpec, member: pulumi.Output[str], published: Mapping[str, gcp.pubsub.Topic]
) -> None:
    for topic in stage.produces:
        gcp.pubsub.TopicIAMMember(
            f"publish-{stage.name}-{topic}",
            project=stack.project,
            topic=published[topic].name,
            role="roles/pubsub.publisher",
            member=member,
        )


def _keeps_documents(stack: Stack, stage: StageSpec, member: pulumi.Output[str]) -> None:
    """As narrow as Firestore's IAM goes: the whole of a database (README says what that means)."""
    for role in stage.databases:
        database = stack.database(role)
        gcp.projects.IAMMember(
            f"documents-{stage.name}-{database}",
            project=stack.project,
            role="roles/datastore.user",
            member=member,
            condition=gcp.projects.IAMMemberConditionArgs(
                title=f"only the {database} database",
                expression=f'resource.name == "projects/{stack.project}/databases/{database}"',
            ),
        )


def _reads_secrets(stack: Stack, stage: StageSpec, member: pulumi.Output[str]) -> None:
    """By name or prefix, so that a new sender's secret needs no new grant. Viewing is needed to find the newest enabled
    version when the newest is disabled; it shows no value."""
    for pattern in stage.secrets:
        for role in ("secretAccessor", "viewer"):
            gcp.projects.IAMMember(
                f"secrets-{stage.name}-{pattern.rstrip('*-')}-{role}",
                project=stack.project,
                role=f"roles/secretmanager.{role}",
                member=member,
                condition=gcp.projects.IAMMemberConditionArgs(
                    title=f"only {pattern}", expression=secret_condition(stack.project_number, pattern)
                ),
            )


def secret_condition(project_number: str, pattern: str) -> str:
    """Secret Manager's resource names carry the project's number, where everybody else's carry its id."""
    name = f"projects/{project_number}/secrets/{pattern.rstrip('*')}"
    if pattern.endswith("*"):
        return f'resource.name.startsWith("{name}")'
    return f'resource.name == "{name}" || resource.name.startsWith("{name}/")'


def _keeps_blobs(stack: Stack, stage: StageSpec, member: pulumi.Output[str], blobs: gcp.storage.Bucket) -> None:
    """Only under its own prefixes; listing has no object to name, so the prefix it asks for is what is checked."""
    roles = dict.fromkeys(stage.blobs_read, "roles/storage.objectViewer")
    roles |= dict.fromkeys(stage.blobs_written, "roles/storage.objectUser")
    for prefix, role in roles.items():
        gcp.storage.BucketIAMMember(
            f"blobs-{stage.name}-{prefix.rstrip('/')}",
            bucket=blobs.name,
            role=role,
            member=member,
            condition=gcp.storage.BucketIAMMemberConditionArgs(
                title=f"only {prefix}", expression=prefix_condition(names.bucket(stack.project), prefix)
            ),
        )


def prefix_condition(bucket: str, prefix: str) -> str:
    return (
        f'resource.name.startsWith("projects/_/buckets/{bucket}/objects/{prefix}") || '
        f'api.getAttribute("storage.googleapis.com/objectListPrefix", "").startsWith("{prefix}")'
    )


def _signs_links(stage: StageSpec, member: pulumi.Output[str], people: Identities) -> None:
    """A signed link is signed by the account itself: there is no key file to sign with."""
    gcp.serviceaccount.IAMMember(
        f"signs-as-{names.runner_account(stage.name)}",
        service_account_id=people.runners[stage.name].name,
        role="roles/iam.serviceAccountTokenCreator",
        member=member,
    )


def _sets_timers(
    stack: Stack, stage: StageSpec, member: pulumi.Output[str], people: Identities, queue: gcp.cloudtasks.Queue
) -> None:
    gcp.cloudtasks.QueueIamMember(
        f"enqueue-{stage.name}",
        project=stack.project,
        location=stack.region,
        name=queue.name,
        role="roles/cloudtasks.enqueuer",
        member=member,
    )
    gcp.serviceaccount.IAMMember(
        f"acts-as-{names.caller_account(stage.name)}",
        service_account_id=people.callers[stage.name].name,
        role="roles/iam.serviceAccountUser",
        member=member,
    )
