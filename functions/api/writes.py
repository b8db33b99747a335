"""What people may change. Each change is one commit: what it does, the fact that tells of it, and its audit record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fluxfloor.contracts.events import (
    ExportRequested,
    QuarantineReleased,
    SimulationRequested,
)
from fluxfloor.contracts.ids import digest
from fluxfloor.contracts.journal import QUARANTINE
from fluxfloor.contracts.simulations import SimulationSpec
from fluxfloor.contracts.views import AlertRecord
from fluxfloor.ports import Ref
from fluxfloor.reporting.overview import HaltPanel
from fluxfloor.topology import FLOOR_DATABASES
from fluxfloor.webapi import audit, changes
from fluxfloor.webapi.http import Reply
from fluxfloor.webapi.problems import refusal
from fluxfloor.webapi.routes import Asked, Nothing

from functions.api import acts, answers, shown, trading_answers
from functions.api.desk import desk_of

if TYPE_CHECKING:
    from fluxfloor.runtime.context import Context
    from fluxfloor.runtime.work import Work

LONGEST_EXPORT_MS = 5 * 366 * 86_400_000


def halt(context: Context, asked: Asked[Nothing, trading_answers.HaltRequest]) -> Reply:
    """The kill switch. A halt that stands stays as it is, but for a wish to flatten, which is added to it."""
    wish, actor = asked.body, asked.actor
    if wish.scope not in shown.scopes(context):
        raise refusal(422, "there is no such scope", "scope", f"send one of {', '.join(shown.scopes(context))}")
    cause = acts.halted(actor, wish.scope, wish.reason, wish.flatten, context.now_ms)

    def decide(work: Work) -> HaltPanel:
        return shown.halt_panel(acts.halt(work, actor, wish.scope, wish.reason, wish.flatten))

    return done(context, changes.commit(context, asked, cause, decide))


def resume(context: Context, asked: Asked[Nothing, trading_answers.ResumeRequest]) -> Reply:
    """Only a person lifts a halt, and this is where."""
    scope, actor, reason = asked.path["scope"], asked.actor, asked.body.reason
    cause = acts.resumed(actor, scope, reason, context.now_ms)

    def decide(work: Work) -> trading_answers.Resumed:
        return trading_answers.Resumed(was=shown.halt_panel(acts.resume(work, actor, scope, reason)))

    return done(context, changes.commit(context, asked, cause, decide))


def acknowledge(context: Context, asked: Asked[Nothing, answers.AckRequest]) -> Reply:
    """Nobody else is called for it."""
    record, actor = context.read(AlertRecord.key(asked.path["id"])), asked.actor
    if record is None:
        raise refusal(404, "no alarm has this id", "path.id", "take one from /v1/alerts")
    cause = acts.acknowledging(actor, record, context.now_ms)

    def decide(work: Work) -> answers.Alarm:
        return shown.alarm(record, acts.acknowledge(work, actor, record, asked.body.note))

    return done(context, changes.commit(context, asked, cause, decide))


def release(context: Context, asked: Asked[Nothing, Nothing]) -> Reply:
    """The stage takes the message again. What was decided meanwhile is not decided twice: its claim sees to it."""
    quarantine_id, actor = asked.path["id"], asked.actor
    stage = quarantine_id.partition(":")[0]
    released = QuarantineReleased(quarantine_id=quarantine_id, stage=stage, released_by=actor)

    def decide(work: Work) -> answers.Released:
        _releasable(context, quarantine_id)
        work.emit(released)
        audit.record(work, actor, "quarantine.released", quarantine_id)
        return answers.Released(quarantine_id=quarantine_id, stage=stage)

    return done(context, changes.commit(context, asked, released, decide, status=202))


def _releasable(context: Context, quarantine_id: str) -> dict[str, Any]:
    """Raises ApiError 404 or 409. Read outside of the commit: the stage itself looks again before it acts."""
    refs = [Ref(QUARANTINE, quarantine_id, database) for database in FLOOR_DATABASES]
    record = next((item.data for item in context.ports.store.read(refs) if item.data is not None), None)
    if record is None:
        raise refusal(404, "no message is quarantined under this id", "path.id", "take one from /v1/quarantine")
    if record["state"] != shown.HELD:
        raise refusal(409, f"this message is {record['state']} already", "path.id", "nothing is left to do")
    if not shown.takes_releases(record["stage"]):
        raise refusal(409, f"{record['stage']} takes nothing from the bus", "path.id", "let its sender send it again")
    return record


def request_export(context: Context, asked: Asked[Nothing, answers.ExportRequest]) -> Reply:
    wish, actor = asked.body, asked.actor
    _checked_span(context, wish)
    export_id = digest("export", actor, asked.key)
    requested = ExportRequested(
        export_id=export_id, kind=wish.kind, account_id=wish.account_id, from_ms=wish.from_ms, to_ms=wish.to_ms,
        requested_by=actor,
    )  # fmt: skip

    def decide(work: Work) -> answers.Requested:
        work.emit(requested)
        audit.record(work, actor, "export.requested", export_id, kind=wish.kind, account=wish.account_id)
        return answers.Requested(export_id=export_id)

    return done(context, changes.commit(context, asked, requested, decide, status=202))


def _checked_span(context: Context, wish: answers.ExportRequest) -> None:
    known = list(context.settings.accounts)
    if wish.account_id not in known:
        raise refusal(422, "there is no such account", "account_id", f"send one of {', '.join(known)}")
    if not wish.from_ms < wish.to_ms <= wish.from_ms + LONGEST_EXPORT_MS:
        raise refusal(422, "must be after from_ms, and at most five years", "to_ms", "send a later or a nearer time")


def request_simulation(context: Context, asked: Asked[Nothing, SimulationSpec]) -> Reply:
    """What can't be simulated its stage says, in the record: it knows the strategies and the bars."""
    spec, actor = asked.body, asked.actor
    simulation_id = digest("simulation", actor, asked.key)
    requested = SimulationRequested(simulation_id=simulation_id, spec=spec, requested_by=actor)

    def decide(work: Work) -> answers.SimulationAsked:
        work.emit(requested)
        names = ", ".join(item.strategy_id for item in spec.strategies)
        audit.record(
            work, actor, "simulation.requested", simulation_id, instrument=spec.instrument_id,
            timeframe=spec.timeframe, strategies=names,
        )  # fmt: skip
        return answers.SimulationAsked(simulation_id=simulation_id)

    return done(context, changes.commit(context, asked, requested, decide, status=202))


def done(context: Context, reply: Reply) -> Reply:
    """What the page shows is looked up again."""
    desk_of(context).forget()
    return reply
