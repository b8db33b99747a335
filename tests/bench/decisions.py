"""Signals a second that Cerebro's real stage decides: on one portfolio's book, and spread over several.

    python -m tests.bench.decisions [embedded|firestore] [seconds]

Threads hand the stage entries as a server's would. Every one is accepted, so that it changes the book, and its order is
then reported rejected, which changes the book again: two commits a signal on one document. Prints a JSON line a row;
the last one is a full window, whose entries are decided in one commit.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fluxfloor.adapters.google.store import FirestoreStore
from fluxfloor.contracts import ids
from fluxfloor.contracts.base import Event
from fluxfloor.contracts.events import ExecutionReported, SignalScored
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.ids import digest
from fluxfloor.contracts.orders import OrderState, Purpose
from fluxfloor.contracts.policy import Policy
from fluxfloor.local.emulators import running
from fluxfloor.ports import Delivery, Store
from fluxfloor.runtime.runner import Outcome
from google.cloud import firestore

from tests.support.cerebro_room import CerebroRoom
from tests.support.desk import AT_MS, book, intent, policy, quantity, quote, report, signal

ROWS = ((1, 1), (4, 1), (8, 1), (8, 4), (8, 8))  # (threads, portfolios)
WINDOWED = 60


def main(backend: str = "embedded", seconds: float = 5.0) -> None:
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder, opened(backend, Path(folder)) as store:
        for number, (threads, portfolios) in enumerate(ROWS):
            with room(Path(folder) / str(number), store, portfolios) as desk:
                print(json.dumps({"backend": backend, **sustained(desk, threads, portfolios, seconds)}), flush=True)
        with room(Path(folder) / "window", store, 1, windowed=True) as desk:
            print(json.dumps({"backend": backend, **together(desk)}), flush=True)


@contextmanager
def opened(backend: str, folder: Path) -> Iterator[Store | None]:
    """None: the embedded store of the room itself."""
    if backend == "embedded":
        yield None
        return
    with running(folder / "emulators") as both, pytest.MonkeyPatch.context() as patch:
        for name, value in both.environment().items():
            patch.setenv(name, value)
        project = f"bench-{uuid4().hex[:12]}"
        yield FirestoreStore(
            {role: firestore.Client(project=project, database=name) for role, name in _DATABASES.items()}
        )


_DATABASES = {"edge": "edge", "mode": "paper"}


@contextmanager
def room(folder: Path, store: Store | None, portfolios: int, windowed: bool = False) -> Iterator[CerebroRoom]:
    desk = CerebroRoom(folder, store=store)
    for name in map(str, range(portfolios)):
        desk.put(book().model_copy(update={"id": name}))
        desk.put(limits(name, windowed))
    yield desk
    desk.close()


def limits(name: str, windowed: bool) -> Policy:
    takes = "all" if windowed else "bars"
    loose = policy(max_open_positions=1_000, position_cap="10", exposure_cap="10", joint_window_takes=takes)
    return loose.model_copy(update={"id": name})


def sustained(desk: CerebroRoom, threads: int, portfolios: int, seconds: float) -> dict[str, Any]:
    """Entries of ever new strategies, and the end of each one's order, for as long."""
    counts, until = [0] * threads, time.perf_counter() + seconds

    def work(me: int) -> None:
        while time.perf_counter() < until:
            name, portfolio = f"{me}-{counts[me]}", str((me + counts[me]) % portfolios)
            bring(desk, entry(name, portfolio))
            bring(desk, end(name, portfolio))
            counts[me] += 1

    begun = time.perf_counter()
    crowd = [threading.Thread(target=work, args=(me,)) for me in range(threads)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    rate = round(sum(counts) / (time.perf_counter() - begun), 1)
    return {"threads": threads, "portfolios": portfolios, "signals_per_s": rate, "commits_per_s": 2 * rate}


def together(desk: CerebroRoom) -> dict[str, Any]:
    """A full window: the entries join one after another, and one commit decides them."""
    begun = time.perf_counter()
    for number in range(WINDOWED):
        bring(desk, entry(str(number), "0"))
    joined = time.perf_counter()
    desk.floor.drain()
    ended = time.perf_counter()
    assert len(desk.decisions()) >= WINDOWED
    return {
        "window_of": WINDOWED, "joined_per_s": round(WINDOWED / (joined - begun), 1),
        "decided_ms": round((ended - joined) * 1000, 1), "signals_per_s": round(WINDOWED / (ended - begun), 1),
    }  # fmt: skip


def entry(name: str, portfolio: str) -> SignalScored:
    wish = signal(
        name=f"{portfolio}-{name}", strategy_id=f"strategy-{name}", portfolio_id=portfolio, size=quantity("0.001")
    )
    return SignalScored(signal=wish, quote=quote(at_ms=AT_MS))


def end(name: str, portfolio: str) -> ExecutionReported:
    """Of the order that the entry became."""
    order = intent(
        ids.intent_id(f"{portfolio}-{name}", 0, Purpose.ENTRY), strategy=f"strategy-{name}", portfolio_id=portfolio
    )
    return ExecutionReported(report=report(order, OrderState.REJECTED))


def bring(desk: CerebroRoom, event: Event) -> None:
    fact = Fact.first(digest("bench", id(desk), event.model_dump_json()), event, AT_MS)
    delivery = Delivery("bench", fact.data(), fact.attributes(), attempt=1)
    while desk.floor.runners["cerebro"].handle(delivery) is Outcome.NACK:
        pass


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(float, sys.argv[2:]))
