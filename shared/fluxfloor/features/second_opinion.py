"""A second opinion on the regime: a hidden Markov model that nobody drew thresholds for, beside the rule.

It looks at the trend of the last 50 bars, the span that the rule's regression has too: their return over what a walk of
the same volatility without a trend would have made, log(c / c_50) / (s * sqrt 50). Its states, from the lowest mean to
the highest, are called down below -0.5, up above 0.5, and sideways between.

A model belongs to an epoch: `refit_bars` bars by the clock (a day of quarter hours begins at midnight UTC). It is
fitted on exactly `fit_bars` trends before the epoch's first bar, from a start that k-means with a fixed seed gives, and
every bar's probabilities are filtered over exactly FILTER_BARS trends up to it. So both follow from the bars alone: a
replay gives what the live floor gave, and the stored model only spares fitting it on every bar.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from fluxfloor.contracts.state import RegimeModel
from fluxfloor.kernels import Hmm, hmm_filter, hmm_fit, log_return, rolling_std
from fluxfloor.kernels.regimes import DOWN, REVERTING, UP, WORDS

Floats = NDArray[np.float64]
Bars = Floats
"""(n, 6), oldest first: open_ms, open, high, low, close, volume."""

KIND = "trend-hmm-1"
TREND_BARS = 50
FILTER_BARS = 100
STEEP = 0.5  # mean trend beyond which a state is one of rise or fall
SURE = 0.6  # probability from which the model is taken at its word
STEPS, TOLERANCE, SEED = 100, 1e-2, 0
DOWN_SHARE, SIDEWAYS_SHARE, UP_SHARE, CONTRADICTS = "hmm_down", "hmm_sideways", "hmm_up", "hmm_contradicts"


@dataclass(frozen=True, slots=True)
class Asked:
    """What model is wanted; no states, no opinion."""

    states: int = 3
    fit_bars: int = 300
    refit_bars: int = 96

    @property
    def name(self) -> str:
        return f"{KIND}/{self.states}/{self.fit_bars}/{self.refit_bars}"

    def epoch_ms(self, open_ms: int, step_ms: int) -> int:
        """When the epoch of the bar that opens then began."""
        span_ms = self.refit_bars * step_ms
        return open_ms // span_ms * span_ms


@dataclass(frozen=True, slots=True)
class Opinion:
    """features: probabilities by name, none while there are too few bars. model: what they came from."""

    features: Mapping[str, float]
    model: RegimeModel | None = None


def opinion(key: str, bars: Bars, upto_open_ms: int, step_ms: int, known: RegimeModel | None, asked: Asked) -> Opinion:
    """On the bar that opened at `upto_open_ms`, from it and the bars before it. Later bars are not seen.

    known: the stored model; another one is fitted where it is of another epoch or asking. key: the new one's id.
    """
    end = int(np.searchsorted(bars[:, 0], upto_open_ms, side="right"))
    if not asked.states or end == 0 or bars[end - 1, 0] != upto_open_ms:
        return Opinion({})
    epoch_ms = asked.epoch_ms(upto_open_ms, step_ms)
    model = known
    if model is None or (model.epoch_ms, model.asked) != (epoch_ms, asked.name):
        model = fitted(key, bars, epoch_ms, asked)
    seen = trends(bars[:end], FILTER_BARS)
    if model is None or seen is None:
        return Opinion({}, model)
    return Opinion(shares(seen, model), model)


def trends(bars: Bars, count: int) -> Floats | None:
    """(count, 1) the trends of the last bars, in deviations of a walk; None where bars or prices are missing."""
    close = np.ascontiguousarray(bars[-(count + TREND_BARS) :, 4])
    if len(close) < count + TREND_BARS or not (np.isfinite(close) & (close > 0.0)).all():
        return None
    deviation = rolling_std(log_return(close, 1)[1:], TREND_BARS, 0)[TREND_BARS - 1 :]
    walk = deviation * np.sqrt(TREND_BARS)
    moved = log_return(close, TREND_BARS)[TREND_BARS:]
    out = np.zeros((count, 1))
    np.divide(moved, walk, out=out[:, 0], where=walk > 0.0)
    return out


def fitted(key: str, bars: Bars, epoch_ms: int, asked: Asked) -> RegimeModel | None:
    """The model of that epoch; None where bars are missing, or never differ."""
    before = bars[: int(np.searchsorted(bars[:, 0], epoch_ms))]
    known = trends(before, asked.fit_bars)
    if known is None or not known.var() > 0.0:
        return None
    try:
        found = hmm_fit(known, asked.states, False, SEED, STEPS, TOLERANCE)
    except ValueError:  # no model can be told from such bars: nobody's fault, and no opinion
        return None
    order = np.argsort(found.mean[:, 0], kind="stable")
    return RegimeModel(
        id=key, asked=asked.name, epoch_ms=epoch_ms, last_open_ms=int(before[-1, 0]), fitted_bars=len(known),
        fitted_on=blake2b(known.tobytes(), digest_size=8).hexdigest(), start=_plain(found.start[order]),
        transition=_plain(found.transition[order][:, order]), mean=_plain(found.mean[order]),
        variance=_plain(found.covariance[order]), log_likelihood=float(found.log_likelihood[-1]),
        converged=bool(found.converged),
    )  # fmt: skip


def shares(seen: Floats, model: RegimeModel) -> dict[str, float]:
    """The filtered probabilities of down, sideways and up after the last of the trends (n, 1); they sum to 1."""
    try:
        filtered, _ = hmm_filter(seen, _kernel_form(model), False)
    except ValueError:  # a bar that no state can have made
        return {}
    last, mean = filtered[-1], np.array(model.mean)
    down, up = float(last[mean < -STEEP].sum()), float(last[mean > STEEP].sum())
    return {DOWN_SHARE: down, SIDEWAYS_SHARE: max(0.0, 1.0 - down - up), UP_SHARE: up}


def _kernel_form(model: RegimeModel) -> Hmm:
    k = len(model.mean)
    return Hmm(
        np.array(model.start), np.array(model.transition).reshape(k, k), np.array(model.mean).reshape(k, 1),
        np.array(model.variance).reshape(k, 1, 1), np.array([model.log_likelihood]), model.converged,
    )  # fmt: skip


def _plain(values: Floats) -> tuple[float, ...]:
    return tuple(values.ravel().tolist())


# --- beside the rule ---------------------------------------------------------------------------------------------


def compared(features: Mapping[str, float]) -> dict[str, float]:
    """hmm_contradicts: 1 where the model is sure of something else than the rule, else 0; nothing without a model.

    Nothing contradicts a neutral rule: it says nothing itself. A reverting market is one that goes sideways.
    """
    if UP_SHARE not in features or "regime" not in features:
        return {}
    fitting = {UP: UP_SHARE, DOWN: DOWN_SHARE, REVERTING: SIDEWAYS_SHARE}.get(features["regime"])
    other = [name for name in (DOWN_SHARE, SIDEWAYS_SHARE, UP_SHARE) if features[name] > SURE and name != fitting]
    return {CONTRADICTS: 1.0 if fitting and other else 0.0}


def told(features: Mapping[str, float]) -> str:
    """ "sideways 83%, the rule says up"; empty while nothing is contradicted."""
    if not features.get(CONTRADICTS):
        return ""
    likeliest = max((DOWN_SHARE, SIDEWAYS_SHARE, UP_SHARE), key=lambda name: features[name])
    return f"{likeliest.removeprefix('hmm_')} {features[likeliest]:.0%}, the rule says {WORDS[features['regime']]}"


__all__ = ["Asked", "Opinion", "compared", "fitted", "opinion", "shares", "told", "trends"]
