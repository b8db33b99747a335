"""What Cerebro is handed beside book and policy: the weights in force, and the days of everything at stake."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from fluxfloor.cerebro import book as books
from fluxfloor.cerebro.knowledge import Knowledge, fewest_days
from fluxfloor.contracts.policy import Policy
from fluxfloor.contracts.signals import Signal
from fluxfloor.contracts.state import RiskBook
from fluxfloor.contracts.weights import Allocation, InstrumentDays
from fluxfloor.runtime.work import Work

if TYPE_CHECKING:
    from fluxfloor.cerebro.scenarios import Scenarios

KEPT = 64  # alignments; about 0.2 MB each for twenty instruments
_kept: OrderedDict[tuple[Any, ...], tuple[tuple[InstrumentDays, ...], Scenarios | None]] = OrderedDict()


def known(work: Work, book: RiskBook | None, policy: Policy | None, signal: Signal) -> Knowledge:
    """For all legs of the signal. One round of reads, and none while the process remembers. Weights of a portfolio that
    shares no equity any more are not known."""
    if book is None or policy is None:
        return Knowledge()
    wanted = sorted(leg.instrument_id for leg in signal.legs)
    names = sorted({*wanted, *(item.instrument_id for item in books.contents(book))})
    allocation, *days = work.references([Allocation.key(book.id), *map(InstrumentDays.key, names)])
    found = {name: item for name, item in zip(names, days, strict=True) if item is not None}
    least = fewest_days(float(policy.limits.cvar_alpha))
    weights = allocation if policy.allocation is not None else None
    return Knowledge(weights, _aligned(found, wanted[0], least) if found else None)


def _aligned(days: dict[str, InstrumentDays], first: str, least: int) -> Scenarios | None:
    """Kept by the documents' identity, which they keep with their version; an entry holds them, so that no other object
    can come to have the same one."""
    from fluxfloor.cerebro.scenarios import aligned  # numerics, where nobody keeps days, need not be loaded

    name = (first, least, *(id(item) for item in days.values()))
    found = _kept.pop(name, None) or (tuple(days.values()), aligned(days, first, least))
    _kept[name] = found
    while len(_kept) > KEPT:
        _kept.popitem(last=False)
    return found[1]
