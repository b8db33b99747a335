"""No decision ever breaches a limit as of its book, whatever the book, the limits, the signal and the market."""

from __future__ import annotations

from decimal import Decimal, localcontext

from fluxfloor.cerebro import book as books
from fluxfloor.cerebro.decide import decide
from fluxfloor.contracts.decisions import Reason, Verdict
from fluxfloor.contracts.events import SignalScored
from fluxfloor.contracts.money import EXACT
from fluxfloor.contracts.orders import OrderState, Purpose, Side
from fluxfloor.contracts.policy import Limits, Policy
from fluxfloor.contracts.signals import Action, Direction, OrderType, Size, SizeKind
from fluxfloor.contracts.state import BookPosition, RiskBook
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.support.desk import AT_MS, BTC, ETH, PERP, RULES, book, d, fill, intent, quote, report, reserved, signal

GEARED = {**RULES, PERP.instrument_id: PERP.model_copy(update={"margin_rate": d("0.2")})}
MARKETS = {BTC.instrument_id: 50_000, ETH.instrument_id: 3_000, PERP.instrument_id: 50_000}


def share(low: str, high: str) -> st.SearchStrategy[Decimal]:
    return st.decimals(low, high, places=4)


limits = st.builds(
    Limits, risk_per_trade=share("0.001", "0.2"), risk_per_reversion_trade=share("0.001", "0.2"),
    position_cap=share("0.05", "2"), exposure_cap=share("0.1", "3"), max_open_positions=st.integers(2, 9),
    daily_loss_halts=share("0.01", "0.1"), drawdown_halves=share("0.05", "0.15"),
    drawdown_flattens=share("0.16", "0.4"), max_leverage=share("1", "5"), margin_cap=share("0.3", "1"),
    slippage_share=share("0.2", "1"),
)  # fmt: skip


@st.composite
def held_books(draw) -> RiskBook:
    """Any book: several strategies and instruments, both sides, orders on their way in and out, gains and losses."""
    equity = draw(st.decimals("5000", "1000000", places=2))
    positions, waiting = {}, {}
    for number, rules in enumerate(draw(st.lists(st.sampled_from([BTC, ETH, PERP]), max_size=4))):
        lots = draw(st.integers(1, 400)) * (draw(st.sampled_from([1, -1])) if rules is PERP else 1)
        strategy, market = draw(st.sampled_from(["trend", "b", "c"])), MARKETS[rules.instrument_id]
        positions[f"{strategy}|{rules.instrument_id}"] = BookPosition(
            instrument_id=rules.instrument_id, strategy_id=strategy, lots=lots, average_price=d(market),
            mark_price=d(market + draw(st.integers(-500, 500))),
        )  # fmt: skip
        if draw(st.booleans()):
            waiting |= reserved(
                draw(st.integers(1, abs(lots))), Purpose.EXIT, Side.SELL if lots > 0 else Side.BUY, rules, strategy,
                f"x{number}", market,
            )  # fmt: skip
    for number, rules in enumerate(draw(st.lists(st.sampled_from([BTC, ETH, PERP]), max_size=3))):
        side = draw(st.sampled_from(Side)) if rules is PERP else Side.BUY
        strategy = draw(st.sampled_from(["trend", "b"]))
        waiting |= reserved(
            draw(st.integers(1, 200)), Purpose.ENTRY, side, rules, strategy, f"e{number}", MARKETS[rules.instrument_id]
        )
    return book(
        equity * draw(share("-0.1", "1.1")), equity, positions=positions, reservations=waiting,
        high_water=equity * draw(share("1", "1.2")), day_start_equity=equity * draw(share("0.9", "1.02")),
    )  # fmt: skip


