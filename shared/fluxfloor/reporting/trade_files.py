"""Where closed trades go when they have grown old: one month of one account in two files of the same rows.

The Parquet file is the archive; the lines of JSON beside it are for readers that have no Parquet, such as the API. Rows
are ordered by exit and id, so the same trades always give the same bytes.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

import orjson

from fluxfloor.contracts.state import TradeRow
from fluxfloor.ports import Blobs

PREFIX = "trades/"
HOT_MS = 30 * 86_400_000
"""Trades that closed longer ago than this are in the files; those in between may be in both places for a while."""
PARQUET, LINES = "parquet", "jsonl.gz"
CONTENT_TYPES = {PARQUET: "application/vnd.apache.parquet", LINES: "application/gzip"}


def month_of(at_ms: int) -> str:
    """UTC, as 2026-11."""
    return f"{datetime.fromtimestamp(at_ms // 1_000, UTC):%Y-%m}"


def folder(account_id: str) -> str:
    return f"{PREFIX}{quote(account_id, safe='')}/"


def blob_name(account_id: str, month: str, format: str) -> str:
    return f"{folder(account_id)}{month}.{format}"


def by_month(rows: Iterable[TradeRow]) -> dict[str, list[TradeRow]]:
    found: dict[str, list[TradeRow]] = {}
    for row in rows:
        found.setdefault(month_of(row.exit_ms), []).append(row)
    return found


def union(known: Iterable[TradeRow], more: Iterable[TradeRow]) -> list[TradeRow]:
    """Each once, by exit and id. What is known stays as it is: a trade never changes."""
    rows = {row.id: row for row in more} | {row.id: row for row in known}
    return sorted(rows.values(), key=order)


def order(row: TradeRow) -> tuple[int, str]:
    return row.exit_ms, row.id


def to_lines(rows: Sequence[TradeRow]) -> bytes:
    text = b"\n".join(orjson.dumps(row.encode(), option=orjson.OPT_SORT_KEYS) for row in rows)
    return gzip.compress(text, mtime=0)


def from_lines(data: bytes) -> list[TradeRow]:
    return [TradeRow.decode(orjson.loads(line)) for line in gzip.decompress(data).splitlines()]


# --- reading -----------------------------------------------------------------------------------------------------


def newest_first(blobs: Blobs, account_id: str, until_ms: int) -> Iterator[list[TradeRow]]:
    """Month after month of what closed up to then, each month's trades newest first."""
    last = blob_name(account_id, month_of(until_ms), LINES)
    names = [name for name in blobs.list(folder(account_id)) if name.endswith(LINES) and name <= last]
    for name in reversed(names):
        found = blobs.get(name)
        rows = from_lines(found.data) if found is not None else []
        yield sorted((row for row in rows if row.exit_ms <= until_ms), key=order, reverse=True)


def between(blobs: Blobs, account_id: str, from_ms: int, to_ms: int) -> Iterator[TradeRow]:
    """Those that closed in [from_ms, to_ms), oldest first. A month of them is in memory."""
    first, last = (blob_name(account_id, month_of(at_ms), LINES) for at_ms in (from_ms, max(from_ms, to_ms - 1)))
    for name in blobs.list(folder(account_id)):
        found = blobs.get(name) if name.endswith(LINES) and first <= name <= last else None
        if found is not None:
            yield from (row for row in from_lines(found.data) if from_ms <= row.exit_ms < to_ms)
