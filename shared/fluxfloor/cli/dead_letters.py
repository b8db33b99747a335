"""`fluxfloor dead-letters`: what stages could not handle in all their attempts, and putting it back."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fluxfloor.cli import show
from fluxfloor.topology import STAGES

if TYPE_CHECKING:
    from fluxfloor.ports import DeadLetter, DeadLetters

PROJECT_VARIABLE = "GOOGLE_CLOUD_PROJECT"
LONGEST_REASON = 200


def dead_letters(
    stage: Annotated[str | None, typer.Option(help="Only what this stage gave up.")] = None,
    put_back: Annotated[bool, typer.Option("--put-back", help="Have them delivered again.")] = False,
    project: Annotated[
        str | None, typer.Option(help=f"The floor in this Google project; else what {PROJECT_VARIABLE} names.")
    ] = None,
    directory: Annotated[Path | None, typer.Option(help="The embedded floor in this folder.")] = None,
    most: Annotated[int, typer.Option(min=1, help="Of each stage.")] = 1_000,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list.")] = False,
) -> None:
    """List the messages that a stage could not handle in all its attempts; --put-back has them delivered again.

    In the cloud a message goes back to its topic, and so to every subscriber. That is harmless: a stage that has
    decided it finds its claim and only acknowledges it. What can't be read, or is too old for that, is left and said.
    """
    stages, floor = _stages(stage), _floor(project, directory)
    found = floor.put_back(stages, most) if put_back else floor.dead(stages, most)
    if as_json:
        typer.echo(json.dumps([_record(letter, put_back) for letter in found]))
    else:
        _tell(found, put_back, most)
    if put_back and any(letter.stays for letter in found):
        raise typer.Exit(1)


def _stages(wanted: str | None) -> list[str]:
    """Those that messages are brought to."""
    consuming = [stage.name for stage in STAGES.values() if stage.consumes]
    if wanted is None:
        return consuming
    if wanted not in consuming:
        raise typer.BadParameter(f"{wanted!r} is none of {', '.join(consuming)}", param_hint="--stage")
    return [wanted]


def _floor(project: str | None, directory: Path | None) -> DeadLetters:
    if project and directory:
        raise typer.BadParameter("--project is a floor in the cloud, --directory one on this machine: name one of them")
    if directory is not None:
        return _embedded(directory)
    project = project or os.environ.get(PROJECT_VARIABLE)
    if not project:
        raise typer.BadParameter(f"name a floor with --project (or {PROJECT_VARIABLE}) or --directory")
    from fluxfloor.adapters.google.dead_letters import PubSubDeadLetters
    from fluxfloor.runtime.clock import SystemClock

    return PubSubDeadLetters.connect(project, SystemClock())


def _embedded(directory: Path) -> DeadLetters:
    """Its floor may be running: both take the file in turns."""
    from fluxfloor.adapters.embedded.bus import EmbeddedBus
    from fluxfloor.adapters.embedded.sqlite import repeatable
    from fluxfloor.errors import Misconfigured
    from fluxfloor.runtime.clock import SystemClock

    path = directory / "bus.db"
    if not path.is_file():
        raise Misconfigured(f"{directory} holds no floor: there is no bus.db in it")
    with repeatable(str(path)):
        return EmbeddedBus(path, SystemClock(), routes=())


def _record(letter: DeadLetter, put_back: bool) -> dict[str, Any]:
    delivery = letter.delivery
    return {
        "stage": letter.stage, "subscription": delivery.subscription, "published": _iso(letter.published_ms),
        "type": delivery.attributes.get("type", ""), "event_id": delivery.attributes.get("event_id", ""),
        "ordering_key": letter.ordering_key, "attempts": delivery.attempt, "message_id": delivery.message_id,
        "put_back": put_back and not letter.stays, "stays": letter.stays,
    }  # fmt: skip


def _tell(found: Sequence[DeadLetter], put_back: bool, most: int) -> None:
    seen = Counter(letter.stage for letter in found)
    for stage, count in seen.items():
        _say(f"{stage}  {count} dead {'letter' if count == 1 else 'letters'}")
        for letter in found:
            if letter.stage == stage:
                _say(f"    {_line(letter)}")
    stay = sum(bool(letter.stays) for letter in found)
    _say(
        f"{len(found)} seen, {f'{len(found) - stay} put back' if put_back else f'{len(found) - stay} can be put back'}"
    )
    if full := [stage for stage, count in seen.items() if count >= most]:
        _say(f"there may be more of {', '.join(full)}: see --most")


def _line(letter: DeadLetter) -> str:
    record = _record(letter, put_back=False)
    attempts = f"{record['attempts'] or 'unknown'} attempts"
    key = f"key {letter.ordering_key}" if letter.ordering_key else "no key"
    names = record["published"], record["type"] or "no type", record["event_id"] or "no event id"
    stays = f"stays: {' '.join(letter.stays.split())[:LONGEST_REASON]}" if letter.stays else ""
    return "  ".join(filter(None, (*names, key, attempts, record["subscription"], stays)))


def _say(text: str) -> None:
    show.console.print(text, highlight=False, markup=False, soft_wrap=True)


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
