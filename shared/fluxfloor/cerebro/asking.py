"""What would Cerebro decide? One signal on one book, both handed in as they are; nothing is kept."""

from __future__ import annotations

from fluxfloor.cerebro.decide import Decided, decide
from fluxfloor.cerebro.knowledge import Knowledge, fewest_days
from fluxfloor.contracts.events import SignalScored
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.sizing import SizingCase


def size(scored: SignalScored, case: SizingCase) -> Decided:
    now_ms = scored.signal.ts_received_ms if case.now_ms is None else case.now_ms
    return decide(
        scored, case.book, case.policy, case.halts, rules_of(case), now_ms, case.style,
        knowledge=_knowledge(scored, case),
    )  # fmt: skip


def rules_of(case: SizingCase) -> dict[str, Instrument]:
    return {item.instrument_id: item for item in case.instruments}


def _knowledge(scored: SignalScored, case: SizingCase) -> Knowledge:
    days = {item.id: item for item in case.days}
    if not days:
        return Knowledge(case.allocation, recent=case.recent)
    from fluxfloor.cerebro.scenarios import aligned

    least = fewest_days(float(case.policy.limits.cvar_alpha))
    wanted = sorted(leg.instrument_id for leg in scored.signal.legs)
    at_stake = {*wanted, *(item.instrument_id for item in case.book.positions.values())}
    at_stake.update(item.instrument_id for item in case.book.reservations.values())
    found = {name: days[name] for name in sorted(at_stake & days.keys())}
    return Knowledge(case.allocation, aligned(found, wanted[0], least) if found else None, case.recent)
