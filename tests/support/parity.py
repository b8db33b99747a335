"""One strategy over the same bars twice: through the floor's real stages at zero latency, and through the fast path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.policy import PRESETS, Limits
from fluxfloor.features.noise import NoiseFilter
from fluxfloor.local import audit
from fluxfloor.local.replay import Recording, open_replay
from fluxfloor.local.webhooks import RecordedWebhook
from fluxfloor.measures.records import Run
from fluxfloor.runtime.settings import load
from fluxfloor.simulation import Costs, Settings, backtest
from fluxfloor.strategies import build

SECRETS = {"api-admin-password": "x", "api-admin-password-hash": "x", "api-session-key": "00" * 32}


@dataclass(frozen=True)
class Setup:
    """What both play. Fees and slippage are fractions."""

    plugin: str
    bars: np.ndarray
    rules: Instrument
    timeframe: str
    params: dict[str, float]
    preset: str = "kraken-mvp"
    limits: dict[str, Any] | None = None
    fee: str = "0.0002"
    slippage_bps: str = "1"
    opening: int = 10_000
    noise: dict[str, float] | None = None  # the filter's settings, if it stands before entries


class ButTheLast(Recording):
    """The last bar gives only a quote: what it would decide has no next open to fill at."""

    def moments(self) -> Iterator[tuple[int, RecordedWebhook | None]]:
        yield from list(super().moments())[:-1]


def real(setup: Setup, directory: Path) -> tuple[list[tuple[Any, ...]], Decimal, list[dict[str, Any]]]:
    """(trades, cash, decisions) of the real stages. A trade is that of `fast`."""
    symbol, currency = setup.rules.symbol, setup.rules.quote
    settings = load(
        overrides={
            "market": {
                "symbols": [symbol], "timeframes": [setup.timeframe], "traded_timeframe": setup.timeframe,
                "exchange": setup.rules.venue,
            },
            "accounts": {"paper-main": {"currency": currency, "deposit": setup.opening}},
            "portfolios": {"main": {"preset": setup.preset, "limits": setup.limits or {}}},
            "paper": {
                "latency_min_ms": 0, "latency_max_ms": 0, "fee": setup.fee, "slippage_bps": setup.slippage_bps,
            },
            "strategies": {
                setup.plugin: {
                    "plugin": setup.plugin, "params": setup.params, "noise": "off" if setup.noise is None else "on",
                },
            },
            "noise": setup.noise or {},
        }
    )  # fmt: skip
    replay = open_replay(directory, settings, ButTheLast(setup.rules, setup.timeframe, setup.bars), SECRETS)
    try:
        report = replay.run()
        assert report["books_match_venue"]
        store, step_ms = replay.floor.ports.store, replay.recording.step_ms
        rows = sorted((row["trade"] for row in audit.rows(store, "trades")), key=lambda row: row["exit_ms"])
        decisions = [fact["data"]["decision"] for fact in audit.facts(store) if fact["type"] == "decisions.made.v1"]
        trades = [_trade(row, setup.rules, step_ms) for row in rows]
        return trades, Decimal(report["cash"]), decisions
    finally:
        replay.close()


def _trade(row: dict[str, Any], rules: Instrument, step_ms: int) -> tuple[Any, ...]:
    """Times are of the close that was decided on."""
    side = 1 if row["direction"] == "LONG" else -1
    return (
        row["entry_ms"] // step_ms * step_ms, row["exit_ms"] // step_ms * step_ms, side,
        rules.lots(Decimal(row["quantity"])), rules.ticks(Decimal(row["entry_price"])),
        rules.ticks(Decimal(row["exit_price"])), row["tag"],
    )  # fmt: skip


def fast(setup: Setup) -> tuple[list[tuple[Any, ...]], float, Run]:
    """(trades, cash, run). A trade: closes that entry and exit were decided on, side, lots, prices in ticks, mode."""
    limits = Limits.model_validate({**PRESETS[setup.preset].model_dump(), **(setup.limits or {})})
    settings = Settings(
        opening=float(setup.opening), currency=setup.rules.quote, limits=limits, halts="final",
        costs=Costs(half_spread=0.0001, slippage=float(setup.slippage_bps) / 10_000, fee=float(setup.fee)),
        noise="off" if setup.noise is None else "on", noise_filter=NoiseFilter(**(setup.noise or {})),  # type: ignore[arg-type]
    )  # fmt: skip
    run = backtest(build(setup.plugin, setup.params), [setup.bars], [setup.rules], settings)
    made, opens = run.trades, setup.bars[:, 0].astype(np.int64)
    step_ms = int(np.diff(opens).min())
    decided = {int(opens[i]): int(opens[i - 1]) + step_ms for i in range(1, len(opens))}
    tick = float(setup.rules.tick_size)
    trades = [
        (
            decided[int(made.entry_ms[k])], decided[int(made.exit_ms[k])], int(made.side[k]), int(made.lots[k]),
            round(float(made.entry_price[k]) / tick), round(float(made.exit_price[k]) / tick),
            made.modes[int(made.mode[k])],
        )
        for k in range(len(made))
    ]  # fmt: skip
    return trades, float(run.cash[-1]), run
