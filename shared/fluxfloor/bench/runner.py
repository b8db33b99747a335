"""Two processes take turns on the same input: ours, the peer's, ours, the peer's …

A shared machine slows down and speeds up from second to second, so single times say little; the ratio of two turns
next to each other says much. What is reported is the median of those ratios and how far they spread. Both sides are
told to use as many threads as the row allows (one, mostly) and to compile for the CPU target that ships; the first
call of each side (imports, compilation or the compile cache) is reported apart and not part of a turn. That both sides
compute the same is checked in every run, before a clock starts.

How to add a row: write `rows/<work>.py` with `ROWS = (Row(...), ...)` (see `row.py`), with

    prepare() -> {"close": array, ...}     the input, seeded; both sides get it as .npy files
    ours(given) -> array(s)                our side
    peer="talib_suite"                     peers/talib_suite.py: run(given) -> the same arrays, imports nothing of ours;
                                           or "interpreted", or nothing where there is nobody to compare with
    same(ours, peers)                      raises AssertionError unless the results agree (default: all to 1e-9)
    aims=(faster(3.0), ...)                what we promise

and if the peer is a new package, add it to `peers.in` and run scripts/lock. Nothing else has to know of it.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fluxfloor.bench.row import Aim, Arrays, Outputs, Row
from fluxfloor.bench.rows import all_rows, file_of
from fluxfloor.bench.venv import peers_python
from fluxfloor.errors import InvariantBroken, Misconfigured
from fluxfloor.kernels._build import CPU_FEATURES, CPU_NAME

WORKER = Path(__file__).with_name("worker.py")
PEERS = Path(__file__).with_name("peers")
OURS = ("numba", "numpy")
TURN_S = 0.02
TURNS = (5, 41)
"""At least and at most so many turns of each side."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A row as it came out. Times in ms are medians of warm calls; `ratio` is the peer's time over ours."""

    name: str
    work: str
    peer: str
    turns: int
    ours_ms: float
    first_answer_s: float
    peer_ms: float | None = None
    peer_first_answer_s: float | None = None
    ratio: float | None = None
    ratio_range: tuple[float, float] | None = None
    floor_ms: float | None = None
    times_floor: float | None = None
    times_floor_range: tuple[float, float] | None = None
    versions: dict[str, str] = field(default_factory=dict)
    aims: list[dict[str, Any]] = field(default_factory=list)
    note: str = ""

    @property
    def met(self) -> bool:
        return all(aim["met"] for aim in self.aims)


