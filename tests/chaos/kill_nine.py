"""Real processes killed with SIGKILL under load, on Google's Pub/Sub and Firestore emulators.

    python -m tests.chaos.kill_nine [signals] [kills] [seed]

Every stage is a process of its own behind functions-framework; webhooks trade on a paper account and, through the real
ccxt client, at a simulated venue over HTTP. Stages drawn from the seed are killed at times drawn from it and started
again at once. After calm nothing may be lost, doubled or left without an end, and ledger, accounts and venues agree.
Prints what came of it as one JSON object; exits with 1 when something broke. Takes minutes, so only a short form of it
is a test (tests/e2e/test_kill_nine.py). When something dies is the machine's to say: a seed does not replay a run.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from fluxfloor.errors import Misconfigured
from fluxfloor.topology import STAGES

from tests.support import process_outcome, process_room
from tests.support.process_room import ProcessRoom, Senders

SIGNALS_PER_S = 1.0
CALM_S = 240.0  # the longest that everything gets to come to its end: a blind venue, its leases and its timers
MORE_OFTEN = ("execution", "execution", "cerebro", "reconciliation")  # killed more often: what must not be half done


def play(
    signals: int, kills: int, seed: int = 1, stages: Sequence[str] = tuple(STAGES), per_s: float = SIGNALS_PER_S
) -> dict[str, Any]:
    """Figures and violations. Call it from the main thread."""
    random, began = Random(seed), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        with process_room.process_room(Path(folder), tuple(stages), seed) as room:
            senders = Senders(room.floor.stages["ingestion"].url)
            threads = senders.start(process_room.plan(random, signals, signals / per_s))
            killed = _storm(room, random, kills, signals / per_s, threads)
            calmed_s, outcome = _calm(room, senders)
            found = {
                "webhooks": len(senders.answered) + len(senders.unanswered), **process_room.figures_of(senders),
                "kills": killed.total(), "killed": dict(killed), "deliveries_that_failed": room.pushing.failed,
                **process_outcome.figures(outcome),
                "violations": violations(outcome, senders), "calm_s": round(calmed_s, 1),
                "wall_s": round(time.monotonic() - began, 1),
            }  # fmt: skip
            groups = room.groups
        left = process_room.living(groups)
        found["violations"] += [f"a process outlived its floor: {command}" for command in left]
    return found


def violations(outcome: process_outcome.Outcome, senders: Senders) -> list[str]:
    return [*process_outcome.check(outcome), *(f"webhook {mark} was never answered" for mark in senders.unanswered)]


def _storm(
    room: ProcessRoom, random: Random, kills: int, seconds: float, threads: list[threading.Thread]
) -> Counter[str]:
    """Kills at random times of the load; what was killed is started again at once, ready or not. Bars and quotes go
    on, and so do the sweeps, only more often than in a real minute."""
    began, killed = time.monotonic(), Counter[str]()
    times = sorted(random.uniform(0, seconds) for _ in range(kills))
    victims = [*room.floor.stages, *MORE_OFTEN]
    pulled_s = 0.0
    while times or any(thread.is_alive() for thread in threads):
        now_s = time.monotonic() - began
        if times and now_s >= times[0]:
            times.pop(0)
            victim = random.choice(victims)
            room.restart(victim)
            killed[victim] += 1
        if now_s >= pulled_s:
            pulled_s = now_s + 15.0
            threading.Thread(target=_tick_all, args=(room,), daemon=True).start()
        time.sleep(0.05)
    return killed


def _tick_all(room: ProcessRoom) -> None:
    """As Cloud Scheduler does; a stage that is down misses its tick."""
    for name in room.floor.stages:
        for schedule in STAGES[name].schedules:
            if schedule.job in ("sweep", "pull"):
                with suppress(OSError):
                    room.floor.tick(name, schedule.job)


def _calm(room: ProcessRoom, senders: Senders) -> tuple[float, process_outcome.Outcome]:
    """Until nothing is wrong any more, or for as long as it is allowed to take."""
    began = time.monotonic()
    room.wait_until_ready()
    while True:
        _tick_all(room)
        outcome = process_outcome.read(room, senders.answered)
        spent_s = time.monotonic() - began
        if spent_s >= CALM_S or not process_outcome.check(outcome):
            return spent_s, outcome
        time.sleep(2.0)


def main(signals: int = 300, kills: int = 60, seed: int = 1) -> int:
    try:
        found = play(signals, kills, seed)
    except Misconfigured as problem:
        print(problem, file=sys.stderr)
        return 2
    print(json.dumps(found))
    return 1 if found["violations"] else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
