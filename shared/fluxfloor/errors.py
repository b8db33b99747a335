"""Every error the floor raises on purpose.

FloorError
├── RetryLater          nothing is wrong with the message: nack it, the bus brings it back after its back-off
│   ├── Conflict        somebody changed what this decision had read: read again and decide again
│   ├── Throttled       a venue or service asks for patience; carries the seconds to wait where it says so
│   └── CommitUnknown   the store did not answer: the commit may or may not have applied, re-read the claim
├── AlreadyDecided      the claim of this event exists: take the committed decision, do not make another
├── Poison              the message can never be handled: quarantine it with its reason, ack it
├── OutcomeUnknown      an outside effect (an order) may or may not have happened: look it up, never repeat it
├── VenueRefused        the venue said no, with its reason: a fact, reported as a rejection
├── InvariantBroken     our own books contradict themselves: entries halt and a person is called
└── Misconfigured       settings or wiring cannot work; says which setting and how to mend it

A refusal (a limit, a stale signal, a full book) is none of these: it is a fact with a reason code.
"""

from __future__ import annotations


class FloorError(Exception):
    """Base of all of them; `reason` is a short code fit for logs and facts."""

    reason = "floor_error"


class RetryLater(FloorError):
    reason = "retry_later"


class Conflict(RetryLater):
    reason = "conflict"


class Throttled(RetryLater):
    reason = "throttled"

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class CommitUnknown(RetryLater):
    reason = "commit_unknown"


class AlreadyDecided(FloorError):
    reason = "already_decided"


class Poison(FloorError):
    reason = "poison"


class OutcomeUnknown(FloorError):
    reason = "outcome_unknown"


class VenueRefused(FloorError):
    reason = "venue_refused"

    def __init__(self, message: str, code: str = "venue_refused", retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable  # nothing was wrong with the order itself: the same may be sent again


class InvariantBroken(FloorError):
    reason = "invariant_broken"

    def __init__(self, message: str, scope: str = "floor") -> None:
        super().__init__(message)
        self.scope = scope


class Misconfigured(FloorError):
    reason = "misconfigured"
