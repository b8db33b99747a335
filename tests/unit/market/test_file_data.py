from __future__ import annotations

from decimal import Decimal
from math import nan

import numpy as np
import pytest
from fluxfloor.adapters.venues.file_data import FileMarketData, Series
from fluxfloor.contracts.instruments import Candle
from fluxfloor.errors import Misconfigured
from fluxfloor.runtime.clock import VirtualClock

from tests.support.bars import BTC, HOUR, T0, bar, calm, places, table

ALWAYS = T0 + 10_000 * HOUR


def playing(candles: list[Candle], at: float = 0, spread_bps: int = 2) -> tuple[FileMarketData, VirtualClock]:
    clock = VirtualClock(int(T0 + at * HOUR))
    return FileMarketData([Series(BTC, "1h", table(candles))], clock, Decimal(spread_bps)), clock


def seen(data: FileMarketData, since: int = 0, until: int = 10_000, timeframe: str = "1h") -> list[int]:
    return places(data.candles(BTC, timeframe, T0 + since * HOUR, T0 + until * HOUR))


def test_a_bar_is_seen_when_it_has_closed_and_not_before() -> None:
    data, clock = playing(calm(5))
    visible = []
    for at_ms in (T0 + HOUR - 1, T0 + HOUR, T0 + 2 * HOUR - 1, T0 + 2 * HOUR):
        clock.advance_to(at_ms)
        visible.append(seen(data))
    assert visible == [[], [0], [0], [0, 1]]


def test_only_the_asked_open_times_are_given() -> None:
    data, _ = playing(calm(5), at=5)
    assert seen(data, 1, 3) == [1, 2]
    assert seen(data, 3, 3) == []
    assert data.candles(BTC, "1h", T0 + 1, T0 + 2 * HOUR) == [bar(1, 100.0 * 1.001)]


def test_series_that_are_not_recorded_have_no_bars_and_no_quote() -> None:
    data, _ = playing(calm(5), at=5)
    other = BTC.model_copy(update={"instrument_id": "kraken:ETH/USDT"})
    assert data.candles(BTC, "15m", 0, ALWAYS) == []
    assert data.candles(other, "1h", 0, ALWAYS) == []
    assert data.quote(other) is None
    assert data.instruments() == [BTC]


def test_the_quote_after_a_close_is_the_next_bars_open() -> None:
    rising = [bar(0, 101.0, open=100.0), bar(1, 103.0, open=102.0), bar(2, 105.0, open=104.0)]
    data, clock = playing(rising, spread_bps=0)
    prices = []
    for at in (0.0, 0.99, 1.0, 1.99, 2.0, 2.99, 3.0, 50.0):
        clock.advance_to(int(T0 + at * HOUR))
        quote = data.quote(BTC)
        assert quote is not None
        assert quote.ts_event_ms == clock.now_ms()
        prices.append(float(quote.mid))
    assert prices == [100.0, 100.0, 102.0, 102.0, 104.0, 104.0, 105.0, 105.0]


def test_there_is_no_quote_before_the_first_bar_has_begun() -> None:
    data, _ = playing(calm(5), at=-0.01)
    assert data.quote(BTC) is None
    assert playing([], at=1)[0].quote(BTC) is None


def test_over_a_gap_the_next_open_there_is_stands() -> None:
    data, _ = playing([bar(0, 100.0), bar(49, 110.0)], at=1, spread_bps=0)
    quote = data.quote(BTC)
    assert quote is not None
    assert quote.mid == 110


def test_the_spread_is_half_to_either_side_and_on_the_tick_grid() -> None:
    data, _ = playing([bar(0, 50_000.0)], spread_bps=4)
    quote = data.quote(BTC)
    assert quote is not None
    assert (quote.bid, quote.ask) == (Decimal("49990.0"), Decimal("50010.0"))
    odd = playing([bar(0, 100.0)], spread_bps=3)[0].quote(BTC)  # half is 0.015, the tick 0.1: outward
    assert odd is not None
    assert (odd.bid, odd.ask) == (Decimal("99.9"), Decimal("100.1"))


def test_a_broken_bar_reaches_the_gate_but_is_never_quoted() -> None:
    broken = [bar(2, nan), bar(3, 100.0, high=90.0, low=95.0), bar(4, 100_000.0), bar(5, 100.0, high=9_000.0)]
    data, clock = playing([bar(0), bar(1), *broken, bar(6, 101.0), bar(7, 101.0)], spread_bps=0)
    clock.advance_to(T0 + 2 * HOUR)
    quote = data.quote(BTC)
    assert quote is not None
    assert quote.mid == 101
    clock.advance_to(ALWAYS)
    assert seen(data) == [0, 1, 2, 3, 4, 5, 6, 7]


def test_a_crash_that_lasts_is_quoted() -> None:
    data, _ = playing([*calm(5), *(bar(5 + at, 30.0) for at in range(5))], at=7, spread_bps=0)
    quote = data.quote(BTC)
    assert quote is not None
    assert quote.mid == 30


