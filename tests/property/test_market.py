"""What must hold for any bars and trades, however badly they come."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from itertools import pairwise
from math import inf, nan

import numpy as np
from fluxfloor.adapters.venues.file_data import FileMarketData, Series
from fluxfloor.contracts.instruments import Candle
from fluxfloor.errors import Misconfigured
from fluxfloor.market import pull, window
from fluxfloor.market.archive import from_parquet, merge, to_parquet
from fluxfloor.market.builder import CandleBuilder, build
from fluxfloor.market.candles_file import read_candles_file
from fluxfloor.market.quality import broken, inspect
from fluxfloor.market.schedule import Ask, Line, due, split
from fluxfloor.runtime.clock import VirtualClock
from hypothesis import given
from hypothesis import strategies as st

from tests.support.bars import BTC, HOUR, T0, bar, table

PLACES = st.integers(0, 30)
CLOSES = st.sampled_from([100.0, 100.1, 99.9, 101.0, 160.0, 40.0])
CANDLES = st.builds(bar, PLACES, CLOSES)
ODD = st.sampled_from([nan, inf, -1.0, 0.0, 1e308, 5e-324, 100.0])
WILD = st.builds(bar, PLACES, ODD, open=ODD, high=ODD, low=ODD, volume=ODD)
STRAY = st.builds(lambda candle, by: candle.model_copy(update={"open_ms": candle.open_ms + by}), CANDLES,
                  st.sampled_from([1, -HOUR // 2, 10**15, -10**12]))  # fmt: skip
ANY = st.lists(CANDLES | WILD | STRAY, max_size=40)
TRADES = st.lists(
    st.tuples(st.integers(0, 900_000), st.floats(0.01, 1e6), st.floats(0, 1e9)), max_size=80
).map(lambda rows: np.array(sorted(rows, key=lambda row: row[0]), np.float64).reshape(-1, 3))  # fmt: skip


# --- window ------------------------------------------------------------------------------------------------------


@given(st.lists(st.lists(CANDLES, max_size=8), max_size=8), st.integers(1, 20))
def test_a_window_is_the_newest_of_the_last_given_bars(batches: list[list[Candle]], limit: int) -> None:
    """Compared with a dict, for batches that never fall out of the window's reach."""
    kept: dict[int, Candle] = {}
    found = window.extend(None, "x", [], limit)
    for batch in batches:
        found = window.extend(found, "x", batch, limit)
        kept.update({candle.open_ms: candle for candle in batch})
        kept = dict(sorted(kept.items())[-limit:])
    assert np.array_equal(window.decode(found.bars), table(list(kept.values())))
    assert found.count == len(kept)
    assert found.last_open_ms == max(kept, default=0)


@given(st.lists(st.lists(st.floats(allow_nan=True), min_size=6, max_size=6), max_size=10))
def test_text_and_bars_are_the_same_thing(rows: list[list[float]]) -> None:
    bars = np.array(rows, np.float64).reshape(-1, 6)
    assert window.decode(window.encode(bars)).tobytes() == bars.tobytes()
    assert len(window.encode(bars)) == 64 * len(bars)


# --- gate --------------------------------------------------------------------------------------------------------


@given(ANY, st.lists(CANDLES, max_size=30), st.integers(0, 32))
def test_every_delivered_bar_passes_or_is_left_out_or_was_there(
    candles: list[Candle], known: list[Candle], until: int
) -> None:
    recent = window.decode(window.extend(None, "x", known).bars)
    found = inspect(candles, recent=recent, timeframe="1h", since_ms=T0, until_ms=T0 + until * HOUR)
    assert len(found.passed) + len(found.quarantined) + len(found.repeats) == len(candles)
    times = [candle.open_ms for candle in found.passed]
    assert times == sorted(set(times))
    assert not set(times) & set(recent[:, 0].tolist())
    for candle in found.passed:
        assert not broken(candle)
        assert candle.open_ms % HOUR == 0
        assert candle.open_ms + HOUR <= T0 + until * HOUR


@given(ANY)
def test_what_passed_once_is_a_repeat_the_next_time(candles: list[Candle]) -> None:
    first = inspect(candles, timeframe="1h", since_ms=T0, until_ms=T0 + 40 * HOUR)
    recent = window.decode(window.extend(None, "x", first.passed).bars)
    plain = [candle.model_copy(update={"marks": ()}) for candle in first.passed]
    again = inspect(plain, recent=recent, timeframe="1h", since_ms=T0, until_ms=T0 + 40 * HOUR)
    assert not again.passed
    assert not again.quarantined


@given(st.lists(ANY, max_size=6))
def test_pulls_never_hurt_a_window_and_state_only_good_bars(deliveries: list[list[Candle]]) -> None:
    line, before = Line(BTC.instrument_id, "1h"), None
    for at, candles in enumerate(deliveries):
        until_ms = T0 + (at + 1) * 6 * HOUR
        ask = due(before.last_open_ms if before else 0, "1h", until_ms, settle_ms=0)
        taken = pull.take(before, line, candles, ask or Ask(until_ms, until_ms), until_ms, traded=True)
        bars = window.decode(taken.window.bars) if taken.window else np.empty((0, 6))
        assert np.all(np.diff(bars[:, 0]) > 0)
        assert np.isfinite(bars).all()
        assert all(not broken(fact.candle) for fact in taken.facts if isinstance(fact, pull.CandleClosed))
        before = taken.window


