"""Closed trades as Parquet and back, to the last digit: money is decimal128(38, 18), as in the exports."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fluxfloor.contracts.events import TradeClosed
from fluxfloor.contracts.state import TradeRow

_MONEY = pa.decimal128(38, 18)
_NUMBERS = ("quantity", "entry_price", "exit_price", "fees", "profit", "return_fraction", "value", "fees_value")
_TIMES, _FLAGS = ("entry_ms", "exit_ms"), ("valued",)


def _kind(name: str) -> pa.DataType:
    return (
        _MONEY if name in _NUMBERS else pa.int64() if name in _TIMES else pa.bool_() if name in _FLAGS else pa.string()
    )


SCHEMA = pa.schema([pa.field(name, _kind(name)) for name in TradeClosed.model_fields])


def pack(rows: Sequence[TradeRow]) -> bytes:
    """One row a trade, its fields as columns; snappy."""
    columns = [pa.array([getattr(row.trade, field.name) for row in rows], field.type) for field in SCHEMA]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(columns, schema=SCHEMA), sink, compression="snappy")
    return sink.getvalue()


def unpack(data: bytes) -> list[TradeRow]:
    """Columns of a newer writer are left out; those that an older one did not know take their defaults."""
    table = pq.read_table(io.BytesIO(data))
    names = [name for name in table.column_names if name in TradeClosed.model_fields]
    return [_row(values) for values in table.select(names).to_pylist()]


def _row(values: dict[str, Any]) -> TradeRow:
    trade = TradeClosed.model_validate({name: value for name, value in values.items() if value is not None})
    return TradeRow(id=trade.trade_id, account_id=trade.account_id, exit_ms=trade.exit_ms, trade=trade, version=1)
