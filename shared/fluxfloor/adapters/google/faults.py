"""What a failed call to Google means to the floor."""

from __future__ import annotations

import re

from google.api_core import exceptions as google
from google.api_core.retry import Retry, if_exception_type

from fluxfloor.errors import CommitUnknown, Conflict, FloorError, Misconfigured, Poison, RetryLater, Throttled

_NO_DATABASE = re.compile(r"database \S+ does not exist")
_DENIED = (google.Forbidden, google.Unauthorized)
_AGAIN = (google.ServiceUnavailable, google.InternalServerError, google.Aborted)
_PRECONDITION = (google.FailedPrecondition, google.PreconditionFailed, google.Conflict, google.NotFound)


def repeating(timeout_s: float) -> Retry:
    """How a read is repeated. The libraries' own ways go on for minutes; a webhook's sender waits three seconds."""
    return Retry(if_exception_type(*_AGAIN), initial=0.05, maximum=0.5, timeout=timeout_s)


def of_call(problem: Exception, doing: str) -> FloorError:
    """For a call that changed nothing, or may be repeated without harm."""
    told = _told(problem, doing)
    if isinstance(problem, google.TooManyRequests):
        return Throttled(told)
    if isinstance(problem, _DENIED):
        return Misconfigured(f"{told}: grant it to the stage's service account")
    if isinstance(problem, (google.InvalidArgument, google.FailedPrecondition)):
        return Misconfigured(told)
    return RetryLater(told)


def of_commit(problem: Exception, doing: str) -> FloorError:
    """For a write under preconditions that was sent once: anything that is no clear answer may have applied."""
    told = _told(problem, doing)
    if isinstance(problem, google.NotFound) and _NO_DATABASE.search(str(problem)):
        return Misconfigured(told)
    if isinstance(problem, _PRECONDITION):
        return Conflict(told)
    if isinstance(problem, google.TooManyRequests):
        return Throttled(told)
    if isinstance(problem, _DENIED):
        return Misconfigured(f"{told}: grant it to the stage's service account")
    if isinstance(problem, google.InvalidArgument):
        return Poison(told)  # a document the store will never take: too large, too deep
    return CommitUnknown(told)


def _told(problem: Exception, doing: str) -> str:
    return f"{doing}: {type(problem).__name__}: {str(problem)[:300]}"
