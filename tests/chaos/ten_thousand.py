"""10,000 signals, every webhook sent twice, every message delivered twice, and handlers killed at random.

    python -m tests.chaos.ten_thousand [signals] [seed]

Plays the real stages on the embedded floor under a virtual clock and prints what came of it as one JSON object; exits
with 1 when an invariant broke. Takes minutes, so no test run includes it.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections import Counter
from random import Random
from typing import Any

from fluxfloor.local import audit
from fluxfloor.local.chaos import scenario
from fluxfloor.local.chaos.play import Play, Result
from fluxfloor.local.chaos.scheduler import Simulation
from fluxfloor.local.chaos.weather import Odds

from tests.support.storms import played

STRATEGIES = 10
SIGNALS_PER_BAR = 60
LOOSE = {"daily_loss_halts": "1", "drawdown_halves": "1", "drawdown_flattens": "1"}  # nothing halts it half way
KILLED = 0.01  # of the boundaries that handlers come to: between one and two in twenty handlers die


def plan(signals: int, seed: int) -> scenario.Scenario:
    """Ten senders' strategies that enter and leave in turn, about one signal each two and a half minutes."""
    given = scenario.make(Random(seed), signals=0, bars=-(-signals // SIGNALS_PER_BAR))
    every_ms = (given.end_ms - given.begin_ms) // signals
    hooks = tuple(_hook(number, given.begin_ms + number * every_ms) for number in range(signals))
    return scenario.Scenario(given.bars, given.begin_ms, given.end_ms, hooks)


def _hook(number: int, at_ms: int) -> scenario.Webhook:
    turn, strategy = divmod(number, STRATEGIES)
    mark = f"w{number}w"
    body = {
        "secret": scenario.SECRET, "id": mark, "ticker": "BTCUSDT", "strategy": f"outside-{strategy}",
        "action": ("buy", "sell")[turn % 2], "quantity": "0.002", "expected_alpha": "0.5",
    }  # fmt: skip
    return scenario.Webhook(at_ms, json.dumps(body).encode(), mark)


def figures(simulation: Simulation, result: Result, wall_s: float) -> dict[str, Any]:
    store = simulation.floor.store
    decisions = Counter(
        fact["data"]["decision"]["reason"] for fact in audit.facts(store) if fact["type"] == "decisions.made.v1"
    )
    received = sum(fact["type"] == "signals.received.v1" for fact in audit.facts(store))
    orders = audit.rows(store, "orders")
    steps = len(audit.rows(store, "journal")) + len(audit.rows(store, "journal", "edge"))
    return {
        "webhooks": len(simulation.scenario.webhooks), "answered_200": len(simulation.answered),
        "signals": received, "decisions": dict(decisions), "orders": len(orders),
        "order_states": dict(Counter(order["state"] for order in orders)),
        "placements": simulation.witness.placed.total(), "fills": audit.count(store, "ledger", kind="fill"),
        "venue_fills": len(audit.rows(store, "paper_fills")), "handlers_run": result.steps,
        "handlers_killed": result.faults.get("crash", 0), "committed_steps": steps,
        "undelivered": simulation.floor.undelivered(), "ledger_balanced": audit.ledger_balanced(store),
        "halts": [halt["reason"] for halt in audit.rows(store, "halts")], "violations": result.violations[:20],
        "boundaries": result.boundaries, "wall_s": round(wall_s, 1),
        "committed_steps_per_s": round(steps / wall_s),
    }  # fmt: skip


def main(signals: int = 10_000, seed: int = 1) -> int:
    logging.disable(logging.CRITICAL)
    started = time.perf_counter()
    how = Play(seed, given=plan(signals, seed), odds=Odds(crash=KILLED), venue={}, limits=LOOSE, twice=True)
    with played(how) as (simulation, result):
        print(json.dumps(figures(simulation, result, time.perf_counter() - started)))
        return 1 if result.violations else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
