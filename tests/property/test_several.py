"""A signal of several legs breaches no limit, is traded whole or not at all, and its legs have no order that counts."""

from __future__ import annotations

from decimal import Decimal, localcontext
from functools import partial

from fluxfloor.cerebro.decide import Decided, decide
from fluxfloor.contracts.decisions import Verdict
from fluxfloor.contracts.events import LegScored, SignalScored
from fluxfloor.contracts.money import EXACT
from fluxfloor.contracts.policy import Limits, Policy
from fluxfloor.contracts.signals import Action, Direction, Leg, Signal, Size, SizeKind
from fluxfloor.contracts.state import RiskBook
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.property import test_cerebro as single
from tests.support.desk import AT_MS, BTC, ETH, PERP, book, d, quote, reserved, signal

RULES = single.GEARED
SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much]
many = partial(settings, deadline=None, suppress_health_check=SLOW)
roomy = st.builds(
    Limits, risk_per_trade=single.share("0.01", "0.4"), position_cap=single.share("0.1", "2"),
    exposure_cap=single.share("0.2", "3"), max_open_positions=st.integers(3, 9),
    max_leverage=single.share("1", "5"), margin_cap=single.share("0.3", "1"),
)  # fmt: skip


@st.composite
def pairs(draw, action: Action = Action.ENTRY) -> Signal:
    """Two or three legs; all have a size or none."""
    chosen = draw(st.permutations([BTC, ETH, PERP]))[: draw(st.integers(2, 3))]
    sized = draw(st.booleans())
    return signal(action, strategy_id="pairs", expected_alpha=d("0.4")).model_copy(
        update={"legs": tuple(_leg(draw, rules, sized) for rules in chosen)}
    )


def _leg(draw, rules, sized: bool) -> Leg:
    market = single.MARKETS[rules.instrument_id]
    long = rules is not PERP or draw(st.booleans())
    away = draw(st.integers(market // 50, market // 5))
    money = draw(st.integers(20, 20_000))
    return Leg(
        instrument_id=rules.instrument_id, direction=Direction.LONG if long else Direction.SHORT,
        size=Size(kind=SizeKind.NOTIONAL, value=d(money)) if sized else None,
        stop_loss=d(market - away if long else market + away),
    )  # fmt: skip


@st.composite
def open_books(draw) -> RiskBook:
    equity = draw(st.integers(5_000, 100_000))
    waiting = reserved(draw(st.integers(1, 50)), rules=BTC, strategy="other", name="e") if draw(st.booleans()) else {}
    return book(equity, reservations=waiting)


def answer(wish: Signal, on: RiskBook, under: Limits) -> Decided:
    seen = {name: quote(market - 1, market + 1, RULES[name]) for name, market in single.MARKETS.items()}
    first, *rest = (leg.instrument_id for leg in wish.legs)
    policy = Policy(id="main", preset="any", account_id="paper-main", currency="USDT", limits=under)
    scored = SignalScored(signal=wish, quote=seen[first], others={name: LegScored(quote=seen[name]) for name in rest})
    return decide(scored, on, policy, (), RULES, AT_MS)


@many(max_examples=120)
@given(pairs(), open_books(), roomy)
def test_no_limit_is_breached_by_all_legs_together(wish: Signal, on: RiskBook, under: Limits) -> None:
    done = answer(wish, on, under)
    assume(done.decision.verdict is Verdict.ACCEPTED)
    after = done.book
    assert after is not None
    with localcontext(EXACT):
        assert single.gross(after) <= max(min(under.exposure_cap, under.max_leverage) * on.equity, single.gross(on))
        for leg in wish.legs:
            most = under.position_cap * on.equity
            assert single.gross(after, leg.instrument_id) <= max(most, single.gross(on, leg.instrument_id))
        assert single.margin_at_worst(after) <= under.margin_cap * (on.equity - single.losses_at_worst(after))
        assert len(single.by_slot(after)) <= under.max_open_positions
        lost = Decimal(0)
        for order in done.intents:
            rules, item = RULES[order.instrument_id], after.reservations[order.intent_id]
            distance = abs(item.notional / rules.quantity(order.lots) - rules.price(order.stop_loss_ticks or 0))
            lost += rules.quantity(order.lots) * distance
        assert lost <= under.risk_per_trade * on.equity * (1 + Decimal("1e-30"))


@many(max_examples=120)
@given(pairs(), open_books(), roomy)
def test_all_legs_are_ordered_or_none_in_their_ratio_and_never_more_than_was_asked_for(
    wish: Signal, on: RiskBook, under: Limits
) -> None:
    done = answer(wish, on, under)
    if done.decision.verdict is Verdict.REFUSED:
        assert (done.intents, done.book) == ((), on)
        assert all(part.verdict is Verdict.REFUSED and not part.intent_ids for part in done.decision.parts())
        return
    assert {order.instrument_id for order in done.intents} == {leg.instrument_id for leg in wish.legs}
    assert done.book is not None
    assert set(done.book.reservations) - set(on.reservations) == {order.intent_id for order in done.intents}
    made = {part.instrument_id: part for part in done.decision.parts()}
    shares = []
    for leg in wish.legs:
        part = made[leg.instrument_id]
        assert [step.allows_lots for step in part.waterfall if step.binding] == [part.lots]
        if leg.size is not None:
            assert part.notional is not None
            assert part.notional <= leg.size.value
            lot = RULES[leg.instrument_id].lot_size * (single.MARKETS[leg.instrument_id] + 1)
            shares.append((part.notional / leg.size.value, (part.notional + 2 * lot) / leg.size.value))
    if shares:
        assert max(low for low, _ in shares) <= min(high for _, high in shares) * (1 + Decimal("1e-4"))


@many(max_examples=80)
@given(pairs(), open_books(), roomy, st.randoms(use_true_random=False))
def test_the_order_of_the_legs_changes_nothing(wish: Signal, on: RiskBook, under: Limits, random) -> None:
    shuffled = wish.model_copy(update={"legs": tuple(random.sample(wish.legs, len(wish.legs)))})
    one, two = answer(wish, on, under), answer(shuffled, on, under)
    assert (one.intents, one.book) == (two.intents, two.book)
    assert one.decision == two.decision


@many(max_examples=60)
@given(pairs(), open_books(), roomy)
def test_a_leg_that_nobody_quotes_refuses_all(wish: Signal, on: RiskBook, under: Limits) -> None:
    first = wish.leg.instrument_id
    seen = quote(single.MARKETS[first] - 1, single.MARKETS[first] + 1, RULES[first])
    policy = Policy(id="main", preset="any", account_id="paper-main", currency="USDT", limits=under)
    done = decide(SignalScored(signal=wish, quote=seen), on, policy, (), RULES, AT_MS)
    assert (done.decision.verdict, done.intents, done.book) == (Verdict.REFUSED, (), on)
    assert "no_quote" in {part.reason for part in done.decision.parts()} or done.decision.reason == "open_positions"
