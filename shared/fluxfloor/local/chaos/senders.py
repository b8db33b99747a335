"""Senders as TradingView is one: hangs up after 3 s, and sends the same again 5 s after a 5xx or none, three times at
most. What it hung up on goes on all the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fluxfloor.local.chaos import scenario
from fluxfloor.local.chaos.weather import Faults
from fluxfloor.local.floor import Floor

HANGS_UP_MS = 3_000
AGAIN_MS = 5_000
RESENDS = 3
HEADERS = {"Content-Type": "application/json"}
Out = Callable[[str], bool]
Later = Callable[[int, Callable[[], None]], None]
Start = Callable[[str, Callable[[], Any], Callable[[Any], None], Callable[[], None]], None]


@dataclass(slots=True)
class Line:
    """One request of a sender, as long as he is on it; `redial` sends the same once more."""

    redial: Callable[[], None]
    sent: int
    open: bool = True

    def hang_up(self) -> None:
        if self.open and self.sent <= RESENDS:
            self.redial()
        self.open = False


class Senders:
    """`later(ms, act)` does something after so long; `start` begins a handler; `out` says who is away. `answered` has
    the event ids that each webhook was answered 200 with, by its mark."""

    def __init__(self, floor: Floor, faults: Faults, later: Later, start: Start, twice: bool, out: Out) -> None:
        self._floor, self._faults, self._later, self._start = floor, faults, later, start
        self._twice, self._out = twice, out
        self.answered: dict[str, set[str]] = {}

    def sender(self, webhook: scenario.Webhook, sent: int = 1) -> Callable[[], None]:
        path = f"/webhooks/{webhook.sender}"

        def send() -> None:
            line = Line(lambda: self._later(AGAIN_MS, self.sender(webhook, sent + 1)), sent)
            if self._out("ingestion"):
                line.hang_up()
                return
            self._later(HANGS_UP_MS, line.hang_up)
            call = lambda: self._floor.request("ingestion", "POST", path, webhook.body, HEADERS)  # noqa: E731
            self._start("ingestion", call, lambda response: self._answer(webhook, line, response), line.hang_up)

        return send

    def _answer(self, webhook: scenario.Webhook, line: Line, response: Any) -> None:
        if not line.open:
            return
        if response.status_code >= 500:
            line.hang_up()
            return
        line.open = False
        if response.status_code == 200:
            event_id = json.loads(response.get_data())["event_id"]
            self.answered.setdefault(webhook.mark, set()).add(event_id)
            again = self._faults.strikes("duplicate") or (self._twice and line.sent == 1)
            if line.sent <= RESENDS and again:
                line.redial()
