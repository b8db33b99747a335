"""Sizes that others have published, and what the floor's own caps make of them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from fluxfloor.contracts.decisions import Verdict
from fluxfloor.contracts.policy import PRESETS

from tests.support.desk import STOCK, book, bound, d, decide, limit, policy, quote, signal


def fluxhero(stop: str = "48", entry: str = "50", cash: int = 100_000, **limits):
    wish = signal(rules=STOCK, stop_loss=d(stop))
    on = book(cash=cash, currency="USD")
    return decide(wish, on, policy("fluxhero", **limits), quote(entry, entry, STOCK))


def test_fluxheros_published_example_is_cut_from_500_to_400_shares_by_its_own_cap_and_both_are_shown():
    """$100,000, entry $50, stop $48: "risk $1,000 / $2 = 500 shares"; that is 25 % of equity, and the cap is 20 %."""
    decided = fluxhero()
    assert decided.decision.verdict is Verdict.ACCEPTED
    assert limit(decided, "risk_per_trade").allows_lots == 500
    assert limit(decided, "position_cap").allows_lots == 400
    assert decided.decision.lots == 400
    assert bound(decided) == "position_cap"
    assert decided.decision.notional == 20_000
    assert "400 XYZ at about 50 USD" in decided.decision.text
    assert "limited by the position cap: of 20,000 USD allowed in XYZ/USD (20% of equity) nothing is in use" in (
        decided.decision.text
    )


def test_without_the_cap_the_published_size_stands():
    decided = fluxhero(position_cap="1", exposure_cap="1")
    assert decided.decision.lots == 500
    assert bound(decided) == "risk_per_trade"


def test_a_reversion_strategy_of_fluxhero_risks_three_quarters_of_that():
    wish = signal(rules=STOCK, stop_loss=d("48"))
    under = policy("fluxhero", position_cap="1", exposure_cap="1")
    decided = decide(wish, book(100_000, currency="USD"), under, quote(50, 50, STOCK), style="mean_reversion")
    assert decided.decision.lots == 375  # $750 / $2


def test_the_rule_of_one_percent_over_the_distance_to_the_stop():
    """Any of the usual position-sizing tables: account × 1 % / (entry − stop), in whole shares, rounded down."""
    table = [(10_000, "25", "23", 50), (50_000, "100", "95", 100), (25_000, "40", "38.5", 166), (7_500, "12", "9", 25)]
    for cash, entry, stop, shares in table:
        decided = fluxhero(stop, entry, cash, position_cap="1", exposure_cap="1")
        assert limit(decided, "risk_per_trade").allows_lots == shares


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("kraken-mvp", ("0.01", "0.01", "0.15", "0.30", 2, "0.02", None, "0.015")),
        ("fluxhero", ("0.01", "0.0075", "0.20", "0.50", 5, "0.03", "0.03", "0.02")),
        ("mathematricks", ("0.01", "0.01", "0.80", "0.80", 100, "0.02", "0.03", "0.02")),
    ],
)
def test_the_presets_are_those_that_were_settled(preset, expected):
    limits = PRESETS[preset]
    found = (
        limits.risk_per_trade, limits.risk_per_reversion_trade, limits.position_cap, limits.exposure_cap,
        limits.max_open_positions, limits.daily_loss_halts, limits.daily_loss_flattens, limits.cvar_cap,
    )  # fmt: skip
    assert found == tuple(Decimal(value) if isinstance(value, str) else value for value in expected)
    assert (limits.drawdown_halves, limits.drawdown_flattens) == (Decimal("0.15"), Decimal("0.20"))
    assert (limits.margin_cap, limits.max_leverage, limits.slippage_share) == (Decimal("0.80"), 1, Decimal("0.30"))
