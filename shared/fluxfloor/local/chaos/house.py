"""The floor that the scenarios are played on: the trading stages, one market, one sender, a warm window."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
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
SENDERS = {scenario.SENDER: "main", scenario.OTHER_SENDER: "side"}  # and the portfolio that each signals for
SECRETS = {f"sender-{name}": scenario.SECRET for name in SENDERS}
LIMITS = {"max_open_positions": 100, "position_cap": "0.9", "exposure_cap": "0.9"}


def settings(
    limits: dict[str, Any] | None = None, partial_fills: bool = False, shadow: dict[str, Any] | None = None,
    stops: str = "auto", two: bool = False,
) -> Settings:  # fmt: skip
    """`shadow`: limits of a version that decides beside the live one. `two`: another portfolio on another account."""
    return _settings(json.dumps([limits or {}, shadow], sort_keys=True), partial_fills, stops, two)


@lru_cache(maxsize=64)
def _settings(asked: str, partial_fills: bool, stops: str, two: bool) -> Settings:
    limits, shadow = json.loads(asked)
    beside = {"versions": {"other": {"limits": shadow}}, "shadow": "other"} if shadow is not None else {}
    portfolios = {"main": {"limits": {**LIMITS, **limits}, **beside}}
    accounts: dict[str, Any] = {"paper-main": {"stops": stops}}
    if two:
        portfolios["side"] = {"account": "paper-side", "limits": {**LIMITS, **limits}}
        accounts["paper-side"] = {"portfolio": "side", "stops": stops}
    return load(
        overrides={
            "paper": {"partial_fills": partial_fills},
            "market": {"symbols": ["BTC/USDT"], "timeframes": ["15m"]},
            "portfolios": portfolios, "accounts": accounts,
        }
    )  # fmt: skip


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
    stops: str = "auto",
    two: bool = False,
) -> Floor:
    source = FileMarketData([Series(scenario.INSTRUMENT, "15m", bars)], clock, participation=participation)
    chosen = settings(limits, participation is not None, shadow, stops, two)
    return floor_type(directory, chosen, clock, lambda _: source, SECRETS, wrap, stages)


def prepare(floor: Floor) -> None:
    """Policies, senders, the catalog, a warm window and open accounts; as far as the stages run."""
    for item in (*_policies(floor.settings), *_senders(floor.settings)):
        ref = Ref(item.collection, item.id, item.database)
        floor.store.commit(Commit(creates={ref: {**item.encode(), "version": 1}}))
    for stage, job in (("market", "catalog"), ("market", "pull"), ("reconciliation", "sweep")):
        if stage in floor.runners:
            floor.tick(stage, job)
    floor.drain()


def _policies(settings: Settings) -> list[Policy]:
    return [
        Policy(
            id=name, preset=setting.preset, account_id=setting.account, currency="USDT", limits=setting.resolved(),
            versions=setting.resolved_versions(), shadow=setting.shadow or None,
        )
        for name, setting in settings.portfolios.items()
    ]  # fmt: skip


def _senders(settings: Settings) -> list[Sender]:
    return [
        Sender(
            id=name, portfolio_id=portfolio, secret_name=f"sender-{name}", default_expected_alpha=scenario.ALPHA,
            rate_per_minute=6_000,
        )
        for name, portfolio in SENDERS.items()
        if portfolio in settings.portfolios
    ]  # fmt: skip


# --- a floor that is ready ---------------------------------------------------------------------------------------

_ready: dict[tuple[Any, ...], Floor] = {}
MOST_READY = 128


def make_ready(floor: Floor, bars: list[list[float]], participation: Decimal | None) -> None:
    """The same as `prepare`, copied from a floor that was prepared on the same past under the same settings."""
    past = np.asarray(bars[: scenario.WARM_BARS], np.float64).tobytes()
    opens = bars[scenario.WARM_BARS][1]  # of what comes after it no more is seen by then: the quote
    key = (past, opens, participation, floor.clock.now_ms(), floor.settings.digest(), tuple(floor.runners))
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
