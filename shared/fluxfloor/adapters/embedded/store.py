"""The Store on SQLite: one file per database, documents as JSON, optimistic tokens that are never used twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import orjson

from fluxfloor.adapters.embedded.sqlite import Database, Durability, repeatable
from fluxfloor.errors import CommitUnknown, Conflict, Misconfigured
from fluxfloor.ports import Commit, Data, Query, Ref, Snapshot

SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    collection TEXT NOT NULL, id TEXT NOT NULL, token INTEGER NOT NULL, data TEXT NOT NULL,
    PRIMARY KEY (collection, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS pending_steps ON documents (json_extract(data, '$.pending'))
    WHERE collection = 'journal' AND json_extract(data, '$.pending') IS NOT NULL;
CREATE INDEX IF NOT EXISTS journal_in_time ON documents (collection, json_extract(data, '$.at_ms'))
    WHERE collection = 'journal';
CREATE INDEX IF NOT EXISTS open_orders ON documents (json_extract(data, '$.open')) WHERE collection = 'orders';
CREATE INDEX IF NOT EXISTS rows_by_time ON documents (collection, json_extract(data, '$.ts_event_ms'))
    WHERE collection IN ('decision_rows', 'order_rows', 'equity_points', 'risk_rows', 'paper_fills', 'ledger');
"""
_random = Random()  # seeded by the operating system
_COMPARE = {"==": "=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_TOKEN = "SELECT token FROM documents WHERE collection = ? AND id = ?"
_INSERT = "INSERT INTO documents VALUES (?, ?, ?, ?)"
_UPDATE = "UPDATE documents SET data = ?, token = ? WHERE collection = ? AND id = ? AND token IS ?"
_DELETE = "DELETE FROM documents WHERE collection = ? AND id = ? AND token IS ?"
_READ = "SELECT token, data FROM documents WHERE collection = ? AND id = ?"


class SqliteStore:
    """`mode` ("paper" or "live") is the file that "mode" documents live in; what faces the internet has its own."""

    def __init__(self, directory: Path, mode: str = "paper", durability: Durability = Durability.PROCESS) -> None:
        self._databases = {
            "edge": Database(directory / "edge.db", SCHEMA, durability),
            "mode": Database(directory / f"{mode}.db", SCHEMA, durability),
        }

    def read(self, refs: Sequence[Ref]) -> list[Snapshot]:
        with repeatable("read"):
            return [self._one(ref) for ref in refs]

    def _one(self, ref: Ref) -> Snapshot:
        row = self._connection(ref.database).execute(_READ, (ref.collection, ref.id)).fetchone()
        return Snapshot(ref, None) if row is None else Snapshot(ref, orjson.loads(row[1]), row[0])

    def commit(self, commit: Commit) -> None:
        databases = {ref.database for ref in commit.refs()}
        if not databases:
            return
        if len(databases) > 1:
            raise Misconfigured(f"a commit spans the databases {sorted(databases)}")
        try:
            with self._databases[databases.pop()].transaction() as connection:
                _check(connection, commit)
                _apply(connection, commit)
        except sqlite3.OperationalError as problem:  # busy, or the disk: COMMIT itself may have reached it
            raise CommitUnknown(f"commit: {problem}") from problem

    def patch(self, ref: Ref, fields: Data) -> None:
        with repeatable("patch"), self._databases[ref.database].transaction() as connection:
            row = connection.execute(_READ, (ref.collection, ref.id)).fetchone()
            if row is None:
                raise Conflict(f"{ref.collection}/{ref.id} does not exist")
            data = _text({**orjson.loads(row[1]), **fields})
            connection.execute(_UPDATE, (data, _token(), ref.collection, ref.id, row[0]))

    def query(self, query: Query) -> list[Snapshot]:
        # The collection stands in the text: a partial index serves no query whose collection is a parameter.
        where: list[str] = [f"collection = '{_name(query.collection)}'"]
        values: list[Any] = []
        for name, operator, value in query.where:
            clause, bound = _clause(name, operator, value)
            where.append(clause)
            values.append(bound)
        order = ""
        if query.order_by:  # Firestore finds only documents that have the field
            where.append(f"{_field(query.order_by)} IS NOT NULL")
            order = f"ORDER BY {_field(query.order_by)} {'DESC' if query.descending else 'ASC'}, id"
        sql = f"SELECT id, token, data FROM documents WHERE {' AND '.join(where)} {order} LIMIT {int(query.limit)}"
        with repeatable("query"):
            rows = self._connection(query.database).execute(sql, values).fetchall()
        return [Snapshot(Ref(query.collection, row[0], query.database), orjson.loads(row[2]), row[1]) for row in rows]

    def _connection(self, database: str) -> sqlite3.Connection:
        return self._databases[database].connection

    def copy_to(self, other: SqliteStore) -> None:
        for name, database in self._databases.items():
            database.copy_to(other._databases[name])

    def close(self) -> None:
        for database in self._databases.values():
            database.close()


def _text(data: Data) -> str:
    """As text: what SQLite's JSON functions make of a blob differs between its versions."""
    return orjson.dumps(data).decode()


def _token() -> int:
    """Never drawn twice, in any process: 62 random bits. It is compared for equality only, and never leaves here."""
    return _random.getrandbits(62)


def _check(connection: sqlite3.Connection, commit: Commit) -> None:
    """What is only verified. Creates, updates and deletes carry their own condition."""
    expected: dict[Ref, int | None] = dict.fromkeys(commit.absents)
    expected.update({ref: snapshot.token for ref, snapshot in commit.verifies.items()})
    for ref, token in expected.items():
        row = connection.execute(_TOKEN, (ref.collection, ref.id)).fetchone()
        if (row[0] if row else None) != token:
            raise _changed(ref)


def _apply(connection: sqlite3.Connection, commit: Commit) -> None:
    token = _token()
    for ref, data in commit.creates.items():
        try:
            connection.execute(_INSERT, (ref.collection, ref.id, token, _text(data)))
        except sqlite3.IntegrityError as problem:
            raise _changed(ref) from problem
    for ref, (data, known) in commit.updates.items():
        row = (_text(data), token, ref.collection, ref.id, known)
        if not connection.execute(_UPDATE, row).rowcount:
            raise _changed(ref)
    for ref, known in commit.deletes.items():
        if not connection.execute(_DELETE, (ref.collection, ref.id, known)).rowcount:
            raise _changed(ref)


def _changed(ref: Ref) -> Conflict:
    return Conflict(f"{ref.collection}/{ref.id} is not as it was read")


def _name(name: str) -> str:
    if not name.replace("_", "").isalnum():
        raise Misconfigured(f"{name!r} is neither a field's nor a collection's name")
    return name


def _field(name: str) -> str:
    return f"json_extract(data, '$.{_name(name)}')"


def _clause(name: str, operator: str, value: Any) -> tuple[str, Any]:
    if operator == "array_contains":
        return f"EXISTS (SELECT 1 FROM json_each(data, '$.{name}') WHERE json_each.value = ?)", value
    return f"{_field(name)} {_COMPARE[operator]} ?", int(value) if isinstance(value, bool) else value
