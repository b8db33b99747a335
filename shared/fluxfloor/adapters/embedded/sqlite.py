"""One way to open SQLite for the floor: WAL, a connection per thread, short immediate transactions."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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


class Database:
    """A file with its schema. `durable` makes every commit reach the disk; otherwise a power cut (not a crash of
    the process) may lose the last ones, which is what a paper floor on a laptop wants."""

    def __init__(self, path: Path, schema: str, durable: bool = False) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._durable = durable
        self._local = threading.local()
        self.connection.executescript(schema)

    @property
    def connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = sqlite3.connect(self._path, isolation_level=None, timeout=BUSY_MS / 1000, cached_statements=256)
            found.execute("PRAGMA journal_mode=WAL")
            found.execute("PRAGMA wal_autocheckpoint=4000")
            found.execute("PRAGMA cache_size=-16000")
            found.execute(f"PRAGMA synchronous={'FULL' if self._durable else 'NORMAL'}")
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
