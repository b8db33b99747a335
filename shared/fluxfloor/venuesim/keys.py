"""The venue's API keys: whose they are, and what they may."""

from __future__ import annotations

from dataclasses import dataclass, field

from fluxfloor.venuesim.refusals import Reason, Refused


@dataclass(slots=True)
class ApiKey:
    key: str
    secret: str = field(repr=False)
    account: str = ""
    may_trade: bool = True
    nonce_window: int = 0  # how far a nonce may lie below the highest one seen
    last_nonce: int = 0

    def use_nonce(self, nonce: int) -> None:
        """Raises Refused for one that does not rise. A refused nonce is not remembered."""
        if nonce <= self.last_nonce - self.nonce_window or nonce == self.last_nonce:
            raise Refused(Reason.INVALID_NONCE)
        self.last_nonce = max(self.last_nonce, nonce)


class KeyRing:
    def __init__(self) -> None:
        self._keys: dict[str, ApiKey] = {}

    def add(self, key: ApiKey) -> ApiKey:
        self._keys[key.key] = key
        return key

    def find(self, key: str) -> ApiKey:
        if key not in self._keys:
            raise Refused(Reason.INVALID_KEY)
        return self._keys[key]

    def account_of(self, key: str) -> str:
        """Whose key it says it is, before anything is verified; empty for nobody's."""
        found = self._keys.get(key)
        return found.account if found else ""
