"""What the features stage does with each fact: read by id, hand it to the domain, write what comes back."""

from __future__ import annotations

from dataclasses import dataclass

from fluxfloor.contracts.events import CandleClosed, DecisionMade, ExecutionReported, SignalReceived
from fluxfloor.contracts.instruments import Candle, InstrumentCatalog, Quote, QuoteState
from fluxfloor.contracts.state import CandleWindow, FeatureRow, Stances
from fluxfloor.errors import RetryLater
from fluxfloor.features import positions
from fluxfloor.features.beside import TIMEFRAMES, beside
from fluxfloor.features.noise import NoiseFilter
from fluxfloor.features.scoring import score
from fluxfloor.features.speak import Around, Voice, hear, voices
from fluxfloor.market.window import Bars, decode, window_id
from fluxfloor.runtime.settings import Settings
from fluxfloor.runtime.work import Work


def hear_bar(closed: CandleClosed, work: Work) -> None:
    """The windows may already hold later bars; the features look at none of them."""
    if not closed.traded:
        return
    speakers = _voices(work.settings)
    seen = _read(closed.candle, work, quoted=any(voice.noise for voice in speakers))
    traded = seen.bars.get(closed.candle.timeframe)
    if traded is None:
        raise RetryLater(f"there is no window for {closed.candle.instrument_id} {closed.candle.timeframe} yet")
    around = Around(beside(seen.bars.get("5m"), seen.bars.get("1h"), closed.close_ms), seen.quote)
    heard = hear(closed, traded, seen.stances, speakers, work.now_ms, around)
    work.write(heard.stances)
    if heard.row is not None:
        work.write(heard.row)
    work.emit(*(SignalReceived(signal=signal) for signal in heard.signals), *heard.filtered)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a bar's handling reads, in one round: windows by timeframe, and the quote if anybody looks at it."""

    stances: Stances | None
    bars: dict[str, Bars]
    quote: Quote | None


def _read(candle: Candle, work: Work, quoted: bool) -> Seen:
    instrument_id = candle.instrument_id
    beside_it = [name for name in TIMEFRAMES if name in work.settings.market.timeframes and name != candle.timeframe]
    frames = [candle.timeframe, *beside_it]
    quotes = [QuoteState.key(instrument_id)] if quoted else []
    stances, _, *found = work.read_all(
        [
            Stances.key(instrument_id),
            FeatureRow.key(instrument_id),
            *(CandleWindow.key(window_id(instrument_id, frame)) for frame in frames),
            *quotes,
        ]
    )
    bars = {frame: decode(window.bars) for frame, window in zip(frames, found, strict=False) if window is not None}
    return Seen(stances, bars, found[-1].quote if quoted and found[-1] is not None else None)


def score_signal(received: SignalReceived, work: Work) -> None:
    instrument_id = received.signal.leg.instrument_id
    quoted, row, stances = work.read(
        QuoteState.key(instrument_id), FeatureRow.key(instrument_id), Stances.key(instrument_id)
    )
    work.emit(score(received.signal, quoted.quote if quoted else None, row, stances))


def follow_decision(made: DecisionMade, work: Work) -> None:
    (stances,) = work.read(Stances.key(made.decision.instrument_id))
    before = stances or Stances(id=made.decision.instrument_id)
    work.write(positions.apply_decision(before, made.decision))


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
