"""The real stages under crashes, blackouts, duplicates, reordering, delays, stalls, lost answers and a venue that times
out: whatever the seed, the invariants hold. A failure names its seed, and the seed plays the failure again."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from fluxfloor.contracts.state import Account
from fluxfloor.local import audit
from fluxfloor.local.chaos.calm import QUARTER_MS, SETTLES_MS
from fluxfloor.local.chaos.play import Play
from fluxfloor.local.chaos.venues import KINDS as VENUES
from fluxfloor.local.chaos.weather import KINDS, Odds
from fluxfloor.local.chaos.witness import Witness
from fluxfloor.local.floor import Floor
from fluxfloor.ports import Commit, Ref

from tests.support.storms import canonical_flow, journal, play, played, violations

SEEDS = range(6)  # a full run plays a thousand beside the tests
SLICES = 8
ONCE_RED = (
    15, 35, 63, 103, 589, 1030, 1064, 10_000, 10_120, 10_289, 10_467, 12_210, 17_083, 21_075, 22_088, 24_196, 52_618,
    83_988, 95_642, 250_839,
)  # fmt: skip
WINDOWED = {"joint_window_takes": "all"}


@pytest.mark.parametrize("seed", SEEDS)
def test_after_any_storm_the_books_are_right_and_nothing_is_lost(seed: int) -> None:
    assert violations(Play(seed)) == []


@pytest.mark.parametrize("seed", ONCE_RED)
def test_what_once_broke_something_holds(seed: int) -> None:
    """A stop that nobody knew of, a watch for days, a placement sent by two, an exit that the venue let lie, a halt
    brought to all orders by one delivery, a trade that was listed twice and adopted twice, a
    decision heard of days after its order was forgotten, the rest of a placement whose intent was amended to less,
    an id that was given up before it was used up, an absence that was acted on long after it was seen, a message whose
    first failure came after fourteen deliveries that had died, a placement that was taken for the one after it."""
    assert violations(Play(seed)) == []


@pytest.mark.parametrize("seed", range(100, 104))
def test_after_any_storm_no_entry_is_lost_in_a_window(seed: int) -> None:
    """All entries wait, and are decided together whatever becomes of their timer."""
    assert violations(Play(seed, limits=WINDOWED)) == []


def test_storms_do_everything_that_they_are_said_to_do() -> None:
    faults: Counter[str] = Counter()
    for seed in range(16):
        faults.update(play(Play(seed)).faults)
    assert set(faults) == set(KINDS)


@pytest.mark.parametrize("venue", [kind for at, kind in enumerate(VENUES) if kind not in VENUES[:at]], ids=str)
def test_every_kind_of_venue_is_survived(venue: dict[str, object]) -> None:
    rough = {"venue_timeout_before": 0.3, "venue_timeout_after": 0.3, "venue_throttle": 0.2, "venue_hides": 0.5}
    assert violations(Play(5, odds=Odds(crash=0.01, stall=0.01, **rough), venue=venue)) == []


@pytest.mark.parametrize("minutes", [1, 6, 11])
def test_what_a_bar_sets_going_in_the_calm_comes_to_its_end(minutes: int) -> None:
    """An order rests to the end and leaves no quiet round; one of these calms would be over just after a bar."""
    with played(Play(1, signals=5, calm_min=minutes)) as (simulation, result):
        assert simulation.in_doubt()
        assert simulation.clock.now_ms() % QUARTER_MS >= SETTLES_MS
    assert result.violations == []


def test_what_fills_little_by_little_comes_to_its_end() -> None:
    """An exit that is begun late in the calm, where the market takes a little of it every minute."""
    assert violations(Play(6, venue={"participation": Decimal("0.0005")}, calm_min=1)) == []


def test_the_storms_clock_waits_only_for_what_states_a_fact() -> None:
    """An order that is looked up for days, and never found, would have it tick every minute."""
    witness = Witness()
    step = {"stage": "execution", "type": "orders.requested.v1", "facts": []}
    for number, facts in enumerate([[], [], [{"type": "risks.seen.v1", "data": {}}]]):
        witness.committed(Commit(creates={Ref("journal", f"execution:{number}"): {**step, "facts": facts}}))
    assert (witness.steps, witness.taken) == (3, 1)


def test_the_same_seed_is_the_same_journal_byte_for_byte() -> None:
    first, again, other = journal(Play(3)), journal(Play(3)), journal(Play(4))
    assert first == again
    assert first != other
    assert first.count(b"\n") > 100


@pytest.mark.parametrize("seed", [5])
def test_a_shadow_changes_no_step_of_any_storm(seed: int) -> None:
    """It would trade more, and every fact, claim, order and fill is the same as without it."""
    wild = {"risk_per_trade": 1, "slippage_share": 1, "max_leverage": 5, "margin_cap": 1, "cvar_cap": 1}
    with played(Play(seed)) as (simulation, alone):
        plain = deeds(simulation.floor)
    with played(Play(seed, shadow=wild)) as (simulation, beside):
        assert deeds(simulation.floor) == plain
        shadows = audit.rows(simulation.floor.store, "shadow_decisions")
    assert (alone.violations, alone.steps, alone.boundaries) == ([], beside.steps, beside.boundaries)
    assert any(row["shadow"]["lots"] > row["active"]["lots"] for row in shadows)


def deeds(floor: Floor) -> list[Any]:
    """All that was stated, reserved, ordered and filled; but for the settings' digest, which names the shadow."""
    steps = [{**row, "versions": {}} for row in audit.rows(floor.store, "journal")]
    return [steps, *(audit.rows(floor.store, name) for name in ("risk_books", "orders", "paper_fills", "accounts"))]


# --- every crash point of the canonical flow ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def boundaries() -> int:
    """How many there are from a webhook that enters to the books after the one that leaves."""
    result = play(canonical_flow())
    assert result.violations == []
    return result.boundaries


@pytest.mark.parametrize("part", range(SLICES))
def test_a_crash_at_any_one_boundary_is_recovered_from(boundaries: int, part: int) -> None:
    broken = {}
    for crash_at in range(1 + part, boundaries + 1, SLICES):
        result = play(canonical_flow(crash_at))
        if result.violations:
            crash = next(line for line in result.history if " crash " in line)
            broken[f"{crash_at}: {crash}"] = result.violations
    assert broken == {}


@pytest.mark.parametrize("part", range(SLICES))
def test_a_crash_at_any_boundary_of_a_window_is_recovered_from(part: int) -> None:
    boundaries = play(replace(canonical_flow(), limits=WINDOWED)).boundaries
    crashed = range(1 + part, boundaries + 1, SLICES)
    found = {at: play(replace(canonical_flow(at), limits=WINDOWED)).violations for at in crashed}
    assert {at: broken for at, broken in found.items() if broken} == {}


def test_the_canonical_flow_enters_and_leaves() -> None:
    with played(canonical_flow()) as (simulation, result):
        floor = simulation.floor
        states = [(row["intent"]["purpose"], row["state"]) for row in audit.rows(floor.store, "orders")]
        assert sorted(state for state in states if state[0] == "exit") == [("exit", "filled")]
        assert ("entry", "filled") in states
        account = floor.context("reconciliation").read(Account.key("paper-main"))
        assert account is not None
        assert account.entries == 1 + len(states)  # the opening, and a fill for every order
        stages = {handling.split()[3].split("#")[0] for handling in result.history if " done " in handling}
        assert stages == set(floor.runners)
