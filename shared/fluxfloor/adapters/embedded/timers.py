"""Timers in one process: durable, set once per id, delivered when their time has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from functools import lru_cache
from pathlib import Path

from fluxfloor.adapters.embedded.sqlite import Database, Durability, repeatable
from fluxfloor.contracts.facts import fired
from fluxfloor.contracts.journal import Timer
from fluxfloor.ports import Clock, Delivery

# A fired timer stays as a tombstone, so that setting it again by a redelivery does not fire it twice.
SCHEMA = """
CREATE TABLE IF NOT EXISTS timers (
    id TEXT PRIMARY KEY, stage TEXT NOT NULL, due_ms INTEGER NOT NULL, purpose TEXT NOT NULL, subject TEXT NOT NULL,
    root TEXT NOT NULL, traceparent TEXT NOT NULL, next_ms INTEGER NOT NULL, attempt INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS next_timers ON timers (next_ms, id) WHERE done = 0;
"""
_COLUMNS = "id, stage, due_ms, purpose, subject, root, traceparent"  # in the order of Timer's fields
MIN_BACKOFF_MS, MAX_BACKOFF_MS = 1_000, 60_000  # doubled in between, as the queues in the cloud do
KEEP_MS = 3_600_000


class EmbeddedTimers:
    def __init__(self, path: Path, clock: Clock, durability: Durability = Durability.PROCESS) -> None:
        self._database = Database(path, SCHEMA, durability)
        self._clock = clock

    def set(self, timers: Sequence[Timer]) -> None:
        with repeatable("set timers"), self._database.transaction() as connection:
            connection.executemany(
                f"INSERT OR IGNORE INTO timers ({_COLUMNS}, next_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [(*astuple(timer), timer.due_ms) for timer in timers],
            )

    def due(self, limit: int = 1) -> list[tuple[Timer, Delivery]]:
        """Timers whose time has come, the earliest first."""
        rows = self._database.connection.execute(
            f"SELECT {_COLUMNS}, attempt FROM timers WHERE done = 0 AND next_ms <= ? ORDER BY next_ms, id LIMIT ?",
            (self._clock.now_ms(), limit),
        )
        return [_delivery(Timer(*row[:-1]), row[-1]) for row in rows]

    def next_due_ms(self) -> int | None:
        """When the next timer that is not due yet will be; None if there is none."""
        row = self._database.connection.execute(
            "SELECT MIN(next_ms) FROM timers WHERE done = 0 AND next_ms > ?", (self._clock.now_ms(),)
        ).fetchone()
        return None if row[0] is None else int(row[0])

    def ack(self, timer: Timer) -> None:
        now_ms = self._clock.now_ms()
        with self._database.transaction() as connection:
            connection.execute("UPDATE timers SET done = 1 WHERE id = ?", (timer.timer_id,))
            connection.execute("DELETE FROM timers WHERE done = 1 AND due_ms < ?", (now_ms - KEEP_MS,))

    def nack(self, timer: Timer) -> None:
        """Brings it again later. `due_ms` stays: it is part of the fact, which every delivery shares."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE timers SET next_ms = ? + MIN(?, ? << MIN(attempt, 10)), attempt = attempt + 1 WHERE id = ?",
                (self._clock.now_ms(), MAX_BACKOFF_MS, MIN_BACKOFF_MS, timer.timer_id),
            )

    def undelivered(self) -> int:
        return int(self._database.connection.execute("SELECT COUNT(*) FROM timers WHERE done = 0").fetchone()[0])

    def copy_to(self, other: EmbeddedTimers) -> None:
        self._database.copy_to(other._database)

    def close(self) -> None:
        self._database.close()


@lru_cache(maxsize=1024)  # whoever drives the floor looks at the same ones again and again
def _delivery(timer: Timer, attempt: int) -> tuple[Timer, Delivery]:
    fact = fired(timer)
    return timer, Delivery(f"{timer.stage}--timers", fact.data(), fact.attributes(), timer.timer_id, attempt + 1)
