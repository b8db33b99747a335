"""The portfolio's CVaR after the trade, and what moves together: from the days that are known, and said where not."""

from __future__ import annotations

import numpy as np
import pytest
from fluxfloor.cerebro.knowledge import Knowledge, fewest_days
from fluxfloor.cerebro.scenarios import aligned
from fluxfloor.contracts.decisions import Reason, Verdict
from fluxfloor.contracts.orders import Side
from fluxfloor.contracts.signals import Direction

from tests.support.days import days_of, knowing, together
from tests.support.desk import BTC, ETH, PERP, book, bound, d, decide, held, limit, policy, reserved, signal

WIDE = {"position_cap": "1", "exposure_cap": "1", "margin_cap": "1", "max_open_positions": 50, "risk_per_trade": "1"}
EQUITY = 10_000.0
PRICE = 50_005 * 0.0001  # of a lot, as it is bought


def shortfall(losses: np.ndarray, alpha: float = 0.975) -> float:
    """Of days whose tail is a whole number of them."""
    return float(np.sort(losses)[-round((1 - alpha) * len(losses)) :].mean())


def test_the_size_is_the_largest_that_keeps_the_portfolio_within_its_cvar():
    known = together(BTC, ETH, share=0.5, size=0.05)
    on = book(7_000, 10_000, positions=held(1_000, 3_000, ETH, "other"))
    decided = decide(signal(), on, policy(**WIDE, cvar_cap="0.05"), knowledge=Knowledge(scenarios=known))
    lots = decided.decision.lots
    assert bound(decided) == "portfolio_cvar"
    btc, eth = known.returns
    cost = [shortfall(-(3_000 * eth + count * PRICE * btc)) for count in (lots, lots + 1)]
    assert cost[0] <= 500 < cost[1]
    assert decided.decision.tail.after == pytest.approx(cost[0] / EQUITY)
    assert decided.decision.tail.before == pytest.approx(shortfall(-3_000 * eth) / EQUITY)
    assert decided.decision.tail.marginal * PRICE == pytest.approx(cost[1] - cost[0], rel=1e-3)
    assert "the worst 2.5% of days may cost 500 USDT on average (5% of equity)" in decided.decision.text


def test_what_is_on_its_way_in_counts_as_held():
    known = Knowledge(scenarios=together(BTC, ETH, share=0.9, size=0.05))
    terms = policy(**WIDE, cvar_cap="0.05")
    here = decide(signal(), book(7_000, 10_000, positions=held(1_000, 3_000, ETH, "other")), terms, knowledge=known)
    coming = book(10_000, reservations=reserved(1_000, rules=ETH, strategy="other", price=3_000))
    assert decide(signal(), coming, terms, knowledge=known).decision.tail == here.decision.tail


def test_a_book_beyond_its_cap_takes_only_what_leads_back_below_it():
    known = Knowledge(scenarios=together(BTC, PERP, share=0.99, size=0.05))
    on = book(6_000, 10_000, positions=held(800, rules=BTC, strategy="other"))
    terms = policy(**WIDE, cvar_cap="0.03", max_leverage=3)
    more = decide(signal(rules=PERP), on, terms, knowledge=known)
    assert more.decision.reason is Reason.PORTFOLIO_CVAR
    hedge = decide(signal(direction=Direction.SHORT, rules=PERP), on, terms, knowledge=known)
    assert hedge.decision.verdict is Verdict.ACCEPTED
    assert hedge.decision.tail.after <= 0.03 < hedge.decision.tail.before
    small = decide(signal(direction=Direction.SHORT, rules=PERP), on, policy(**{**WIDE, "position_cap": "0.01"},
                   cvar_cap="0.03", max_leverage=3), knowledge=known)  # fmt: skip
    assert small.decision.reason is Reason.PORTFOLIO_CVAR
    assert "so few lots only lead to" in small.decision.text


