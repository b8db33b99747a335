"""Pub/Sub's push service, played over pulls from its emulator: every message is posted to its stage until that answers
with 2xx, again after a back-off else, and acked only then.

The emulator's own pushes give up where processes die: of 24 messages to an endpoint that was away three times for a
second or two, 9 to 12 had not come back after minutes, whatever the ack deadline and the retry policy were.
"""

from __future__ import annotations

import base64
import http.client
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from fluxfloor.local import provision
from fluxfloor.topology import INTERNAL_PATH, STAGES, subscription_name
from google.api_core import exceptions as google
from google.pubsub_v1.types import PullRequest, PushConfig

FIRST_BACK_OFF_S, LONGEST_BACK_OFF_S = 0.2, 5.0
ANSWER_S = 60.0
AT_ONCE = 4  # of one subscription
PULL_S = 2.0


class Pushing:
    """Takes over the subscriptions of these stages; `port_of` tells where a stage listens now."""

    def __init__(self, project: str, stages: tuple[str, ...], port_of: Callable[[str], int]) -> None:
        self.failed = 0  # posts that a stage did not answer, or not with 2xx
        self._port_of = port_of
        self._subscriber = provision.subscriber_client()
        self._ending = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(name, self._taken_over(project, name, item.topic)), daemon=True)
            for name in stages
            for item in STAGES[name].consumes
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _taken_over(self, project: str, stage: str, topic: str) -> str:
        name = f"projects/{project}/subscriptions/{subscription_name(stage, topic)}"
        self._subscriber.modify_push_config(subscription=name, push_config=PushConfig())
        return name

    def _run(self, stage: str, subscription: str) -> None:
        with ThreadPoolExecutor(AT_ONCE) as workers:
            while not self._ending.is_set():
                with suppress(google.GoogleAPICallError):
                    request = PullRequest(subscription=subscription, max_messages=AT_ONCE)
                    found = self._subscriber.pull(request, timeout=PULL_S).received_messages
                    list(workers.map(lambda item: self._deliver(stage, subscription, item), found))

    def _deliver(self, stage: str, subscription: str, item: Any) -> None:
        body, back_off_s = _body(subscription, item.message), FIRST_BACK_OFF_S
        while not self._ending.is_set():
            if _post(self._port_of(stage), body):
                self._subscriber.acknowledge(subscription=subscription, ack_ids=[item.ack_id])
                return
            self.failed += 1
            time.sleep(back_off_s)
            back_off_s = min(LONGEST_BACK_OFF_S, back_off_s * 2)


def _body(subscription: str, message: Any) -> bytes:
    told = {
        "data": base64.b64encode(message.data).decode(), "attributes": dict(message.attributes),
        "messageId": message.message_id, "message_id": message.message_id,
        "publishTime": message.publish_time.isoformat(),
    }  # fmt: skip
    return json.dumps({"message": told, "subscription": subscription}).encode()


def _post(port: int, body: bytes) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
    try:
        connection.request("POST", INTERNAL_PATH, body, {"Content-Type": "application/json"})
        return connection.getresponse().status in (200, 201, 204)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
