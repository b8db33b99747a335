"""What the features stage does with each fact: read by id, hand it to the domain, write what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fluxfloor.contracts.base import Key
from fluxfloor.contracts.events import CandleClosed, CandleForming, DecisionMade, ExecutionReported, SignalReceived
from fluxfloor.contracts.execution import Order
from fluxfloor.contracts.instruments import TIMEFRAME_MS, InstrumentCatalog, Quote, QuoteState
from fluxfloor.contracts.state import AssetCorrelation, CandleWindow, FeatureRow, RegimeModel, Stances
from fluxfloor.errors import RetryLater
from fluxfloor.features import positions, together
from fluxfloor.features.beside import TIMEFRAMES, beside, volume_mean
from fluxfloor.features.noise import NoiseFilter
from fluxfloor.features.preparing import prepare
from fluxfloor.features.scoring import score, score_leg
from fluxfloor.features.second_opinion import Asked, opinion
from fluxfloor.features.speak import Around, Voice, hear, voices
from fluxfloor.features.together import at, due
from fluxfloor.market.window import Bars, decode, window_id
from fluxfloor.runtime.settings import Settings
from fluxfloor.runtime.work import Work

LATE_MS = 5_000  # a decision that is heard of so late may have had its orders by then


def hear_bar(closed: CandleClosed, work: Work) -> None:
    """The windows may already hold later bars; the features look at none of them."""
    if not closed.traded:
        return
    candle, step_ms, asked = closed.candle, TIMEFRAME_MS[closed.candle.timeframe], _asked(work.settings)
    speakers = _voices(work.settings)
    seen = _read(closed, work, quoted=any(voice.noise for voice in speakers))
    traded = seen.bars.get(candle.timeframe)
    if traded is None:
        raise RetryLater(f"there is no window for {candle.instrument_id} {candle.timeframe} yet")
    model_id = window_id(candle.instrument_id, candle.timeframe)
    second = opinion(model_id, traded, candle.open_ms, step_ms, seen.model, asked)
    near = beside(seen.bars.get("5m"), seen.bars.get("1h"), closed.close_ms)
    features = {**near, **volume_mean(traded, closed.close_ms), **second.features}
    around = Around(features, seen.quote, work.settings.regimes.contradicted_share)
    heard = hear(closed, traded, seen.stances, speakers, work.now_ms, around)
    work.write(heard.stances)
    if heard.row is not None:
        work.write(heard.row)
    if second.model is not None and second.model is not seen.model:
        work.write(second.model)
    work.emit(*(SignalReceived(signal=signal) for signal in heard.signals), *heard.filtered)
    _correlate(closed, seen, work)


def hear_forming(forming: CandleForming, work: Work) -> None:
    """Of a bar that is still to close: only strategies that prepare are asked, and nothing of it is kept."""
    candle, speakers = forming.candle, tuple(voice for voice in _voices(work.settings) if voice.prepares)
    line = CandleWindow.key(window_id(candle.instrument_id, candle.timeframe))
    stances, window = work.read(Stances.key(candle.instrument_id), line)
    if window is None or not speakers:
        return
    after, signals = prepare(forming, decode(window.bars), stances, speakers, Around(), work.now_ms)
    if signals:
        work.write(after)
    work.emit(*(SignalReceived(signal=signal) for signal in signals))


def _correlate(closed: CandleClosed, seen: Seen, work: Work) -> None:
    """Keeps the hour's mean correlation, on the one bar that is the first to know it."""
    hour_ms = due(closed.close_ms, TIMEFRAME_MS[closed.candle.timeframe])
    if not seen.hourly or hour_ms is None:
        return
    mean = together.correlated(seen.hourly, hour_ms, work.settings.regimes.correlation_hours)
    before = seen.correlation or AssetCorrelation(id=work.settings.market.exchange)
    after = before if mean is None else together.kept(before, hour_ms, mean)
    if after is before:
        return
    work.write(after)
    raised = together.turned(after, len(seen.hourly), work.now_ms)
    work.emit(*([raised] if raised is not None else []))


@dataclass(frozen=True, slots=True)
class Seen:
    """What a bar's handling reads, in one round: windows by timeframe, the quote if anybody looks at it, and once an
    hour, for the first symbol alone, the hourly windows of all."""

    stances: Stances | None
    bars: dict[str, Bars]
    quote: Quote | None
    model: RegimeModel | None
    correlation: AssetCorrelation | None
    hourly: list[Bars | None]


