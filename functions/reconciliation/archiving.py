"""Moves trades that have grown old to files: written, read again and compared, and only then taken out of the store.

A crash anywhere is made good by the next run: what stands in both places is written again to the same effect, and
whoever reads looks at both and counts each trade once.
"""

from __future__ import annotations

import logging

from fluxfloor.contracts.base import Key
from fluxfloor.contracts.events import ScheduleTicked
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.state import TradeRow
from fluxfloor.errors import InvariantBroken
from fluxfloor.ports import Query
from fluxfloor.reporting import trade_files as files
from fluxfloor.reporting import trade_parquet as parquet
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.work import Work

PAGE = 200  # rows that one commit takes out
MOST_PAGES = 500  # of one run; a longer backlog waits for the next day

log = logging.getLogger("fluxfloor.reconciliation")


def archive(context: Context, fact: Fact) -> None:
    assert isinstance(fact.event, ScheduleTicked)
    before_ms = fact.event.scheduled_ms - files.HOT_MS
    for account_id in sorted(context.settings.accounts):
        for _ in range(MOST_PAGES):
            rows = _old(context, account_id, before_ms)
            if not rows:
                break
            for month, part in files.by_month(rows).items():
                _write(context, account_id, month, part)
            _take_out(context, fact, rows)


def _old(context: Context, account_id: str, before_ms: int) -> list[TradeRow]:
    query = Query(
        TradeRow.collection, (("account_id", "==", account_id), ("exit_ms", "<", before_ms)), order_by="exit_ms",
        limit=PAGE,
    )  # fmt: skip
    return [TradeRow.decode(found.data or {}) for found in context.ports.store.query(query)]


def _write(context: Context, account_id: str, month: str, rows: list[TradeRow]) -> None:
    """Both files with these rows in them. Whoever writes at the same time makes one of both try again."""
    blobs, name = context.ports.blobs, files.blob_name(account_id, month, files.PARQUET)
    old = blobs.get(name)
    whole = files.union(parquet.unpack(old.data) if old else [], rows)
    for format, data in ((files.PARQUET, parquet.pack(whole)), (files.LINES, files.to_lines(whole))):
        name = files.blob_name(account_id, month, format)
        known = blobs.get(name)
        if known is None or known.data != data:
            generation = known.generation if known else 0
            blobs.put(name, data, files.CONTENT_TYPES[format], if_generation=generation)
    _verify(context, account_id, month, rows)


def _verify(context: Context, account_id: str, month: str, rows: list[TradeRow]) -> None:
    """Raises InvariantBroken unless both files, read again, have every one of these trades as it is."""
    readers = ((files.PARQUET, parquet.unpack), (files.LINES, files.from_lines))
    for format, read in readers:
        found = context.ports.blobs.get(files.blob_name(account_id, month, format))
        there = {row.id: row.trade for row in read(found.data)} if found else {}
        lost = [row.id for row in rows if there.get(row.id) != row.trade]
        if lost:
            raise InvariantBroken(f"trade {lost[0]} is not in the {format} file of {account_id}'s {month} as it was")


def _take_out(context: Context, fact: Fact, rows: list[TradeRow]) -> None:
    """Each only as it was written."""

    def decide(_: ScheduleTicked, work: Work) -> None:
        keys: list[Key[TradeRow]] = [TradeRow.key(row.id) for row in rows]
        for row, now in zip(rows, work.read_all(keys), strict=True):
            if now is not None and now.trade == row.trade:
                work.delete(now)

    context.step(context.cause(fact.event, "archived", *(row.id for row in rows)), decide)
    log.info("%d trades of %s are in files now", len(rows), rows[0].account_id, extra={"stage": context.stage})
