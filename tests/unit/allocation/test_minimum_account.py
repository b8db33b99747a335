"""The least account: what holds it up, and what more capital would do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fluxfloor.allocation.account import AccountQuestion, Sleeve, minimum_account
from fluxfloor.allocation.tails import portfolio_losses, tail_cvar

from tests.support.returns import fat_tailed

SLEEVES = (
    Sleeve("trend", 1_000.0, margin=1.0, lot_notional=100.0),
    Sleeve("carry", 4_950.0, margin=0.2, lot_notional=500.0),
    Sleeve("reversion", 250.0),
    Sleeve("pairs", 12_000.0, margin=0.1, lot_notional=1_000.0),
)
QUESTION = AccountQuestion(fat_tailed(4, 300, 3), SLEEVES, cvar_limit=0.02, alpha=0.95, max_weight=0.8)


def cvar_of(weights: np.ndarray) -> float:
    losses = portfolio_losses(np.ascontiguousarray(QUESTION.returns.T), weights)
    return float(tail_cvar(losses, 0.05 * 300)[1])


def test_the_least_capital_is_where_the_first_limit_is_met() -> None:
    found = minimum_account(QUESTION)
    assert found.status == "optimal"
    assert found.gap <= 1e-9
    weights = found.money / found.capital
    assert (found.money >= [sleeve.least - 1e-6 for sleeve in SLEEVES]).all()
    margin = float(weights @ [sleeve.margin for sleeve in SLEEVES])
    used = {"cvar_limit": cvar_of(weights) / 0.02, "margin": margin / 0.8, "leverage": weights.sum()}
    used |= {f"cap:{sleeve.name}": weight / 0.8 for sleeve, weight in zip(SLEEVES, weights, strict=True)}
    assert max(used.values()) == pytest.approx(1.0, abs=1e-8)
    assert max(used, key=lambda name: used[name]) in found.binding


def test_loose_risk_leaves_leverage_to_bind() -> None:
    found = minimum_account(replace(QUESTION, cvar_limit=0.5, max_weight=1.0))
    assert "leverage" in found.binding
    assert found.capital == pytest.approx(sum(sleeve.least for sleeve in SLEEVES))
    assert found.prices == pytest.approx(np.ones(4))


def test_a_concentrated_set_is_held_up_by_its_cap() -> None:
    found = minimum_account(replace(QUESTION, cvar_limit=0.5, max_weight=0.4))
    assert "cap:pairs" in found.binding
    assert found.capital == pytest.approx(12_000.0 / 0.4)


def test_a_smaller_trade_lowers_the_capital_by_its_price() -> None:
    found = minimum_account(QUESTION)
    smaller = (*SLEEVES[:2], replace(SLEEVES[2], min_notional=249.0), SLEEVES[3])
    fell = found.capital - minimum_account(replace(QUESTION, sleeves=smaller)).capital
    assert fell == pytest.approx(found.prices[2], rel=1e-6)


def test_every_plan_is_whole_lots_within_the_limits() -> None:
    found = minimum_account(QUESTION)
    assert [plan.multiple for plan in found.plans] == [1.0, 2.0, 5.0]
    for plan in found.plans:
        assert plan.status == "optimal"
        assert cvar_of(plan.weights) <= 0.02 + 1e-9
        assert plan.cvar == pytest.approx(cvar_of(plan.weights))
        for sleeve, money, lots in zip(SLEEVES, plan.money, plan.lots, strict=True):
            assert money >= sleeve.least - 1e-6
            assert sleeve.lot_notional == 0.0 or money == pytest.approx(lots * sleeve.lot_notional)
    returns = [plan.expected_return for plan in found.plans]
    assert returns[2] > returns[0]


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        (replace(QUESTION, cvar_limit=0.0), "cvar_limit"),
        (replace(QUESTION, leverage=0.0), "leverage"),
        (replace(QUESTION, sleeves=SLEEVES[:3]), "shape"),
        (replace(QUESTION, sleeves=(*SLEEVES[:3], Sleeve("free", 0.0))), "sleeve"),
        (replace(QUESTION, returns=np.full((300, 4), np.nan)), "returns_not_finite"),
    ],
)
def test_a_question_without_an_answer_is_refused_with_the_fix(question: AccountQuestion, reason: str) -> None:
    found = minimum_account(question)
    assert (found.status, found.reason) == ("refused", reason)
    assert found.fix