def _read(closed: CandleClosed, work: Work, quoted: bool) -> Seen:
    """The row is read to be replaced."""
    instrument_id, timeframe = closed.candle.instrument_id, closed.candle.timeframe
    settings = work.settings
    kept = [name for name in TIMEFRAMES if name in settings.market.timeframes and name != timeframe]
    frames = {frame: CandleWindow.key(window_id(instrument_id, frame)) for frame in (timeframe, *kept)}
    model, quote = RegimeModel.key(window_id(instrument_id, timeframe)), QuoteState.key(instrument_id)
    correlation, watched = AssetCorrelation.key(settings.market.exchange), _watched(settings)
    asks = bool(watched) and instrument_id == watched[0] and due(closed.close_ms, TIMEFRAME_MS[timeframe]) is not None
    hourly = [CandleWindow.key(window_id(name, "1h")) for name in watched] if asks else []
    wanted: list[Key[Any]] = [Stances.key(instrument_id), FeatureRow.key(instrument_id), *frames.values(), *hourly]
    wanted += [model] * bool(settings.regimes.hmm_states) + [quote] * quoted + [correlation] * asks
    found: dict[Key[Any], Any] = dict(zip(wanted, work.read_all(wanted), strict=True))
    quoted_by = found.get(quote)
    return Seen(
        found[wanted[0]], {name: decode(found[key].bars) for name, key in frames.items() if found[key] is not None},
        quoted_by.quote if quoted_by is not None else None, found.get(model), found.get(correlation),
        [None if found[key] is None else decode(found[key].bars) for key in hourly],
    )  # fmt: skip


def _watched(settings: Settings) -> tuple[str, ...]:
    """The instruments whose correlation is asked for; none where it is not, or can't be told."""
    market = settings.market
    if not settings.regimes.correlation_hours or len(market.symbols) < 2 or "1h" not in market.timeframes:
        return ()
    return tuple(f"{market.exchange}:{symbol}" for symbol in market.symbols)


def score_signal(received: SignalReceived, work: Work) -> None:
    """All that is looked at of all its legs, in one round."""
    signal, settings = received.signal, work.settings
    names = [leg.instrument_id for leg in signal.legs]
    keys: list[Key[Any]] = [kind.key(name) for name in names for kind in (QuoteState, FeatureRow, Stances)]
    correlation = [AssetCorrelation.key(settings.market.exchange)] if _watched(settings) else []
    found = work.read_all([*keys, *correlation])
    known = found[len(keys) :]

    def of(place: int) -> tuple[Quote | None, FeatureRow | None, Stances | None, Mapping[str, float]]:
        quoted, row, stances = found[3 * place : 3 * place + 3]
        market = at(known[0], row.close_ms, TIMEFRAME_MS[settings.market.traded_timeframe]) if row and known else {}
        return quoted.quote if quoted else None, row, stances, market

    others = {name: score_leg(signal, *of(place)) for place, name in enumerate(names) if place}
    work.emit(score(signal, *of(0), others))


def follow_decision(made: DecisionMade, work: Work) -> None:
    parts = {part.instrument_id: part for part in made.decision.parts()}
    late = work.now_ms - made.decision.ts_event_ms > LATE_MS
    for (name, part), stances in zip(parts.items(), work.read_all([*map(Stances.key, parts)]), strict=True):
        known = stances or Stances(id=name)
        ended = _ended(work, positions.unsure(known, part)) if late else frozenset()
        work.write(positions.apply_decision(known, part, ended))


def _ended(work: Work, intents: tuple[str, ...]) -> frozenset[str]:
    """Those that are at their end: who hears of a decision days after it may have forgotten what came of it."""
    orders = work.read_all([*map(Order.key, intents)]) if intents else []
    return frozenset(order.id for order in orders if order is not None and order.state.terminal)


def follow_execution(reported: ExecutionReported, work: Work) -> None:
    instrument_id = reported.report.intent.instrument_id
    catalog = work.reference(InstrumentCatalog.key(instrument_id.split(":", 1)[0]))
    rules = catalog.find(instrument_id) if catalog else None
    if rules is None:
        raise RetryLater(f"no rules for {instrument_id} in any catalog yet")
    (stances,) = work.read(Stances.key(instrument_id))
    work.write(positions.apply_report(stances or Stances(id=instrument_id), reported.report, rules))


_built: dict[int, tuple[Settings, tuple[Voice, ...]]] = {}


def _voices(settings: Settings) -> tuple[Voice, ...]:
    """Built once per settings object; the entry holds on to it, so that its identity can't be taken over."""
    known = _built.get(id(settings))
    if known is None:
        noise = NoiseFilter(**settings.noise.model_dump())
        known = _built[id(settings)] = (settings, voices(settings.strategies, noise))
    return known[1]


def _asked(settings: Settings) -> Asked:
    regimes = settings.regimes
    return Asked(regimes.hmm_states, regimes.hmm_fit_bars, regimes.hmm_refit_bars)
