"""Counts what one signal, one bar and one run of each job ask of the ports, in a short play of the packaged sample.

Each cause is played alone, so that its share is its own: runs that find nothing, bars that nobody trades on, then
webhooks that enter and leave. Processor time and waiting for a venue can't be counted; those stay the design's.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fluxfloor.errors import InvariantBroken
from fluxfloor.local.counting import CountingFloor, Operations
from fluxfloor.local.demo import demo_settings, instrument_of, open_recorded, sample
from fluxfloor.local.replay import SETTLE_MS, Replay
from fluxfloor.local.webhooks import DEMO_SENDER, RecordedWebhook
from fluxfloor.reporting.operations import BAR, DAILY_BAR, SIGNAL, WATCHED_BAR, Counts, OperationCounts, by_design
from fluxfloor.runtime.settings import Settings

SYMBOL, TIMEFRAME, HOUR_MS = "EUR/USD", "1h", 3_600_000
WARM_UP_BARS, ROUND_TRIPS = 130, 8
PULL = "market/pull"


def measured() -> Counts:
    """Cause -> stage -> counts for one of it. Raises InvariantBroken where the play was not what it should be."""
    with TemporaryDirectory() as folder:
        replay = _open(Path(folder))
        try:
            return _with_design(_count(replay, replay.floor))  # type: ignore[arg-type]
        finally:
            replay.close()


def _open(directory: Path) -> Replay:
    bars, _ = sample()
    settings = _without_strategies(demo_settings(SYMBOL, TIMEFRAME, 8080))
    rules = instrument_of(SYMBOL, bars, settings.market.exchange, settings.paper.fee)
    return open_recorded(directory, settings, rules, TIMEFRAME, bars, "", "no webhooks", CountingFloor)


def _without_strategies(settings: Settings) -> Settings:
    return settings.model_copy(update={"strategies": {}})


def _count(replay: Replay, floor: CountingFloor) -> dict[str, dict[str, Operations | OperationCounts]]:
    replay.begin()
    opens = sorted({int(open_ms) for open_ms in replay.recording.bars[:, 0]})
    closes = [open_ms + HOUR_MS + SETTLE_MS for open_ms in opens]
    for at_ms in closes[:WARM_UP_BARS]:
        _bar(replay, at_ms)
    last_ms = closes[WARM_UP_BARS - 1]
    for third in (0, 1):  # the first runs of jobs make what later ones find
        _idle(replay, last_ms + third * HOUR_MS // 3)
    idle = _filed(floor, lambda: _idle(replay, last_ms + 2 * HOUR_MS // 3))
    counts: dict[str, dict[str, Any]] = {cause: _each(stages, 1) for cause, stages in idle.items()}
    later = closes[WARM_UP_BARS : WARM_UP_BARS + 2 * ROUND_TRIPS]
    played = _filed(floor, lambda: _signals(replay, later))
    counts[SIGNAL] = _each(played[SIGNAL], len(later))
    counts[BAR] = _less(_each(played[PULL], len(later)), counts[PULL])
    return counts


def _filed(floor: CountingFloor, play: Callable[[], object]) -> dict[str, dict[str, Operations]]:
    """What was counted while it played, by cause."""
    floor.tally.handled.clear()
    play()
    return floor.tally.by_cause()


def _bar(replay: Replay, at_ms: int) -> None:
    replay.floor.drain(until_ms=at_ms)
    replay.clock.advance_to(at_ms)
    replay.floor.tick("market", "pull", at_ms)
    replay.floor.drain()


def _idle(replay: Replay, at_ms: int) -> None:
    """Every job once, a minute apart, with nothing to find."""
    for number, (stage, job, _) in enumerate(replay.floor.schedules(), 1):
        moment = at_ms + number * 60_000
        replay.floor.drain(until_ms=moment)
        replay.clock.advance_to(moment)
        replay.floor.tick(stage, job, moment)
        replay.floor.drain()


def _signals(replay: Replay, closes: list[int]) -> None:
    for number, at_ms in enumerate(closes):
        _signal(replay, at_ms, number)


def _signal(replay: Replay, at_ms: int, number: int) -> None:
    """A bar, and a moment later a webhook that becomes an order: in turn one in and one out."""
    _bar(replay, at_ms)
    action = ("buy", "sell")[number % 2]
    body = {"id": f"measured-{number}", "ticker": "EURUSD", "strategy": "measured", "action": action}
    hook = RecordedWebhook(at_ms, DEMO_SENDER, json.dumps(body).encode(), "application/json", "demo-secret")
    sent = hook.send(replay.floor)
    if sent.status != 200:
        raise InvariantBroken(f"webhook {number} of the measured play was answered {sent.status} {sent.code}")
    replay.floor.drain(until_ms=at_ms + 60_000)


def _each(stages: dict[str, Operations], times: int) -> dict[str, OperationCounts]:
    return {stage: done.each(times) for stage, done in stages.items()}


def _less(stages: dict[str, OperationCounts], rest: dict[str, OperationCounts]) -> dict[str, OperationCounts]:
    none = OperationCounts()
    return {stage: done + rest.get(stage, none) * -1 for stage, done in stages.items()}


def _with_design(counts: dict[str, dict[str, Any]]) -> Counts:
    """What can't be counted is the design's: processor time, a venue's answer, and the bars of which the sample
    has none."""
    design = by_design()
    told = {cause: _timed(stages, design[cause]) for cause, stages in counts.items()}
    told.update((cause, design[cause]) for cause in (WATCHED_BAR, DAILY_BAR))
    missing = set(design) - set(told)
    if missing:
        raise InvariantBroken(f"the measured play never came to {', '.join(sorted(missing))}")
    return told


def _timed(counted: dict[str, OperationCounts], design: Any) -> dict[str, OperationCounts]:
    none = OperationCounts()
    return {
        stage: replace(done, cpu_ms=design.get(stage, none).cpu_ms, wait_ms=design.get(stage, none).wait_ms)
        for stage, done in counted.items()
    }