# --- builder -----------------------------------------------------------------------------------------------------


@given(TRADES, st.lists(st.integers(0, 80), max_size=6))
def test_pages_of_trades_make_the_bars_of_all_of_them(trades: np.ndarray, cuts: list[int]) -> None:
    builder = CandleBuilder("1m")
    pages = np.split(trades, sorted(min(cut, len(trades)) for cut in cuts))
    bars = np.concatenate([*(builder.add(page) for page in pages), builder.finish(10**9)])
    assert np.array_equal(bars, build(trades, "1m"))


@given(TRADES)
def test_a_built_bar_is_sound_and_holds_all_that_was_traded(trades: np.ndarray) -> None:
    bars = build(trades, "5m")
    opens_ms, opened, high, low, close, volume = bars.T
    assert np.all(np.diff(opens_ms) > 0)
    assert np.all((low <= opened) & (opened <= high) & (low <= close) & (close <= high))
    assert np.isclose(volume.sum(), trades[:, 2].sum(), rtol=1e-12)


# --- schedule ----------------------------------------------------------------------------------------------------


@given(st.integers(0, 2_000), st.integers(1, 2_000), st.integers(0, 3_599_999), st.sampled_from([None, 3, 720]))
def test_trades_and_ohlc_together_cover_exactly_what_was_asked(
    since: int, bars: int, into_bar_ms: int, ohlc_bars: int | None
) -> None:
    ask = Ask(T0 + since * HOUR, T0 + (since + bars) * HOUR)
    now_ms = T0 + 4_000 * HOUR + into_bar_ms
    older, newer = split(ask, "1h", now_ms, ohlc_bars)
    parts = [part for part in (older, newer) if part is not None]
    assert [parts[0].since_ms, parts[-1].until_ms] == [ask.since_ms, ask.until_ms]
    assert all(one.until_ms == two.since_ms for one, two in pairwise(parts))
    if newer and ohlc_bars:
        assert newer.since_ms > now_ms - ohlc_bars * HOUR


@given(st.integers(0, 4_000), st.integers(0, 4_000 * HOUR), st.integers(0, 60_000))
def test_only_closed_and_settled_bars_are_ever_due(last: int, ahead_ms: int, settle_ms: int) -> None:
    now_ms = T0 + ahead_ms
    ask = due(T0 + last * HOUR, "1h", now_ms, settle_ms, limit=500)
    if ask is not None:
        assert ask.since_ms > T0 + last * HOUR
        assert ask.until_ms + settle_ms <= now_ms
        assert 0 < ask.until_ms - ask.since_ms <= 500 * HOUR


# --- files -------------------------------------------------------------------------------------------------------


@given(st.lists(CANDLES, max_size=20), st.lists(CANDLES, min_size=1, max_size=20))
def test_an_archive_merged_twice_is_the_archive_merged_once(first: list[Candle], second: list[Candle]) -> None:
    once = merge(to_parquet(table(first)), table(second))
    assert np.array_equal(from_parquet(merge(once, table(second))), from_parquet(once))


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode) | st.binary(max_size=60).map(b"PAR1".__add__))
def test_any_bytes_are_bars_or_a_told_error(data: bytes) -> None:
    for candidate in (data, b"timestamp,open,high,low,close,volume\n" + data):
        with suppress(Misconfigured):
            assert read_candles_file(candidate, "some.file").shape[1] == 6


@given(st.lists(CANDLES | STRAY, min_size=1, max_size=30), st.lists(st.integers(0, 40), min_size=1, max_size=8))
def test_a_replay_shows_no_bar_before_it_closed_and_hides_none_after(candles: list[Candle], stops: list[int]) -> None:
    clock = VirtualClock(0)
    data = FileMarketData([Series(BTC, "1h", table(candles))], clock, Decimal(0))
    newest_ms = data.closes_ms()[-1]
    for stop in sorted(stops):
        clock.advance_to(T0 + stop * HOUR)
        for candle in data.candles(BTC, "1h", -(10**16), 10**16):
            # one that claims a time after the end of the series is delivered to be refused
            assert candle.open_ms // HOUR * HOUR + HOUR <= clock.now_ms() or candle.open_ms + HOUR > newest_ms
    clock.advance_to(10**17)
    shown = data.candles(BTC, "1h", -(10**16), 10**16)
    assert sorted(candle.open_ms for candle in shown) == sorted(candle.open_ms for candle in candles)


@given(st.dictionaries(PLACES, st.floats(95.0, 105.0), min_size=1, max_size=20), st.integers(0, 31))
def test_a_quote_looks_ahead_by_one_open_and_nothing_more(closes: dict[int, float], at: int) -> None:
    """Changing anything later than the next bar's open changes no quote."""
    bars = table([bar(place, close) for place, close in sorted(closes.items())])
    closed = int((bars[:, 0] + HOUR <= T0 + at * HOUR).sum())
    changed = bars.copy()
    changed[closed + 1 :, 1:5] *= 1.01
    changed[closed : closed + 1, 3:5] *= 0.99
    clock = VirtualClock(T0 + at * HOUR)
    quotes = [FileMarketData([Series(BTC, "1h", rows)], clock).quote(BTC) for rows in (bars, changed)]
    assert quotes[0] == quotes[1]
