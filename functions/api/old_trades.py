"""Pages of closed trades over the store and the files that old ones have gone to, as if both were one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxfloor.contracts.state import TradeRow
from fluxfloor.ports import Query
from fluxfloor.reporting import trade_files
from fluxfloor.webapi.paging import Paged, cursor_of, position_of

if TYPE_CHECKING:
    from fluxfloor.runtime.context import Context

LATEST_MS = 32_503_679_999_999


def page(context: Context, account_id: str, asked: Paged) -> tuple[tuple[TradeRow, ...], str | None]:
    """Newest first. Files are opened only where the page reaches back into their time."""
    from_ms, skip = position_of(asked.cursor)
    until_ms = LATEST_MS if from_ms is None else from_ms
    wanted = asked.limit + skip + 1
    rows = _hot(context, account_id, until_ms, wanted)
    if len(rows) < wanted or rows[-1].exit_ms < context.now_ms - trade_files.HOT_MS:
        rows = _with_old(context, account_id, until_ms, wanted, rows)
    shown = rows[skip : skip + asked.limit]
    more = len(rows) > skip + asked.limit
    times = [row.exit_ms for row in shown]
    return tuple(shown), cursor_of(times, from_ms, skip) if more and shown else None


def _hot(context: Context, account_id: str, until_ms: int, wanted: int) -> list[TradeRow]:
    query = Query(
        TradeRow.collection, (("account_id", "==", account_id), ("exit_ms", "<=", until_ms)), "exit_ms", True, wanted
    )
    return [TradeRow.decode(found.data or {}) for found in context.ports.store.query(query)]


def _with_old(
    context: Context, account_id: str, until_ms: int, wanted: int, rows: list[TradeRow]
) -> list[TradeRow]:  # fmt: skip
    """A trade that is in both places counts once. Months are read until there are enough. Of one time the store's come
    first, in its own order: so a page goes on where the one before ended, whichever of both it came from."""
    both = {row.id: row for row in rows}
    rank = {name: place for place, name in enumerate(both)}
    for month in trade_files.newest_first(context.ports.blobs, account_id, until_ms):
        oldest_ms = month[-1].exit_ms if month else LATEST_MS
        both |= {row.id: row for row in month if row.id not in both}
        newer = sum(row.exit_ms >= oldest_ms for row in both.values())
        if newer >= wanted:
            break
    last = len(both)
    return sorted(both.values(), key=lambda row: (-row.exit_ms, rank.get(row.id, last), row.id))[:wanted]
