"""The equity of each account over time, read once and then only what is new."""

from __future__ import annotations

from fluxfloor.contracts.views import EquityPoint
from fluxfloor.ports import Query, Store
from fluxfloor.reporting.curve import Mark, thin

LATE_MS = 300_000  # marks may arrive out of order by so much
MAX_DAYS, MAX_HOURS, MAX_RECENT = 2_000, 1_200, 400


class Curves:
    """Callers see to it that only one thread is in here."""

    def __init__(self) -> None:
        self._marks: dict[str, list[Mark]] = {}

    def of(self, store: Store, account_id: str) -> list[Mark]:
        """Sorted by time: the whole life of the account in days, the last weeks in hours, the last days in full."""
        kept = self._marks.get(account_id)
        new = _since(store, account_id, kept[-1].at_ms - LATE_MS) if kept else []
        if not kept or len(new) >= MAX_RECENT:
            kept, new = [], _all(store, account_id)
        self._marks[account_id] = thin([*kept, *new])
        return self._marks[account_id]


def _all(store: Store, account_id: str) -> list[Mark]:
    days = _read(store, account_id, MAX_DAYS, grain="day")
    hours = _read(store, account_id, MAX_HOURS, grain="hour")
    return [*days, *hours, *_read(store, account_id, MAX_RECENT)]


def _read(store: Store, account_id: str, limit: int, grain: str = "") -> list[Mark]:
    """The newest."""
    if grain:
        query = Query(
            EquityPoint.collection, (("account_id", "==", account_id), ("grain", "==", grain)),
            order_by="ts_event_ms", descending=True, limit=limit,
        )  # fmt: skip
    else:
        query = Query(
            EquityPoint.collection, (("account_id", "==", account_id),), order_by="ts_event_ms", descending=True,
            limit=limit,
        )  # fmt: skip
    return _marks(store, query)


def _since(store: Store, account_id: str, from_ms: int) -> list[Mark]:
    query = Query(
        EquityPoint.collection, (("account_id", "==", account_id), ("ts_event_ms", ">=", from_ms)),
        order_by="ts_event_ms", limit=MAX_RECENT,
    )  # fmt: skip
    return _marks(store, query)


def _marks(store: Store, query: Query) -> list[Mark]:
    return [Mark.of(EquityPoint.decode(found.data)) for found in store.query(query) if found.data is not None]
