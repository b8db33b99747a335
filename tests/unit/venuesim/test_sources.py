"""Where the simulated market comes from."""

from __future__ import annotations

from decimal import Decimal

from fluxfloor.venuesim.markets import Quote
from fluxfloor.venuesim.orders import Kind, Status
from fluxfloor.venuesim.sources import Played, Walk, quotes_of, shifted

from tests.support.venue_core import MARKET, START_MS, SYMBOL, Core

D = Decimal
MINUTE = 60_000


def walked(seed: int, ask_every_ms: int) -> list[Quote]:
    core = Core()
    core.venue.play(SYMBOL, Walk(MARKET, D(60_000), seed, START_MS))
    seen = []
    for _ in range(0, 60_000, ask_every_ms):
        core.now_ms += ask_every_ms
        core.venue.advance()
        seen.append(core.venue.outside[SYMBOL].quote)
    assert None not in seen
    return seen  # type: ignore[return-value]


def test_a_walk_is_the_same_for_a_seed_however_often_it_is_looked_at() -> None:
    assert walked(1, 1_000)[-1] == walked(1, 30_000)[-1] != walked(2, 30_000)[-1]
    assert all(quote.bid % MARKET.tick == 0 and quote.bid < quote.ask for quote in walked(1, 1_000))


def test_a_walk_has_a_past_that_ends_where_it_begins() -> None:
    core = Core()
    core.venue.play(SYMBOL, Walk(MARKET, D(60_000), 5, START_MS, history_minutes=30))
    bars = core.venue.outside[SYMBOL].tape.bars(MINUTE, 0, 100)
    assert len(bars) == 31
    assert [bar.open_ms for bar in bars] == [START_MS - back * MINUTE for back in range(30, -1, -1)]
    assert abs(bars[-2].close - 60_000) < 600
    assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in bars)


def test_bars_of_an_hour_are_made_of_those_of_a_minute() -> None:
    core = Core()
    core.venue.play(SYMBOL, Walk(MARKET, D(60_000), 5, START_MS, history_minutes=180))
    tape = core.venue.outside[SYMBOL].tape
    minutes = [bar for bar in tape.bars(MINUTE, 0, 1_000) if bar.open_ms // 3_600_000 == START_MS // 3_600_000 - 1]
    (hour,) = [bar for bar in tape.bars(3_600_000, 0, 10) if bar.open_ms == minutes[0].open_ms]
    assert (hour.open, hour.close) == (minutes[0].open, minutes[-1].close)
    assert (hour.high, hour.low) == (max(bar.high for bar in minutes), min(bar.low for bar in minutes))
    assert hour.count == sum(bar.count for bar in minutes)


def test_bars_are_played_through_their_ends() -> None:
    rows = [
        [START_MS, 60_000.0, 60_500.0, 59_500.0, 60_100.0, 1.0],
        [START_MS + MINUTE, 60_100.0, 60_200.0, 58_000.0, 58_500.0, 1.0],
    ]
    quotes = quotes_of(MARKET, rows, MINUTE)
    assert [quote.last for quote in quotes] == [
        D(price) for price in (60_000, 59_500, 60_500, 60_100, 60_100, 60_200, 58_000, 58_500)
    ]
    core = Core()
    stop = core.place("sell", "0.01", Kind.STOP, trigger="59000")
    core.venue.play(SYMBOL, Played(quotes))
    core.now_ms += MINUTE - 1
    core.venue.advance()
    assert stop.status is Status.OPEN
    core.now_ms += MINUTE
    core.venue.advance()
    assert (stop.status, stop.ended_ms) == (Status.FILLED, START_MS + MINUTE + MINUTE // 2)


def test_played_quotes_can_be_moved_and_hurried() -> None:
    quotes = [Quote(D(1), D(2), START_MS + step * MINUTE) for step in range(3)]
    assert [quote.ts_ms for quote in shifted(quotes, 0, 60)] == [0, 1_000, 2_000]
