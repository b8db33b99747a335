"""From a request to two files: the request is recorded first, then the rows are read in pages and written, then the
record says where the files are. A crash anywhere is resumed by the redelivery or the sweep, and makes the same bytes.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Iterator, Sequence
from itertools import islice

from fluxfloor.contracts import ids
from fluxfloor.contracts.base import Document
from fluxfloor.contracts.events import ExportCompleted, ExportKind, ExportRequested, ScheduleTicked
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.state import Account, TradeRow
from fluxfloor.contracts.views import ExportRecord
from fluxfloor.errors import RetryLater
from fluxfloor.ports import Query, Snapshot, Store
from fluxfloor.reporting import BY_SCHEDULE, exports, trade_files
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.work import Work

PAGE_ROWS = 5_000
MAX_ACCOUNTS = 1_000
SWEEP_LIMIT = 200
SWEEP_FOR_MS = 200_000
# Younger requests are at work in another call, or ask for a day whose last facts may still be on their way.
SETTLE_MS = 600_000
GIVE_UP_MS = 86_400_000

log = logging.getLogger("fluxfloor.exports")


def accept(asked: ExportRequested, work: Work) -> None:
    """Records the request; one that can't be answered is a failed record and a fact, not an error."""
    (known,) = work.read(ExportRecord.key(asked.export_id))
    if known is not None:
        return
    refused = exports.refusal(asked, work.reference(Account.key(asked.account_id)) is not None, work.now_ms)
    record = exports.requested(asked, refused, work.now_ms, work.settings.mode)
    work.write(record)
    if refused:
        work.emit(_completed(record, work.now_ms))


def produce(context: Context, fact: Fact) -> None:
    """After the commit, and again on every redelivery."""
    assert isinstance(fact.event, ExportRequested)
    record = context.read(ExportRecord.key(fact.event.export_id))
    if record is not None and record.status == "requested":
        _make(context, record)


def ask_daily(context: Context, tick: Fact) -> None:
    """Records the requests for yesterday, both kinds for every account. The sweep makes them, when the day's last
    facts have had SETTLE_MS to arrive."""
    assert isinstance(tick.event, ScheduleTicked)
    from_ms, to_ms = exports.day_before(tick.event.scheduled_ms)
    accounts = context.ports.store.query(Query(Account.collection, limit=MAX_ACCOUNTS))
    if len(accounts) == MAX_ACCOUNTS:
        log.error("more than %d accounts: only these are exported daily", MAX_ACCOUNTS)
    for account in accounts:
        for kind in ExportKind:
            asked = ExportRequested(
                export_id=ids.digest("export", "daily", account.ref.id, kind, from_ms), kind=kind,
                account_id=account.ref.id, from_ms=from_ms, to_ms=to_ms, requested_by=BY_SCHEDULE,
            )  # fmt: skip
            context.step(context.cause(asked, asked.export_id), accept)


def make_waiting(context: Context, tick: Fact) -> None:
    """The sweep: makes what was asked for and not made, oldest first. One that fails does not hold up the others."""
    now_ms = context.now_ms
    waiting = Query(
        ExportRecord.collection, (("status", "==", "requested"), ("ts_event_ms", "<=", now_ms - SETTLE_MS)),
        order_by="ts_event_ms", limit=SWEEP_LIMIT,
    )  # fmt: skip
    for found in context.ports.store.query(waiting):
        if context.now_ms - now_ms > SWEEP_FOR_MS:
            break
        _make_or_log(context, ExportRecord.decode(found.data or {}))


def _make_or_log(context: Context, record: ExportRecord) -> None:
    if context.now_ms - record.ts_event_ms > GIVE_UP_MS:
        _finish(context, record, failed="it could not be made within a day")
        return
    try:
        _make(context, record)
    except RetryLater as problem:
        log.warning("export waits: %s", problem, extra={"export_id": record.id})
    except Exception:
        log.exception("export failed", extra={"export_id": record.id})


def _make(context: Context, record: ExportRecord) -> None:
    files = exports.Files(record)
    try:
        for page in whole(context, record):
            files.add(page)
    except exports.TooManyRows as problem:
        _finish(context, record, failed=str(problem))
        return
    names = {}
    for format, data in files.finish().items():
        names[format] = exports.blob_name(record, format)
        context.ports.blobs.put(names[format], data, exports.CONTENT_TYPES[format])
    _finish(context, record, names, files.count)


def whole(context: Context, record: ExportRecord) -> Iterator[Sequence[Document]]:
    """Pages of the range. Trades that have grown old are in files; one that is in both places is told once."""
    hot = pages(context.ports.store, record)
    if record.kind is not ExportKind.TRADES:
        return hot
    old = trade_files.between(context.ports.blobs, record.account_id, record.from_ms, record.to_ms)
    return _paged(_once(heapq.merge(old, _rows(hot), key=trade_files.order)))


def _rows(hot: Iterator[list[Document]]) -> Iterator[TradeRow]:
    for page in hot:
        yield from (row for row in page if isinstance(row, TradeRow))


def _once(rows: Iterator[TradeRow]) -> Iterator[TradeRow]:
    last = ""
    for row in rows:
        if row.id != last:
            yield row
        last = row.id


def _paged(rows: Iterator[TradeRow]) -> Iterator[list[TradeRow]]:
    while page := list(islice(rows, PAGE_ROWS)):
        yield page


def pages(store: Store, record: ExportRecord) -> Iterator[list[Document]]:
    """The rows of the range in order, PAGE_ROWS at a time.

    A page starts at the time the last one ended with and leaves out what was seen: rows may share a time. Where one
    time fills a whole page, the page grows until it gets past it.
    """
    table = exports.TABLES[record.kind]
    since_ms, limit, seen = record.from_ms, PAGE_ROWS, set[str]()
    while True:
        found = store.query(_range(record, table, since_ms, limit))
        fresh = [table.rows.decode(item.data or {}) for item in found if item.ref.id not in seen]
        if fresh:
            yield fresh
        if len(found) < limit:
            return
        last_ms = _time(found[-1], table)
        at_last = {item.ref.id for item in found if _time(item, table) == last_ms}
        if last_ms == since_ms:
            limit, seen = limit * 2, seen | at_last
        else:
            since_ms, limit, seen = last_ms, PAGE_ROWS, at_last


def _range(record: ExportRecord, table: exports.Table, since_ms: int, limit: int) -> Query:
    return Query(
        table.rows.collection,
        (("account_id", "==", record.account_id), (table.time, ">=", since_ms), (table.time, "<", record.to_ms)),
        order_by=table.time,
        limit=limit,
    )


def _time(found: Snapshot, table: exports.Table) -> int:
    return int((found.data or {})[table.time])


def _finish(
    context: Context, record: ExportRecord, files: dict[str, str] | None = None, rows: int = 0, failed: str = ""
) -> None:
    """Derived from the export alone, so that the redelivery and the sweep state one and the same fact."""

    def decide(_asked: ExportRequested, work: Work) -> None:
        (current,) = work.read(ExportRecord.key(record.id))
        if current is None or current.status != "requested":
            return
        changes = {"status": "failed" if failed else "done", "files": files or {}, "rows": rows, "failed": failed}
        ended = current.model_copy(update=changes)
        work.write(ended)
        work.emit(_completed(ended, work.now_ms))

    context.step(context.cause(exports.asked_again(record), record.id, "finished"), decide)


def _completed(record: ExportRecord, now_ms: int) -> ExportCompleted:
    return ExportCompleted(
        export_id=record.id, kind=record.kind, files=record.files, rows=record.rows, failed=record.failed,
        ts_event_ms=now_ms,
    )  # fmt: skip
