"""The Store on SQLite: one file per database, documents as JSON, optimistic tokens that are never used twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from fluxfloor.adapters.embedded.sqlite import Database
from fluxfloor.errors import CommitUnknown, Conflict, Misconfigured
from fluxfloor.ports import Commit, Data, Query, Ref, Snapshot

SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    collection TEXT NOT NULL, id TEXT NOT NULL, token INTEGER NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (collection, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sequence (only INTEGER PRIMARY KEY CHECK (only = 0), value INTEGER NOT NULL);
INSERT OR IGNORE INTO sequence VALUES (0, 0);
CREATE INDEX IF NOT EXISTS pending_steps ON documents (data ->> '$.pending')
    WHERE collection = 'journal' AND data ->> '$.pending' <> '';
CREATE INDEX IF NOT EXISTS open_orders ON documents (id) WHERE collection = 'orders' AND data ->> '$.open';
"""
_COMPARE = {"==": "=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_READ = "SELECT token, data FROM documents WHERE collection = ? AND id = ?"


class SqliteStore:
    """`mode` ("paper" or "live") is the file that "mode" documents live in; what faces the internet has its own."""

    def __init__(self, directory: Path, mode: str = "paper", durable: bool = False) -> None:
        self._databases = {
            "edge": Database(directory / "edge.db", SCHEMA, durable),
            "mode": Database(directory / f"{mode}.db", SCHEMA, durable),
        }

    def read(self, refs: Sequence[Ref]) -> list[Snapshot]:
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
                token = connection.execute("UPDATE sequence SET value = value + 1 RETURNING value").fetchone()[0]
                _apply(connection, commit, token)
        except sqlite3.OperationalError as problem:  # busy, or the disk: COMMIT itself may have reached it
            raise CommitUnknown(f"commit: {problem}") from problem

    def patch(self, ref: Ref, fields: Data) -> None:
        with self._databases[ref.database].transaction() as connection:
            row = connection.execute(_READ, (ref.collection, ref.id)).fetchone()
            if row is None:
                raise Conflict(f"{ref.collection}/{ref.id} does not exist")
            token = connection.execute("UPDATE sequence SET value = value + 1 RETURNING value").fetchone()[0]
            connection.execute(
                "UPDATE documents SET data = ?, token = ? WHERE collection = ? AND id = ?",
                (orjson.dumps({**orjson.loads(row[1]), **fields}), token, ref.collection, ref.id),
            )

    def query(self, query: Query) -> list[Snapshot]:
        where, values = ["collection = ?"], [query.collection]
        for name, operator, value in query.where:
            clause, bound = _clause(name, operator, value)
            where.append(clause)
            values.append(bound)
        order = (
            f"ORDER BY {_field(query.order_by)} {'DESC' if query.descending else 'ASC'}, id" if query.order_by else ""
        )
        sql = f"SELECT id, token, data FROM documents WHERE {' AND '.join(where)} {order} LIMIT {int(query.limit)}"
        rows = self._connection(query.database).execute(sql, values)
        return [Snapshot(Ref(query.collection, row[0], query.database), orjson.loads(row[2]), row[1]) for row in rows]

    def _connection(self, database: str) -> sqlite3.Connection:
        return self._databases[database].connection

    def close(self) -> None:
        for database in self._databases.values():
            database.close()


def _check(connection: sqlite3.Connection, commit: Commit) -> None:
    expected: dict[Ref, int | None] = dict.fromkeys(commit.creates)
    expected.update(dict.fromkeys(commit.absents))
    expected.update({ref: token for ref, (_, token) in commit.updates.items()})
    expected.update({ref: snapshot.token for ref, snapshot in commit.verifies.items()})
    expected.update(commit.deletes)
    for ref, token in expected.items():
        row = connection.execute(
            "SELECT token FROM documents WHERE collection = ? AND id = ?", (ref.collection, ref.id)
        ).fetchone()
        if (row[0] if row else None) != token:
            raise Conflict(f"{ref.collection}/{ref.id} is not as it was read")


def _apply(connection: sqlite3.Connection, commit: Commit, token: int) -> None:
    written = [(ref.collection, ref.id, token, orjson.dumps(data)) for ref, data in commit.creates.items()]
    written += [(ref.collection, ref.id, token, orjson.dumps(data)) for ref, (data, _) in commit.updates.items()]
    connection.executemany("INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?)", written)
    for ref in commit.deletes:
        connection.execute("DELETE FROM documents WHERE collection = ? AND id = ?", (ref.collection, ref.id))


def _field(name: str) -> str:
    if not name.replace("_", "").isalnum():
        raise Misconfigured(f"{name!r} is not a field name")
    return f"data ->> '$.{name}'"


def _clause(name: str, operator: str, value: Any) -> tuple[str, Any]:
    if operator == "array_contains":
        return f"EXISTS (SELECT 1 FROM json_each(data, '$.{name}') WHERE json_each.value = ?)", value
    return f"{_field(name)} {_COMPARE[operator]} ?", int(value) if isinstance(value, bool) else value
