"""A token bucket that holds nothing itself: state in, state out.

Tokens are counted in sixty-thousandths, because then a bucket of `n` a minute gains exactly `n` units a millisecond
and nothing is ever rounded.
"""

from __future__ import annotations

from dataclasses import dataclass

from fluxfloor.signals.refusals import Refused

UNITS = 60_000  # of one token


@dataclass(frozen=True, slots=True)
class Bucket:
    """What was left at a time."""

    units: int
    updated_ms: int


@dataclass(frozen=True, slots=True)
class Taken:
    """The bucket after the attempt, and how long to wait (0: the token was taken)."""

    bucket: Bucket
    wait_ms: int


def take(bucket: Bucket | None, rate_per_minute: int, now_ms: int, burst: int | None = None) -> Taken:
    """One token out of a bucket that refills at `rate_per_minute` and holds `burst` (a minute's worth by default:
    twenty charts may well close a bar in the same second). None is a full bucket. A clock that steps back gives
    nothing and takes nothing."""
    full = (burst or rate_per_minute) * UNITS
    if bucket is None:
        bucket = Bucket(full, now_ms)
    gained = max(0, now_ms - bucket.updated_ms) * rate_per_minute
    units, at_ms = min(full, bucket.units + gained), max(now_ms, bucket.updated_ms)
    if units >= UNITS:
        return Taken(Bucket(units - UNITS, at_ms), 0)
    return Taken(Bucket(units, at_ms), -(-(UNITS - units) // rate_per_minute))


def check_rate(taken: Taken, rate_per_minute: int) -> None:
    """Raises Refused, with the whole seconds to wait, when no token was left."""
    if taken.wait_ms:
        retry_after_s = -(-taken.wait_ms // 1000)
        raise Refused(
            "rate_limited",
            f"This sender may send {rate_per_minute} webhooks a minute and has sent more.",
            fix=f"Wait {retry_after_s} s, or let several signals travel in one webhook.",
            retry_after_s=retry_after_s,
        )
