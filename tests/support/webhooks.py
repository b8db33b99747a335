"""What the tests of `signals` share: a sender, a venue's instruments, and a way to send a body."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from fluxfloor.contracts.instruments import Instrument, InstrumentCatalog, Kind
from fluxfloor.contracts.signals import Signal
from fluxfloor.contracts.state import Sender
from fluxfloor.signals.refusals import Refused
from fluxfloor.signals.standardise import Accepted, standardise

SECRET = "correct-horse-battery"
NOW_MS = 1_758_727_802_000  # 2025-09-24T15:30:02Z
TIME = "2025-09-24T15:30:00Z"


def instrument(symbol: str, venue: str = "kraken", kind: Kind = Kind.SPOT, short: bool = False) -> Instrument:
    base, _, rest = symbol.partition("/")
    return Instrument(
        instrument_id=f"{venue}:{symbol}", venue=venue, symbol=symbol, base=base, quote=rest.partition(":")[0] or "USD",
        kind=kind, tick_size=Decimal("0.1"), lot_size=Decimal("0.0001"), allows_short=short,
    )  # fmt: skip


def catalog(*instruments: Instrument) -> dict[str, InstrumentCatalog]:
    venues = dict.fromkeys(one.venue for one in instruments)
    return {
        venue: InstrumentCatalog(
            id=venue, ts_event_ms=0, instruments=tuple(one for one in instruments if one.venue == venue)
        )
        for venue in venues
    }


KRAKEN = catalog(instrument("BTC/USDT"), instrument("ETH/USDT"), instrument("DOGE/USDT"), instrument("ETH/BTC"))
MARGIN = catalog(instrument("BTC/USDT", short=True))


def sender(**changes: Any) -> Sender:
    return Sender.model_validate({"id": "anna", "portfolio_id": "main", "secret_name": "sender-anna", **changes})


def send(
    body: Any, *, by: Sender | None = None, at: int = NOW_MS, content_type: str = "application/json",
    headers: dict[str, str] | None = None, catalogs: dict[str, InstrumentCatalog] = KRAKEN, query: str = "",
    secret: str = SECRET,
) -> Accepted:  # fmt: skip
    """Sends a body (an object as JSON) with the right secret in the header, unless headers say otherwise."""
    raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    headers = {"X-Fluxfloor-Secret": SECRET} if headers is None else headers
    return standardise(raw, content_type, headers, by or sender(), secret, catalogs, at, query)


def signal(body: Any, **how: Any) -> Signal:
    """The one signal a body becomes."""
    (only,) = send(body, **how).signals
    return only


def refused(body: Any, **how: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        send(body, **how)
    return caught.value


def gist(one: Signal) -> tuple[str, str, str]:
    """Action, direction and size in short: ("ENTRY", "LONG", "quantity 0.1")."""
    size = one.leg.size
    return one.action.value, one.leg.direction.value, f"{size.kind.value} {size.value}" if size else ""
