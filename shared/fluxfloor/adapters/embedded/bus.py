"""The bus in one process: durable, at least once, with back-off, order per key and a dead letter, like Pub/Sub's push.

Publishing writes one message and one delivery per subscriber; whoever drives the floor asks `due()` for the next and
settles it with `ack` or `nack`. A crash between the two leaves the delivery where it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from sqlite3 import Connection

import orjson

from fluxfloor.adapters.embedded.sqlite import Database, Durability, repeatable
from fluxfloor.contracts.facts import Fact, decode
from fluxfloor.errors import Poison
from fluxfloor.ports import Clock, DeadLetter, Delivery

SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, attributes BLOB NOT NULL, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, message INTEGER NOT NULL, stage TEXT NOT NULL, topic TEXT NOT NULL,
    ordering TEXT NOT NULL, attempt INTEGER NOT NULL, due_ms INTEGER NOT NULL, published_ms INTEGER NOT NULL,
    dead INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS due_deliveries ON deliveries (due_ms, id) WHERE dead = 0;
CREATE INDEX IF NOT EXISTS ordered_deliveries ON deliveries (stage, topic, ordering, id)
    WHERE dead = 0 AND ordering <> '';
"""
# The head of an ordered key holds back what came after it, also while it waits for its own back-off.
_DELIVERABLE = """d.dead = 0 AND (d.ordering = '' OR NOT EXISTS (
    SELECT 1 FROM deliveries e WHERE e.dead = 0 AND e.ordering = d.ordering AND e.stage = d.stage
    AND e.topic = d.topic AND e.id < d.id))"""
_DUE = f"""
SELECT d.id, d.stage, d.topic, d.attempt, d.due_ms, m.data, m.attributes, m.id FROM deliveries d
JOIN messages m ON m.id = d.message
WHERE d.due_ms <= ? AND {_DELIVERABLE}
ORDER BY d.due_ms, d.id LIMIT ?
"""
_NEXT = f"SELECT d.due_ms FROM deliveries d WHERE d.due_ms > ? AND {_DELIVERABLE} ORDER BY d.due_ms LIMIT 1"
_DEAD = """
SELECT d.id, d.stage, d.topic, d.attempt, d.ordering, d.published_ms, m.data, m.attributes, m.id FROM deliveries d
JOIN messages m ON m.id = d.message
WHERE d.dead = 1 AND d.stage = ?
ORDER BY d.id LIMIT ?
"""

SWEEP_ACKS = 500  # messages that nobody waits for any more are removed this often


@dataclass(frozen=True, slots=True)
class Route:
    """One subscription: which stage gets a topic's messages, and how."""

    stage: str
    topic: str
    ordered: bool = False
    only: Mapping[str, str] | None = None
    max_attempts: int = 100
    min_backoff_ms: int = 1_000
    max_backoff_ms: int = 60_000


@dataclass(frozen=True, slots=True)
class Pending:
    """A delivery that is due, for `stage`."""

    delivery_id: int
    stage: str
    topic: str
    due_ms: int
    delivery: Delivery


