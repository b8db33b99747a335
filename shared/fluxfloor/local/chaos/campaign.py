"""Ranges of seeds, played in chunks on several processes; what is finished is kept, whatever comes after it."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cache
from hashlib import blake2b
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import fluxfloor
import functions
from fluxfloor.local.chaos.crash_points import Crashed, crashed
from fluxfloor.local.chaos.play import Play, Result
from fluxfloor.local.chaos.playing import play

CHUNK = 20
Stopped = Callable[[], bool]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Chunk:
    """What seeds `first` to `end` - 1 did, played by one version of the code."""

    first: int
    end: int
    steps: int = 0
    handled: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    violations: list[dict[str, Any]] = field(default_factory=list)
    wall_s: float = 0.0
    cpu_s: float = 0.0
    code: str = ""

    @property
    def seeds(self) -> int:
        return self.end - self.first

    def record(self) -> dict[str, Any]:
        return asdict(self)


@cache
def code_version() -> str:
    """A digest of all that a seed may run through: the package's source and the stages'."""
    state = blake2b(digest_size=6)
    for package in (fluxfloor, functions):
        home = Path(package.__path__[0])
        for path in sorted(home.rglob("*.py")):
            state.update(path.relative_to(home).as_posix().encode())
            state.update(path.read_bytes())
    return state.hexdigest()


def play_chunk(first: int, end: int, stopped: Stopped = lambda: False) -> Chunk:
    """Ends early, with the seeds played until then, when it is stopped."""
    started, cpu = time.perf_counter(), time.process_time()
    faults: Counter[str] = Counter()
    results: list[Result] = []
    for seed in range(first, end):
        if stopped():
            break
        results.append(play(Play(seed)))
        faults.update(results[-1].faults)
    broken = [{"seed": found.seed, "broke": found.violations} for found in results if found.violations]
    return Chunk(
        first, first + len(results), sum(found.steps for found in results), sum(found.handled for found in results),
        dict(sorted(faults.items())), broken, round(time.perf_counter() - started, 3),
        round(time.process_time() - cpu, 3), code_version(),
    )  # fmt: skip


def chunks(seeds: range, done: Iterable[Chunk]) -> Iterator[tuple[int, int]]:
    """What of the seeds is still to be played, in pieces."""
    played = {seed for chunk in done for seed in range(chunk.first, chunk.end)}
    first = None
    for seed in range(seeds.start, seeds.stop + 1):
        missing = seed < seeds.stop and seed not in played
        if first is not None and (not missing or seed - first == CHUNK):
            yield first, seed
            first = None
        if missing and first is None:
            first = seed


def run(todo: Sequence[tuple[int, int]], jobs: int, finished: Callable[[Chunk], None]) -> bool:
    """False when it was interrupted. Every chunk that was begun is finished, or cut short, and handed over."""
    with _stopping() as stopped:
        if jobs > 1:
            _beside(play_chunk, todo, jobs, finished, stopped)
            return not stopped()
        warm()
        for first, end in todo:
            finished(play_chunk(first, end, stopped))
            if stopped():
                break
        return not stopped()


def crash_all(pieces: Sequence[tuple[str, range, int]], jobs: int, finished: Callable[[Crashed], None]) -> bool:
    """The same for the boundaries of short stories: (story, boundaries, how many it has)."""
    with _stopping() as stopped:
        if jobs > 1:
            _beside(crashed, pieces, jobs, finished, stopped)
            return not stopped()
        for piece in pieces:
            if stopped():
                break
            finished(crashed(*piece))
        return not stopped()


def _beside(
    does: Callable[..., T], todo: Sequence[tuple[Any, ...]], jobs: int, finished: Callable[[T], None], stopped: Stopped
) -> None:
    context = multiprocessing.get_context("spawn")
    waiting, running = list(reversed(todo)), set[Future[T]]()
    with ProcessPoolExecutor(jobs, context, initializer=_worker) as pool:
        while running or (waiting and not stopped()):
            while waiting and len(running) < jobs and not stopped():
                running.add(pool.submit(does, *waiting.pop()))
            done, running = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
            for future in done:
                finished(future.result())


def warm() -> None:
    """Compiled code is loaded and what is needed for good is taken off the collector's mind, before the clock runs.
    It looks seldom: nearly all that a seed leaves is freed by counting, and looking often took a tenth of the time."""
    logging.disable(logging.CRITICAL)
    play(Play(0, signals=1))
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


def _worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process says when to stop
    warm()


@contextmanager
def _stopping() -> Iterator[Stopped]:
    """The first Ctrl-C asks to stop, the second does not ask."""
    asked = False

    def ask(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)
