"""The noise filter before the entries of the floor's own strategies, and what is told when it held one back."""

from __future__ import annotations

from collections.abc import Mapping

from fluxfloor.contracts.events import CandleClosed, RiskRaised, Severity
from fluxfloor.contracts.instruments import TIMEFRAME_MS, Quote
from fluxfloor.features.noise import Moment, Noise, NoiseFilter, judge, moment

FILTERED = "entry_filtered"


def held_back(
    noise: NoiseFilter, breakout: bool, strategy_id: str, features: Mapping[str, float], closed: CandleClosed,
    quote: Quote | None, now_ms: int,
) -> RiskRaised | None:  # fmt: skip
    """The fact that says why this bar's entry does not pass; None where it does.

    The spread is the quote's; without one it is the estimate from highs and lows.
    """
    spread = None if quote is None else float(quote.ask - quote.bid)
    at = moment(features, closed.close_ms, TIMEFRAME_MS[closed.candle.timeframe], spread)
    reasons = judge(noise, at, breakout)
    if not reasons:
        return None
    instrument_id = closed.candle.instrument_id
    return RiskRaised(
        kind=FILTERED, scope=instrument_id, severity=Severity.INFO,
        message=f"{strategy_id} did not enter {instrument_id}: {' and '.join(_told(reasons, noise, at, breakout))}",
        details={
            "strategy_id": strategy_id, "reasons": ", ".join(reasons.words()), "spread": f"{at.spread:.6g}",
            "deviation": f"{at.deviation:.6g}", "volume_ratio": f"{at.volume_ratio:.4g}", "gap": f"{at.gap:.4g}",
        },
        ts_event_ms=now_ms,
    )  # fmt: skip


def _told(reasons: Noise, noise: NoiseFilter, at: Moment, breakout: bool) -> list[str]:
    share = at.spread / at.deviation if at.deviation > 0 else float("inf")
    least = noise.breakout_volume_ratio if breakout else noise.volume_ratio
    words = {
        Noise.SPREAD: f"the spread is {share:.1%} of how far prices wander in five minutes",
        Noise.VOLUME: f"the volume is {at.volume_ratio:.2f} times its mean, and must be above {least:g}",
        Noise.CLOSING: f"the session ends within {noise.closing_minutes} minutes",
        Noise.GAP: f"the bar opened {at.gap:+.1%} from the last close",
        Noise.UNKNOWN: "spread, deviation, volume or gap is not known",
    }
    return [text for reason, text in words.items() if reason in reasons]
