"""Cloud Tasks on loopback: takes HTTP tasks from the real client and really delivers them at their time.

Kept of the service's behaviour: a name is refused while its task waits and for an hour after it is done; delivery is at
least once, with the task headers; any 2xx ends a task, anything else brings it again after a doubling back-off.
Not kept: OIDC tokens, rate limits, queues that must be made first, the task list across a restart.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc
from google.cloud.tasks_v2.types import CreateTaskRequest, Task

from fluxfloor.local.loopback import LoopbackServer, refuse

SERVICE = "google.cloud.tasks.v2.CloudTasks"
REMEMBER_S = 3_600.0
DELIVERY_TIMEOUT_S = 60.0
WORKERS = 8


@dataclass(slots=True)
class _Waiting:
    task: Any
    retries: int = 0


class CloudTasksServer:
    """`host` is for CLOUD_TASKS_EMULATOR_HOST."""

    def __init__(self, min_backoff_s: float = 0.1, max_backoff_s: float = 60.0) -> None:
        self._min_backoff_s = min_backoff_s
        self._max_backoff_s = max_backoff_s
        self._changed = threading.Condition()
        self._queue: list[tuple[float, int, _Waiting]] = []  # by time, then by arrival
        self._arrival = itertools.count()
        self._open: set[str] = set()
        self._done_s: dict[str, float] = {}
        self._stopping = False
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="cloud-tasks")
        self._dispatcher = threading.Thread(target=self._dispatch, name="cloud-tasks-dispatch", daemon=True)
        self._dispatcher.start()
        self._server = LoopbackServer(SERVICE, {"CreateTask": (self._create, CreateTaskRequest, Task)})
        self.host = self._server.host

    def undelivered(self) -> int:
        """Tasks that have not ended, those under way included."""
        with self._changed:
            return len(self._open)

    def overdue(self) -> int:
        """Of these, the ones whose time has come, those that failed and wait to be tried again included."""
        now_s = time.time()
        with self._changed:
            return len(self._open) - sum(due_s > now_s and not item.retries for due_s, _, item in self._queue)

    def stop(self) -> None:
        self._server.stop()
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._dispatcher.join()
        self._workers.shutdown(cancel_futures=True)

    def _create(self, request: Any, context: grpc.ServicerContext) -> Any:
        task = request.task
        if not task.name:
            task.name = f"{request.parent}/tasks/{next(self._arrival)}"
        with self._changed:
            if task.name in self._open or task.name in self._remembered():
                refuse(context, grpc.StatusCode.ALREADY_EXISTS, "The task exists, or did within the last hour.")
            self._open.add(task.name)
        due_s = task.schedule_time.timestamp() if "schedule_time" in task else time.time()
        self._wait(due_s, _Waiting(task))
        return task

    def _remembered(self) -> dict[str, float]:
        oldest_s = time.time() - REMEMBER_S
        while self._done_s and next(iter(self._done_s.values())) < oldest_s:
            del self._done_s[next(iter(self._done_s))]
        return self._done_s

    def _wait(self, due_s: float, waiting: _Waiting) -> None:
        with self._changed:
            heapq.heappush(self._queue, (due_s, next(self._arrival), waiting))
            self._changed.notify()

    def _dispatch(self) -> None:
        while (waiting := self._next()) is not None:
            self._workers.submit(self._deliver, waiting)

    def _next(self) -> _Waiting | None:
        """Blocks until a task is due; None when the server stops."""
        with self._changed:
            while not self._stopping:
                wait_s = self._queue[0][0] - time.time() if self._queue else None
                if wait_s is not None and wait_s <= 0:
                    return heapq.heappop(self._queue)[2]
                self._changed.wait(wait_s)
        return None

    def _deliver(self, waiting: _Waiting) -> None:
        if _accepted(waiting):
            with self._changed:
                self._open.discard(waiting.task.name)
                self._done_s[waiting.task.name] = time.time()
            return
        backoff_s = min(self._max_backoff_s, self._min_backoff_s * 2 ** min(waiting.retries, 20))
        waiting.retries += 1
        self._wait(time.time() + backoff_s, waiting)


def _accepted(waiting: _Waiting) -> bool:
    request = waiting.task.http_request
    queue, _, task = waiting.task.name.rpartition("/tasks/")
    headers = {
        **request.headers,
        "X-CloudTasks-QueueName": queue.rsplit("/", 1)[-1],
        "X-CloudTasks-TaskName": task,
        "X-CloudTasks-TaskRetryCount": str(waiting.retries),
    }
    call = urllib.request.Request(request.url, data=request.body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(call, timeout=DELIVERY_TIMEOUT_S) as answer:
            return 200 <= int(answer.status) < 300
    except (urllib.error.URLError, OSError):
        return False
