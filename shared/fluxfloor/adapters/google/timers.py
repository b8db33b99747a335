"""The Timers on Cloud Tasks: one queue per stage, one named task per timer.

A task's body is the push envelope that Pub/Sub would send, so a stage reads timers and messages alike.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import grpc
from google.api_core import exceptions as google
from google.cloud.tasks_v2 import CloudTasksClient
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport
from google.cloud.tasks_v2.types import HttpMethod, HttpRequest, OidcToken, Task

from fluxfloor.adapters.google import faults
from fluxfloor.adapters.google.push import timer_push
from fluxfloor.contracts.ids import digest
from fluxfloor.contracts.journal import Timer
from fluxfloor.ports import Timers
from fluxfloor.topology import INTERNAL_PATH, STAGES

TIMEOUT_S = 5.0
MIN_DISPATCH_S = 15  # Cloud Tasks' least
EMULATOR_VARIABLE = "CLOUD_TASKS_EMULATOR_HOST"  # ours: Google names none


def queue_name(stage: str) -> str:
    return f"timers-{stage}"


class CloudTasksTimers(Timers):
    """`url_of_stage` says where a stage answers: what is fired goes to its INTERNAL_PATH. `caller` is the service
    account whose token the call carries; empty where nobody checks it (loopback).

    Cloud Tasks holds a task for 30 days at most: a later one is Misconfigured.
    """

    def __init__(
        self,
        client: CloudTasksClient,
        project: str,
        location: str,
        url_of_stage: Callable[[str], str],
        caller: str = "",
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._client = client
        self._queues = f"projects/{project}/locations/{location}/queues"
        self._url_of_stage = url_of_stage
        self._caller = caller
        self._timeout_s = timeout_s

    @classmethod
    def connect(
        cls, project: str, location: str, url_of_stage: Callable[[str], str], caller: str = ""
    ) -> CloudTasksTimers:
        """With the process's own credentials, or to CLOUD_TASKS_EMULATOR_HOST."""
        return cls(_client(), project, location, url_of_stage, caller)

    def set(self, timers: Sequence[Timer]) -> None:
        for timer in timers:
            queue = f"{self._queues}/{queue_name(timer.stage)}"
            try:
                self._client.create_task(
                    parent=queue, task=self._task(queue, timer), retry=None, timeout=self._timeout_s
                )
            except google.AlreadyExists:
                continue  # set before, and perhaps fired: that one stands
            except google.GoogleAPIError as problem:
                raise faults.of_call(problem, f"set a timer of {timer.stage}") from problem

    def _task(self, queue: str, timer: Timer) -> Task:
        # A name that starts alike for tasks of one time makes a hot spot; a digest never does.
        return Task(
            name=f"{queue}/tasks/{digest('task', timer.timer_id)}",
            schedule_time=datetime.fromtimestamp(timer.due_ms / 1000, UTC),
            dispatch_deadline=timedelta(seconds=max(STAGES[timer.stage].timeout_s, MIN_DISPATCH_S)),
            http_request=self._request(timer),
        )

    def _request(self, timer: Timer) -> HttpRequest:
        url = self._url_of_stage(timer.stage)
        request = HttpRequest(
            url=url + INTERNAL_PATH,
            http_method=HttpMethod.POST,
            headers={"Content-Type": "application/json"},
            body=timer_push(timer),
        )
        if self._caller:
            request.oidc_token = OidcToken(service_account_email=self._caller, audience=url)
        return request


def _client() -> CloudTasksClient:
    host = os.environ.get(EMULATOR_VARIABLE)
    if not host:
        return CloudTasksClient()
    return CloudTasksClient(transport=CloudTasksGrpcTransport(channel=grpc.insecure_channel(host)))
