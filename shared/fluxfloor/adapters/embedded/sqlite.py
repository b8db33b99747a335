"""One way to open SQLite for the floor: a connection per thread, short immediate transactions, as durable as said."""

from __future__ import annotations

import sqlite3
import threading
from enum import StrEnum
from pathlib import Path
from types import TracebackType

from fluxfloor.errors import RetryLater

BUSY_MS = 10_000


class repeatable:  # noqa: N801 - reads as the statement that it is
    """For what may be asked again without harm: a file that is busy, or a disk that is full, is RetryLater."""

    __slots__ = ("_doing",)

    def __init__(self, doing: str) -> None:
        self._doing = doing

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, _: TracebackType | None
    ) -> None:
        if isinstance(problem, sqlite3.OperationalError):
            raise RetryLater(f"{self._doing}: {problem}") from problem


class Durability(StrEnum):
    """What a commit outlives."""

    DISK = "disk"  # a power cut
    PROCESS = "process"  # a crash of the process: what a paper floor on a laptop wants
    NONE = "none"  # nothing: for a floor that one thread plays and throws away
    MEMORY = "memory"  # nothing, not even its connection: no file is written, and only one thread may use it


_PRAGMAS = {
    Durability.DISK: ("journal_mode=WAL", "wal_autocheckpoint=4000", "synchronous=FULL"),
    Durability.PROCESS: ("journal_mode=WAL", "wal_autocheckpoint=4000", "synchronous=NORMAL"),
    Durability.NONE: ("locking_mode=EXCLUSIVE", "journal_mode=MEMORY", "synchronous=OFF"),
    Durability.MEMORY: ("journal_mode=MEMORY", "synchronous=OFF"),
}


class Transaction:
    """Takes the write lock at once, so that nothing read inside can change before it commits."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> sqlite3.Connection:
        self._connection.execute("BEGIN IMMEDIATE")
        return self._connection

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, _: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:  # a failed COMMIT may or may not have ended it
                self._connection.execute("ROLLBACK")


class Database:
    """A file with its schema; or, in memory, a database that its connection takes with it."""

    def __init__(self, path: Path, schema: str, durability: Durability = Durability.PROCESS) -> None:
        self._in_memory = durability is Durability.MEMORY
        if not self._in_memory:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._durability = durability
        self._local = threading.local()
        self.connection.executescript(schema)

    @property
    def connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            where = ":memory:" if self._in_memory else self._path
            found = sqlite3.connect(where, isolation_level=None, timeout=BUSY_MS / 1000, cached_statements=256)
            for pragma in (*_PRAGMAS[self._durability], "cache_size=-16000"):
                found.execute(f"PRAGMA {pragma}")
            self._local.connection = found
        return found

    def transaction(self) -> Transaction:
        return Transaction(self.connection)

    def copy_to(self, other: Database) -> None:
        """Makes the other what this one is now."""
        self.connection.backup(other.connection)

    def close(self) -> None:
        """Closes this thread's connection."""
        found = getattr(self._local, "connection", None)
        if found is not None:
            found.close()
            self._local.connection = None
