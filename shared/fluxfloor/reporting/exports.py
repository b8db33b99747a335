"""Trades and equity as files: which rows and columns, and how a value is spelled in CSV and in Parquet.

The same rows always give the same bytes: nothing here asks for the time, and rows keep the store's order. Money is
decimal128(38, 18) in Parquet: exact like a string, but a reader can sum and compare it without parsing, and the
contracts bound every number to 18 digits on either side of the point, so none can be cut.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

import fluxfloor
from fluxfloor.contracts.base import Document, canonical
from fluxfloor.contracts.events import ExportKind, ExportRequested
from fluxfloor.contracts.state import TradeRow
from fluxfloor.contracts.views import EquityPoint, ExportRecord
from fluxfloor.errors import FloorError

FORMAT_VERSION = "1"
MAX_ROWS = 250_000
DAY_MS = 86_400_000
CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


class TooManyRows(FloorError):
    """The range holds more than MAX_ROWS: files are built in memory, and this is what bounds it."""

    reason = "too_many_rows"


class Kind(Enum):
    TEXT = "text"
    NUMBER = "number"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Column:
    """`read` takes the row's document and gives a str, a Decimal or UTC milliseconds, as `kind` says."""

    name: str
    kind: Kind
    read: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Table:
    """`time` is the field a range is asked by, also the order of the rows."""

    rows: type[Document]
    time: str
    columns: tuple[Column, ...]


def _trade(name: str, kind: Kind, field: str = "") -> Column:
    return Column(name, kind, lambda row: getattr(row.trade, field or name))


def _point(name: str, kind: Kind, field: str = "") -> Column:
    return Column(name, kind, lambda row: getattr(row, field or name))


def _worth(row: Any, value: Decimal | None, plain: Decimal) -> Decimal:
    """In the account's currency. What nothing values is 0 here, and `valued` says that it is no amount."""
    return (plain if value is None else value) if row.trade.valued else Decimal(0)


# Columns are only ever appended: a reader may go by their place.
TABLES: dict[ExportKind, Table] = {
    ExportKind.TRADES: Table(
        TradeRow,
        "exit_ms",
        (
            _trade("trade_id", Kind.TEXT),
            _trade("account_id", Kind.TEXT),
            _trade("strategy_id", Kind.TEXT),
            _trade("sender_id", Kind.TEXT),
            _trade("instrument_id", Kind.TEXT),
            _trade("direction", Kind.TEXT),
            _trade("quantity", Kind.NUMBER),
            _trade("entry_time", Kind.TIME, "entry_ms"),
            _trade("entry_price", Kind.NUMBER),
            _trade("exit_time", Kind.TIME, "exit_ms"),
            _trade("exit_price", Kind.NUMBER),
            _trade("fees", Kind.NUMBER),
            _trade("profit", Kind.NUMBER),
            _trade("return_fraction", Kind.NUMBER),
            _trade("entry_signal_id", Kind.TEXT),
            _trade("exit_signal_id", Kind.TEXT),
            _trade("tag", Kind.TEXT),
            Column("value", Kind.NUMBER, lambda row: _worth(row, row.trade.value, row.trade.profit)),
            Column("fees_value", Kind.NUMBER, lambda row: _worth(row, row.trade.fees_value, row.trade.fees)),
            Column("valued", Kind.TEXT, lambda row: str(row.trade.valued).lower()),
        ),
    ),
    ExportKind.EQUITY: Table(
        EquityPoint,
        "ts_event_ms",
        (
            _point("account_id", Kind.TEXT),
            _point("time", Kind.TIME, "ts_event_ms"),
            _point("equity", Kind.NUMBER),
            _point("cash", Kind.NUMBER),
            _point("realised", Kind.NUMBER),
            _point("unrealised", Kind.NUMBER),
            _point("deposits", Kind.NUMBER),
        ),
    ),
}


LIVE = "live"


def columns_of(record: ExportRecord) -> tuple[Column, ...]:
    """A live floor's file says in its header and in every row that it is about money."""
    columns = TABLES[record.kind].columns
    return (*columns, Column("mode", Kind.TEXT, lambda _: LIVE)) if record.mode == LIVE else columns


# --- what was asked ----------------------------------------------------------------------------------------------


def refusal(asked: ExportRequested, known_account: bool, now_ms: int) -> str:
    """Why this can't be exported; empty if it can. The range is from_ms up to, not including, to_ms."""
    if not known_account:
        return f"no account {asked.account_id}"
    if asked.to_ms <= asked.from_ms:
        return "the range must end after it begins"
    if asked.from_ms >= now_ms:
        return "the range has not begun yet"
    return ""


