"""The floor as a Mermaid picture, drawn from the topology; the README holds its output."""

from __future__ import annotations

from fluxfloor.topology import STAGES, TOPICS, subscribers


def mermaid() -> str:
    """Stages as boxes, topics on the arrows. Releases of quarantined messages, which all stages hear, are left out."""
    lines = ["flowchart LR", "    people([people's webhooks]) --> ingestion", "    exchange([exchange]) --> market"]
    lines += [f"    {stage.name}[{stage.name}]" for stage in STAGES.values()]
    for topic in TOPICS:
        if topic == "quarantines.released":
            continue
        for producer in (stage.name for stage in STAGES.values() if topic in stage.produces):
            for consumer in subscribers(topic):
                lines.append(f"    {producer} -- {topic} --> {consumer}")
    lines += ["    execution <--> venue([venue])", "    reconciliation --- venue", "    browser([people]) <--> api"]
    return "\n".join(lines)
