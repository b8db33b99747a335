"""What the Cloud Tasks and Cloud Storage adapters send, where no loopback service checks it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fluxfloor.adapters.google.blobs import GcsBlobs
from fluxfloor.adapters.google.timers import CloudTasksTimers
from fluxfloor.contracts.journal import Timer
from fluxfloor.errors import Misconfigured, RetryLater, Throttled
from google.api_core import exceptions as google
from google.auth.credentials import AnonymousCredentials, Credentials
from google.cloud import storage

TIMER = Timer("timer/with odd|name", "execution", 1_790_000_000_250, "check", "order-1")


class Tasks:
    """Takes tasks as the client does."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.calls: list[dict[str, Any]] = []
        self._problem = problem

    def create_task(self, **call: Any) -> None:
        self.calls.append(call)
        if self._problem is not None:
            raise self._problem


def timers(tasks: Tasks, caller: str = "") -> CloudTasksTimers:
    return CloudTasksTimers(tasks, "floor", "europe-west1", lambda stage: f"https://{stage}.example", caller)


def test_a_task_goes_to_its_stages_queue_at_its_time_with_a_token() -> None:
    tasks = Tasks()
    timers(tasks, caller="timers@floor.iam").set([TIMER])
    (call,) = tasks.calls
    task = call["task"]
    assert call["parent"] == "projects/floor/locations/europe-west1/queues/timers-execution"
    assert task.name.startswith(call["parent"] + "/tasks/")
    assert round(task.schedule_time.timestamp() * 1000) == TIMER.due_ms
    assert task.http_request.url == "https://execution.example/_floor"
    assert task.http_request.oidc_token.audience == "https://execution.example"
    assert task.http_request.oidc_token.service_account_email == "timers@floor.iam"
    assert call["retry"] is None


def test_a_task_is_named_by_its_timer_alone() -> None:
    tasks = Tasks()
    timers(tasks).set(
        [TIMER, Timer(TIMER.timer_id, "execution", 5, "other", "x"), Timer("b", "execution", 5, "p", "s")]
    )
    first, again, another = (call["task"].name.rsplit("/", 1)[1] for call in tasks.calls)
    assert first == again != another
    assert first.isalnum()


def test_without_a_caller_no_token_is_asked_for() -> None:
    tasks = Tasks()
    timers(tasks).set([TIMER])
    assert "oidc_token" not in tasks.calls[0]["task"].http_request


@pytest.mark.parametrize(
    ("problem", "meaning"),
    [(google.ServiceUnavailable("x"), RetryLater), (google.ResourceExhausted("x"), Throttled),
     (google.InvalidArgument("more than 30 days in the future"), Misconfigured)],
)  # fmt: skip
def test_a_timer_that_could_not_be_set_is_an_error(problem: Exception, meaning: type[Exception]) -> None:
    with pytest.raises(meaning):
        timers(Tasks(problem)).set([TIMER])


# --- links ----------------------------------------------------------------------------------------------------------


class CloudRunCredentials(Credentials):
    """As on Cloud Run: a token and an address, no key, and the address known only after a refresh."""

    service_account_email = "default"

    def refresh(self, request: object) -> None:
        self.token, self.service_account_email = "a-token", "stage@floor.iam.gserviceaccount.com"


def blobs(credentials: Credentials) -> GcsBlobs:
    return GcsBlobs(storage.Client(project="floor", credentials=credentials).bucket("floor-blobs"))


def test_without_a_key_iam_is_asked_to_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def post(url: str, **call: Any) -> Any:
        asked.append({"url": url, **call})
        return SimpleNamespace(status=200, data=b'{"signedBlob":"c2lnbmVk"}')

    monkeypatch.setattr("google.auth.transport.requests.Request.__call__", lambda _self, url, **call: post(url, **call))
    link = blobs(CloudRunCredentials()).link("exports/a.csv", 3600)
    query = parse_qs(urlsplit(link).query)
    assert "stage@floor.iam.gserviceaccount.com:signBlob" in asked[0]["url"]
    assert asked[0]["headers"]["Authorization"] == "Bearer a-token"
    assert query["X-Goog-Expires"] == ["3600"]
    assert query["X-Goog-Signature"] == [b"signed".hex()]


@pytest.mark.parametrize("expires_s", [0, -1, 7 * 86_400 + 1])
def test_a_link_cannot_last_longer_than_its_signature_may(expires_s: int) -> None:
    with pytest.raises(Misconfigured):
        blobs(CloudRunCredentials()).link("a", expires_s)


def test_credentials_that_cannot_sign_are_named_as_the_fault() -> None:
    class Person(Credentials):
        def refresh(self, request: object) -> None:
            self.token = "a-token"

    with pytest.raises(Misconfigured, match="service account"):
        blobs(Person()).link("a", 60)


def test_a_store_that_cannot_be_reached_is_to_be_tried_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    unreachable = GcsBlobs(storage.Client(project="floor", credentials=AnonymousCredentials()).bucket("b"), timeout_s=1)
    with pytest.raises(RetryLater):
        unreachable.put("a", b"x", "text/plain", if_generation=0)
