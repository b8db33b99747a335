"""The journal as one text: the same run gives the same bytes."""

from __future__ import annotations

import orjson

from fluxfloor.contracts.journal import JOURNAL
from fluxfloor.ports import Query, Store
from fluxfloor.topology import FLOOR_DATABASES

ALL = 10_000_000


def canonical(store: Store) -> bytes:
    """Every step of both databases, one a line, ordered by its id, keys sorted."""
    lines = sorted(
        (f"{database} {row.ref.id} ".encode(), orjson.dumps(row.data, option=orjson.OPT_SORT_KEYS))
        for database in FLOOR_DATABASES
        for row in store.query(Query(JOURNAL, limit=ALL, database=database))
    )
    return b"\n".join(name + text for name, text in lines)