@st.composite
def wishes(draw):
    rules = draw(st.sampled_from([BTC, ETH, PERP]))
    market = MARKETS[rules.instrument_id]
    long = draw(st.booleans()) or rules is not PERP
    away = draw(st.integers(1, market // 4))
    kind = draw(st.sampled_from(OrderType))
    level = d(market + draw(st.integers(-market // 50, market // 50)))
    size = draw(
        st.none()
        | st.builds(Size, kind=st.sampled_from([SizeKind.QUANTITY, SizeKind.NOTIONAL, SizeKind.WEIGHT]),
                    value=st.decimals("0", "5", places=4))
    )  # fmt: skip
    action = draw(st.sampled_from([Action.ENTRY, Action.ENTRY, Action.TARGET, Action.EXIT]))
    return signal(
        action, Direction.LONG if long else Direction.SHORT, size, rules, order_type=kind, limit_price=level,
        trigger_price=d(market + draw(st.integers(-500, 500))), stop_loss=d(market - away if long else market + away),
        adds=draw(st.booleans()), expected_alpha=draw(share("0.01", "0.5")),
    )  # fmt: skip


quotes = st.integers(-300, 300)
PICKY = [HealthCheck.filter_too_much, HealthCheck.too_slow]


def decided(wish, on, under, moved, now_ms=AT_MS + 20_000):
    rules = GEARED[wish.leg.instrument_id]
    market = MARKETS[rules.instrument_id]
    seen = quote(market + moved - 1, market + moved + 1, rules, AT_MS + 20_000)
    policy = Policy(id="main", preset="any", account_id="paper-main", currency="USDT", limits=under)
    return decide(SignalScored(signal=wish, quote=seen), on, policy, (), GEARED, now_ms)


# --- an independent account of what a book may be ----------------------------------------------------------------


def by_slot(on: RiskBook) -> dict[str, tuple[Decimal, Decimal]]:
    slots: dict[str, list[Decimal]] = {}
    for key, item in on.positions.items():
        slots.setdefault(key, [d(0), d(0)])[0 if item.lots > 0 else 1] += (
            abs(item.lots) * GEARED[item.instrument_id].lot_size * item.mark_price
        )
    for item in on.reservations.values():
        if item.purpose is Purpose.ENTRY:
            key = f"{item.strategy_id}|{item.instrument_id}"
            slots.setdefault(key, [d(0), d(0)])[0 if item.side is Side.BUY else 1] += item.notional
    return {key: (both[0], both[1]) for key, both in slots.items()}


def gross(on: RiskBook, instrument: str | None = None) -> Decimal:
    return sum((max(both) for key, both in by_slot(on).items() if instrument in (None, key.split("|")[1])), d(0))


def margin_at_worst(on: RiskBook) -> Decimal:
    held = sum(
        (abs(i.lots) * GEARED[i.instrument_id].lot_size * i.mark_price * GEARED[i.instrument_id].margin_rate
         for i in on.positions.values()), d(0),
    )  # fmt: skip
    coming = sum(
        (i.lots * GEARED[i.instrument_id].lot_size * i.worst_price * GEARED[i.instrument_id].margin_rate
         for i in on.reservations.values() if i.purpose is Purpose.ENTRY), d(0),
    )  # fmt: skip
    return held + coming


def losses_at_worst(on: RiskBook) -> Decimal:
    return sum(
        (i.lots * GEARED[i.instrument_id].lot_size * i.worst_price * (1 + GEARED[i.instrument_id].taker_fee)
         - i.notional for i in on.reservations.values() if i.purpose is Purpose.ENTRY), d(0),
    )  # fmt: skip


def held(on: RiskBook, key: str) -> int:
    return on.positions[key].lots if key in on.positions else 0


# --- the properties ----------------------------------------------------------------------------------------------


@settings(max_examples=250, deadline=None, suppress_health_check=PICKY)
@given(wishes(), held_books(), limits, quotes)
def test_an_accepted_entry_leaves_every_limit_unbroken(wish, on, under, moved):
    done = decided(wish, on, under, moved)
    assume(done.decision.verdict is Verdict.ACCEPTED and done.decision.purpose is Purpose.ENTRY)
    (order,), after, rules = done.intents, done.book, GEARED[wish.leg.instrument_id]
    with localcontext(EXACT):
        assert order.lots == done.decision.lots >= 1
        caps = (under.position_cap, rules.instrument_id), (under.exposure_cap, None), (under.max_leverage, None)
        for most, only in caps:
            # a market that moved may have broken a cap before; a reversal is then let in if it adds nothing
            assert gross(after, only) <= max(most * on.equity, gross(on, only))
        assert margin_at_worst(after) <= under.margin_cap * (on.equity - losses_at_worst(after))
        if rules.margin_rate == 1:
            spent = order.lots * rules.lot_size * after.reservations[order.intent_id].worst_price
            assert spent * (1 + rules.taker_fee) <= on.cash
        assert len(by_slot(after)) <= max(under.max_open_positions, len(by_slot(on)))
        assert books.daily_loss(on) < under.daily_loss_halts
        assert books.drawdown(on) < under.drawdown_flattens
        assert done.decision.slippage_share <= under.slippage_share


@settings(max_examples=200, deadline=None, suppress_health_check=PICKY)
@given(wishes(), held_books(), limits, quotes)
def test_what_may_be_lost_at_the_stop_is_within_the_risk_per_trade(wish, on, under, moved):
    done = decided(wish, on, under, moved)
    assume(done.decision.verdict is Verdict.ACCEPTED and done.decision.purpose is Purpose.ENTRY)
    (order,), rules = done.intents, GEARED[wish.leg.instrument_id]
    with localcontext(EXACT):
        entry = rules.ticks(done.decision.price)
        lost = order.lots * rules.lot_size * rules.price(abs(entry - order.stop_loss_ticks))
        assert lost <= under.risk_per_trade * on.equity
        long = order.side is Side.BUY
        assert order.stop_loss_ticks < entry if long else order.stop_loss_ticks > entry


@settings(max_examples=200, deadline=None, suppress_health_check=PICKY)
@given(wishes(), held_books(), limits, quotes)
def test_an_exit_is_never_more_than_is_there_and_never_refused_while_something_is(wish, on, under, moved):
    wish = wish.model_copy(update={"action": Action.EXIT})
    key = f"trend|{wish.leg.instrument_id}"
    sign = 1 if wish.leg.direction is Direction.LONG else -1
    leaving = sum(
        i.lots for i in on.reservations.values()
        if i.purpose is not Purpose.ENTRY and f"{i.strategy_id}|{i.instrument_id}" == key
    )  # fmt: skip
    free = max(0, held(on, key) * sign - leaving)
    inbound = sum(
        i.lots for i in on.reservations.values()
        if i.purpose is Purpose.ENTRY and f"{i.strategy_id}|{i.instrument_id}" == key and i.side.sign == sign
    )  # fmt: skip
    done = decided(wish, on, under, moved)
    assert done.decision.lots <= free
    nothing_asked = wish.leg.size is not None and not wish.leg.size.value
    if (free or inbound) and not nothing_asked:
        assert done.decision.verdict is Verdict.ACCEPTED
        rest = free - done.decision.lots
        assert rest == 0 or rest >= GEARED[wish.leg.instrument_id].min_lots(
            GEARED[wish.leg.instrument_id].ticks(done.decision.price)
        )
    else:
        assert done.decision.reason is Reason.NOTHING_TO_EXIT


TIGHTER = {
    "risk_per_trade": -1, "risk_per_reversion_trade": -1, "position_cap": -1, "exposure_cap": -1,
    "max_open_positions": -1, "daily_loss_halts": -1, "drawdown_halves": -1, "drawdown_flattens": -1,
    "max_leverage": -1, "margin_cap": -1, "slippage_share": -1, "max_signal_age_ms": -1, "max_quote_age_ms": -1,
}  # fmt: skip


@settings(max_examples=250, deadline=None, suppress_health_check=PICKY)
@given(wishes(), held_books(), limits, limits, st.sampled_from(sorted(TIGHTER)), quotes)
def test_a_tighter_limit_never_gives_more(wish, on, under, other, name, moved):
    wish = wish.model_copy(update={"action": Action.ENTRY})
    values = [getattr(under, name), getattr(other, name)]
    loose, tight = (under.model_copy(update={name: value}) for value in (max(values), min(values)))
    most, least = (decided(wish, on, found, moved).decision for found in (loose, tight))
    assert least.lots <= most.lots


@settings(max_examples=200, deadline=None)
@given(wishes(), held_books(), limits, quotes, share("0.1", "0.99"))
def test_less_equity_and_cash_never_give_more(wish, on, under, moved, part):
    wish = wish.model_copy(update={"action": Action.ENTRY})
    assume(on.cash > 0)
    poorer = on.model_copy(
        update={name: getattr(on, name) * part for name in ("cash", "equity", "high_water", "day_start_equity")}
    )
    rich, poor = (decided(wish, found, under, moved).decision for found in (on, poorer))
    assert poor.lots <= rich.lots


@settings(max_examples=200, deadline=None)
@given(wishes(), held_books(), limits, quotes)
def test_a_decision_can_be_stored_says_why_and_is_the_same_again(wish, on, under, moved):
    one, two = (decided(wish, on, under, moved) for _ in range(2))
    assert one == two
    assert one.decision.text
    assert type(one.decision).model_validate_json(one.decision.model_dump_json()) == one.decision
    assert RiskBook.decode(one.book.encode()) == one.book
    accepted_entry = one.decision.verdict is Verdict.ACCEPTED and one.decision.purpose is Purpose.ENTRY
    if accepted_entry:
        (bound,) = [step for step in one.decision.waterfall if step.binding]
        numbers = [step.allows_lots for step in one.decision.waterfall if step.allows_lots is not None]
        assert bound.allows_lots == min(numbers) == one.decision.lots


# --- what comes back ---------------------------------------------------------------------------------------------


@st.composite
def fates(draw, late: bool = True):
    """(order, its reports as execution states them, lots filled): fills in parts, one end, maybe a fill after it."""
    lots = draw(st.integers(1, 100))
    order, told, filled = intent("in", lots=lots, stop_loss_ticks=490_000), [], 0
    for number in range(draw(st.integers(0, 4))):
        part = draw(st.integers(0, lots - filled))
        if part:
            filled += part
            state = OrderState.FILLED if filled == lots else OrderState.PARTIALLY_FILLED
            told.append(report(order, state, fill(f"t{number}", part), filled=filled))
    if filled < lots:
        end = draw(st.sampled_from([OrderState.CANCELLED, OrderState.EXPIRED]))
        told.append(report(order, end, filled=filled))
        more = draw(st.integers(0, lots - filled)) if late else 0
        if more:
            filled += more
            told.append(report(order, end, fill("late", more), filled=filled))
    return order, told, filled


@settings(max_examples=300, deadline=None)
@given(fates(), st.randoms(use_true_random=False))
def test_reports_in_any_order_leave_what_was_filled_and_nothing_reserved(fate, chance):
    order, told, filled = fate
    chance.shuffle(told)
    on = books.reserve(book(), order, BTC, 500_000)
    for one in told:
        on = books.apply_report(on, one, BTC)
        assert RiskBook.decode(on.encode()) == on
    assert held(on, f"trend|{BTC.instrument_id}") == filled
    assert on.reservations == {}


@settings(max_examples=300, deadline=None)
@given(fates(late=False), st.randoms(use_true_random=False))
def test_at_no_moment_is_less_held_and_reserved_than_the_venue_has_filled(fate, chance):
    order, told, filled = fate
    chance.shuffle(told)
    on = books.reserve(book(), order, BTC, 500_000)
    for one in told:
        on = books.apply_report(on, one, BTC)
        reserved_lots = sum(item.lots for item in on.reservations.values())
        assert held(on, f"trend|{BTC.instrument_id}") + reserved_lots >= filled
