"""Passwords are kept as scrypt hashes: `scrypt$<log2 n>$<r>$<p>$<salt>$<hash>`, base64."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading

from fluxfloor.errors import Misconfigured

LOG2_N, R, P = 15, 8, 1  # 32 MB and some 60 ms a try
SALT_BYTES, HASH_BYTES = 16, 32

_one_at_a_time = threading.Lock()  # so that a burst of logins can't take the memory of the whole stage


def new_password() -> str:
    """One that nobody guesses: 120 bits, easy to read aloud."""
    raw = base64.b32encode(secrets.token_bytes(15)).decode().lower()
    return "-".join(raw[start : start + 6] for start in range(0, 24, 6))


def hash_password(password: str) -> str:
    """What the secret `api-admin-password-hash` holds."""
    salt = secrets.token_bytes(SALT_BYTES)
    hashed = _scrypt(password, salt, LOG2_N, R, P, HASH_BYTES)
    return f"scrypt${LOG2_N}${R}${P}${base64.b64encode(salt).decode()}${base64.b64encode(hashed).decode()}"


def verify_password(password: str, stored: str) -> bool:
    """In constant time. Raises Misconfigured if `stored` is not such a hash; never shows it."""
    try:
        kind, log2_n, r, p, salt, expected = stored.strip().split("$")
        cost, raw = (int(log2_n), int(r), int(p)), base64.b64decode(expected, validate=True)
        if kind != "scrypt" or not 14 <= cost[0] <= 20 or len(raw) < 16:
            raise ValueError
        salted = base64.b64decode(salt, validate=True)
    except ValueError:
        raise Misconfigured(
            "secret 'api-admin-password-hash' is not a password hash: make one with webapi.passwords.hash_password"
        ) from None
    return hmac.compare_digest(_scrypt(password, salted, *cost, len(raw)), raw)


def _scrypt(password: str, salt: bytes, log2_n: int, r: int, p: int, length: int) -> bytes:
    room = 256 * r * (2**log2_n + p + 2)
    with _one_at_a_time:
        return hashlib.scrypt(password.encode(), salt=salt, n=2**log2_n, r=r, p=p, maxmem=room, dklen=length)
