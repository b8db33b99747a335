"""One side of a row: a process that makes its work ready once and runs it whenever it is told to.

    python worker.py ours FILE:ROW ARRAYS      a row of rows/FILE.py
    python worker.py FILE.py - ARRAYS          a peer's side

A peer's side runs in the peers' venv, so this file imports nothing of ours unless it is our side. Orders come as lines
of JSON on stdin; answers leave on the real stdout, which the work itself cannot write to.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

Work = dict[str, Callable[[Any], Any]]


def our_side(place: str) -> Work:
    from fluxfloor.bench.rows import row_of

    row = row_of(*place.split(":"))
    return {"prepare": row.prepared or (lambda arrays: arrays), "run": row.ours, "floor": row.floor or row.ours}


def peers_side(path: str) -> Work:
    found = runpy.run_path(path)
    return {"prepare": found.get("prepare", lambda arrays: arrays), "run": found["run"]}


def timed(work: Callable[[Any], Any], given: Any, calls: int) -> list[float]:
    """Seconds of each call. A result is let go before the next call, so every call allocates anew."""
    seconds = []
    for _ in range(calls):
        begun = time.perf_counter()
        result = work(given)
        seconds.append(time.perf_counter() - begun)
        del result
    return seconds


def save(result: Any, folder: Path) -> None:
    members = list(result.values()) if isinstance(result, dict) else result
    if not isinstance(members, (tuple, list)):
        members = [members]
    folder.mkdir(exist_ok=True)
    for place, member in enumerate(members):
        np.save(folder / f"{place:03}.npy", np.asarray(member))


def answer(order: dict[str, Any], work: Work, given: Any) -> Any:
    if order["do"] == "time":
        return timed(work[order["work"]], given, order["calls"])
    if order["do"] == "save":
        return save(work["run"](given), Path(order["folder"]))
    return {name: version(name) for name in order["packages"]}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    side, place, folder = sys.argv[1:4]
    arrays = {path.stem: np.load(path) for path in sorted(Path(folder).glob("*.npy"))}
    work = our_side(place) if side == "ours" else peers_side(side)
    given = work["prepare"](arrays)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line), work, given)), file=answers, flush=True)


if __name__ == "__main__":
    main()