class EmbeddedBus:
    def __init__(
        self, path: Path, clock: Clock, routes: Sequence[Route], durability: Durability = Durability.PROCESS
    ) -> None:
        self._database = Database(path, SCHEMA, durability)
        self._clock = clock
        self._acked = 0
        self._routes: dict[str, list[Route]] = {}
        for route in routes:
            self._routes.setdefault(route.topic, []).append(route)

    def publish(self, facts: Sequence[Fact]) -> None:
        now_ms = self._clock.now_ms()
        with repeatable("publish"), self._database.transaction() as connection:
            for fact in facts:
                attributes = fact.attributes()
                routes = [route for route in self._routes.get(fact.topic, ()) if _wants(route, attributes)]
                if not routes:
                    continue
                message = connection.execute(
                    "INSERT INTO messages (topic, attributes, data) VALUES (?, ?, ?)",
                    (fact.topic, orjson.dumps(attributes), fact.data()),
                ).lastrowid
                connection.executemany(
                    "INSERT INTO deliveries (message, stage, topic, ordering, attempt, due_ms, published_ms) "
                    "VALUES (?, ?, ?, ?, 0, ?, ?)",
                    [
                        (message, route.stage, route.topic, attributes["key"] if route.ordered else "", now_ms, now_ms)
                        for route in routes
                    ],
                )

    def due(self, limit: int = 1) -> list[Pending]:
        """The deliveries that may be handed out now, oldest first."""
        rows = self._database.connection.execute(_DUE, (self._clock.now_ms(), limit))
        return [_pending(*row) for row in rows]

    def next_due_ms(self) -> int | None:
        """When the next delivery that is not due yet may be handed out; None if there is none."""
        row = self._database.connection.execute(_NEXT, (self._clock.now_ms(),)).fetchone()
        return None if row is None else int(row[0])

    def ack(self, pending: Pending) -> None:
        self._database.connection.execute("DELETE FROM deliveries WHERE id = ?", (pending.delivery_id,))
        self._acked += 1
        if self._acked % SWEEP_ACKS == 0:
            self._database.connection.execute("DELETE FROM messages WHERE id NOT IN (SELECT message FROM deliveries)")

    def nack(self, pending: Pending) -> None:
        """Brings it again after a back-off that doubles; after the last attempt it is a dead letter."""
        route = next(route for route in self._routes[pending.topic] if route.stage == pending.stage)
        attempt = pending.delivery.attempt
        backoff_ms = min(route.max_backoff_ms, route.min_backoff_ms * 2 ** min(attempt - 1, 20))
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE deliveries SET attempt = ?, due_ms = ?, dead = ? WHERE id = ?",
                (attempt, self._clock.now_ms() + backoff_ms, int(attempt >= route.max_attempts), pending.delivery_id),
            )

    def undelivered(self) -> int:
        """Deliveries that have not been acked, dead letters included."""
        return int(self._database.connection.execute("SELECT COUNT(*) FROM deliveries").fetchone()[0])

    def dead_letters(self) -> int:
        return int(self._database.connection.execute("SELECT COUNT(*) FROM deliveries WHERE dead = 1").fetchone()[0])

    def dead(self, stages: Sequence[str], most: int) -> list[DeadLetter]:
        with repeatable("looking at dead letters"):
            return [letter for _, letter in self._dead(self._database.connection, stages, most)]

    def put_back(self, stages: Sequence[str], most: int) -> list[DeadLetter]:
        """Each is due now, for the stage that had given it up; its id keeps its place in its key. What that stage could
        only quarantine stays where it is."""
        now_ms = self._clock.now_ms()
        with repeatable("putting dead letters back"), self._database.transaction() as connection:
            found = self._dead(connection, stages, most)
            connection.executemany(
                "UPDATE deliveries SET dead = 0, attempt = 0, due_ms = ? WHERE id = ?",
                [(now_ms, id) for id, letter in found if not letter.stays],
            )
        return [letter for _, letter in found]

    @staticmethod
    def _dead(connection: Connection, stages: Sequence[str], most: int) -> list[tuple[int, DeadLetter]]:
        rows = [row for stage in stages for row in connection.execute(_DEAD, (stage, most))]
        return [(row[0], _dead_letter(*row[1:])) for row in sorted(rows, key=lambda row: int(row[0]))]

    def copy_to(self, other: EmbeddedBus) -> None:
        self._database.copy_to(other._database)

    def close(self) -> None:
        self._database.close()


@lru_cache(maxsize=1024)  # whoever drives the floor looks at the same ones again and again
def _pending(
    id: int, stage: str, topic: str, attempt: int, due_ms: int, data: bytes, attributes: bytes, message: int
) -> Pending:
    delivery = Delivery(f"{stage}--{topic}", data, orjson.loads(attributes), str(message), attempt + 1)
    return Pending(id, stage, topic, due_ms, delivery)


def _dead_letter(
    stage: str, topic: str, attempt: int, ordering: str, published_ms: int, data: bytes, attributes: bytes, message: int
) -> DeadLetter:
    delivery = Delivery(f"{stage}--{topic}", data, orjson.loads(attributes), str(message), attempt)
    return DeadLetter(stage, delivery, ordering, published_ms, _unreadable(delivery))


def _unreadable(delivery: Delivery) -> str:
    try:
        decode(delivery.data, delivery.attributes)
    except Poison as problem:
        return str(problem)
    return ""


def _wants(route: Route, attributes: Mapping[str, str]) -> bool:
    return all(attributes.get(name) == value for name, value in (route.only or {}).items())
