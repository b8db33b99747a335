"""`fluxfloor chaos`: the real stages through seeded storms, and every invariant after each of them."""

from __future__ import annotations

import json
import logging
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from fluxfloor.cli import show
from fluxfloor.errors import Misconfigured

if TYPE_CHECKING:
    from fluxfloor.local.chaos.campaign import Chunk
    from fluxfloor.local.chaos.play import Play, Result

SHOWN = 400  # lines of a history
PIECE = 25  # boundaries that one process is given at a time


def chaos(
    seeds: Annotated[str, typer.Option(help="A:B plays the seeds A to B-1.")] = "",
    seed: Annotated[int | None, typer.Option(help="Play this one only, and say what it broke.")] = None,
    history: Annotated[bool, typer.Option("--history", help="With --seed: all that happened, line by line.")] = False,
    webhooks: Annotated[str, typer.Option(help='With --seed: only these of its webhooks, "0,4" or "none".')] = "",
    people: Annotated[str, typer.Option(help="With --seed: only these acts of people.")] = "",
    outages: Annotated[str, typer.Option(help="With --seed: only these of its outages.")] = "",
    strikes: Annotated[str, typer.Option(help='With --seed: only these of its faults, "crash:12,stall:3".')] = "",
    crash_points: Annotated[
        bool, typer.Option("--crash-points", help="Kill a handler at every boundary of every short story.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, max=256, help="Processes that play.")] = 1,
    resume: Annotated[
        Path | None, typer.Option(help="Keep what is finished in this file, and leave out what it has of this code.")
    ] = None,
    table: Annotated[bool, typer.Option("--table", help="Only show what the --resume file has.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the histories and journals of failing seeds here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object as the last line.")] = False,
) -> None:
    """Play the real stages through crashes, duplicates, reordering, delays and a venue that fails, seed by seed."""
    if find_spec("greenlet") is None:
        raise Misconfigured("fluxfloor chaos needs greenlet: pip install greenlet, or install fluxfloor[dev]")
    if table:
        _table(resume, as_json)
    elif crash_points:
        _crash_points(jobs, as_json)
    elif seed is not None:
        _one(_how(seed, webhooks, people, outages, strikes), history, out, as_json)
    else:
        _range(_seeds(seeds), jobs, resume, out, as_json)


def _seeds(text: str) -> range:
    first, colon, end = text.partition(":")
    try:
        found = range(int(first), int(end))
    except ValueError:
        found = range(0)
    if not colon or not found or found.start < 0:
        raise typer.BadParameter(f"{text!r} is not A:B with 0 <= A < B", param_hint="--seeds")
    return found


# --- a range -----------------------------------------------------------------------------------------------------


def _range(seeds: range, jobs: int, resume: Path | None, out: Path | None, as_json: bool) -> None:
    from fluxfloor.local.chaos import campaign, progress, rules

    code, finished = campaign.code_version(), list[Any]()
    earlier = [chunk for chunk in progress.load(resume) if chunk.code == code] if resume else []
    todo = list(campaign.chunks(seeds, earlier))
    started = time.perf_counter()
    with show.progress("playing seeds", quiet=as_json) as advance:

        def keep(chunk: Chunk) -> None:
            finished.append(chunk)
            if resume is not None and chunk.seeds:
                progress.add(resume, chunk)
            advance(sum(item.seeds for item in finished), sum(end - first for first, end in todo))

        whole = campaign.run(todo, jobs, keep)
    wall_s = time.perf_counter() - started
    told = {**progress.summed(finished), "wall_s": round(wall_s, 1), "jobs": jobs, "code": code}
    told["skipped"] = len(seeds) - sum(end - first for first, end in todo)
    told["interrupted"] = not whole
    told["invariants"] = rules.counted(text for broken in told["violations"] for text in broken["broke"])
    told["violations"] = [_shrunk(broken, out, as_json) for broken in told["violations"]]
    _tell(told, as_json)
    if told["violations"]:
        raise typer.Exit(1)
    if not whole:
        raise typer.Exit(130)


def _shrunk(broken: dict[str, Any], out: Path | None, as_json: bool) -> dict[str, Any]:
    """With the shortest history that was found, and what plays it again."""
    from fluxfloor.local.chaos import shrinking

    logging.disable(logging.CRITICAL)  # hundreds of plays, each with all that the stages have to say
    found = shrinking.shrink(broken["seed"])
    lines = found.result.history
    if not as_json:
        _print_result(found.result, SHOWN)
        show.console.print(f"replay: {found.command}", soft_wrap=True, highlight=False)
    if out is not None:
        _write(out, found.play, found.result)
    return {
        **broken, "shortest": found.result.violations, "strikes": found.result.struck, "replay": found.command,
        "plays": found.plays, "history": lines[-SHOWN:],
    }  # fmt: skip


# --- one seed ----------------------------------------------------------------------------------------------------


def _one(how: Play, history: bool, out: Path | None, as_json: bool) -> None:
    from fluxfloor.local.chaos import campaign, playing, rules

    campaign.warm()
    started = time.process_time()
    found = playing.play(how)
    cpu_s = time.process_time() - started
    if out is not None:
        _write(out, how, found)
    if not as_json:
        _print_result(found, None if history else 0)
    told = {
        "seed": how.seed, "seeds": 1, "steps": found.steps, "handled": found.handled, "faults": found.faults,
        "strikes": found.struck, "violations": found.violations, "invariants": rules.counted(found.violations),
        "cpu_s": round(cpu_s, 3), **({"history": found.history} if history and as_json else {}),
    }  # fmt: skip
    _tell(told, as_json)
    if found.violations:
        raise typer.Exit(1)


def _how(seed: int, webhooks: str, people: str, outages: str, strikes: str) -> Play:
    from fluxfloor.local.chaos.play import Only, Play
    from fluxfloor.local.chaos.playing import play, story_of

    if not (webhooks or people or outages or strikes):
        return Play(seed)
    given = story_of(Play(seed))
    struck = _listed(strikes) if strikes else play(Play(seed)).struck
    only = Only(
        frozenset(struck), _numbers(webhooks, len(given.webhooks), "--webhooks"),
        _numbers(people, len(given.people), "--people"), _numbers(outages, len(given.outages), "--outages"),
    )  # fmt: skip
    return Play(seed, only=only)


def _listed(text: str) -> list[str]:
    return [] if text == "none" else [part.strip() for part in text.split(",") if part.strip()]


def _numbers(text: str, count: int, option: str) -> frozenset[int]:
    if not text:
        return frozenset(range(count))
    try:
        found = frozenset(int(part) for part in _listed(text))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a list of numbers", param_hint=option) from None
    if found - frozenset(range(count)):
        raise typer.BadParameter(f"this seed has {count} of them, from 0 on", param_hint=option)
    return found


def _print_result(found: Result, lines: int | None) -> None:
    for line in found.history if lines is None else found.history[-lines:] if lines else ():
        typer.echo(line)
    for text in found.violations:
        show.console.print(f"[red]broken[/red] {text}", soft_wrap=True, highlight=False)


def _write(out: Path, how: Play, found: Result) -> None:
    from fluxfloor.local.chaos.playing import journal

    out.mkdir(parents=True, exist_ok=True)
    text = [*found.history, *(f"broken: {broken}" for broken in found.violations)]
    (out / f"seed-{found.seed}.txt").write_text("\n".join(text) + "\n", encoding="utf-8")
    (out / f"seed-{found.seed}.journal").write_bytes(journal(how)[0])


# --- crash points ------------------------------------------------------------------------------------------------


def _crash_points(jobs: int, as_json: bool) -> None:
    from fluxfloor.local.chaos import campaign
    from fluxfloor.local.chaos.crash_points import boundaries
    from fluxfloor.local.chaos.flows import FLOWS

    campaign.warm()
    started = time.perf_counter()
    counts = {flow: boundaries(flow) for flow in FLOWS}
    pieces = [
        (flow, range(first, min(first + PIECE, count + 1)), count)
        for flow, count in counts.items()
        for first in range(1, count + 1, PIECE)
    ]
    done = list[Any]()
    with show.progress("killing handlers", quiet=as_json) as advance:

        def keep(piece: Any) -> None:
            done.append(piece)
            advance(len(done), len(pieces))

        whole = campaign.crash_all(pieces, jobs, keep)
    killed = {flow: sum(item.killed for item in done if item.flow == flow) for flow in counts}
    violations = [broken for item in done for broken in item.violations]
    told = {
        "flows": {flow: {"boundaries": count, "killed": killed[flow]} for flow, count in counts.items()},
        "boundaries": sum(counts.values()), "killed": sum(killed.values()), "steps": sum(item.steps for item in done),
        "violations": violations, "wall_s": round(time.perf_counter() - started, 1), "interrupted": not whole,
    }  # fmt: skip
    _tell(told, as_json)
    if violations:
        raise typer.Exit(1)
    if not whole:
        raise typer.Exit(130)


# --- showing -----------------------------------------------------------------------------------------------------


def _table(resume: Path | None, as_json: bool) -> None:
    from fluxfloor.local.chaos import progress

    if resume is None:
        raise typer.BadParameter("--table shows what a --resume file has", param_hint="--table")
    chunks = progress.load(resume)
    rows = progress.table(chunks)
    if as_json:
        typer.echo(json.dumps({"versions": rows, "all": progress.summed(chunks)}))
        return
    shown = Table("code", "seeds", "ranges", "steps", "faults", "violations", "steps/s per core", title=str(resume))
    for row in rows:
        faults = sum(row["faults"].values())
        cells = (row["seeds"], row["ranges"], row["steps"], faults, len(row["violations"]), row["steps_per_s_per_core"])
        shown.add_row(row["code"], *map(str, cells))
    show.console.print(shown)


def _tell(told: dict[str, Any], as_json: bool) -> None:
    if not as_json:
        brief = {name: value for name, value in told.items() if name not in ("violations", "strikes", "history")}
        show.report({**brief, "violations": len(told["violations"])})
        return
    typer.echo(json.dumps(told))
