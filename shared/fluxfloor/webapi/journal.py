"""Reads the journal for `reporting.why`, in both of the floor's databases. The API and the console use it alike."""

from __future__ import annotations

from collections.abc import Sequence

from fluxfloor.contracts.journal import JOURNAL, Step
from fluxfloor.contracts.state import LedgerEntry
from fluxfloor.ports import Query, Store
from fluxfloor.reporting import why
from fluxfloor.topology import FLOOR_DATABASES

MAX_ABOUT = 100
MAX_ENTRIES = 500


def collect(store: Store, id: str) -> why.Story:
    """The story of a signal, decision, intent, client order, trade, export or quarantined message."""

    def steps_about(subject: str) -> Sequence[Step]:
        return [step for database in FLOOR_DATABASES for step in _about(store, subject, database)]

    def ledger_of(account_id: str, from_ms: int, until_ms: int) -> Sequence[LedgerEntry]:
        query = Query(
            LedgerEntry.collection,
            (("account_id", "==", account_id), ("ts_event_ms", ">=", from_ms), ("ts_event_ms", "<=", until_ms)),
            order_by="ts_event_ms",
            limit=MAX_ENTRIES,
        )
        return [LedgerEntry.decode(found.data) for found in store.query(query) if found.data is not None]

    return why.collect(id, steps_about, ledger_of)


def _about(store: Store, subject: str, database: str) -> list[Step]:
    query = Query(JOURNAL, (("subjects", "array_contains", subject),), limit=MAX_ABOUT, database=database)
    return [Step.from_record(found.data) for found in store.query(query) if found.data is not None]
