"""Builds the whole floor, room by room, in the order in which they need each other."""

from __future__ import annotations

import pulumi

from infra import apis, checks
from infra.alarms import alarms
from infra.egress import static_egress
from infra.identities import identities, let_in, powers
from infra.queues import queues
from infra.schedules import schedules
from infra.services import services
from infra.stack import Stack
from infra.stores import bucket, databases
from infra.topics import subscriptions, topics
from infra.vault import floor_file, secrets


def build(stack: Stack) -> None:
    """Declares every resource. Raises ValueError, before the first one, when the topology can't be deployed."""
    found = checks.problems()
    if found:
        raise ValueError("; ".join(found))
    ready = apis.enabled(stack)
    people = identities(stack, ready)
    published = topics(stack, ready)
    databases(stack, ready)
    blobs = bucket(stack, ready)
    waiting = queues(stack, ready)
    secrets(stack, ready)
    settings = floor_file(stack, people, ready)
    powers(stack, people, published, blobs, waiting)
    running = services(stack, people, settings, static_egress(stack, ready))
    let_in(stack, people, running)
    subscriptions(stack, people, published, running)
    schedules(stack, people, running)
    alarms(stack, ready)
    for name in sorted(running):
        pulumi.export(f"url_{name}", stack.url(name))
    pulumi.export("bucket", blobs.name)