def requested(asked: ExportRequested, refused: str, now_ms: int, mode: str = "paper") -> ExportRecord:
    return ExportRecord(
        id=asked.export_id, kind=asked.kind, account_id=asked.account_id, from_ms=asked.from_ms, to_ms=asked.to_ms,
        requested_by=asked.requested_by, status="failed" if refused else "requested", failed=refused,
        mode=mode, ts_event_ms=now_ms,
    )  # fmt: skip


def asked_again(record: ExportRecord) -> ExportRequested:
    """The request that this record was made for."""
    return ExportRequested(
        export_id=record.id, kind=record.kind, account_id=record.account_id, from_ms=record.from_ms,
        to_ms=record.to_ms, requested_by=record.requested_by,
    )  # fmt: skip


def blob_name(record: ExportRecord, format: str) -> str:
    """exports/<account>/<kind>/<from>_<to>_<id>.<format>; ids are quoted, so that each stays one part of the path."""
    live = "live_" if record.mode == LIVE else ""
    span = f"{live}{_compact(record.from_ms)}_{_compact(record.to_ms)}_{quote(record.id, safe='')}"
    return f"exports/{quote(record.account_id, safe='')}/{record.kind}/{span}.{format}"


def day_before(at_ms: int) -> tuple[int, int]:
    """The UTC day before the one that `at_ms` lies in, as [from, to)."""
    today_ms = at_ms // DAY_MS * DAY_MS
    return today_ms - DAY_MS, today_ms


# --- files -------------------------------------------------------------------------------------------------------


class Files:
    """Both files of one export, grown page by page: at most one page of rows and the two files are in memory."""

    def __init__(self, record: ExportRecord) -> None:
        self.count = 0
        self._columns = columns_of(record)
        self._bytes = io.BytesIO()
        self._text = io.TextIOWrapper(self._bytes, encoding="utf-8", newline="", write_through=True)
        self._csv = csv.writer(self._text)
        self._csv.writerow([column.name for column in self._columns])
        self._sink = pa.BufferOutputStream()
        self._schema = schema_of(record)
        self._parquet = pq.ParquetWriter(self._sink, self._schema, compression="snappy")

    def add(self, rows: Sequence[Document]) -> None:
        """Appends a page. Raises TooManyRows."""
        self.count += len(rows)
        if self.count > MAX_ROWS:
            raise TooManyRows(f"the range holds more than {MAX_ROWS:,} rows: ask for a shorter one")
        self._csv.writerows([_cell(column, column.read(row)) for column in self._columns] for row in rows)
        self._parquet.write_table(self._page(rows))

    def _page(self, rows: Sequence[Document]) -> pa.Table:
        types = [field.type for field in self._schema]
        values = [[column.read(row) for row in rows] for column in self._columns]
        return pa.Table.from_arrays(
            [pa.array(column, type) for column, type in zip(values, types, strict=True)], schema=self._schema
        )

    def finish(self) -> dict[str, bytes]:
        """Format → bytes."""
        self._parquet.close()
        return {"csv": self._bytes.getvalue(), "parquet": self._sink.getvalue().to_pybytes()}


def schema_of(record: ExportRecord) -> pa.Schema:
    types = {Kind.TEXT: pa.string(), Kind.NUMBER: pa.decimal128(38, 18), Kind.TIME: pa.timestamp("ms", tz="UTC")}
    fields = [pa.field(column.name, types[column.kind], nullable=False) for column in columns_of(record)]
    return pa.schema(
        fields,
        metadata={
            "fluxfloor.code": fluxfloor.__version__,
            "fluxfloor.format": f"{record.kind}.v{FORMAT_VERSION}",
            "fluxfloor.export_id": record.id,
            "fluxfloor.account_id": record.account_id,
            "fluxfloor.from": iso(record.from_ms),
            "fluxfloor.to": iso(record.to_ms),
            **({"fluxfloor.mode": record.mode} if record.mode == LIVE else {}),
        },
    )


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def _cell(column: Column, value: Any) -> str:
    if column.kind is Kind.NUMBER:
        return canonical(value)
    if column.kind is Kind.TIME:
        return iso(value)
    return safe_text(str(value))


def safe_text(text: str) -> str:
    """A spreadsheet runs a cell that begins like a formula; behind an apostrophe it is only text."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def iso(at_ms: int) -> str:
    """UTC with milliseconds: 2026-11-19T08:15:00.000Z."""
    return f"{datetime.fromtimestamp(at_ms // 1_000, UTC):%Y-%m-%dT%H:%M:%S}.{at_ms % 1_000:03d}Z"


def _compact(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms // 1_000, UTC):%Y%m%dT%H%M%S}Z"
