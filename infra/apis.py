"""The Google APIs a stack uses. Everything else waits for them."""

from __future__ import annotations

import pulumi
import pulumi_gcp as gcp

from infra.stack import Stack

ALWAYS = (
    "cloudresourcemanager", "cloudscheduler", "cloudtasks", "cloudtrace", "firestore", "iam", "iamcredentials",
    "logging", "monitoring", "pubsub", "run", "secretmanager", "storage",
)  # fmt: skip


def enabled(stack: Stack) -> pulumi.ResourceOptions:
    """Options that make a resource wait until the APIs are on and Pub/Sub has its own account."""
    wanted = [
        *ALWAYS,
        *(["compute"] if stack.static_egress else []),
        *(["billingbudgets"] if stack.billing_account else []),
    ]
    services: list[pulumi.Resource] = [
        gcp.projects.Service(
            f"api-{name}", project=stack.project, service=f"{name}.googleapis.com", disable_on_destroy=False
        )
        for name in wanted
    ]
    agent = gcp.projects.ServiceIdentity(
        "pubsub-agent",
        project=stack.project,
        service="pubsub.googleapis.com",
        opts=pulumi.ResourceOptions(depends_on=services),
    )
    return pulumi.ResourceOptions(depends_on=[*services, agent])
