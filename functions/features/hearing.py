"""What the features stage does with each fact: read by id, hand it to the domain, write what comes back."""

from __future__ import annotations

from fluxfloor.contracts.events import CandleClosed, DecisionMade, ExecutionReported, SignalReceived
from fluxfloor.contracts.instruments import InstrumentCatalog, QuoteState
from fluxfloor.contracts.state import CandleWindow, FeatureRow, Stances
from fluxfloor.errors import RetryLater
from fluxfloor.features import positions
from fluxfloor.features.scoring import score
from fluxfloor.features.speak import Voice, hear, voices
from fluxfloor.market.window import decode, window_id
from fluxfloor.runtime.settings import Settings
from fluxfloor.runtime.work import Work


def hear_bar(closed: CandleClosed, work: Work) -> None:
    """The window may already hold later bars; the features look at none of them."""
    candle = closed.candle
    if not closed.traded:
        return
    window, stances, _ = work.read(
        CandleWindow.key(window_id(candle.instrument_id, candle.timeframe)),
        Stances.key(candle.instrument_id),
        FeatureRow.key(candle.instrument_id),
    )
    if window is None:
        raise RetryLater(f"there is no window for {candle.instrument_id} {candle.timeframe} yet")
    heard = hear(closed, decode(window.bars), stances, _voices(work.settings), work.now_ms)
    work.write(heard.stances)
    if heard.row is not None:
        work.write(heard.row)
    work.emit(*(SignalReceived(signal=signal) for signal in heard.signals))


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
        known = _built[id(settings)] = (settings, voices(settings.strategies))
    return known[1]
