"""Is the signal of now? Late ones are refused rather than traded at a price nobody meant."""

from __future__ import annotations

from typing import Final

from fluxfloor.contracts.state import Sender
from fluxfloor.signals.draft import Draft
from fluxfloor.signals.refusals import Refused

MAX_AHEAD_MS: Final = 60_000  # further ahead is not a clock that runs fast but a wrong one


def event_time(draft: Draft, sender: Sender, now_ms: int) -> int:
    """When the sender says it happened, UTC milliseconds; now, where it does not say. Never later than now, so that
    no age is negative. Raises Refused when it is too old, from the future or expired."""
    sent_ms = now_ms if draft.sent_ms is None else draft.sent_ms
    if sent_ms - now_ms > MAX_AHEAD_MS:
        raise _from_the_future(draft, sent_ms - now_ms)
    max_lag_s = draft.max_lag_s or sender.max_lag_s
    if now_ms - sent_ms > max_lag_s * 1000:
        raise _stale(draft, now_ms - sent_ms, max_lag_s)
    if draft.expires_ms is not None and draft.expires_ms <= now_ms:
        fix = "Send it in time, or with a later expiry."
        raise Refused("expired", "The signal had expired when it arrived.", field=draft.sent_path, fix=fix)
    return min(sent_ms, now_ms)


def _stale(draft: Draft, age_ms: int, max_lag_s: int) -> Refused:
    return Refused(
        "stale",
        f"The signal is {age_ms // 1000} s old; at most {max_lag_s} s are allowed.",
        field=draft.sent_path,
        fix="Send the time of the alert ({{timenow}}), not of the bar ({{time}}), or allow more with max_lag.",
    )


def _from_the_future(draft: Draft, ahead_ms: int) -> Refused:
    return Refused(
        "from_the_future",
        f"The signal's time lies {ahead_ms // 1000} s ahead.",
        field=draft.sent_path,
        fix="Send UTC, and check the sender's clock.",
    )
