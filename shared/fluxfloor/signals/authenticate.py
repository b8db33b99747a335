"""Is this the sender? By a secret in the body or a header, or by a signature over the body, and by address if listed.

Knowing a sender from an unknown one, or a near miss from a wild guess, must not be possible by the clock: every
request does the same hashing and the same comparisons, and an unknown sender is checked against a decoy.

Which address is the sender's: Google's front end appends the address it was called from to X-Forwarded-For, and
whatever stands before that was written by the caller and proves nothing. So the last entry counts. Behind a load
balancer of one's own, that balancer appends one more, and `appended` is 2.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import Final
from urllib.parse import parse_qsl

from fluxfloor.contracts.state import Sender
from fluxfloor.signals.parse import Json
from fluxfloor.signals.redact import is_secret_name, secrets_in
from fluxfloor.signals.refusals import Refused

SECRET_HEADER: Final = "x-fluxfloor-secret"
DEFAULT_SIGNATURE_HEADER: Final = "x-fluxfloor-signature"
MAX_CANDIDATES: Final = 64  # an array of signals may carry the secret in each; nobody gets a dictionary tried
DECOY: Final = "a secret that belongs to nobody and never matches"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# The three sentences and both codes are equally long: the bodies of 401 and 404 differ in no byte count.
_UNKNOWN = "No sender with that id takes any signal here"
_MISSING = "The request carries no secret for its sender"
_INVALID = "The secret that was sent is not the sender's"
_FIX = (
    'Check the sender\'s id at the end of the address, and its secret: in the body as "secret", or in the header '
    "X-Fluxfloor-Secret, or signed if the sender is set up for signatures."
)


@dataclass(frozen=True, slots=True)
class Request:
    """What came over HTTP. Header names are lower case; `query` is the part of the address after "?"."""

    body: bytes
    content_type: str = ""
    headers: Mapping[str, str] | None = None
    query: str = ""

    def header(self, name: str) -> str:
        return (self.headers or {}).get(name.lower(), "")


def request_of(body: bytes, content_type: str, headers: Mapping[str, str], query: str = "") -> Request:
    return Request(body, content_type, {name.lower(): value for name, value in headers.items()}, query)


def authenticate(request: Request, document: Json, sender: Sender | None, secret: str) -> None:
    """Raises Refused unless this request proves that it comes from `sender`; None stands for an unknown one.

    `document` is the parsed body, or its text where it could not be parsed.
    """
    known = sender is not None and sender.enabled and bool(secret)
    proved = _proves(request, document, secret if known else DECOY, sender.hmac_header if sender else "")
    listed = _address_allowed(request, sender.allowed_ips if sender else ())
    if sender is None or not sender.enabled:
        raise Refused("unknown_sender", _UNKNOWN, fix=_FIX)
    if not known or not proved:
        raise Refused("invalid_secret", _INVALID if _offered(request, document) else _MISSING, fix=_FIX)
    if not listed:
        raise _address_refused(request)


def _proves(request: Request, document: Json, secret: str, hmac_header: str) -> bool:
    """Both proofs are always worked out; a sender that is set up for signatures is believed by signature only."""
    signed = hmac.compare_digest(_signature(request, hmac_header), _expected_signature(request.body, secret))
    target = sha256(secret.encode()).digest()
    shown = False
    for candidate in _candidates(request, document):
        digest = sha256(candidate.encode("utf-8", "replace")).digest()
        shown = hmac.compare_digest(digest, target) or shown
    return signed if hmac_header else shown


def _expected_signature(body: bytes, secret: str) -> bytes:
    return hmac.new(secret.encode(), body, sha256).hexdigest().encode()


def _signature(request: Request, hmac_header: str) -> bytes:
    sent = request.header(hmac_header or DEFAULT_SIGNATURE_HEADER).strip().lower()
    return sent.removeprefix("sha256=").encode("utf-8", "replace")


def _candidates(request: Request, document: Json) -> list[str]:
    scheme, _, bearer = request.header("authorization").partition(" ")
    carried = [request.header(SECRET_HEADER).strip(), bearer.strip() if scheme.lower() == "bearer" else ""]
    return [*carried, *islice(secrets_in(document), MAX_CANDIDATES)]


def _offered(request: Request, document: Json) -> bool:
    return any(_candidates(request, document))


def check_query(request: Request, secret: str) -> None:
    """Raises Refused for a secret in the address, right or wrong: addresses end up in logs and histories."""
    for name, value in parse_qsl(request.query, keep_blank_values=True, max_num_fields=None):
        if is_secret_name(name) or (secret and value == secret):
            raise Refused(
                "secret_in_url",
                "The address carries a secret after the question mark, where every log on the way can read it.",
                field=name,
                fix="Move the secret into the body or the header X-Fluxfloor-Secret, and replace it by a new one.",
            )


def client_address(request: Request, appended: int = 1) -> Address | None:
    """The address Google's front end was called from; None where there is none to be believed."""
    chain = [part.strip() for part in request.header("x-forwarded-for").split(",")]
    try:
        address = ipaddress.ip_address(chain[-appended])
    except (ValueError, IndexError):
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped if isinstance(mapped, ipaddress.IPv4Address) else address


def _address_allowed(request: Request, allowed_ips: tuple[str, ...]) -> bool:
    if not allowed_ips:
        return True
    address = client_address(request)
    return address is not None and any(_contains(network, address) for network in allowed_ips)


def _contains(network: str, address: Address) -> bool:
    """An entry that is no network matches nothing: a typing error locks out rather than opens."""
    try:
        return address in ipaddress.ip_network(network.strip(), strict=False)
    except ValueError:
        return False


def _address_refused(request: Request) -> Refused:
    """Only who has shown the secret is told this much."""
    address = client_address(request)
    came = f"The request came from {address}" if address else "The request does not say where it came from"
    return Refused(
        "address_refused",
        f"{came}, and this sender only sends from the addresses on its list.",
        field="X-Forwarded-For",
        fix="Add the address to the sender's list, or empty the list to allow any.",
    )
