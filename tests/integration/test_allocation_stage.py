"""The allocation stage: when weights come into force, when they stay, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fluxfloor.allocation.days import DAY_MS
from fluxfloor.contracts.base import Document
from fluxfloor.contracts.events import (
    AllocationMade,
    AllocationRequested,
    Event,
    HistoryUploaded,
    RiskRaised,
)
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.ids import digest
from fluxfloor.contracts.journal import JOURNAL, Step
from fluxfloor.contracts.policy import Policy
from fluxfloor.contracts.state import RiskBook
from fluxfloor.contracts.weights import (
    Allocation,
    AllocationStudy,
    AllocationVersion,
    StrategyDays,
    Study,
    UploadedDays,
)
from fluxfloor.local.floor import Floor
from fluxfloor.ports import Commit, Query, Ref
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.runtime.settings import Settings
from fluxfloor.webapi.settled import policies

TODAY = 20_700
DAYS = 250
SHARED = {"cvar_limit": 0.02, "max_weight": 0.6, "interval_days": 7}


def returns(seed: int, mean: float, deviation: float = 0.01) -> tuple[float, ...]:
    drawn = np.random.default_rng(seed).standard_t(4, DAYS) * deviation / np.sqrt(2)
    return tuple((drawn - drawn.mean() + mean).tolist())


def days_of(name: str, made: tuple[float, ...], equity: str = "10000") -> StrategyDays:
    days = tuple(range(TODAY - len(made), TODAY))
    return StrategyDays(
        id=f"main|{name}", portfolio_id="main", strategy_id=name, days=days, returns=made, margin=(0.0,) * len(made),
        equity=(10_000.0,) * len(made), account_equity=Decimal(equity), capital=Decimal(equity),
        closed_ms=TODAY * DAY_MS,
    )  # fmt: skip


class House:
    """The stage, three strategies with a history, and a clock at midnight."""

    def __init__(self, directory: Path, shared: dict[str, Any]) -> None:
        self.clock = VirtualClock(TODAY * DAY_MS)
        self.settings = Settings.model_validate({"portfolios": {"main": {"allocation": shared}}})
        self.floor = Floor(directory, self.settings, self.clock, stages=("allocation",))
        (policy,) = policies(self.settings)
        self.put(policy, *(days_of(name, returns(seed, mean)) for seed, (name, mean) in enumerate(MEANS.items())))

    def put(self, *documents: Document) -> None:
        creates = {Ref(item.collection, item.id, item.database): item.encode() | {"version": 1} for item in documents}
        self.floor.store.commit(Commit(creates=creates))

    def change(self, key: Any, **changes: Any) -> None:
        """As its own stage would: the document with these fields, a version on."""
        found = self.floor.context("allocation").read(key)
        assert found is not None
        ref = Ref(key.kind.collection, key.id)
        (snapshot,) = self.floor.store.read([ref])
        changed = found.model_copy(update={**changes, "version": found.version + 1})
        self.floor.store.commit(Commit(updates={ref: (changed.encode(), snapshot.token)}))

    def later(self, days: int) -> None:
        """So many days on, at midnight; no stage but this one runs, so the histories stay as they are."""
        for _ in range(days):
            self.clock.advance_to(self.clock.now_ms() + DAY_MS)
            self.midnight()

    def midnight(self) -> None:
        self.floor.tick("allocation", "days", self.clock.now_ms())
        self.floor.drain()

    def hear(self, event: Event, name: str) -> None:
        self.floor.bus.publish([Fact.first(name, event, self.clock.now_ms())])
        self.floor.drain()

    @property
    def allocation(self) -> Allocation:
        found = self.floor.context("allocation").read(Allocation.key("main"))
        assert found is not None
        return found

    def stated(self, kind: type[Event]) -> list[Any]:
        steps = [Step.from_record(item.data or {}) for item in self.floor.store.query(Query(JOURNAL, limit=1_000))]
        facts = [Fact.from_record(fact).event for step in steps for fact in step.facts]
        return [event for event in facts if isinstance(event, kind)]

    def versions(self) -> list[int]:
        rows = self.floor.store.query(Query(AllocationVersion.collection, limit=100))
        return sorted(AllocationVersion.decode(row.data or {}).number for row in rows)


MEANS = {"breakout": 0.0009, "mean_reversion": 0.0006, "trend": 0.0012}


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "floor", SHARED)


def test_the_first_midnight_brings_weights_into_force(house: House) -> None:
    house.midnight()
    active = house.allocation.active
    assert (active.number, active.cause, active.status) == (1, "first", "optimal")
    assert set(active.weights) == set(MEANS)
    assert sum(active.weights.values()) <= 1 + 1e-9
    assert max(active.weights.values()) <= 0.6 + 1e-9
    assert active.cvar <= 0.02 + 1e-9
    (made,) = house.stated(AllocationMade)
    assert (made.shares, made.before) == (active, {})
    assert house.versions() == [1]


def test_the_same_midnight_again_changes_nothing(house: House) -> None:
    house.midnight()
    before = house.allocation
    house.midnight()
    assert house.allocation == before


def test_weights_stay_until_their_interval_is_over_and_are_then_looked_at(house: House) -> None:
    house.midnight()
    house.later(6)
    assert house.allocation.checked_ms == TODAY * DAY_MS
    house.later(1)
    assert house.allocation.checked_ms == (TODAY + 7) * DAY_MS
    assert house.versions() == [1]  # the same histories give the same weights: not worth a new version


def test_an_equity_that_has_moved_asks_for_new_weights_and_histories_that_moved_give_them(house: House) -> None:
    house.midnight()
    moved = days_of("trend", returns(2, -0.0004), equity="11500")
    kept = {name: getattr(moved, name) for name in ("returns", "account_equity")}
    house.change(StrategyDays.key("main|trend"), **kept)
    house.later(1)
    assert (house.allocation.active.number, house.allocation.active.cause) == (2, "equity")
    assert house.allocation.active.weights["trend"] < house.stated(AllocationMade)[0].shares.weights["trend"]
    assert house.versions() == [1, 2]


def test_a_new_policy_comes_into_force_at_the_next_midnight(house: House) -> None:
    house.midnight()
    (wanted,) = policies(Settings.model_validate({"portfolios": {"main": {"allocation": {"objective": "equal"}}}}))
    house.change(Policy.key("main"), allocation=wanted.allocation)
    house.later(1)
    active = house.allocation.active
    assert (active.number, active.cause, active.objective) == (2, "policy", "equal")
    assert list(active.weights.values()) == pytest.approx([1 / 3] * 3, rel=1e-6)


def test_where_no_weights_keep_the_limit_those_in_force_stay_and_people_are_told(house: House) -> None:
    house.midnight()
    before = house.allocation.active
    (wanted,) = policies(
        Settings.model_validate(
            {"portfolios": {"main": {"allocation": {**SHARED, "cvar_limit": 1e-5, "fully_invested": True}}}}
        )
    )
    house.change(Policy.key("main"), allocation=wanted.allocation)
    house.later(1)
    assert house.allocation.active == before
    (told,) = house.stated(RiskRaised)
    assert (told.kind, told.scope) == ("allocation_failed", "main")
    assert "Those in force stay" in told.message


def test_a_person_may_ask_for_new_weights_at_any_time(house: House) -> None:
    asked = AllocationRequested(request_id="r-1", portfolio_id="main", requested_by="admin")
    house.hear(asked, "ask-1")
    assert (house.allocation.active.number, house.allocation.active.cause) == (1, "asked")
    house.hear(asked, "ask-1")
    assert house.versions() == [1]


def test_a_drawdown_takes_from_the_risk_budget_and_new_highs_give_it_back(tmp_path: Path) -> None:
    house = House(tmp_path / "floor", {**SHARED, "drawdown_begins": 0.05, "drawdown_ends": 0.15})
    book = RiskBook(
        id="main", account_id="paper-main", currency="USDT", equity=Decimal(10_000), high_water=Decimal(10_000)
    )
    house.put(book)
    house.midnight()
    calm = house.allocation.active
    house.change(RiskBook.key("main"), equity=Decimal(9_000))
    house.later(1)
    down = house.allocation.active
    assert (down.number, down.cause, down.risk_budget) == (2, "drawdown", pytest.approx(0.5))
    assert down.cvar <= 0.5 * 0.02 + 1e-9
    house.change(RiskBook.key("main"), equity=Decimal(10_100))
    house.later(1)
    again = house.allocation.active
    assert (again.number, again.risk_budget) == (3, 1.0)
    assert again.weights == pytest.approx(calm.weights, abs=1e-6)


def test_a_portfolio_without_an_allocation_policy_shares_nothing(tmp_path: Path) -> None:
    house = House(tmp_path / "floor", SHARED)
    house.change(Policy.key("main"), allocation=None)
    house.midnight()
    assert house.stated(AllocationMade) == []


def test_an_uploaded_history_is_allocated_to(house: House) -> None:
    made = returns(9, 0.0015)
    history = UploadedDays(days=tuple(range(TODAY - DAYS, TODAY)), returns=made)
    house.hear(
        HistoryUploaded(portfolio_id="main", strategy_id="pairs", uploaded_by="admin", history=history), "upload-1"
    )
    house.midnight()
    assert house.allocation.active.weights["pairs"] > 0


@pytest.fixture
def study(house: House) -> Callable[..., AllocationStudy]:
    house.midnight()

    def ask(**wish: Any) -> AllocationStudy:
        before, name = house.allocation, f"s-{digest('study', str(wish))}"
        request = AllocationRequested(
            request_id=name, portfolio_id="main", requested_by="admin", study=Study.model_validate(wish)
        )
        house.hear(request, name)
        assert house.allocation == before
        found = house.floor.context("allocation").read(AllocationStudy.key(name))
        assert found is not None
        return found

    return ask


def test_a_study_without_a_wish_finds_the_weights_in_force(study: Callable[..., AllocationStudy]) -> None:
    found = study()
    assert (found.status, found.message) == ("optimal", "")
    assert found.today is not None
    assert found.then is not None
    assert found.then.weights == pytest.approx(found.today.weights, abs=1e-6)
    assert found.then.cvar <= 0.02 + 1e-9
    assert all(abs(change) < 1e-6 for change in found.difference.values())


def test_a_study_of_a_shock_judges_the_weights_in_force_on_it_and_finds_safer_ones(
    study: Callable[..., AllocationStudy],
) -> None:
    calm, shaken = study(), study(shock={"trend": -0.30}, shock_days=3)
    assert calm.today is not None
    assert shaken.today is not None
    assert shaken.then is not None
    assert shaken.today.weights == calm.today.weights
    assert shaken.today.cvar > calm.today.cvar
    assert shaken.today.max_drawdown > calm.today.max_drawdown
    assert shaken.then.cvar <= 0.02 + 1e-9
    assert shaken.difference["trend"] < -0.05


def test_a_study_of_a_new_strategy_gives_it_a_weight_without_touching_anything(
    study: Callable[..., AllocationStudy], house: House
) -> None:
    new = {"days": list(range(TODAY - DAYS, TODAY)), "returns": list(returns(11, 0.003, 0.005))}
    found = study(strategies={"pairs": new})
    assert found.difference["pairs"] > 0.1
    assert house.floor.context("allocation").read(StrategyDays.key("main|pairs")) is None


def test_a_study_with_limits_that_nothing_keeps_says_so(study: Callable[..., AllocationStudy]) -> None:
    found = study(policy={"cvar_limit": 1e-6, "fully_invested": True})
    assert (found.status, found.then, found.difference) == ("infeasible", None, {})
    assert found.today is not None
    assert found.message
