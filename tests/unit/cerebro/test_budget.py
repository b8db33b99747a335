"""A strategy's budget: its weight of equity, less what it has at work."""

from __future__ import annotations

from fluxfloor.cerebro.decide import Decided
from fluxfloor.cerebro.knowledge import Knowledge
from fluxfloor.contracts.decisions import Reason
from fluxfloor.contracts.weights import Allocation, Shares

from tests.support.desk import AT_MS, ETH, book, bound, decide, held, limit, policy, quote, reserved, signal

WIDE = {"position_cap": "1", "exposure_cap": "1", "margin_cap": "1", "max_open_positions": 50, "risk_per_trade": "1"}


def weighed(**weights: float) -> Knowledge:
    shares = Shares(
        number=1, weights=weights, objective="max_return", status="optimal", expected_return=0.001, cvar=0.01, gap=0.0,
        inputs_digest="x", cause="asked", equity=10_000.0, ts_event_ms=AT_MS,
    )  # fmt: skip
    return Knowledge(allocation=Allocation(id="main", active=shares))


def under(weights: Knowledge, *given, **more) -> Decided:
    return decide(signal(), *given, under=policy(**WIDE), knowledge=weights, **more)


def test_a_strategy_has_its_weight_of_equity():
    decided = under(weighed(trend=0.1, other=0.9))
    assert decided.decision.lots == 199  # 1,000 USDT / 5.0005 a lot
    assert bound(decided) == "strategy_budget"
    assert limit(decided, "strategy_budget").note == "of 1,000 USDT for trend (10% of equity) nothing is at work"


def test_what_it_holds_and_what_is_on_its_way_in_is_taken_off():
    on = book(9_000, 10_000, positions=held(100, price=3_000, rules=ETH), reservations=reserved(40))
    wish = under(weighed(trend=0.1), on)
    assert wish.decision.reason is Reason.POSITION_OPEN
    decided = decide(signal(adds=True), on, policy(**WIDE), knowledge=weighed(trend=0.1))
    assert limit(decided, "strategy_budget").allows_lots == 99  # 1,000 - 300 - 200 = 500 USDT
    assert "500 USDT are at work" in limit(decided, "strategy_budget").note


def test_what_others_hold_is_theirs():
    decided = under(weighed(trend=0.1, other=0.5), book(9_000, 10_000, positions=held(100, strategy="other")))
    assert limit(decided, "strategy_budget").allows_lots == 199


def test_strategies_without_a_weight_share_what_the_others_leave():
    on = book(9_500, 10_000, positions=held(60, strategy="guest"))
    decided = under(weighed(other=0.95), on)
    assert limit(decided, "strategy_budget").allows_lots == 39  # 500 - 300 = 200 USDT
    assert "strategies without a weight of their own" in limit(decided, "strategy_budget").note
    assert under(weighed(other=1.0)).decision.reason is Reason.STRATEGY_BUDGET


def test_a_budget_is_worked_with_the_leverage_that_the_policy_allows():
    decided = decide(signal(), under=policy(**WIDE, max_leverage=2), knowledge=weighed(trend=0.1), at=quote())
    assert limit(decided, "strategy_budget").allows_lots == 399


def test_without_weights_no_budget_binds_and_the_waterfall_says_so():
    found = limit(decide(signal()), "strategy_budget")
    assert found.allows_lots is None
    assert found.note == "no weights are in force: strategies share no budget"
