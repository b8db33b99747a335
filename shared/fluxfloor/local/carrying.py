"""Carries the record of the paper period to a floor that lives somewhere else: a live stack has a project of its own.

Days go over as they were written, with their digests; the live floor judges the chain itself, so that a day which was
changed or slipped in on the way ends the row there.
"""

from __future__ import annotations

from collections.abc import Sequence

from fluxfloor.contracts.views import PaperDay
from fluxfloor.errors import Misconfigured
from fluxfloor.ports import Commit, Ref, Store
from fluxfloor.reporting.paper_period import digest_of
from fluxfloor.webapi.at_stake import paper_days

AT_ONCE = 100


def carry(source: Store, target: Store) -> tuple[int, int]:
    """Returns how many days were there and how many of them were new. Raises Misconfigured, and carries nothing, where
    a day is not as it was written, or the other floor knows another one."""
    days = paper_days(source)
    wrong = [day.id for day in days if day.digest != digest_of(day)]
    if wrong:
        raise Misconfigured(f"the record of {wrong[0]} is not as it was written")
    new = _unknown(days, target)
    for start in range(0, len(new), AT_ONCE):
        target.commit(Commit(creates={_ref(day): day.encode() for day in new[start : start + AT_ONCE]}))
    return len(days), len(new)


def _unknown(days: Sequence[PaperDay], target: Store) -> list[PaperDay]:
    found = target.read([_ref(day) for day in days]) if days else []
    known = {item.ref.id: PaperDay.decode(item.data) for item in found if item.data is not None}
    differing = [day.id for day in days if day.id in known and known[day.id].digest != day.digest]
    if differing:
        raise Misconfigured(f"the other floor knows another {differing[0]} than this one")
    return [day for day in days if day.id not in known]


def _ref(day: PaperDay) -> Ref:
    return Ref(PaperDay.collection, day.id, PaperDay.database)
