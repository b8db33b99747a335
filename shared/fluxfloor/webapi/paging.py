"""Pages of rows sorted by time, newest first.

A cursor is `<ms>.<skip>`: go on at this time, past so many of its rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from fluxfloor.contracts.base import Model
from fluxfloor.ports import Query, Snapshot, Store

MAX_LIMIT = 200
CURSOR_PATTERN = r"^[0-9]{1,14}\.[0-9]{1,4}$"

Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT, description="how many rows")]
Cursor = Annotated[str, Field(pattern=CURSOR_PATTERN, description="`next_cursor` of the page before")]


class Paged(Model):
    """What every list takes."""

    limit: Limit = 50
    cursor: Cursor | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    rows: list[Snapshot]
    next_cursor: str | None


def read_page(store: Store, query: Query, asked: Paged) -> Slice:
    """One page of a query that is ordered by a time, descending. Rows of one and the same millisecond are counted
    through, because a cursor by time alone would lose or repeat them."""
    from_ms, skip = position_of(asked.cursor)
    where = query.where if from_ms is None else (*query.where, (query.order_by, "<=", from_ms))
    wanted = asked.limit + skip + 1
    found = store.query(Query(query.collection, where, query.order_by, True, wanted, query.database))
    rows = found[skip : skip + asked.limit]
    more = len(found) > skip + asked.limit
    times = [int((row.data or {})[query.order_by]) for row in rows]
    return Slice(rows, cursor_of(times, from_ms, skip) if more and rows else None)


def position_of(cursor: str | None) -> tuple[int | None, int]:
    """From which time on, and past how many of its rows."""
    if cursor is None:
        return None, 0
    at_ms, skip = cursor.split(".")
    return int(at_ms), int(skip)


def cursor_of(times: Sequence[int], from_ms: int | None, skip: int) -> str:
    """Where the page after this one begins; `times` are those of its rows."""
    at_last = times.count(times[-1])
    return f"{times[-1]}.{at_last + (skip if times[-1] == from_ms else 0)}"
