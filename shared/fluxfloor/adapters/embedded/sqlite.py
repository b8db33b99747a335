"""One way to open SQLite for the floor: a connection per thread, short immediate transactions, as durable as said."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from fluxfloor.errors import RetryLater

BUSY_MS = 10_000


@contextmanager
def repeatable(doing: str) -> Iterator[None]:
    """For what may be asked again without harm: a file that is busy, or a disk that is full, is RetryLater."""
    try:
        yield
    except sqlite3.OperationalError as problem:
        raise RetryLater(f"{doing}: {problem}") from problem


class Durability(StrEnum):
    """What a commit outlives."""

    DISK = "disk"  # a power cut
    PROCESS = "process"  # a crash of the process: what a paper floor on a laptop wants
    NONE = "none"  # nothing: for a floor that one thread plays and throws away


_PRAGMAS = {
    Durability.DISK: ("journal_mode=WAL", "wal_autocheckpoint=4000", "synchronous=FULL"),
    Durability.PROCESS: ("journal_mode=WAL", "wal_autocheckpoint=4000", "synchronous=NORMAL"),
    Durability.NONE: ("locking_mode=EXCLUSIVE", "journal_mode=MEMORY", "synchronous=OFF"),
}


class Database:
    """A file with its schema."""

    def __init__(self, path: Path, schema: str, durability: Durability = Durability.PROCESS) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._durability = durability
        self._local = threading.local()
        self.connection.executescript(schema)

    @property
    def connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = sqlite3.connect(self._path, isolation_level=None, timeout=BUSY_MS / 1000, cached_statements=256)
            for pragma in (*_PRAGMAS[self._durability], "cache_size=-16000"):
                found.execute(f"PRAGMA {pragma}")
            self._local.connection = found
        return found

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Takes the write lock at once, so that nothing read inside can change before it commits."""
        connection = self.connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # a failed COMMIT may or may not have ended it
                connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Closes this thread's connection."""
        found = getattr(self._local, "connection", None)
        if found is not None:
            found.close()
            self._local.connection = None
