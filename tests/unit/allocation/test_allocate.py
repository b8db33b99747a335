"""Capital shared among strategies: caps hold whatever the objective, and bad histories are refused with the fix."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fluxfloor.allocation import History, allocate
from fluxfloor.allocation.estimation import cut, grand_mean, ledoit_wolf, trusted
from fluxfloor.contracts.allocation import AllocationPolicy, View
from hypothesis import given, settings
from hypothesis import strategies as st

OBJECTIVES = ("max_return", "min_cvar", "mean_variance", "erc", "hrp", "equal")


def table(days: int = 250, count: int = 6, seed: int = 1) -> Any:
    random = np.random.default_rng(seed)
    shared = random.standard_t(5, (days, 1)) * 0.005
    return random.standard_t(5, (days, count)) * 0.007 + shared + random.normal(0.0006, 0.0004, count)


def histories(returns: Any, names: str = "abcdefghij") -> list[History]:
    return [History(names[i], np.arange(len(returns)), returns[:, i].copy()) for i in range(returns.shape[1])]


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10_000), objective=st.sampled_from(OBJECTIVES), fully=st.booleans(),
    cap=st.floats(0.2, 1.0), limit=st.none() | st.floats(0.004, 0.03), turnover=st.none() | st.floats(0.1, 1.0),
)  # fmt: skip
def test_every_limit_is_kept_whatever_the_objective(
    seed: int, objective: Any, fully: bool, cap: float, limit: float | None, turnover: float | None
) -> None:
    policy = AllocationPolicy(
        objective=objective, cvar_limit=limit, max_weight=cap, fully_invested=fully, max_turnover=turnover,
        clusters={"a": "one", "b": "one"}, cluster_caps={"one": 0.35}, gross_cap=1.2, gross_per_weight={"c": 2.0},
    )  # fmt: skip
    current = dict.fromkeys("abcdef", 1 / 6)
    found = allocate(histories(table(120, 6, seed)), policy, current)
    assert found.status in ("optimal", "feasible", "infeasible")
    if not found.weights:
        assert found.binding
        assert found.fix
        return
    weights = np.array([found.weights[name] for name in "abcdef"])
    assert -1e-9 <= weights.min() <= weights.max() <= cap + 1e-9
    assert weights[:2].sum() <= 0.35 + 1e-8
    assert weights.sum() + weights[2] <= 1.2 + 1e-8
    assert abs(weights.sum() - 1) <= 1e-8 if fully else weights.sum() <= 1 + 1e-8
    assert turnover is None or np.abs(weights - 1 / 6).sum() <= turnover + 1e-8
    assert limit is None or (found.cvar is not None and found.cvar <= limit + 1e-9)


# Halving a branch of odd size depends on its leaves' order: hierarchical risk parity has no such property.
@pytest.mark.parametrize("objective", [name for name in OBJECTIVES if name != "hrp"])
def test_the_order_of_strategies_changes_nothing(objective: Any) -> None:
    returns, order = table(), [3, 0, 5, 1, 4, 2]
    policy = AllocationPolicy(objective=objective, max_weight=0.5, fully_invested=True)
    one = allocate(histories(returns), policy)
    other = allocate(histories(returns[:, order], "".join("abcdef"[i] for i in order)), policy)
    tolerance = 0.02 if objective == "min_cvar" else 1e-6  # its optimum may be shared; its value is compared below
    for name in "abcdef":
        assert one.weights[name] == pytest.approx(other.weights[name], abs=tolerance)
    assert one.cvar == pytest.approx(other.cvar, rel=1e-6)


@pytest.mark.parametrize("objective", ["min_cvar", "erc", "hrp", "equal"])
def test_returns_twice_as_large_are_twice_the_risk_in_the_same_weights(objective: Any) -> None:
    policy = AllocationPolicy(objective=objective, fully_invested=True)
    one, other = allocate(histories(table()), policy), allocate(histories(2 * table()), policy)
    assert one.cvar is not None
    assert other.cvar == pytest.approx(2 * one.cvar, rel=1e-9)
    assert list(other.weights.values()) == pytest.approx(list(one.weights.values()), abs=1e-6)


@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        (lambda r: r.__setitem__((5, 2), np.nan), "returns_not_finite"),
        (lambda r: r.__setitem__((5, 2), np.inf), "returns_not_finite"),
        (lambda r: r.__setitem__((slice(None), 2), 0.001), "constant_returns"),
        (lambda r: r.__setitem__((slice(None), 2), 100.0 + np.arange(250)), "not_returns"),
    ],
)
def test_bad_returns_are_refused_with_the_fix(break_it: Any, reason: str) -> None:
    returns = table()
    break_it(returns)
    found = allocate(histories(returns), AllocationPolicy())
    assert (found.status, found.reason, found.weights) == ("refused", reason, {})
    assert found.message.startswith("c ") or "of c" in found.message
    assert found.fix


def test_a_missing_day_is_refused_dropped_or_flat_as_the_policy_says() -> None:
    whole = histories(table())
    gap = History("a", np.delete(whole[0].days, 7), np.delete(whole[0].returns, 7))
    asked = [gap, *whole[1:]]
    assert allocate(asked, AllocationPolicy()).reason == "missing_days"
    dropped = allocate(asked, AllocationPolicy(missing="drop"))
    flat = allocate(asked, AllocationPolicy(missing="flat"))
    assert (dropped.days, flat.days) == (249, 250)
    assert "left out for all" in dropped.notes["a"]
    assert "taken for 0" in flat.notes["a"]


def test_a_young_strategy_is_on_probation_and_its_risk_is_counted() -> None:
    whole = histories(table())
    young = History("f", whole[5].days[-20:], whole[5].returns[-20:])
    found = allocate([*whole[:5], young], AllocationPolicy(cvar_limit=0.01, probation_weight=0.03))
    assert found.probation == ("f",)
    assert found.weights["f"] == 0.03
    assert found.cvar is not None
    assert found.cvar < 0.0099
    assert "20 of the 30 days" in found.notes["f"]


def test_a_late_start_is_said_and_its_days_are_the_common_ones() -> None:
    whole = histories(table())
    late = History("f", whole[5].days[100:], whole[5].returns[100:])
    found = allocate([*whole[:5], late], AllocationPolicy())
    assert found.days == 150
    assert "100 days before" in found.notes["a"]


def test_a_limit_below_the_least_cvar_names_the_nearest_that_can_be_kept() -> None:
    for objective in OBJECTIVES:
        tight = AllocationPolicy(objective=objective, cvar_limit=0.001, fully_invested=True)
        found = allocate(histories(table()), tight)
        assert (found.status, found.weights) == ("infeasible", {})
        assert found.nearest_limit is not None
        eased = tight.model_copy(update={"cvar_limit": found.nearest_limit + 1e-6})
        assert allocate(histories(table()), eased).weights


def test_a_margin_cap_holds_back_what_uses_margin() -> None:
    free = histories(table())
    heavy = [History(h.name, h.days, h.returns, np.full(250, 4.0 if h.name in "ab" else 1.0)) for h in free]
    policy = AllocationPolicy(objective="equal", margin_cap=0.8)
    found = allocate(heavy, policy)
    used = sum(w * (4.0 if name in "ab" else 1.0) for name, w in found.weights.items())
    assert used == pytest.approx(0.8, abs=1e-8)
    assert found.status == "feasible"
    assert "margin" in found.binding


@pytest.mark.parametrize("equity", [0.0, -5.0, float("nan")])
def test_an_account_without_equity_gets_no_weights(equity: float) -> None:
    assert allocate(histories(table()), AllocationPolicy(), equity=equity).reason == "no_equity"


def test_twins_are_shared_and_said() -> None:
    returns = table()
    returns[:, 1] = returns[:, 0]
    found = allocate(histories(returns), AllocationPolicy(objective="mean_variance", fully_invested=True))
    assert found.status == "optimal"
    assert any("a and b move as one" in said for said in found.warnings)


def test_fewer_days_than_strategies_and_a_single_one_still_get_weights() -> None:
    for objective in OBJECTIVES:
        policy = AllocationPolicy(objective=objective, fully_invested=True)
        assert sum(allocate(histories(table(40, 10)), policy).weights.values()) == pytest.approx(1.0)
        assert allocate(histories(table(40, 1)), policy).weights == {"a": pytest.approx(1.0)}


def test_means_are_pulled_to_their_average_and_gains_cut_by_doubt() -> None:
    returns = table(250, 10)
    covariance, _ = ledoit_wolf(returns)
    means = returns.mean(axis=0)
    shrunk, share = grand_mean(means, covariance, 250)
    assert 0 < share < 1
    np.testing.assert_allclose(shrunk, means.mean() + (1 - share) * (means - means.mean()))
    trust = trusted([returns[:, 0], returns[:60, 0]], ["a", "b"], {"a": 100})
    assert trust[0] < trusted([returns[:, 0]], ["a"], {})[0]
    np.testing.assert_array_equal(cut(np.array([0.01, -0.01]), np.array([0.5, 0.5])), [0.005, -0.01])


def test_a_view_draws_weight_to_what_it_praises() -> None:
    policy = AllocationPolicy(objective="mean_variance", shrinkage="black_litterman")
    praised = policy.model_copy(update={"views": (View(legs={"a": 1.0}, expected=0.002),)})
    plain, drawn = allocate(histories(table()), policy), allocate(histories(table()), praised)
    assert list(plain.weights.values()) == pytest.approx([1 / 6 / 1.05] * 6, abs=1e-6)
    assert drawn.weights["a"] > 1 / 6 + 0.05


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"cvar_alpha": 97.5}, "write 0.975"),
        ({"views": [{"legs": {"a": 1}, "expected": 0.1}]}, "set shrinkage: black_litterman"),
        ({"cluster_caps": {"x": 0.1}}, "no strategy is in x"),
        ({"max_weight": 0}, "such as 0.25"),
    ],
)
def test_a_wrong_policy_says_how_it_is_mended(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        AllocationPolicy.model_validate(wrong)
