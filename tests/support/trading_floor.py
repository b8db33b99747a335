"""The trading stages on the embedded floor, a warm market, and a sender to send from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from fluxfloor.local import audit
from fluxfloor.local.chaos import house, scenario
from fluxfloor.local.floor import Floor
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.runtime.context import Ports
from werkzeug.wrappers import Response

MINUTE_MS = 60_000
SENDER, SECRET = scenario.SENDER, scenario.SECRET


class TradingFloor:
    """Two hours of a market after the warm-up; the clock stands still unless told."""

    def __init__(
        self, directory: Path, wrap: Callable[[Ports], Ports] | None = None,
        stages: tuple[str, ...] = house.STAGES_RUN, floor_type: type[Floor] = Floor,
    ) -> None:  # fmt: skip
        given = scenario.make(Random(7), signals=0, bars=8)
        self.clock = VirtualClock(given.begin_ms)
        self.floor = house.open_floor(directory, self.clock, given.bars, wrap, stages, floor_type)
        house.prepare(self.floor)

    def later(self, ms: int) -> None:
        """Time passes, and what falls due in it is handled."""
        until_ms = self.clock.now_ms() + ms
        self.floor.drain(until_ms=until_ms)
        self.clock.advance_to(until_ms)
        self.floor.drain()

    def pull(self) -> None:
        """Quotes, and the bars that have closed."""
        self.floor.tick("market", "pull")
        self.floor.drain()

    def send(
        self, body: Any = None, sender: str = SENDER, headers: dict[str, str] | None = None, **more: Any
    ) -> Response:
        """A webhook: bytes as they are, anything else as JSON; by default an entry with a proper secret."""
        document = entry(**more) if body is None else body
        raw = document if isinstance(document, bytes) else json.dumps(document).encode()
        sent = {"Content-Type": "application/json", "X-Forwarded-For": "203.0.113.9", **(headers or {})}
        return self.floor.request("ingestion", "POST", f"/webhooks/{sender}", raw, sent)

    def rows(self, collection: str, database: str = "mode") -> list[dict[str, Any]]:

        return audit.rows(self.floor.store, collection, database)

    def close(self) -> None:
        self.floor.close()


def entry(id: str = "s1", action: str = "buy", **more: Any) -> dict[str, Any]:
    return {"secret": SECRET, "id": id, "ticker": "BTCUSDT", "strategy": "outside", "action": action, **more}
