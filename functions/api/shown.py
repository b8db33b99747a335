"""Documents as people see them, and the one answer that the page is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fluxfloor.contracts.policy import FLOOR, Halt
from fluxfloor.contracts.simulations import SimulationRecord
from fluxfloor.contracts.state import Sender
from fluxfloor.contracts.views import AlertAck, AlertRecord, ExportRecord, PaperRecord, StageHealth
from fluxfloor.reporting.curve import RANGES_MS
from fluxfloor.reporting.overview import (
    AccountPanel,
    AlarmPanel,
    FlowPanel,
    HaltPanel,
    Overview,
    QuarantinePanel,
    account_panel,
)
from fluxfloor.reporting.panels import decision_panel, order_panel
from fluxfloor.topology import RELEASES, STAGES
from fluxfloor.webapi import at_stake
from fluxfloor.webapi.problems import refusal
from fluxfloor.webapi.routes import Asked, Nothing

from functions.api import answers, gather
from functions.api.desk import desk_of
from functions.api.flow import flow as drawn

if TYPE_CHECKING:
    from fluxfloor.runtime.context import Context

    from functions.api.gather import Gathered

HELD = "held"


def overview(context: Context, asked: Asked[answers.OverviewQuery, Nothing]) -> Overview:
    """Everything for the page. It holds no clock, so that it stays the same, and is not sent again, while nothing
    changes."""
    desk, store = desk_of(context), context.ports.store
    found = desk.gathered(lambda: gather.look(store, context.now_ms), lambda: gather.gather(context, desk.curves))
    chosen = found.accepted if asked.query.decisions == "accepted" else found.decisions
    waiting = tuple(quarantine_panel(record) for record in found.quarantine if record["state"] == HELD)
    return Overview(
        mode=context.settings.mode, warnings=warnings(context),
        user=asked.actor, as_of_ms=_as_of_ms(found), poll_ms=context.settings.api.poll_ms,
        scopes=scopes(context), halts=tuple(halt_panel(halt) for halt in found.halts),
        accounts=account_panels(found, RANGES_MS[asked.query.range]), flow=drawn(found.health), risks=found.risks,
        decisions=tuple(decision_panel(row, found.lot_sizes) for row in chosen),
        orders=tuple(order_panel(row, found.lot_sizes) for row in found.orders), quarantine=waiting,
        alarms=tuple(
            AlarmPanel(
                alert_id=item.id, title=item.title, text=item.text, folded=item.folded, ts_event_ms=item.ts_event_ms
            )
            for item in found.alarms
        ),
    )  # fmt: skip


def account_panels(found: Gathered, span_ms: int | None) -> tuple[AccountPanel, ...]:
    return tuple(
        account_panel(
            view, found.books.get(view.portfolio_id), found.policies.get(view.portfolio_id), found.marks[view.id],
            span_ms, found.lot_sizes,
        )
        for view in sorted(found.accounts, key=lambda view: view.id)
    )  # fmt: skip


def _as_of_ms(found: Gathered) -> int:
    times = [view.ts_event_ms for view in found.accounts]
    times += [row.ts_event_ms for row in found.decisions] + [row.ts_event_ms for row in found.orders]
    return max([*times, *(row.ts_event_ms for row in found.risks)], default=0)


def scopes(context: Context) -> tuple[str, ...]:
    """What can be halted: everything, or one portfolio."""
    return (FLOOR, *context.settings.portfolios)


def warnings(context: Context) -> tuple[str, ...]:
    """What people should be told wherever they look."""
    record = context.read(PaperRecord.key(FLOOR)) if context.settings.mode == "live" else None
    return at_stake.warnings(context, record)


def flow(context: Context) -> FlowPanel:
    return drawn(gather.by_id(context.ports.store, StageHealth, list(STAGES)))


def halts(context: Context) -> tuple[HaltPanel, ...]:
    return tuple(halt_panel(halt) for halt in gather.all_of(context.ports.store, Halt, gather.HALTS))


def halt_panel(halt: Halt) -> HaltPanel:
    return HaltPanel(
        scope=halt.id, reason=halt.reason, raised_by=halt.raised_by, flatten=halt.flatten, ts_event_ms=halt.ts_event_ms
    )


def quarantine_panel(record: dict[str, Any]) -> QuarantinePanel:
    return QuarantinePanel(
        quarantine_id=record["id"], stage=record["stage"], type=record["attributes"].get("type", ""),
        reason=record["reason"], error=record["error"], state=record["state"], at_ms=record["at_ms"],
        releasable=record["state"] == HELD and takes_releases(record["stage"]),
    )  # fmt: skip


def takes_releases(stage: str) -> bool:
    return stage in STAGES and RELEASES in STAGES[stage].topics


def alarm(record: AlertRecord, ack: AlertAck | None) -> answers.Alarm:
    return answers.Alarm(
        alert_id=record.id, kind=record.kind, scope=record.scope, severity=record.severity, title=record.title,
        text=record.text, told=record.sent, folded=record.folded, acknowledged_by=ack.by if ack else "",
        acknowledged_ms=ack.ts_event_ms if ack else 0, note=ack.note if ack else "", ts_event_ms=record.ts_event_ms,
    )  # fmt: skip


def sender(found: Sender) -> answers.SenderAnswer:
    return answers.SenderAnswer(
        sender_id=found.id, portfolio_id=found.portfolio_id, formats=found.formats, signs=bool(found.hmac_header),
        allowed_ips=found.allowed_ips, default_strategy=found.default_strategy,
        default_expected_alpha=found.default_expected_alpha, max_lag_s=found.max_lag_s,
        rate_per_minute=found.rate_per_minute, enabled=found.enabled,
    )  # fmt: skip


def export(record: ExportRecord) -> answers.Export:
    """Links lead through the API, which signs an address when one is followed: signing costs a call on Google."""
    links = {kind: f"/v1/exports/{record.id}/files/{kind}" for kind in record.files}
    return answers.Export(**dict(record), links=links)


def simulation(record: SimulationRecord) -> answers.Simulation:
    links = {file: f"/v1/simulations/{record.id}/files/{file}" for file in record.files}
    return answers.Simulation(**dict(record), links=links)


def simulation_record(context: Context, simulation_id: str) -> SimulationRecord:
    found = context.read(SimulationRecord.key(simulation_id))
    if found is None:
        raise refusal(404, "no simulation has this id, or its stage has not taken it yet", "path.id", "see the list")
    return found


def export_record(context: Context, export_id: str) -> ExportRecord:
    found = context.read(ExportRecord.key(export_id))
    if found is None:
        raise refusal(404, "no export has this id, or its stage has not taken it yet", "path.id", "see /v1/exports")
    return found
