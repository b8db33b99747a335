"""The archive: closed bars as Parquet, one blob a month. Only bytes go in and out; blobs are the handler's.

Schema: timestamp (UTC, ms, the bar's open time), open, high, low, close, volume (float64); snappy.
"""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fluxfloor.contracts.instruments import TIMEFRAME_MS, Instrument
from fluxfloor.market.window import OPEN_MS, Bars, unique

SCHEMA = pa.schema(
    [pa.field("timestamp", pa.timestamp("ms", tz="UTC"), nullable=False)]
    + [pa.field(name, pa.float64(), nullable=False) for name in ("open", "high", "low", "close", "volume")]
)
CONTENT_TYPE = "application/vnd.apache.parquet"
_ROWS_IN_GROUP = 4_096  # the newest bars are read without the rest of the month
_OVERLAP_BARS = 32  # a bar that came late is still archived when it is at most this far behind


def blob_name(instrument: Instrument, timeframe: str, month: str) -> str:
    """`month` is "YYYY-MM". A spot pair is BASE-QUOTE; what ccxt appends for others (":USDT") is kept apart by "_"."""
    pair = instrument.symbol.replace("/", "-").replace(":", "_")
    return f"candles/{instrument.venue}/{pair}/{timeframe}/{month}.parquet"


def to_parquet(bars: Bars) -> bytes:
    """Bars of shape (n, 6) as a whole file."""
    arrays = [pa.array(bars[:, OPEN_MS].astype("int64").astype("datetime64[ms]"), SCHEMA.field(0).type)]
    arrays += [pa.array(np.ascontiguousarray(bars[:, column])) for column in range(1, 6)]
    buffer = BytesIO()
    pq.write_table(
        pa.Table.from_arrays(arrays, schema=SCHEMA), buffer, compression="snappy", row_group_size=_ROWS_IN_GROUP
    )
    return buffer.getvalue()


def from_parquet(data: bytes, last: int | None = None) -> Bars:
    """The bars of an archive file, or its `last` ones. No threads: for a small file they only cost."""
    file = pq.ParquetFile(pa.BufferReader(data))
    table = file.read_row_groups(_newest_groups(file, last), use_threads=False)
    bars = np.empty((table.num_rows, 6))
    for column in range(6):
        bars[:, column] = _numbers(table.column(column))
    return bars if last is None else bars[max(0, len(bars) - last) :]


def merge(old: bytes | None, new: Bars) -> bytes:
    """The archive file with these bars in it: sorted, one per open time, the new one where both have it."""
    return to_parquet(unique(new if old is None else np.concatenate([from_parquet(old), new])))


def outstanding(bars: Bars, timeframe: str, archived_open_ms: int) -> dict[str, Bars]:
    """What of a window still has to be archived, by month ("YYYY-MM"). Nothing new: an empty dict."""
    if not len(bars) or bars[-1, OPEN_MS] <= archived_open_ms:
        return {}
    wanted = bars[bars[:, OPEN_MS] > archived_open_ms - _OVERLAP_BARS * TIMEFRAME_MS[timeframe]]
    return by_month(wanted)


def by_month(bars: Bars) -> dict[str, Bars]:
    """Sorted bars, split at the turns of UTC months."""
    months = bars[:, OPEN_MS].astype("int64").astype("datetime64[ms]").astype("datetime64[M]")
    return {str(month): bars[months == month] for month in np.unique(months)}


def _newest_groups(file: pq.ParquetFile, last: int | None) -> list[int]:
    groups = list(range(file.num_row_groups))
    if last is None:
        return groups
    rows = 0
    for group in reversed(groups):
        rows += file.metadata.row_group(group).num_rows
        if rows >= last:
            return groups[group:]
    return groups


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if pa.types.is_timestamp(array.type):
        array = array.view(pa.int64())
    return np.asarray(array.to_numpy(zero_copy_only=False))
