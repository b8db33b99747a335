"""Who is calling: signed, expiring tokens, and one-time tickets that open a session from a console.

A token is good until it expires, or until the password or the signing key changes. It is carried as a Bearer header,
or as a cookie that only this site's own pages send.
"""

from __future__ import annotations

import hashlib
import secrets as random
from dataclasses import dataclass
from typing import Any

from itsdangerous import BadData, URLSafeSerializer

from fluxfloor.contracts.ids import digest
from fluxfloor.errors import Misconfigured
from fluxfloor.ports import Clock, Secrets
from fluxfloor.webapi.http import Call
from fluxfloor.webapi.passwords import verify_password

KEY_SECRET = "api-session-key"
PASSWORD_SECRET = "api-admin-password-hash"
KEEP_SECRETS_MS = 60_000
TICKET_MS = 15 * 60_000
MIN_KEY_LENGTH = 32
READING_METHODS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Session:
    """A caller who is logged in. `by_cookie`: a browser sent it by itself, so a write needs proof of where from."""

    user: str
    expires_ms: int
    by_cookie: bool = False


class Gate:
    """Issues and reads tokens. Keeps the two secrets for a minute, so that a request costs no call for them."""

    def __init__(self, secrets: Secrets, clock: Clock, https: bool) -> None:
        self._secrets = secrets
        self._clock = clock
        self._kept: dict[str, tuple[int, str]] = {}
        self._https = https

    def check_password(self, user: str, password: str, expected_user: str) -> bool:
        """Takes as long for an unknown user as for a wrong password."""
        genuine = verify_password(password, self.secret(PASSWORD_SECRET))
        return random.compare_digest(user.encode(), expected_user.encode()) and genuine

    def issue(self, user: str, minutes: int) -> tuple[str, int]:
        """A session token and when it expires."""
        expires_ms = self._clock.now_ms() + minutes * 60_000
        payload = {"user": user, "expires_ms": expires_ms, "password": self._password_mark()}
        return str(_signer(self.secret(KEY_SECRET), "session").dumps(payload)), expires_ms

    def read(self, call: Call) -> Session | None:
        """The caller's session, from the header or else the cookie; None if there is none that is good."""
        scheme, _, bearer = call.headers.get("authorization", "").partition(" ")
        if scheme:
            return self._session(bearer.strip(), by_cookie=False) if scheme.lower() == "bearer" else None
        return self._session(call.cookies.get(self.cookie_name, ""), by_cookie=True)

    def _session(self, token: str, by_cookie: bool) -> Session | None:
        payload = _loads(self.secret(KEY_SECRET), "session", token)
        if payload is None or payload["expires_ms"] <= self._clock.now_ms():
            return None
        if payload["password"] != self._password_mark():
            return None
        return Session(payload["user"], payload["expires_ms"], by_cookie)

    def read_ticket(self, ticket: str) -> tuple[str, str] | None:
        """The user and the ticket's own id; None if it is not ours or too old. That it is used once, the caller sees
        to: it takes a claim on the id."""
        payload = _loads(self.secret(KEY_SECRET), "ticket", ticket)
        if payload is None or payload["expires_ms"] <= self._clock.now_ms():
            return None
        return payload["user"], payload["id"]

    # --- the cookie ----------------------------------------------------------------------------------------------

    @property
    def cookie_name(self) -> str:
        return "__Host-fluxfloor" if self._https else "fluxfloor"

    def cookie(self, token: str, minutes: int) -> str:
        """For Set-Cookie. An empty token takes the cookie away."""
        age_s = minutes * 60 if token else 0
        secure = "; Secure" if self._https else ""
        return f"{self.cookie_name}={token}; Path=/; Max-Age={age_s}; HttpOnly; SameSite=Strict{secure}"

    # --- secrets -------------------------------------------------------------------------------------------------

    def secret(self, name: str) -> str:
        """Kept for a minute."""
        now_ms = self._clock.now_ms()
        kept = self._kept.get(name)
        if kept is None or now_ms - kept[0] >= KEEP_SECRETS_MS:
            kept = now_ms, self._secrets.get(name)
            self._kept[name] = kept
        return kept[1]

    def _password_mark(self) -> str:
        return digest("password", self.secret(PASSWORD_SECRET), size=6)


def written_elsewhere(call: Call, session: Session) -> bool:
    """Did another site's page make this browser write? SameSite=Strict already keeps the cookie from it; this holds
    where a browser does not know SameSite."""
    if call.method in READING_METHODS or not session.by_cookie:
        return False
    if call.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = call.headers.get("origin", "")
    return bool(origin) and origin.partition("://")[2] != call.headers.get("host", "")


def mint_ticket(secrets: Secrets, now_ms: int, user: str = "admin", lasts_ms: int = TICKET_MS) -> str:
    """For `<public_url>/login?ticket=…`: logs a person in once. Whoever can mint one already holds the signing key."""
    payload = {"id": random.token_urlsafe(12), "user": user, "expires_ms": now_ms + lasts_ms}
    return str(_signer(secrets.get(KEY_SECRET), "ticket").dumps(payload))


def new_session_key() -> str:
    """What the secret `api-session-key` holds."""
    return random.token_urlsafe(48)


def _signer(key: str, purpose: str) -> URLSafeSerializer:
    if len(key) < MIN_KEY_LENGTH:
        raise Misconfigured(f"secret {KEY_SECRET!r} is shorter than {MIN_KEY_LENGTH} characters: make one at random")
    signing = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}
    return URLSafeSerializer(key, salt=f"fluxfloor.{purpose}", signer_kwargs=signing)


def _loads(key: str, purpose: str, token: str) -> dict[str, Any] | None:
    try:
        payload = _signer(key, purpose).loads(token)
    except BadData:
        return None
    return payload if isinstance(payload, dict) else None
