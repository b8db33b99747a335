"""Names and the limits Google puts on them. Mocks accept any name and the cloud does not, so each is checked here."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fluxfloor.topology import dead_letters_name, subscription_name


@dataclass(frozen=True, slots=True)
class Rule:
    pattern: str
    longest: int
    shortest: int = 1

    def broken_by(self, text: str) -> bool:
        return not self.shortest <= len(text) <= self.longest or not re.fullmatch(self.pattern, text)


_DNS = r"[a-z]([a-z0-9-]*[a-z0-9])?"
RULES: dict[str, Rule] = {
    "account": Rule(_DNS, 30, 6),
    "bucket": Rule(r"(?!goog)(?!.*google)[a-z0-9][a-z0-9_-]*[a-z0-9]", 63, 3),
    "database": Rule(_DNS, 63, 4),
    "job": Rule(r"[A-Za-z0-9_-]+", 500),
    "metric": Rule(r"[A-Za-z0-9_./-]+", 100),
    "network": Rule(_DNS, 63),
    "queue": Rule(r"[A-Za-z0-9-]+", 100),
    "secret": Rule(r"[A-Za-z0-9_-]+", 255),
    "service": Rule(_DNS, 49),
    "subscription": Rule(r"(?!goog)[A-Za-z][A-Za-z0-9._~%+-]*", 255, 3),
    "topic": Rule(r"(?!goog)[A-Za-z][A-Za-z0-9._~%+-]*", 255, 3),
}


def checked(kind: str, text: str) -> str:
    """The name itself. Raises ValueError when the cloud would refuse it."""
    rule = RULES[kind]
    if rule.broken_by(text):
        raise ValueError(f"{text!r} can't name a {kind}: {rule.shortest} to {rule.longest} of {rule.pattern}")
    return text


def runner_account(stage: str) -> str:
    """Who the stage is while it runs."""
    return checked("account", f"stage-{stage}")


def caller_account(stage: str) -> str:
    """Who Pub/Sub, Scheduler and Tasks are when they call the stage."""
    return checked("account", f"call-{stage}")


def subscription(stage: str, topic: str) -> str:
    return checked("subscription", subscription_name(stage, topic))


def dead_letters(stage: str) -> str:
    """Of the topic, and of the subscription that keeps what falls into it."""
    return checked("topic", dead_letters_name(stage))


def job(stage: str, name: str) -> str:
    return checked("job", f"{stage}--{name}")


def queue(stage: str) -> str:
    return checked("queue", f"timers-{stage}")


def service(stage: str) -> str:
    return checked("service", stage)


def service_host(stage: str, project_number: str) -> str:
    """First label of the address that is known before the service exists; Cloud Run gives it up to 63 characters."""
    return checked("network", f"{service(stage)}-{project_number}".replace("_", "-"))


def bucket(project: str) -> str:
    return checked("bucket", f"{project}-fluxfloor")