def deliveries(candles: list[Candle], until: int) -> list[list[int]]:
    """What each hourly pull brings, when every pull asks on from the newest bar so far."""
    data, clock = playing(candles)
    delivered: list[list[int]] = []
    last = -1
    for at in range(1, until + 1):
        clock.advance_to(T0 + at * HOUR)
        delivered.append(seen(data, last + 1, at))
        last = max([last, *delivered[-1]])
    return delivered


def test_a_row_that_stands_too_late_comes_with_the_row_before_it() -> None:
    late = [bar(0), bar(1), bar(3), bar(4), bar(2), bar(5)]
    assert deliveries(late, 6) == [[0], [1], [], [3], [4, 2], [5]]


def test_a_row_that_stands_too_early_waits_until_it_has_closed() -> None:
    early = [bar(0), bar(3), bar(1), bar(2), bar(4), bar(4), bar(5)]
    assert deliveries(early, 7) == [[0], [1], [2], [3], [4, 4], [5], []]


def test_one_wild_time_hides_no_other_row() -> None:
    data, clock = playing([bar(0), bar(1), bar(9_000), bar(2), bar(-9_000), bar(3)], at=3)  # comes with bar 1
    assert seen(data) == [0, 1, 9_000, 2, -9_000]
    clock.advance_to(T0 + 4 * HOUR)
    assert seen(data) == [0, 1, 9_000, 2, -9_000, 3]
    assert data.closes_ms() == [T0 + at * HOUR for at in (1, 2, 3, 4)]


def test_a_row_off_the_grid_comes_with_the_bar_it_lies_in() -> None:
    stray = bar(1).model_copy(update={"open_ms": T0 + HOUR + 420_000})
    data, clock = playing([bar(0), bar(1), stray, bar(2)])
    clock.advance_to(T0 + 2 * HOUR)
    assert [candle.open_ms for candle in data.candles(BTC, "1h", T0 + HOUR, ALWAYS)] == [T0 + HOUR, T0 + HOUR + 420_000]


def test_several_series_play_side_by_side_and_the_finest_is_quoted() -> None:
    clock = VirtualClock(T0 + HOUR)
    minutes = [bar(at, 200.0, timeframe="15m") for at in range(8)]
    data = FileMarketData([Series(BTC, "1h", table(calm(2))), Series(BTC, "15m", table(minutes))], clock, Decimal(0))
    assert len(data.candles(BTC, "1h", 0, ALWAYS)) == 1
    assert len(data.candles(BTC, "15m", 0, ALWAYS)) == 4
    quote = data.quote(BTC)
    assert quote is not None
    assert quote.mid == 200
    assert data.closes_ms() == [T0 + at * HOUR // 4 for at in range(1, 9)]


def test_plain_rows_will_do_and_a_row_without_a_time_will_not() -> None:
    clock = VirtualClock(ALWAYS)
    data = FileMarketData([Series(BTC, "1h", [[T0, 1.0, 2.0, 0.5, 1.5, 10.0]])], clock)
    assert len(data.candles(BTC, "1h", 0, ALWAYS)) == 1
    with pytest.raises(Misconfigured, match="every row needs its open time"):
        FileMarketData([Series(BTC, "1h", np.full((1, 6), nan))], clock)


# --- what a quote offers -----------------------------------------------------------------------------------------


def offering(share: str | None, volumes: list[float]) -> tuple[FileMarketData, VirtualClock]:
    rows = [bar(place, 100.0, volume=volume) for place, volume in enumerate(volumes)]
    clock = VirtualClock(T0)
    participation = None if share is None else Decimal(share)
    return FileMarketData([Series(BTC, "1h", table(rows))], clock, participation=participation), clock


def test_a_quote_offers_a_share_of_what_the_last_closed_bar_traded_and_knows_no_later_one() -> None:
    data, clock = offering("0.1", [10.0, 20.0, 30.0])
    sizes = []
    for at in (0.5, 1.0, 1.99, 2.0, 3.0, 90.0):
        clock.advance_to(int(T0 + at * HOUR))
        quote = data.quote(BTC)
        assert quote is not None
        assert quote.bid_size == quote.ask_size
        sizes.append(quote.bid_size)
    assert sizes == [Decimal(0), *map(Decimal, (1, 1, 2, 3, 3))]


def test_what_is_offered_is_in_whole_lots_never_more_than_the_share() -> None:
    data, clock = offering("0.3", [0.00033333])
    clock.advance_to(T0 + HOUR)
    quote = data.quote(BTC)
    assert quote is not None
    assert quote.ask_size is not None
    assert quote.ask_size % BTC.lot_size == 0
    assert Decimal("0.000099999") - BTC.lot_size < quote.ask_size <= Decimal("0.000099999")


@pytest.mark.parametrize("volume", [nan, -5.0, 0.0, 1e300])
def test_a_volume_that_is_none_offers_nothing(volume: float) -> None:
    data, clock = offering("1", [volume])
    clock.advance_to(T0 + HOUR)
    quote = data.quote(BTC)
    assert quote is not None
    assert quote.bid_size == 0


def test_without_a_share_no_size_is_told() -> None:
    data, clock = offering(None, [10.0])
    clock.advance_to(T0 + HOUR)
    quote = data.quote(BTC)
    assert quote is not None
    assert (quote.bid_size, quote.ask_size) == (None, None)
