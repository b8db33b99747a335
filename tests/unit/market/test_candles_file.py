from __future__ import annotations

from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fluxfloor.errors import Misconfigured
from fluxfloor.market.archive import to_parquet
from fluxfloor.market.candles_file import read_candles_file

from tests.support.bars import HOUR, T0, calm, table

HEADER = "timestamp,open,high,low,close,volume\n"
PRICES = "1,2,0.5,1.5,10"
ROW = [T0, 1.0, 2.0, 0.5, 1.5, 10.0]
WHEN = datetime.fromtimestamp(T0 / 1_000, UTC)


def csv(*times: object, header: str = HEADER) -> bytes:
    return (header + "".join(f"{time},{PRICES}\n" for time in times)).encode()


def parquet(timestamp: Any, **columns: Any) -> bytes:
    values = {"open": [1.0], "high": [2.0], "low": [0.5], "close": [1.5], "volume": [10.0], **columns}
    buffer = BytesIO()
    pq.write_table(pa.table({"timestamp": timestamp, **values}), buffer)
    return buffer.getvalue()


def test_an_archive_file_can_be_replayed() -> None:
    bars = table(calm(20))
    assert np.array_equal(read_candles_file(to_parquet(bars), "x"), bars)


@pytest.mark.parametrize(
    "time",
    [
        T0, T0 // 1_000, T0 * 1_000, T0 * 1_000_000, f"{T0 / 1_000}", f"{WHEN:%Y-%m-%dT%H:%M:%SZ}",
        f"{WHEN:%Y-%m-%d %H:%M:%S}", f"{WHEN:%Y-%m-%d %H:%M}+00:00", WHEN.isoformat(),
        WHEN.astimezone(datetime.fromisoformat("2023-01-01T00:00+05:30").tzinfo).isoformat(),
    ],
)  # fmt: skip
def test_csv_times_may_be_iso_or_epoch(time: object) -> None:
    assert read_candles_file(csv(time), "x.csv").tolist() == [ROW]


@pytest.mark.parametrize(
    "timestamp",
    [
        pa.array([T0]), pa.array([T0 // 1_000]), pa.array([T0 / 1_000]), pa.array([WHEN.isoformat()]),
        pa.array([WHEN], pa.timestamp("ns", "UTC")), pa.array([WHEN], pa.timestamp("us", "America/New_York")),
        pa.array([WHEN.replace(tzinfo=None)], pa.timestamp("s")),
    ],
)  # fmt: skip
def test_parquet_times_may_be_of_any_type(timestamp: pa.Array) -> None:
    assert read_candles_file(parquet(timestamp), "x.parquet").tolist() == [ROW]


def test_a_date_is_the_days_first_millisecond() -> None:
    assert read_candles_file(parquet(pa.array([date(2024, 1, 31)])), "x")[0, 0] == 1_706_659_200_000


def test_column_names_may_differ_in_case_order_and_separator() -> None:
    text = f"Date;Volume;Close;Low;High;Open;Trades\r\n{WHEN.isoformat()};10;1.5;0.5;2;1;7\r\n"
    assert read_candles_file(text.encode(), "x.csv").tolist() == [ROW]
    assert read_candles_file(b"\xef\xbb\xbf" + text.encode(), "x.csv").tolist() == [ROW]


def test_bad_bars_reach_the_quality_gate_untouched_and_in_their_order() -> None:
    text = HEADER + f"{T0 + HOUR},,nan,inf,-1,-5\n{T0},1,2,0.5,1.5,10\n{T0},1,2,0.5,1.5,10\n"
    bars = read_candles_file(text.encode(), "x.csv")
    assert bars[:, 0].tolist() == [T0 + HOUR, T0, T0]
    assert np.isnan(bars[0, 1:3]).all()
    assert bars[0, 3:].tolist() == [np.inf, -1.0, -5.0]
    assert np.isnan(read_candles_file(parquet(pa.array([T0]), close=pa.array([None], pa.float64())), "x")[0, 4])


def test_whole_numbers_decimals_and_texts_are_numbers_too() -> None:
    data = parquet(pa.array([T0]), open=[1], close=pa.array(["1.5"]), low=pa.array([0.5], pa.float32()))
    assert read_candles_file(data, "x").tolist() == [ROW]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "x: neither Parquet nor a CSV table .* timestamp, open"),
        (b"PAR1 and then nothing of the kind", "x: this Parquet file can't be read"),
        (HEADER.encode(), "x: no rows"),
        (b"timestamp,open,high,low,close\n1,1,1,1,1\n", "x: no column volume; it has timestamp, open, .*; rename"),
        (b"when,o,h,l,c,v\n1,1,1,1,1,1\n", "x: no column timestamp, open, high, low, close, volume; it has when, o"),
        (csv(T0, "yesterday"), "x: column timestamp, row 2: 'yesterday' is no time; give UTC open times"),
        (csv(T0, "01.02.2024 12:00"), "x: column timestamp, row 2: '01.02.2024 12:00' is no time"),
        (csv("1e300"), "x: column timestamp, row 1: not a time between 1970 and 3000"),
        (csv("inf"), "x: column timestamp, row 1: not a time"),
        (csv(-5), "x: column timestamp, row 1: not a time"),
        (csv(T0, ""), "x: column timestamp, row 2: no time; .* or drop the row"),
        ((HEADER + f"{T0},1,2,0.5,'1,10\n").encode(), 'x: column close, row 1: "\'1" is no number'),
        ((HEADER + f"{T0},1,2,abc,1,10\n").encode(), "x: column low, row 1: 'abc' is no number; use a decimal point"),
        ((HEADER + f"{T0},1,2\n").encode(), "x: neither Parquet nor a CSV table"),
        (b"\xff\xfe\x00garbage\n\x80\x81", "x: "),
        (parquet(pa.array([None], pa.timestamp("ms"))), "x: column timestamp, row 1: no time"),
        (parquet(pa.array([T0]), close=pa.array([[1.0]])), "x: column close holds list<.*, not numbers"),
    ],
)
def test_what_is_no_table_of_bars_is_told_with_file_column_row_and_fix(data: bytes, told: str) -> None:
    with pytest.raises(Misconfigured, match=told):
        read_candles_file(data, "x")
