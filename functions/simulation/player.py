"""From a request to its files: the request is recorded first, then the floor is played and what it left is written,
then the record says where. A crash anywhere is resumed by the redelivery or the sweep, and gives the same bytes.
"""

from __future__ import annotations

import logging

from fluxfloor.contracts.events import SimulationRequested
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.instruments import InstrumentCatalog
from fluxfloor.contracts.simulations import SimulationRecord
from fluxfloor.errors import RetryLater
from fluxfloor.local.simulating import TooSlow, simulate
from fluxfloor.ports import Query
from fluxfloor.reporting import simulations
from fluxfloor.reporting.simulations import Refused
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.versions import code_versions
from fluxfloor.runtime.work import Work

from functions.simulation.archived import bars_between

LONGEST_S = 480.0  # of the call's 600 s; the rest is for reading, writing and a slow start
SWEEP_LIMIT = 20
SETTLE_MS = 900_000  # younger requests are being played in another call
GIVE_UP_MS = 86_400_000

log = logging.getLogger("fluxfloor.simulation")


def accept(asked: SimulationRequested, work: Work) -> None:
    """Records the request; one that can't be played is a failed record and a fact, not an error."""
    (known,) = work.read(SimulationRecord.key(asked.simulation_id))
    if known is not None:
        return
    catalog = work.reference(InstrumentCatalog.key(asked.spec.instrument_id.partition(":")[0]))
    rules = catalog.find(asked.spec.instrument_id) if catalog else None
    refused = simulations.refusal(asked.spec, rules, work.now_ms)
    record = simulations.requested(asked, rules, refused, work.now_ms)
    work.write(record)
    if refused:
        work.emit(simulations.completed(record, work.now_ms))


def play(context: Context, fact: Fact) -> None:
    """After the commit, and again on every redelivery."""
    assert isinstance(fact.event, SimulationRequested)
    record = context.read(SimulationRecord.key(fact.event.simulation_id))
    if record is not None and record.status == "requested":
        _play(context, record)


def play_waiting(context: Context, tick: Fact) -> None:
    """The sweep: plays the oldest of what was asked for and not played. One a sweep: it may take all of a call."""
    waiting = Query(
        SimulationRecord.collection,
        (("status", "==", "requested"), ("ts_event_ms", "<=", context.now_ms - SETTLE_MS)),
        order_by="ts_event_ms", limit=SWEEP_LIMIT,
    )  # fmt: skip
    for found in context.ports.store.query(waiting):
        record = SimulationRecord.decode(found.data or {})
        if context.now_ms - record.ts_event_ms > GIVE_UP_MS:
            _finish(context, record, Refused("it could not be played within a day", "ask again"))
        elif _played(context, record):
            return


def _played(context: Context, record: SimulationRecord) -> bool:
    """False where it could not be, and so keeps no other from being played."""
    try:
        _play(context, record)
    except RetryLater as problem:
        log.warning("simulation waits: %s", problem, extra={"simulation_id": record.id})
        return False
    except Exception:
        log.exception("simulation failed", extra={"simulation_id": record.id})
        return False
    return True


def _play(context: Context, record: SimulationRecord) -> None:
    spec, rules = record.spec, record.rules
    assert rules is not None
    bars = bars_between(context.ports.blobs, rules, spec.timeframe, spec.from_ms, spec.to_ms)
    refused = simulations.bars_refusal(spec, bars)
    if refused is not None:
        _finish(context, record, refused)
        return
    try:
        simulated = simulate(spec, rules, bars, limit_s=LONGEST_S)
    except TooSlow as problem:
        _finish(context, record, Refused(str(problem), "ask for a shorter range or fewer strategies"))
        return
    told = simulations.report(spec, rules, simulated.counts, simulated.run, code_versions())
    names = {}
    for file, data in simulations.files(record, told, simulated.trades, simulated.equity).items():
        names[file] = simulations.blob_name(record, file)
        context.ports.blobs.put(names[file], data, simulations.content_type(file))
    _finish(context, record, files=names, summary=simulations.summary(told))


def _finish(
    context: Context, record: SimulationRecord, refused: Refused | None = None, files: dict[str, str] | None = None,
    summary: dict[str, str] | None = None,
) -> None:  # fmt: skip
    """Derived from the simulation alone, so that the redelivery and the sweep state one and the same fact."""

    def decide(_asked: SimulationRequested, work: Work) -> None:
        (current,) = work.read(SimulationRecord.key(record.id))
        if current is None or current.status != "requested":
            return
        changes = {
            "status": "failed" if refused else "done", "files": files or {}, "summary": summary or {},
            "failed": refused.reason if refused else "", "fix": refused.fix if refused else "",
        }  # fmt: skip
        ended = current.model_copy(update=changes)
        work.write(ended)
        work.emit(simulations.completed(ended, work.now_ms))

    context.step(context.cause(simulations.asked_again(record), record.id, "finished"), decide)