def test_an_instrument_with_too_few_days_counts_with_what_is_assumed_and_is_named():
    on = book(9_000, 10_000, positions=held(1_000, 1_000, ETH, "other"))
    terms = policy(**WIDE, cvar_cap="0.05")
    held_unknown = decide(signal(), on, terms, knowledge=knowing(BTC, size=0.05))
    assert held_unknown.decision.tail.assumed == (ETH.instrument_id,)
    assert held_unknown.decision.tail.before == pytest.approx(0.01)
    new_unknown = decide(signal(), on, terms, knowledge=knowing(ETH, size=0.0001))
    room = 500 - new_unknown.decision.tail.before * EQUITY
    assert new_unknown.decision.lots == int(room / (0.1 * PRICE))
    assert "10% assumed for kraken:BTC/USDT" in limit(new_unknown, "portfolio_cvar").note


def test_where_nobody_keeps_days_the_waterfall_says_that_the_cvar_is_not_known():
    decided = decide(signal())
    assert limit(decided, "portfolio_cvar").allows_lots is None
    assert limit(decided, "portfolio_cvar").note.startswith("not known: nothing at stake has 120 days")
    assert decided.decision.tail is None


def test_a_tail_is_made_of_three_days_at_least():
    assert [fewest_days(alpha) for alpha in (0.9, 0.95, 0.975, 0.99)] == [60, 60, 120, 300]


def test_days_are_those_that_all_have_and_who_has_too_few_stays_out():
    long, late = days_of("a", np.arange(300.0)), days_of("b", np.arange(200.0), 19_150)
    short = days_of("c", np.arange(50.0))
    found = aligned({"a": long, "b": late, "c": short}, "b", 120)
    assert dict(found.places) == {"b": 0, "a": 1}
    assert found.returns[:, 0].tolist() == [0.0, 150.0]
    assert found.count == 150
    assert aligned({"c": short}, "c", 120) is None
    with pytest.raises(ValueError):
        found.returns[0, 0] = 1.0


# --- correlation -------------------------------------------------------------------------------------------------


def test_an_entry_that_moves_with_an_open_position_is_halved():
    on = book(9_500, 10_000, positions=held(100, 500, ETH, "other"))
    terms = policy(max_open_positions=9, crowded_fewer_positions=0, cvar_cap="1")
    apart, close = (decide(signal(), on, terms, knowledge=knowing(BTC, ETH, share=share)) for share in (0.3, 0.9))
    assert close.decision.lots == apart.decision.lots // 2
    assert bound(close) == "correlation"
    assert "it moves with ETH/USDT that is open (0.8" in close.decision.text
    never = policy(max_open_positions=9, crowded_fewer_positions=0, cvar_cap="1", correlation_halves="1")
    assert decide(signal(), on, never, knowledge=knowing(BTC, ETH, share=0.9)).decision.lots == apart.decision.lots


def test_the_other_side_of_what_moves_together_is_no_more_of_the_same():
    on = book(9_500, 10_000, positions=held(100, 500, ETH, "other"))
    terms = policy(max_open_positions=9, cvar_cap="1")
    short = decide(signal(direction=Direction.SHORT, rules=PERP), on, terms, knowledge=knowing(PERP, ETH, share=0.9))
    assert [step.name for step in short.decision.waterfall].count("correlation") == 0


@pytest.mark.parametrize(("preset", "most"), [("kraken-mvp", 1), ("fluxhero", 3), ("mathematricks", 100)])
def test_a_book_that_moves_as_one_may_hold_fewer_positions(preset, most):
    on = book(9_990, 10_000, positions=held(1, 500, ETH, "other"), reservations=reserved(1, side=Side.BUY, rules=ETH,
              strategy="third", price=500))  # fmt: skip
    decided = decide(signal(), on, policy(preset, cvar_cap="1"), knowledge=knowing(BTC, ETH, share=0.95))
    assert f"2 of at most {most} positions are open" in limit(decided, "open_positions").note
    assert ("moves as one" in limit(decided, "open_positions").note) is (preset != "mathematricks")
    assert decided.decision.reason is (Reason.OPEN_POSITIONS if most == 1 else Reason.OK)


def test_decisions_with_a_tail_can_be_stored():
    decided = decide(signal(), knowledge=knowing(BTC))
    assert type(decided.decision).model_validate_json(decided.decision.model_dump_json()) == decided.decision
    assert decided.decision.tail.alpha == d("0.975")
