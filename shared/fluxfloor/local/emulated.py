"""The floor in one process, with Firestore and Pub/Sub on Google's emulators: for replaying under a virtual clock what
is otherwise spread over processes. Pushes arrive over HTTP, as they do at a deployed stage.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.errors import Misconfigured, RetryLater
from fluxfloor.local import demo, emulators, provision
from fluxfloor.local.floor import Floor
from fluxfloor.local.replay import Replay
from fluxfloor.market.window import Bars
from fluxfloor.ports import Bus, Clock, Delivery
from fluxfloor.runtime.context import Ports
from fluxfloor.runtime.runner import Outcome
from fluxfloor.runtime.settings import Settings
from fluxfloor.topology import INTERNAL_PATH, subscribers
from fluxfloor.wiring import venues

PROJECT = "fluxfloor-replay"
QUIET_TIMEOUT_S = 120.0


class CountedBus(Bus):
    """Pub/Sub, and how many deliveries of what was published have not been acked yet."""

    def __init__(self, inner: Bus) -> None:
        self._inner = inner
        self._changed = threading.Condition()
        self._waiting: set[tuple[str, str]] = set()

    def publish(self, facts: Sequence[Fact]) -> None:
        wanted = {(stage, fact.event_id) for fact in facts for stage in subscribers(fact.topic)}
        with self._changed:
            self._waiting |= wanted
        self._inner.publish(facts)

    def acked(self, stage: str, event_id: str) -> None:
        with self._changed:
            self._waiting.discard((stage, event_id))
            self._changed.notify_all()

    def undelivered(self) -> int:
        with self._changed:
            return len(self._waiting)

    def wait_until_quiet(self) -> None:
        """Raises RetryLater when deliveries are still out after QUIET_TIMEOUT_S."""
        deadline = time.monotonic() + QUIET_TIMEOUT_S
        with self._changed:
            while self._waiting:
                if not self._changed.wait(deadline - time.monotonic()) and time.monotonic() >= deadline:
                    raise RetryLater(f"{len(self._waiting)} deliveries did not arrive: {sorted(self._waiting)[:3]}")


class EmulatedFloor(Floor):
    """`Floor` with the emulators' store and bus. Timers stay virtual: they follow the replay's clock."""

    counted: CountedBus

    def drain(self, until_ms: int | None = None, most: int | None = None) -> int:
        handled = 0
        while True:
            if handled == most:
                return handled
            self.counted.wait_until_quiet()
            if self.due():
                self.handle(self.due()[0])
                handled += 1
                continue
            next_ms = self.timers.next_due_ms()
            if until_ms is None or next_ms is None or next_ms > until_ms:
                return handled
            self.clock.advance_to(next_ms)  # type: ignore[attr-defined]

    def undelivered(self) -> int:
        return self.counted.undelivered() + self.timers.undelivered()

    def take(self, stage: str, delivery: Delivery) -> bool:
        """A push: handled, and counted as acked when it was."""
        acked = self.runners[stage].handle(delivery) is Outcome.ACK
        if acked:
            self.counted.acked(stage, delivery.attributes.get("event_id", ""))
        return acked


class PushServer:
    """Where the emulator pushes to: one address for all stages, each under a path of its own."""

    def __init__(self, take: Callable[[str, Delivery], bool]) -> None:
        from fluxfloor.adapters.google.push import delivery_from_push

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                stage = self.path.removesuffix(INTERNAL_PATH).strip("/")
                acked = take(stage, delivery_from_push(body, dict(self.headers)))
                self.send_response(204 if acked else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def url(self, stage: str) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/{stage}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class EmulatedReplay(Replay):
    """A replay that takes its emulators down with it."""

    closing: ExitStack

    def close(self) -> None:
        super().close()
        self.closing.close()


def open_emulated(
    directory: Path, settings: Settings, rules: Instrument, timeframe: str, bars: Bars, lines: str, name: str
) -> EmulatedReplay:
    """Starts the emulators and opens a floor on them. Raises Misconfigured where they can't be started."""
    problem = emulators.available()
    if problem is not None:
        raise Misconfigured(problem)
    stack = ExitStack()
    both = stack.enter_context(emulators.running(Path(tempfile.mkdtemp(prefix="fluxfloor-emulators-"))))
    os.environ.update(both.environment())
    counted: list[CountedBus] = []

    def wrap(ports: Ports) -> Ports:
        from fluxfloor.adapters.google.bus import PubSubBus
        from fluxfloor.adapters.google.store import FirestoreStore

        store = FirestoreStore.connect(PROJECT, {"edge": "edge", "mode": settings.mode}, _seconds(ports.clock))
        counted.append(CountedBus(PubSubBus.connect(PROJECT)))
        return replace(ports, store=store, bus=counted[0], venue=venues(settings, store, ports.clock, ports.secrets))

    played = demo.open_recorded(
        directory, settings, rules, timeframe, bars, lines, name, floor_type=EmulatedFloor, wrap=wrap
    )
    floor = played.floor
    assert isinstance(floor, EmulatedFloor)
    floor.counted = counted[0]
    pushes = PushServer(floor.take)
    stack.callback(pushes.close)
    provision.provision(PROJECT, pushes.url)
    replay = EmulatedReplay(floor, played.clock, played.recording)
    replay.closing = stack
    return replay


def _seconds(clock: Clock) -> Callable[[], float]:
    return lambda: clock.now_ms() / 1000
