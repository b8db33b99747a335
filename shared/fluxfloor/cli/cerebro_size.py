"""`fluxfloor cerebro size`: what Cerebro would do with one signal on one book, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeVar

import typer
from pydantic import BaseModel, ValidationError

from fluxfloor.errors import Misconfigured

M = TypeVar("M", bound=BaseModel)
EXAMPLES = Path(__file__).with_name("examples")
SIGNAL, BOOK = "signal.json", "book.json"


def size(
    signal: Annotated[Path | None, typer.Option(help="A scored signal, as JSON: signals.scored.v1.")] = None,
    book: Annotated[Path | None, typer.Option(help="Book, policy, instruments; days and weights if known.")] = None,
    example: Annotated[Path | None, typer.Option(help="Write an example of both files into this folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The whole decision as JSON.")] = False,
) -> None:
    """Size one signal against one book: print its waterfall. Nothing is ordered, nothing is kept."""
    if example is not None:
        _write_example(example)
        return
    if signal is None or book is None:
        raise Misconfigured("give --signal FILE and --book FILE; --example FOLDER writes one of each to start from")
    from fluxfloor.cerebro import asking, explain
    from fluxfloor.contracts.events import SignalScored
    from fluxfloor.contracts.sizing import SizingCase

    scored, case = _read(signal, SignalScored), _read(book, SizingCase)
    decision = asking.size(scored, case).decision
    if as_json:
        typer.echo(decision.model_dump_json())
        return
    for line in explain.waterfall(decision, asking.rules_of(case)):
        typer.echo(line)


def _read(path: Path, kind: type[M]) -> M:
    """Raises Misconfigured for what is no such thing, naming the first field that is wrong and why."""
    try:
        return kind.model_validate_json(path.read_bytes())
    except ValidationError as problem:
        first, more = problem.errors(include_url=False)[0], problem.error_count() - 1
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        rest = f", and {more} more" if more else ""
        raise Misconfigured(
            f"{path}: {where}: {first['msg']}{rest}; --example FOLDER shows what belongs there"
        ) from None


def _write_example(folder: Path) -> None:
    """A trend signal for ETH on a book that holds BTC; their days were drawn once, and are nobody's prices."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (SIGNAL, BOOK):
        (folder / name).write_bytes((EXAMPLES / name).read_bytes())
    typer.echo(f"fluxfloor cerebro size --signal {folder / SIGNAL} --book {folder / BOOK}")
