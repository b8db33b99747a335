"""Ids are derived, never drawn: the same cause always gets the same id, so a retry can't create a second effect."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b


def digest(*parts: object, size: int = 16) -> str:
    """Hex of `size` bytes over the parts. Each part is length-prefixed, so ("ab","c") and ("a","bc") differ."""
    state = blake2b(digest_size=size)
    for part in parts:
        raw = part if isinstance(part, bytes) else str(part).encode()
        state.update(len(raw).to_bytes(4, "big"))
        state.update(raw)
    return state.hexdigest()


def event_id(parent: str, kind: str, index: int = 0) -> str:
    """The id of the `index`-th event of this kind that `parent` caused."""
    return digest("event", parent, kind, index)


def schedule_id(stage: str, job: str, scheduled_ms: int) -> str:
    """The parent of everything one run of a scheduled job causes."""
    return digest("schedule", stage, job, scheduled_ms)


def intent_id(signal_id: str, leg: int, purpose: str) -> str:
    """The id of the order Cerebro wants for one leg of one signal ("entry", "exit", "flatten")."""
    return digest("intent", signal_id, leg, purpose)


def split_intent_id(signal_id: str, leg: int, purpose: str, account_id: str) -> str:
    """The same for one account's share of an order that is split over several."""
    return digest("intent", signal_id, leg, purpose, account_id)


def client_order_id(account_id: str, intent: str, attempt: int, max_length: int = 32, prefix: str = "") -> str:
    """The id the venue knows the placement by. Attempt numbers rise only after the last one is proved terminal.

    At most 128 bits of the hash are kept, trimmed to what the venue takes; `prefix` is for venues that want one.
    """
    return prefix + digest("order", account_id, intent, attempt)[: max_length - len(prefix)]


@lru_cache(maxsize=1024)
def trace_id(root: str) -> str:
    """The OpenTelemetry trace id (16 bytes, hex) of everything that `root` caused."""
    return digest("trace", root)


@lru_cache(maxsize=1024)  # of one invocation it is asked for by every fact that is stated
def span_id(*parts: object) -> str:
    """An OpenTelemetry span id (8 bytes, hex)."""
    return digest("span", *parts, size=8)
