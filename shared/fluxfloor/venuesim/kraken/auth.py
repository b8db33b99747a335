"""Kraken's signature: HMAC-SHA512 of the path and SHA-256(nonce + body), with a nonce that rises per key."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from fluxfloor.venuesim.facade import Request
from fluxfloor.venuesim.keys import ApiKey, KeyRing
from fluxfloor.venuesim.refusals import Reason, Refused


def sign(path: str, nonce: str, body: bytes, secret: str) -> str:
    digest = hashlib.sha256(nonce.encode() + body).digest()
    made = hmac.new(base64.b64decode(secret), path.encode() + digest, hashlib.sha512)
    return base64.b64encode(made.digest()).decode()


def authenticate(keys: KeyRing, request: Request, params: dict[str, str], trades: bool) -> ApiKey:
    """In the venue's order: key, signature, nonce, permission. Raises Refused."""
    key = keys.find(request.headers.get("api-key", ""))
    nonce = params.get("nonce", "")
    wanted = sign(request.path, nonce, request.body, key.secret)
    if not hmac.compare_digest(wanted, request.headers.get("api-sign", "")):
        raise Refused(Reason.INVALID_SIGNATURE)
    if not nonce.isascii() or not nonce.isdigit():
        raise Refused(Reason.INVALID_NONCE)
    key.use_nonce(int(nonce))
    if trades and not key.may_trade:
        raise Refused(Reason.PERMISSION_DENIED)
    return key


def is_secret(text: str) -> bool:
    """Kraken's secrets are base64."""
    try:
        return bool(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return False
