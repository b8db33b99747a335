"""Credentials for the storage emulator: they sign links with a key that lives as long as this object.

The emulator checks no signature, but the client signs no link without a key.
"""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import crypt
from google.auth.credentials import AnonymousCredentials, Signing

EMAIL = "floor@emulator.invalid"


class ThrowawayCredentials(AnonymousCredentials, Signing):
    """Asks nobody for a token."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._signer: Any = crypt.RSASigner.from_string(_private_key())  # type: ignore[no-untyped-call]

    def sign_bytes(self, message: bytes) -> bytes:
        return bytes(self._signer.sign(message))

    @property
    def signer_email(self) -> str:
        return EMAIL

    @property
    def signer(self) -> Any:
        return self._signer


def _private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()
