"""Features of closed bars, what strategies hold, what they wish, and the scoring of every signal."""

from __future__ import annotations

from fluxfloor.features.compute import LOOKBACK_BARS, NAMES, WINDOW_BARS, FeatureSet, NotReady, compute
from fluxfloor.features.definitions import VERSION
from fluxfloor.features.positions import apply_decision, apply_report, holding_key, mean_edge
from fluxfloor.features.scoring import score
from fluxfloor.features.speak import Around, Heard, Voice, hear, voices

__all__ = [
    "LOOKBACK_BARS", "NAMES", "VERSION", "WINDOW_BARS", "Around", "FeatureSet", "Heard", "NotReady", "Voice",
    "apply_decision", "apply_report", "compute", "hear", "holding_key", "mean_edge", "score", "voices",
]  # fmt: skip
