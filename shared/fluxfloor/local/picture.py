"""The floor as a Mermaid picture, drawn from the topology; the README holds its output."""

from __future__ import annotations

from fluxfloor.topology import RELEASES, STAGES, TOPICS, subscribers

NOTICES = "risks.raised"  # stated by almost every stage: drawn once


def mermaid() -> str:
    """Stages as boxes, a topic as a rounded node between who states it and who hears it."""
    lines = ["flowchart LR", "    senders([webhooks]) --> ingestion", "    exchange([exchange]) --> market"]
    for topic in TOPICS:
        producers = [stage.name for stage in STAGES.values() if topic in stage.produces]
        if topic in (RELEASES, NOTICES) or not producers:
            continue
        lines.append(f"    {' & '.join(producers)} --> {_node(topic)} --> {' & '.join(subscribers(topic))}")
    lines.append(f"    every([every stage]) -.-> {_node(NOTICES)} -.-> {' & '.join(subscribers(NOTICES))}")
    lines += ["    execution <--> venue([venue])", "    venue -.-> reconciliation", "    people([people]) <--> api"]
    lines.append("    classDef topic fill:none,stroke-dasharray:3 3")
    lines.append(f"    class {','.join(_id(topic) for topic in TOPICS if topic != RELEASES)} topic")
    return "\n".join(lines)


def _id(topic: str) -> str:
    return topic.replace(".", "_")


def _node(topic: str) -> str:
    return f"{_id(topic)}({topic})"