class Side:
    """A worker process and the line to it."""

    def __init__(self, command: Sequence[str], environment: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as errors:
            self.process = subprocess.Popen(
                command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            )

    def ask(self, do: str, **order: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            print(json.dumps({"do": do, **order}), file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise Misconfigured(f"a side of the bench died: {self.log.read_text(errors='replace').strip()[-1500:]}")
        return json.loads(line)

    def time(self, work: str, calls: int) -> float:
        """The median of so many calls, in seconds."""
        seconds: list[float] = self.ask("time", work=work, calls=calls)
        return statistics.median(seconds)

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


def environment(threads: int, interpreted: bool = False) -> dict[str, str]:
    """What both sides are told: the threads they may use and the CPU they compile for."""
    told = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    target = {"NUMBA_CPU_NAME": CPU_NAME, "NUMBA_CPU_FEATURES": CPU_FEATURES, "NUMBA_NUM_THREADS": str(threads)}
    plain = {"NUMBA_DISABLE_JIT": "1"} if interpreted else {}
    return {**os.environ, **told, **target, **plain, "PYTHONWARNINGS": "ignore"}


@contextmanager
def opened(row: Row, arrays: Arrays, scratch: Path) -> Iterator[tuple[dict[str, Side], dict[str, float]]]:
    """Both sides after their first answer, and how many seconds each took to it from the start of its process."""
    inputs = scratch / "arrays"
    inputs.mkdir()
    for name, values in arrays.items():
        np.save(inputs / f"{name}.npy", values)
    commands = {"ours": [sys.executable, str(WORKER), "ours", f"{file_of(row)}:{row.name}", str(inputs)]}
    if row.peer == "interpreted":
        commands["peer"] = commands["ours"]
    elif row.peer:
        commands["peer"] = [str(peers_python()), str(WORKER), str(PEERS / f"{row.peer}.py"), "-", str(inputs)]
    sides: dict[str, Side] = {}
    firsts_s: dict[str, float] = {}
    try:
        for name, command in commands.items():
            told = environment(row.threads, interpreted=name == "peer" and row.peer == "interpreted")
            begun = time.perf_counter()
            sides[name] = Side(command, told, scratch / f"{name}.log")
            sides[name].ask("time", work="run", calls=1)
            firsts_s[name] = time.perf_counter() - begun
        yield sides, firsts_s
    finally:
        for side in sides.values():
            side.close()


def outputs(side: Side, folder: Path) -> Outputs:
    side.ask("save", folder=str(folder))
    return [np.load(path) for path in sorted(folder.glob("*.npy"))]


def take_turns(contestants: dict[str, tuple[Side, str]], seconds: float) -> dict[str, list[float]]:
    """Each one's seconds per call, turn by turn, everybody once a turn. A turn of a quick one is many calls."""
    calls = {name: max(1, round(TURN_S / side.time(work, 1))) for name, (side, work) in contestants.items()}
    times: dict[str, list[float]] = {name: [] for name in contestants}
    least, most = TURNS
    begun, turn = time.monotonic(), 0
    while turn < least or (turn < most and time.monotonic() - begun < seconds):
        for name, (side, work) in contestants.items():
            times[name].append(side.time(work, calls[name]))
        turn += 1
    return times


def paired(above: list[float], below: list[float]) -> tuple[float, tuple[float, float]]:
    """The median of the ratios of neighbouring turns, with the least and the greatest."""
    ratios = [one / other for one, other in zip(above, below, strict=True)]
    return statistics.median(ratios), (min(ratios), max(ratios))


def measure(row: Row) -> Measured:
    """Runs one row. Raises InvariantBroken where the sides disagree: a faster wrong answer is not a figure."""
    with tempfile.TemporaryDirectory(prefix="fluxfloor-bench-") as folder:
        scratch = Path(folder)
        with opened(row, row.prepare(), scratch) as (sides, firsts_s):
            if row.peer:
                try:
                    row.same(outputs(sides["ours"], scratch / "ours"), outputs(sides["peer"], scratch / "peer"))
                except AssertionError as differ:
                    raise InvariantBroken(f"{row.name}: the sides do not agree: {differ}") from differ
            contestants = {name: (side, "run") for name, side in sides.items()}
            if row.floor:
                contestants["floor"] = (sides["ours"], "floor")
            versions = sides["ours"].ask("versions", packages=OURS)
            if row.packages:
                versions |= sides["peer"].ask("versions", packages=row.packages)
            return judged(row, take_turns(contestants, row.seconds), firsts_s, versions)


def judged(row: Row, times: dict[str, list[float]], firsts_s: dict[str, float], versions: dict[str, str]) -> Measured:
    """The figures of a row, held against its aims."""
    found: dict[str, Any] = {
        "ours_ms": statistics.median(times["ours"]) * 1e3,
        "first_answer_s": firsts_s["ours"],
    }
    if "peer" in times:
        found["peer_ms"] = statistics.median(times["peer"]) * 1e3
        found["peer_first_answer_s"] = firsts_s["peer"]
        found["ratio"], found["ratio_range"] = paired(times["peer"], times["ours"])
    if "floor" in times:
        found["floor_ms"] = statistics.median(times["floor"]) * 1e3
        found["times_floor"], found["times_floor_range"] = paired(times["ours"], times["floor"])
    aims = [{"aim": aim.words(), "met": aim.met(found[aim.figure])} for aim in row.aims]
    peer = ", ".join(f"{name} {versions[name]}" for name in row.packages) or row.peer
    told: dict[str, Any] = {"turns": len(times["ours"]), "versions": versions, "aims": aims, "note": row.note}
    return Measured(row.name, row.work, peer, **told, **found)


def chosen(names: Sequence[str]) -> list[Row]:
    """The rows of those names, or whose name starts with one; all without any."""
    rows = [row for row in all_rows() if not names or any(row.name.startswith(name) for name in names)]
    if not rows:
        raise Misconfigured(f"no row is called {', '.join(names)}; there are {', '.join(r.name for r in all_rows())}")
    return rows


def run(rows: Sequence[Row], each: Callable[[int, int], None] = lambda done, of: None) -> dict[str, Any]:
    """Measures one after the other. Returns what --json prints."""
    measured = []
    for done, row in enumerate(rows):
        each(done, len(rows))
        found = measure(row)
        measured.append({**asdict(found), "met": found.met})
    return {"target": CPU_NAME, "cores": os.cpu_count(), "python": sys.version.split()[0], "rows": measured}


__all__ = ["Aim", "Measured", "chosen", "environment", "judged", "measure", "paired", "run", "take_turns"]
