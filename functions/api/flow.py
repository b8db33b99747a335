"""The floor as a picture: stages as dots along the flow, facts as the lines between them. Read from the topology."""

from __future__ import annotations

from collections.abc import Mapping

from fluxfloor.contracts.views import StageHealth
from fluxfloor.reporting.overview import FlowPanel, LinkPanel, StagePanel
from fluxfloor.topology import RELEASES, STAGES

NOTICES = "risks.raised"
"""Every stage may raise one; as lines they would hide the flow."""


def flow(health: Mapping[str, StageHealth]) -> FlowPanel:
    links = _links()
    columns = _columns(links)
    # What starts at the edge (a person's own exit) leads in from the left, wherever its stage stands in the topology.
    links = [link.model_copy(update={"back": columns[link.target] <= columns[link.source]}) for link in links]
    rows: dict[int, int] = {}
    stages = []
    for name in STAGES:
        column = columns[name]
        stages.append(_stage(name, health.get(name), column, rows.get(column, 0)))
        rows[column] = rows.get(column, 0) + 1
    return FlowPanel(
        columns=max(columns.values()) + 1, rows=max(rows.values()), stages=tuple(stages), links=tuple(links)
    )


def _stage(name: str, health: StageHealth | None, column: int, row: int) -> StagePanel:
    return StagePanel(
        stage=name, does=STAGES[name].does, status=health.status if health else "idle",
        due=health.due if health else 0, last_step_ms=health.last_step_ms if health else 0,
        oldest_due_ms=health.oldest_due_ms if health else 0, column=column, row=row,
    )  # fmt: skip


def _links() -> list[LinkPanel]:
    """Stages stand in the topology in the order of the flow: what runs to an earlier one runs back."""
    order = {name: position for position, name in enumerate(STAGES)}
    links = []
    for source, producing in STAGES.items():
        for target, consuming in STAGES.items():
            topics = tuple(topic for topic in producing.produces if topic in consuming.topics and _drawn(topic))
            if topics and source != target:
                back = order[target] < order[source]
                links.append(LinkPanel(source=source, target=target, topics=topics, back=back))
    return links


def _drawn(topic: str) -> bool:
    return topic not in (RELEASES, NOTICES)


def _columns(links: list[LinkPanel]) -> dict[str, int]:
    """How many hops a stage is from the outside, along the longest way."""
    columns: dict[str, int] = {}
    for name in STAGES:
        before = [columns[link.source] for link in links if link.target == name and not link.back]
        columns[name] = max(before, default=-1) + 1
    return columns
