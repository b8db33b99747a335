"""An account's keys at its venue, as its secrets hold them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from fluxfloor.errors import Misconfigured
from fluxfloor.ports import Secrets
from fluxfloor.runtime.logging import register_secret


@dataclass(frozen=True, slots=True)
class Keys:
    key: str = field(repr=False)
    secret: str = field(repr=False)
    password: str = field(default="", repr=False)


def trading_keys(secrets: Secrets, account_id: str) -> Keys:
    """Those that may trade. Raises Misconfigured where this stage must not read them, or there are none."""
    try:
        return _keys(secrets, f"venue-{account_id}")
    except Misconfigured as problem:
        raise Misconfigured(f"accounts.{account_id}: nothing here may trade on it: {problem}") from problem


def query_keys(secrets: Secrets, account_id: str) -> Keys:
    """Those that may only look."""
    return _keys(secrets, f"venue-query-{account_id}")


def market_keys(secrets: Secrets, venue: str) -> Keys:
    """Those for market data, where a venue shows none without."""
    return _keys(secrets, f"market-{venue}")


def _keys(secrets: Secrets, name: str) -> Keys:
    """Each part is told to the logger by itself: an error quotes parts, not the whole."""
    told = f"secret {name!r} must be a JSON object with the texts key and secret, and password where the venue has one"
    try:
        found = json.loads(secrets.get(name))
        parts = {part: found[part] for part in ("key", "secret", "password") if part in found}
        keys = Keys(**parts)
    except (ValueError, TypeError, KeyError):
        raise Misconfigured(told) from None
    for part in parts.values():
        if not isinstance(part, str):
            raise Misconfigured(told)
        for line in (part, *part.splitlines()):
            register_secret(line)
    return keys
