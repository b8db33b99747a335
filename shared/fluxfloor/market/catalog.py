"""The venue's instruments as one document."""

from __future__ import annotations

from collections.abc import Iterable

from fluxfloor.contracts.instruments import Instrument, InstrumentCatalog
from fluxfloor.errors import Misconfigured

MAX_BYTES = 900_000  # a Firestore document takes 1 MiB


def catalog(
    venue: str, instruments: Iterable[Instrument], now_ms: int, quotes: Iterable[str] = ()
) -> InstrumentCatalog:
    """Sorted, one of each. `quotes` keeps only these quote currencies (empty: all).

    Raises Misconfigured when it would not fit a document.
    """
    wanted = frozenset(quotes)
    kept = {item.instrument_id: item for item in instruments if not wanted or item.quote in wanted}
    found = InstrumentCatalog(
        id=venue, ts_event_ms=now_ms, instruments=tuple(kept[instrument_id] for instrument_id in sorted(kept))
    )
    size = len(found.model_dump_json())
    if size > MAX_BYTES:
        raise Misconfigured(
            f"the {len(kept)} instruments of {venue} take {size} bytes, a document takes {MAX_BYTES}: "
            "name the quote currencies you trade"
        )
    return found
