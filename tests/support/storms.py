"""Seeds played to their end: what they broke, and the journal they left."""

from __future__ import annotations

from dataclasses import replace

from fluxfloor.local.chaos import playing
from fluxfloor.local.chaos.flows import FLOWS
from fluxfloor.local.chaos.play import Play
from fluxfloor.local.chaos.playing import play, played

__all__ = ["Play", "play", "played"]


def violations(how: Play) -> list[str]:
    return play(how).violations


def journal(how: Play) -> bytes:
    text, result = playing.journal(how)
    assert result.violations == []
    return text


def canonical_flow(crash_at: int | None = None) -> Play:
    """The round trip in good weather, but for one crash."""
    return replace(FLOWS["round trip"], crash_at=crash_at)
