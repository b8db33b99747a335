"""The formats a webhook may come in, and which of them a body is.

A format is a module with a `name`, `recognises(document)` and `read(document, context)`; it is entered in FORMATS and
nowhere else. The order matters: the first that recognises a body reads it, so each must claim only what is its own,
and the generic ones stand last.
"""

from __future__ import annotations

from typing import Final, Protocol

from fluxfloor.signals.draft import Context, Draft
from fluxfloor.signals.formats import keyvalue as keyvalue
from fluxfloor.signals.formats import standard as standard
from fluxfloor.signals.formats import threecommas as threecommas
from fluxfloor.signals.formats import traderspost as traderspost
from fluxfloor.signals.formats import tradingview as tradingview
from fluxfloor.signals.parse import Json
from fluxfloor.signals.placeholders import first_placeholder, unfilled
from fluxfloor.signals.refusals import Refused, listed

MAX_ELEMENTS: Final = 32


class Format(Protocol):
    """`recognises` takes anything and never raises; `read` raises Refused for what it can't make a draft of."""

    @property
    def name(self) -> str: ...

    def recognises(self, document: Json) -> bool: ...

    def read(self, document: Json, context: Context, path: str) -> list[Draft]: ...


FORMATS: Final[tuple[Format, ...]] = (standard, threecommas, traderspost, tradingview, keyvalue)

_FIX: Final = (
    'Send for example {"symbol": "BTCUSDT", "action": "buy", "price": 65000} with the secret beside it, '
    "or lines SYMBOL=BTCUSDT, SIGNAL=BUY."
)


def read(document: Json, context: Context) -> tuple[str, list[Draft]]:
    """The format's name and all drafts of a body; an array holds one signal in each element."""
    if not isinstance(document, list):
        found = _recognise(document, context, "")
        return found.name, found.read(document, context, "")
    _check_length(document)
    formats = [_recognise(element, context, f"signals[{at}]") for at, element in enumerate(document)]
    drafts = [
        draft
        for at, (found, element) in enumerate(zip(formats, document, strict=True))
        for draft in found.read(element, context, f"signals[{at}]")
    ]
    return formats[0].name, drafts


def _check_length(document: list[Json]) -> None:
    if not document:
        raise Refused("missing_field", "The array holds no signal.", fix="Send at least one signal.")
    if len(document) > MAX_ELEMENTS:
        fix = f"Send at most {MAX_ELEMENTS} signals in one webhook."
        raise Refused("too_many_signals", f"The array holds {len(document)} signals.", fix=fix)


def _recognise(document: Json, context: Context, path: str) -> Format:
    allowed = context.sender.formats
    found = [one for one in FORMATS if one.recognises(document)]
    for one in found:
        if not allowed or one.name in allowed:
            return one
    if found:
        fix = f"Send {listed(allowed)}, or allow {found[0].name} for this sender."
        raise Refused("format_not_allowed", f"This sender may not send {found[0].name}.", field=path, fix=fix)
    raise _unrecognised(document, path)


def _unrecognised(document: Json, path: str) -> Refused:
    name = _any_placeholder(document)
    if name:
        return unfilled(name, path)
    seen = "The text is none of the formats that are read here."
    if isinstance(document, dict):
        seen = f"Nothing in {listed([repr(key[:30]) for key in document]) or 'the empty object'} says what to trade."
    return Refused("unrecognised_format", seen, field=path, fix=_FIX)


def _any_placeholder(document: Json) -> str:
    members = document.values() if isinstance(document, dict) else [document]
    return next((name for text in members if isinstance(text, str) and (name := first_placeholder(text))), "")
