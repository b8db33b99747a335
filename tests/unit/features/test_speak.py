"""A closed bar becomes a feature row, and the floor's strategies speak like any other sender."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import pytest
from fluxfloor.contracts.events import CandleClosed, Severity, SignalScored
from fluxfloor.contracts.instruments import Candle, Quote
from fluxfloor.contracts.signals import Action, Direction, OrderType, Signal
from fluxfloor.contracts.state import FeatureRow, Holding, Pending, Stances
from fluxfloor.errors import Misconfigured
from fluxfloor.features import VERSION, Around, FeatureSet, Heard, Voice, compute, hear, holding_key, score, voices
from fluxfloor.features.noise import NoiseFilter
from fluxfloor.features.speak import PENDING_BARS, exact
from fluxfloor.strategies import Wish, build

BAR_MS = 900_000
SYMBOL = "kraken:BTC/USDT"
NOW_MS = 1_800_000_000_000
KEY = holding_key("main", "test")


@dataclass(frozen=True)
class Always:
    """Wishes what it is told to, on every bar."""

    action: Action = Action.ENTRY
    stop: float | None = 90.123456789012
    expected_alpha: float = 0.02

    def decide(self, features: Mapping[str, float], candle: Candle, holding: Holding) -> Wish | None:
        if holding.pending or bool(holding.lots) == (self.action is Action.ENTRY):
            return None
        return Wish(self.action, Direction.LONG, self.stop, {"rsi_14": features["rsi_14"]})


ALWAYS = (Voice(KEY, Always()),)


@cache
def bars(count: int = 420) -> np.ndarray:
    close = 100 * np.exp(np.cumsum(np.random.default_rng(3).normal(0, 0.002, count)))
    open_ms = 1_700_000_100_000 // BAR_MS * BAR_MS + BAR_MS * np.arange(count)
    return np.column_stack([open_ms, close, close + 0.1, close - 0.1, close, np.ones(count)])


def closed(place: int = -1) -> CandleClosed:
    open_ms, open_, high, low, close, volume = (float(value) for value in bars()[place])
    candle = Candle(
        instrument_id=SYMBOL, timeframe="15m", open_ms=int(open_ms), open=open_, high=high, low=low, close=close,
        volume=volume,
    )  # fmt: skip
    return CandleClosed(candle=candle, close_ms=candle.open_ms + BAR_MS, traded=True)


def stances(**more: Any) -> Stances:
    return Stances(id=SYMBOL, holdings={KEY: Holding(**more)})


def heard(before: Stances | None = None, speakers: tuple[Voice, ...] = ALWAYS, place: int = -1) -> Heard:
    return hear(closed(place), bars(), before, speakers, NOW_MS)


def test_a_bar_leaves_the_row_that_compute_gives() -> None:
    features = compute(bars(), closed().candle.open_ms)
    assert isinstance(features, FeatureSet)
    row = heard().row
    assert row is not None
    assert (row.id, row.values, row.features_version) == (SYMBOL, features.values, VERSION)
    assert row.close_ms == closed().close_ms


def test_a_wish_becomes_a_signal_like_anybodys() -> None:
    (signal,) = heard().signals
    assert (signal.sender_id, signal.format, signal.portfolio_id, signal.strategy_id) == (
        "floor", "strategy", "main", "test",
    )  # fmt: skip
    assert (signal.action, signal.leg.direction, signal.leg.order_type) == (
        Action.ENTRY, Direction.LONG, OrderType.MARKET,
    )  # fmt: skip
    assert signal.leg.stop_loss == Decimal("90.12345679")
    assert signal.leg.size is None
    assert (signal.ts_event_ms, signal.ts_received_ms) == (closed().close_ms, NOW_MS)
    assert (signal.fallback_alpha, signal.expected_alpha) == (Decimal("0.02"), None)
    assert signal.reference_price == exact(closed().candle.close)
    assert "rsi_14" in signal.explanation


def test_the_same_bar_draws_the_same_signal_and_another_bar_another() -> None:
    ids = [heard(place=place).signals[0].signal_id for place in (-1, -1, -2)]
    assert ids[0] == ids[1] != ids[2]
    renamed = (Voice(holding_key("main", "other"), Always()),)
    assert heard(speakers=renamed).signals[0].signal_id != ids[0]


def test_having_spoken_a_strategy_waits_for_the_answer() -> None:
    first = heard(place=-2)
    assert first.stances.holdings[KEY].pending.keys() == {first.signals[0].signal_id}
    again = heard(first.stances)
    assert again.signals == ()
    assert again.row is not None


def test_an_answer_that_never_comes_is_waited_for_only_so_long() -> None:
    asked_ms = closed().close_ms - PENDING_BARS * BAR_MS
    lost = {"lost": Pending(exit=False, since_ms=asked_ms)}
    assert len(heard(stances(pending=lost)).signals) == 1
    fresh = {"lost": Pending(exit=False, since_ms=asked_ms + 1)}
    assert heard(stances(pending=fresh)).signals == ()


def test_a_bar_heard_before_or_overtaken_brings_nothing() -> None:
    first = heard()
    for place in (-1, -2):
        got = heard(first.stances, place=place)
        assert (got.stances, got.row, got.signals) == (first.stances, None, ())


def test_while_warming_up_strategies_are_silent_and_stops_are_not() -> None:
    holding = Holding(lots=3, entry_ms=1, stop_price=Decimal(1_000), tag="alert-7")
    outside = holding_key("main", "alerts")
    before = Stances(id=SYMBOL, holdings={outside: holding})
    got = hear(closed(50), bars()[:51], before, ALWAYS, NOW_MS)
    assert got.row is None
    (signal,) = got.signals
    assert (signal.strategy_id, signal.action, signal.leg.direction) == ("alerts", Action.EXIT, Direction.LONG)
    assert signal.leg.stop_loss is None
    assert (signal.explanation["trigger"], signal.tag, signal.fallback_alpha) == ("stop", "alert-7", None)
    assert got.stances.holdings[outside].leaving
    assert got.stances.last_close_ms == closed(50).close_ms


def test_a_reached_stop_is_one_exit_even_if_the_strategy_wants_out_too() -> None:
    before = stances(lots=3, entry_ms=1, stop_price=Decimal(1_000))
    (signal,) = heard(before, (Voice(KEY, Always(Action.EXIT)),)).signals
    assert signal.explanation["trigger"] == "stop"


def test_a_strategys_own_exit_leaves_what_is_held() -> None:
    (signal,) = heard(stances(lots=3, entry_ms=1), (Voice(KEY, Always(Action.EXIT, stop=None)),)).signals
    assert (signal.action, signal.fallback_alpha) == (Action.EXIT, None)


def test_a_voice_keeps_to_its_symbols() -> None:
    assert len(heard(speakers=(Voice(KEY, Always(), ("BTC/USDT",)),)).signals) == 1
    assert heard(speakers=(Voice(KEY, Always(), ("ETH/USDT",)),)).signals == ()


@pytest.mark.parametrize("value", [123456.789012345, 1e-8, 1.23456789012345e-7, 99_999_999_999.5])
def test_a_price_keeps_ten_digits_and_fits_the_contracts(value: float) -> None:
    assert float(exact(value)) == pytest.approx(value, rel=1e-9)
    assert Quote(instrument_id=SYMBOL, bid=exact(value), ask=exact(value), ts_event_ms=1).bid > 0


# --- settings and scoring ----------------------------------------------------------------------------------------


@dataclass
class Section:
    plugin: str
    portfolio: str = "main"
    symbols: tuple[str, ...] = ()
    params: dict[str, float] = field(default_factory=dict)
    noise: str = "off"
    enabled: bool = True
    prepare: bool = False


def test_settings_become_voices() -> None:
    made = voices(
        {
            "slow": Section("trend", params={"stop_atr": 3.0}, symbols=("BTC/USDT",)),
            "fast": Section("trend", portfolio="second"),
            "off": Section("breakout", enabled=False),
        }
    )
    assert made == (
        Voice("main|slow", build("trend", {"stop_atr": 3.0}), ("BTC/USDT",)),
        Voice("second|fast", build("trend", {})),
    )
    with pytest.raises(Misconfigured, match="none of trend"):
        voices({"x": Section("nothing")})


def test_a_strategy_is_filtered_only_if_its_settings_say_so() -> None:
    strict = NoiseFilter(volume_ratio=2.0)
    plain, usual, breakout = voices({name: Section("trend", noise=name) for name in ("off", "on", "breakout")}, strict)
    assert (plain.noise, usual.noise, breakout.noise) == (None, strict, strict)
    assert (usual.breakout, breakout.breakout) == (False, True)


# --- the noise filter --------------------------------------------------------------------------------------------

LENIENT = NoiseFilter(spread_share=1.0, volume_ratio=0.0, gap=1.0)


def filtered(noise: NoiseFilter, action: Action = Action.ENTRY, before: Stances | None = None, **more: Any) -> Heard:
    speakers = (Voice(KEY, Always(action), noise=noise),)
    return hear(closed(), bars(), before, speakers, NOW_MS, Around(**more))


def test_an_entry_that_passes_the_filter_is_a_signal_as_ever() -> None:
    got = filtered(LENIENT)
    assert (got.signals, got.filtered) == (heard().signals, ())


def test_an_entry_held_back_leaves_a_fact_with_its_reasons_and_is_tried_again() -> None:
    got = filtered(NoiseFilter(spread_share=1.0, volume_ratio=1.0))
    assert got.signals == ()
    (fact,) = got.filtered
    assert (fact.kind, fact.scope, fact.severity) == ("entry_filtered", SYMBOL, Severity.INFO)
    assert (fact.details["strategy_id"], fact.details["reasons"]) == ("test", "volume")
    assert fact.message == "test did not enter kraken:BTC/USDT: the volume is 1.00 times its mean, and must be above 1"
    assert KEY not in got.stances.holdings
    assert got.row is not None


def test_the_quotes_spread_counts_before_the_estimate_of_the_row() -> None:
    wide = Quote(instrument_id=SYMBOL, bid=Decimal(90), ask=Decimal(110), ts_event_ms=NOW_MS)
    (fact,) = filtered(LENIENT, quote=wide).filtered
    assert (fact.details["reasons"], fact.details["spread"]) == ("spread", "20")
    tight = Quote(instrument_id=SYMBOL, bid=Decimal(100), ask=Decimal("100.001"), ts_event_ms=NOW_MS)
    assert filtered(NoiseFilter(volume_ratio=0.0, gap=1.0), quote=tight).filtered == ()


def test_exits_and_stops_are_never_held_back() -> None:
    nothing_passes = NoiseFilter(volume_ratio=100.0)
    leaving = filtered(nothing_passes, Action.EXIT, stances(lots=3, entry_ms=1))
    assert [signal.action for signal in leaving.signals] == [Action.EXIT]
    stopped = filtered(nothing_passes, before=stances(lots=3, entry_ms=1, stop_price=Decimal(1_000)))
    assert [signal.action for signal in stopped.signals] == [Action.EXIT]
    assert (leaving.filtered, stopped.filtered) == ((), ())


def test_features_from_other_timeframes_are_stored_with_the_row() -> None:
    got = filtered(LENIENT, features={"spike": 1.0})
    assert got.row is not None
    assert got.row.values["spike"] == 1.0


def signal_of(strategy: str = "test") -> Signal:
    (signal,) = heard().signals
    return signal.model_copy(update={"strategy_id": strategy})


def test_a_scored_signal_carries_quote_features_and_measured_edge() -> None:
    quote = Quote(instrument_id=SYMBOL, bid=Decimal(99), ask=Decimal(101), ts_event_ms=NOW_MS)
    row = FeatureRow(id=SYMBOL, close_ms=5, features_version=VERSION, values={"atr_14": 1.5})
    known = stances(trades=40, edge_sum=Decimal("0.4"))
    got = score(signal_of(), quote, row, known)
    assert got == SignalScored(
        signal=signal_of(), quote=quote, features={"atr_14": 1.5}, features_version=VERSION, bar_close_ms=5,
        mean_edge=Decimal("0.01"),
    )  # fmt: skip
    assert score(signal_of("unknown"), quote, row, known).mean_edge is None


def test_what_is_not_known_is_left_out_of_the_score() -> None:
    got = score(signal_of(), None, None, None)
    assert (got.quote, got.features, got.features_version, got.bar_close_ms, got.mean_edge) == (
        None,
        {},
        "",
        None,
        None,
    )


DOUBTED = {"hmm_down": 0.9, "hmm_sideways": 0.1, "hmm_up": 0.0}


def doubted(share: str, action: Action = Action.ENTRY) -> Signal:
    """What is wished where a sure model says another thing than the rule."""
    rule = compute(bars(), closed().candle.open_ms)
    assert isinstance(rule, FeatureSet)
    around = Around({**DOUBTED, "regime": 1.0}, contradicted_share=Decimal(share))
    held = Stances(id=SYMBOL, holdings={KEY: Holding(lots=5, average_price=Decimal(100))})
    before = held if action is Action.EXIT else None
    (signal,) = hear(closed(), bars(), before, (Voice(KEY, Always(action)),), NOW_MS, around).signals
    return signal


def test_an_entry_that_the_second_opinion_contradicts_says_so_and_keeps_its_size() -> None:
    assert doubted("1").explanation["second_opinion"] == "down 90%, the rule says up"
    assert next(iter(doubted("1").explanation)) == "second_opinion"
    assert doubted("1").size_factor == 1


def test_its_size_is_cut_where_the_settings_ask_for_it() -> None:
    assert doubted("0.5").size_factor == Decimal("0.5")


def test_an_exit_is_never_doubted() -> None:
    assert "second_opinion" not in doubted("0.5", Action.EXIT).explanation
    assert doubted("0.5", Action.EXIT).size_factor == 1


def test_the_row_keeps_what_the_model_says_and_whether_it_contradicts() -> None:
    row = hear(closed(), bars(), None, (), NOW_MS, Around({**DOUBTED, "regime": 1.0})).row
    assert row is not None
    assert (row.values["hmm_down"], row.values["hmm_contradicts"]) == (0.9, 1.0)
