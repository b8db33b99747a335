from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO

import numpy as np
import pyarrow.parquet as pq
import pytest
from fluxfloor.market.archive import blob_name, by_month, from_parquet, merge, outstanding, to_parquet

from tests.support.bars import BTC, HOUR, T0, bar, calm, table


def test_an_archive_gives_back_the_bars() -> None:
    bars = table(calm(30))
    assert np.array_equal(from_parquet(to_parquet(bars)), bars)
    assert from_parquet(to_parquet(bars[:0])).shape == (0, 6)


def test_the_file_is_what_other_programs_expect() -> None:
    file = pq.ParquetFile(BytesIO(to_parquet(table([bar(0)]))))
    assert file.schema_arrow.names == ["timestamp", "open", "high", "low", "close", "volume"]
    assert str(file.schema_arrow.field("timestamp").type) == "timestamp[ms, tz=UTC]"
    assert file.metadata.row_group(0).column(1).compression == "SNAPPY"
    assert file.read()["timestamp"][0].as_py() == datetime.fromtimestamp(T0 / 1_000, UTC)


@pytest.mark.parametrize("last", [1, 500, 4_096, 9_999, 10_000, 20_000])
def test_the_last_bars_are_read_without_the_rest(last: int) -> None:
    bars = np.column_stack([T0 + HOUR * np.arange(10_000), np.random.default_rng(1).random((10_000, 5))])
    assert np.array_equal(from_parquet(to_parquet(bars), last=last), bars[-last:])


def test_merging_sorts_and_keeps_one_bar_of_each_time_the_newest() -> None:
    old = to_parquet(table([bar(0), bar(1), bar(3)]))
    merged = from_parquet(merge(old, table([bar(3, 103.0), bar(2)])))
    assert np.array_equal(merged, table([bar(0), bar(1), bar(2), bar(3, 103.0)]))


def test_merging_the_same_again_changes_nothing() -> None:
    bars = table(calm(48))
    once = merge(None, bars)
    assert merge(once, bars[10:20]) == once


def test_names_tell_venue_pair_timeframe_and_month() -> None:
    assert blob_name(BTC, "15m", "2024-02") == "candles/kraken/BTC-USDT/15m/2024-02.parquet"
    perpetual = BTC.model_copy(update={"symbol": "BTC/USDT:USDT"})
    assert blob_name(perpetual, "15m", "2024-02") == "candles/kraken/BTC-USDT_USDT/15m/2024-02.parquet"


def test_a_window_is_archived_by_utc_month() -> None:
    turn_ms = int(datetime(2024, 2, 1, tzinfo=UTC).timestamp() * 1_000)
    candles = [bar((turn_ms - T0) // HOUR + at) for at in (-2, -1, 0, 1)]
    months = by_month(table(candles))
    assert list(months) == ["2024-01", "2024-02"]
    assert np.array_equal(months["2024-02"], table(candles[2:]))


def test_only_what_is_new_is_archived_with_some_room_for_late_bars() -> None:
    bars = table(calm(100))
    (pending,) = outstanding(bars, "1h", T0 + 98 * HOUR).values()
    assert pending[-1, 0] == T0 + 99 * HOUR
    assert len(pending) == 33
    assert outstanding(bars, "1h", T0 + 99 * HOUR) == {}
    assert outstanding(bars[:0], "1h", 0) == {}
    assert sum(map(len, outstanding(bars, "1h", 0).values())) == 100
