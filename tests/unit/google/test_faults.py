"""What a failed call to Google is to the floor."""

from __future__ import annotations

import pytest
from fluxfloor.adapters.google import faults
from fluxfloor.errors import CommitUnknown, Conflict, FloorError, Misconfigured, Poison, RetryLater, Throttled
from google.api_core import exceptions as google

NO_DATABASE = "The database paper does not exist for project floor."


@pytest.mark.parametrize(
    ("problem", "meaning"),
    [
        (google.FailedPrecondition("stale"), Conflict),
        (google.AlreadyExists("there"), Conflict),
        (google.NotFound("no entity to update: database_id: paper"), Conflict),
        (google.Aborted("contention"), Conflict),
        (google.PreconditionFailed("412"), Conflict),
        (google.NotFound(NO_DATABASE), Misconfigured),
        (google.DeadlineExceeded("slow"), CommitUnknown),
        (google.ServiceUnavailable("down"), CommitUnknown),
        (google.Cancelled("cut"), CommitUnknown),
        (google.InternalServerError("oops"), CommitUnknown),
        (google.Unknown("?"), CommitUnknown),
        (google.DataLoss("?"), CommitUnknown),
        (google.RetryError("gave up", None), CommitUnknown),
        (google.ResourceExhausted("quota"), Throttled),
        (google.PermissionDenied("no"), Misconfigured),
        (google.Unauthenticated("who"), Misconfigured),
        (google.InvalidArgument("larger than 1048487 bytes"), Poison),
    ],
)
def test_only_a_clear_answer_to_a_commit_is_taken_for_one(problem: Exception, meaning: type[FloorError]) -> None:
    assert type(faults.of_commit(problem, "commit")) is meaning


@pytest.mark.parametrize(
    ("problem", "meaning"),
    [
        (google.ServiceUnavailable("down"), RetryLater),
        (google.DeadlineExceeded("slow"), RetryLater),
        (google.RetryError("gave up", None), RetryLater),
        (google.ResourceExhausted("quota"), Throttled),
        (google.PermissionDenied("no"), Misconfigured),
        (google.Unauthenticated("who"), Misconfigured),
        (google.FailedPrecondition("The query requires an index"), Misconfigured),
        (google.InvalidArgument("bad"), Misconfigured),
    ],
)
def test_a_call_without_effect_may_be_made_again(problem: Exception, meaning: type[FloorError]) -> None:
    assert type(faults.of_call(problem, "read")) is meaning


def test_a_fault_says_what_was_being_done() -> None:
    assert str(faults.of_commit(google.Aborted("contention"), "patch journal")).startswith("patch journal: Aborted: ")
