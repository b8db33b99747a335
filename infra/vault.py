"""Room for secrets, never their values: those are added by hand and don't pass through this program or its state."""

from __future__ import annotations

import pulumi
import pulumi_gcp as gcp

from infra import names
from infra.identities import Identities
from infra.stack import HERE, Stack

FLOOR_FILE = "floor-settings"


def secrets(stack: Stack, ready: pulumi.ResourceOptions) -> None:
    for name in stack.secrets:
        _secret(stack, name, ready)


def _secret(stack: Stack, name: str, ready: pulumi.ResourceOptions) -> gcp.secretmanager.Secret:
    """Kept in the stack's region only, so that a copy never leaves it."""
    return gcp.secretmanager.Secret(
        f"secret-{name}",
        secret_id=names.checked("secret", name),
        project=stack.project,
        replication=gcp.secretmanager.SecretReplicationArgs(
            user_managed=gcp.secretmanager.SecretReplicationUserManagedArgs(
                replicas=[gcp.secretmanager.SecretReplicationUserManagedReplicaArgs(location=stack.region)]
            )
        ),
        opts=ready,
    )


def floor_file(
    stack: Stack, people: Identities, ready: pulumi.ResourceOptions
) -> gcp.secretmanager.SecretVersion | None:
    """The floor's settings, mounted as a file in every stage. No secret is in it; a mounted secret is how Cloud Run
    takes a file, and the pinned version makes every change of settings a new revision that can be rolled back."""
    if not stack.floor_file:
        return None
    secret = _secret(stack, FLOOR_FILE, ready)
    readers = [_reader(stack, stage, secret, people) for stage in people.runners]
    return gcp.secretmanager.SecretVersion(
        "floor-settings-version",
        secret=secret.id,
        secret_data=(HERE / stack.floor_file).read_text(),
        # A service that mounts what its account may not read yet never starts.
        opts=pulumi.ResourceOptions(depends_on=readers),
    )


def _reader(
    stack: Stack, stage: str, secret: gcp.secretmanager.Secret, people: Identities
) -> gcp.secretmanager.SecretIamMember:
    return gcp.secretmanager.SecretIamMember(
        f"settings-{stage}",
        project=stack.project,
        secret_id=secret.secret_id,
        role="roles/secretmanager.secretAccessor",
        member=people.runner(stage),
    )
