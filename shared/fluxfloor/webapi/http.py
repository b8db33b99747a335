"""A request and an answer as plain values, and the headers that every answer carries."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

MAX_BODY_BYTES = 65_536
JSON = "application/json"
WORTH_COMPRESSING = 1_024

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'",
        "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
    )
)  # fmt: skip
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
HTTPS_ONLY = "max-age=31536000; includeSubDomains"


@dataclass(frozen=True, slots=True)
class Call:
    """One request. Header names are lower case; `address` is the client's, as the layer in front vouches for it."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    address: str = ""


@dataclass(slots=True)
class Reply:
    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)


def etag_of(body: bytes) -> str:
    return f'"{blake2b(body, digest_size=12).hexdigest()}"'


def with_etag(call: Call, reply: Reply) -> Reply:
    """The same answer, or 304 where the caller already has it. Private: a shared cache must not keep it."""
    if call.method not in ("GET", "HEAD") or reply.status != 200:
        return reply
    tag = reply.headers.setdefault("ETag", etag_of(reply.body))
    reply.headers.setdefault("Cache-Control", "private, no-cache")
    wanted = call.headers.get("if-none-match", "")
    if tag in (part.strip().removeprefix("W/") for part in wanted.split(",")):
        return Reply(304, b"", reply.content_type, reply.headers)
    return reply


def compressed(call: Call, reply: Reply) -> Reply:
    """The same answer in fewer bytes, where the caller takes it and it pays."""
    if "gzip" not in call.headers.get("accept-encoding", "") or len(reply.body) < WORTH_COMPRESSING:
        return reply
    headers = {**reply.headers, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Reply(reply.status, gzip.compress(reply.body, 5, mtime=0), reply.content_type, headers)


def finished(call: Call, reply: Reply, https: bool) -> Reply:
    """The answer as it leaves: security headers on everything, no body on HEAD."""
    for name, value in SECURITY_HEADERS.items():
        reply.headers.setdefault(name, value)
    reply.headers.setdefault("Cache-Control", "no-store")
    if https:
        reply.headers["Strict-Transport-Security"] = HTTPS_ONLY
    if call.method == "HEAD":
        reply.body = b""
    return reply
