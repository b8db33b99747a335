"""The floor that the scenarios are played on: the trading stages, one market, one sender, a warm window."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from fluxfloor.adapters.venues.file_data import FileMarketData, Series
from fluxfloor.adapters.venues.paper import PaperOrder
from fluxfloor.contracts.orders import OrderState
from fluxfloor.contracts.policy import Policy
from fluxfloor.contracts.state import Sender
from fluxfloor.local.chaos import scenario
from fluxfloor.local.floor import Floor
from fluxfloor.ports import Commit, Query, Ref
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.runtime.context import Ports
from fluxfloor.runtime.settings import Settings, load
from fluxfloor.wiring import venues

STAGES_RUN = ("ingestion", "market", "features", "cerebro", "execution", "reconciliation")
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
    secrets = {f"sender-{scenario.SENDER}": scenario.SECRET}
    return floor_type(directory, chosen, clock, lambda _: source, secrets, wrap, stages)


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


def trade(floor: Floor) -> None:
    """The paper venue's own business: what is due there happens, whether or not anybody looks at it."""
    for state in (OrderState.OPEN, OrderState.PARTIALLY_FILLED):
        resting = Query(PaperOrder.collection, (("state", "==", state.value),), limit=10_000)
        for row in floor.store.query(resting):
            order = PaperOrder.decode(row.data or {})
            venues(floor.settings, floor.store, floor.clock, floor.secrets)(order.account_id).find(
                order.id, order.instrument, 0
            )
