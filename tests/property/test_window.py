"""Whatever the entries, the book and the order they come in: decided together, they are decided the same."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Any

from fluxfloor.cerebro.decide import Decided
from fluxfloor.cerebro.window import decide_together, event_ms, in_order
from fluxfloor.contracts.decisions import Verdict
from fluxfloor.contracts.events import SignalScored
from fluxfloor.contracts.instruments import Quote
from fluxfloor.contracts.policy import Limits
from fluxfloor.contracts.state import RiskBook, Waiting
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.desk import AT_MS, BTC, ETH, PERP, RULES, book, d, decide, policy, quote, signal

MARKETS = {BTC.instrument_id: 50_000, ETH.instrument_id: 3_000, PERP.instrument_id: 50_000}
STOP_ATR = Limits().stop_atr

wishes = st.lists(
    st.fixed_dictionaries(
        {
            "rules": st.sampled_from([BTC, ETH, PERP]),
            "strategy_id": st.sampled_from(["alpha", "beta", "gamma", "delta", "epsilon"]),
            "away": st.sampled_from(["0.01", "0.02", "0.05"]),
            "expected_alpha": st.sampled_from([d("0.02"), d("0.05"), d("0.2")]),
            "bar_close_ms": st.sampled_from([AT_MS - 60_000, AT_MS]),
        }
    ),
    min_size=2, max_size=7,
)  # fmt: skip
under = st.builds(
    policy, position_cap=st.decimals("0.05", "0.6", places=3), exposure_cap=st.decimals("0.1", "0.9", places=3),
    max_open_positions=st.integers(1, 6), risk_per_trade=st.decimals("0.001", "0.05", places=4),
)  # fmt: skip


def entry(number: int, wish: dict[str, Any]) -> Waiting:
    given = dict(wish)
    rules, away = given["rules"], Decimal(given.pop("away"))
    price = d(MARKETS[rules.instrument_id])
    made = signal(name=f"s{number}", stop_loss=price * (1 - away), reference_price=price, **given)
    return Waiting(
        event_id=f"e{number}", root="r", parent="", traceparent="", ts_event_ms=AT_MS,
        scored=SignalScored(signal=made, quote=near(rules.instrument_id)),
    )  # fmt: skip


def near(instrument_id: str) -> Quote:
    price = MARKETS[instrument_id]
    return quote(price - 1, price + 1, rules=RULES[instrument_id])


def together(entries: list[Waiting], limits: Any) -> tuple[list[tuple[str, Decided]], RiskBook | None]:
    def one(scored: SignalScored, on: RiskBook | None) -> Decided:
        return decide(scored.signal, on, limits, at=scored.quote)

    joint = decide_together(entries, book(), limits.limits, one)
    return [(item.event_id, decided) for item, decided in joint.decided], joint.book


@given(wishes, under, st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_any_order_of_arrival_gives_the_same_decisions_and_the_same_book(wished, limits, random) -> None:
    entries = [entry(number, wish) for number, wish in enumerate(wished)]
    shuffled = random.sample(entries, len(entries))
    assert together(entries, limits) == together(shuffled, limits)


@given(wishes, st.randoms(use_true_random=False))
def test_the_order_is_by_event_then_by_gain_for_risk_and_leaves_nobody_out(wished, random) -> None:
    entries = [entry(number, wish) for number, wish in enumerate(wished)]
    ordered = in_order(random.sample(entries, len(entries)), STOP_ATR)
    assert sorted(item.event_id for item in ordered) == sorted(item.event_id for item in entries)
    ranks = [
        (event_ms(signal), -signal.expected_alpha * signal.reference_price / (signal.reference_price - stop))
        for item in ordered
        for signal in [item.scored.signal]
        for stop in [signal.leg.stop_loss]
    ]
    for before, after in pairwise(ranks):
        assert before[0] < after[0] or (before[0] == after[0] and before[1] <= after[1] + d("1e-15"))


@given(wishes, under)
@settings(max_examples=60, deadline=None)
def test_the_first_of_a_bar_is_decided_as_if_it_were_alone(wished, limits) -> None:
    entries = [entry(number, wish) for number, wish in enumerate(wished)]
    (first, answer), *_ = together(entries, limits)[0]
    alone = next(item for item in entries if item.event_id == first)
    assert together([alone], limits)[0] == [(first, answer)]
    assert answer.decision.verdict in Verdict
