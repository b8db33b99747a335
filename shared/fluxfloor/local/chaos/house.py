"""The floor that the scenarios are played on: the trading stages, one market, one sender, a warm window."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from fluxfloor.adapters.embedded.sqlite import Durability
from fluxfloor.adapters.venues.file_data import FileMarketData, Series
from fluxfloor.contracts.policy import Policy
from fluxfloor.contracts.state import Sender
from fluxfloor.local.chaos import scenario
from fluxfloor.local.floor import Floor
from fluxfloor.ports import Commit, Ref
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.runtime.context import Ports
from fluxfloor.runtime.settings import Settings, load

STAGES_RUN = ("ingestion", "market", "features", "cerebro", "execution", "reconciliation")
SECRETS = {f"sender-{scenario.SENDER}": scenario.SECRET}
LIMITS = {"max_open_positions": 100, "position_cap": "0.9", "exposure_cap": "0.9"}


def settings(
    limits: dict[str, Any] | None = None, partial_fills: bool = False, shadow: dict[str, Any] | None = None
) -> Settings:
    """`shadow`: limits of a version that decides beside the live one."""
    beside = {"versions": {"other": {"limits": shadow}}, "shadow": "other"} if shadow is not None else {}
    return load(
        overrides={
            "paper": {"partial_fills": partial_fills},
            "market": {"symbols": ["BTC/USDT"], "timeframes": ["15m"]},
            "portfolios": {"main": {"limits": {**LIMITS, **(limits or {})}, **beside}},
        }
    )


class Passing(Floor):
    """Played by one thread, and gone when it is closed."""

    durability = Durability.MEMORY


def open_floor(
    directory: Path,
    clock: VirtualClock,
    bars: list[list[float]],
    wrap: Callable[[Ports], Ports] | None = None,
    stages: tuple[str, ...] = STAGES_RUN,
    floor_type: type[Floor] = Floor,
    limits: dict[str, Any] | None = None,
    participation: Decimal | None = None,
    shadow: dict[str, Any] | None = None,
) -> Floor:
    source = FileMarketData([Series(scenario.INSTRUMENT, "15m", bars)], clock, participation=participation)
    chosen = settings(limits, participation is not None, shadow)
    return floor_type(directory, chosen, clock, lambda _: source, SECRETS, wrap, stages)


def prepare(floor: Floor) -> None:
    """A policy, a sender, the catalog, a warm window and an open account; as far as the stages run."""
    setting = floor.settings.portfolios["main"]
    policy = Policy(
        id="main", preset=setting.preset, account_id=setting.account, currency="USDT", limits=setting.resolved(),
        versions=setting.resolved_versions(), shadow=setting.shadow or None,
    )  # fmt: skip
    sender = Sender(
        id=scenario.SENDER, portfolio_id="main", secret_name=f"sender-{scenario.SENDER}",
        default_expected_alpha=scenario.ALPHA, rate_per_minute=6_000,
    )  # fmt: skip
    for item in (policy, sender):
        ref = Ref(item.collection, item.id, item.database)
        floor.store.commit(Commit(creates={ref: {**item.encode(), "version": 1}}))
    for stage, job in (("market", "catalog"), ("market", "pull"), ("reconciliation", "sweep")):
        if stage in floor.runners:
            floor.tick(stage, job)
    floor.drain()


# --- a floor that is ready ---------------------------------------------------------------------------------------

_ready: dict[tuple[Any, ...], Floor] = {}
MOST_READY = 32


def make_ready(floor: Floor, bars: list[list[float]], participation: Decimal | None) -> None:
    """The same as `prepare`, copied from a floor that was prepared on the same past under the same settings."""
    past = np.asarray(bars[: scenario.WARM_BARS + 1], np.float64).tobytes()
    key = (past, participation, floor.clock.now_ms(), floor.settings.digest(), tuple(floor.runners))
    if key not in _ready:
        while len(_ready) >= MOST_READY:
            _ready.pop(next(iter(_ready))).close()
        _ready[key] = _prepared(floor, bars, participation)
    _ready[key].copy_to(floor)


def _prepared(like: Floor, bars: list[list[float]], participation: Decimal | None) -> Floor:
    clock = VirtualClock(like.clock.now_ms())
    source = FileMarketData([Series(scenario.INSTRUMENT, "15m", bars)], clock, participation=participation)
    made = Passing(like.directory, like.settings, clock, lambda _: source, SECRETS, stages=tuple(like.runners))
    prepare(made)
    return made
