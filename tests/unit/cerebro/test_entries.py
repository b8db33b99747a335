"""What an entry must have before it is sized, and at what price, stop and target it is taken."""

from __future__ import annotations

import pytest
from fluxfloor.cerebro.decide import decide as raw
from fluxfloor.contracts.decisions import Reason, Verdict
from fluxfloor.contracts.events import SignalScored
from fluxfloor.contracts.orders import Purpose, Side
from fluxfloor.contracts.policy import FLOOR, Halt
from fluxfloor.contracts.signals import Action, Direction, OrderType, Size, SizeKind
from fluxfloor.errors import RetryLater

from tests.support.desk import (
    AT_MS,
    BTC,
    PERP,
    STOCK,
    book,
    bound,
    d,
    decide,
    fraction,
    held,
    limit,
    policy,
    quantity,
    quote,
    reserved,
    signal,
)

SHORT = Direction.SHORT
HALT = Halt(id=FLOOR, reason="kill switch", raised_by="admin", ts_event_ms=AT_MS)


def reason(decided) -> Reason:
    assert decided.decision.verdict is (Verdict.ACCEPTED if decided.decision.reason is Reason.OK else Verdict.REFUSED)
    return decided.decision.reason


# --- may it be traded at all -------------------------------------------------------------------------------------


def test_a_halt_of_the_floor_or_of_the_portfolio_refuses_entries():
    assert reason(decide(signal(), halts=(HALT, None))) is Reason.HALTED
    assert reason(decide(signal(), halts=(None, HALT.model_copy(update={"id": "main"})))) is Reason.HALTED
    assert reason(decide(signal(), halts=(None, None))) is Reason.OK


def test_without_policy_or_book_or_rules_there_is_no_order():
    fact = SignalScored(signal=signal(), quote=quote())
    rules = {BTC.instrument_id: BTC}
    assert raw(fact, book(), None, (), rules, AT_MS).decision.reason is Reason.UNKNOWN_PORTFOLIO
    assert raw(fact, None, policy(), (), rules, AT_MS).decision.reason is Reason.UNKNOWN_PORTFOLIO
    assert raw(fact, book(), policy(), (), {}, AT_MS).decision.reason is Reason.UNKNOWN_INSTRUMENT


def test_another_currency_than_the_accounts_is_not_traded():
    assert reason(decide(signal(rules=STOCK, stop_loss=d(48)), at=quote(50, 50, STOCK))) is Reason.UNSUPPORTED


def test_a_short_needs_an_instrument_that_lets_itself_be_sold_short():
    assert reason(decide(signal(direction=SHORT))) is Reason.SHORT_NOT_ALLOWED
    decided = decide(signal(direction=SHORT, rules=PERP))
    assert (reason(decided), decided.decision.side) == (Reason.OK, Side.SELL)


def test_a_fraction_of_what_is_held_is_no_size_for_an_entry():
    assert reason(decide(signal(size=fraction("0.5")))) is Reason.UNSUPPORTED
    assert reason(decide(signal(Action.TARGET, size=fraction("0.5")))) is Reason.UNSUPPORTED


def test_an_entry_without_direction_is_refused():
    assert reason(decide(signal(direction=Direction.FLAT))) is Reason.UNSUPPORTED


def test_an_open_position_refuses_a_second_entry_unless_it_adds():
    for on in (book(positions=held(1)), book(reservations=reserved(1))):
        assert reason(decide(signal(), on)) is Reason.POSITION_OPEN
        assert reason(decide(signal(adds=True), on)) is Reason.OK


def test_another_strategys_position_is_not_in_the_way():
    assert reason(decide(signal(), book(positions=held(1, strategy="other")))) is Reason.OK


# --- a reversal is an exit and an entry, in whatever order they arrive -------------------------------------------


def test_an_entry_that_overtook_the_exit_of_the_other_side_waits_for_it():
    on = book(positions=held(-5, rules=PERP))
    with pytest.raises(RetryLater):
        decide(signal(rules=PERP), on)


def test_once_the_exit_is_decided_the_entry_goes_too():
    on = book(positions=held(-5, rules=PERP))
    out = decide(signal(Action.EXIT, SHORT, rules=PERP, name="out"), on)
    assert reason(decide(signal(rules=PERP), out.book)) is Reason.OK


def test_an_entry_against_what_is_held_does_not_wait_for_ever():
    on = book(positions=held(-5, rules=PERP))
    decided = decide(signal(rules=PERP), on, now_ms=AT_MS + 10_000)
    assert reason(decided) is Reason.POSITION_OPEN
    assert "the other side" in decided.decision.text


# --- age ---------------------------------------------------------------------------------------------------------


def test_a_signal_of_two_minutes_is_the_oldest_that_is_taken():
    assert reason(decide(signal(), at=quote(at_ms=AT_MS + 120_000), now_ms=AT_MS + 120_000)) is Reason.OK
    late = decide(signal(), at=quote(at_ms=AT_MS + 120_001), now_ms=AT_MS + 120_001)
    assert reason(late) is Reason.STALE_SIGNAL


def test_an_expired_signal_is_stale_however_young():
    assert reason(decide(signal(expires_ms=AT_MS))) is Reason.STALE_SIGNAL
    assert reason(decide(signal(expires_ms=AT_MS + 1))) is Reason.OK


def test_a_quote_of_a_minute_is_the_oldest_that_is_sized_on():
    assert reason(decide(signal(), at=quote(at_ms=AT_MS - 60_000))) is Reason.OK
    assert reason(decide(signal(), at=quote(at_ms=AT_MS - 60_001))) is Reason.STALE_QUOTE
    assert reason(decide(signal(), no_quote=True)) is Reason.NO_QUOTE


def test_a_crossed_quote_is_no_quote():
    assert reason(decide(signal(), at=quote(50_010, 50_000))) is Reason.NO_QUOTE


# --- expected alpha and the 30 % rule ----------------------------------------------------------------------------


def test_the_expected_alpha_is_the_signals_own_else_the_measured_else_the_senders():
    own = decide(signal(fallback_alpha=d("0.02")), mean_edge=d("0.03"))
    measured = decide(signal(expected_alpha=None, fallback_alpha=d("0.02")), mean_edge=d("0.03"))
    stated = decide(signal(expected_alpha=None, fallback_alpha=d("0.02")))
    assert [one.decision.expected_alpha for one in (own, measured, stated)] == [d("0.05"), d("0.03"), d("0.02")]


@pytest.mark.parametrize("alpha", ["0", "-0.01"])
def test_nothing_to_gain_is_a_refusal_wherever_it_is_said(alpha):
    assert reason(decide(signal(expected_alpha=d(alpha)), mean_edge=d("0.05"))) is Reason.NO_EDGE
    measured = decide(signal(expected_alpha=None, fallback_alpha=d("0.05")), mean_edge=d(alpha))
    assert reason(measured) is Reason.NO_EDGE
    assert measured.decision.expected_alpha == d(alpha)


def test_no_expected_alpha_at_all_is_a_refusal():
    assert reason(decide(signal(expected_alpha=None))) is Reason.NO_EDGE


def test_the_thirty_percent_rule_adds_move_half_spread_and_fee():
    """Seen at 49,900, now 50,000: 0.2004 % against us, 0.01 % half spread, 0.26 % fee: 0.4704 % of 5 % is 9.4 %."""
    decided = decide(signal(reference_price=d(49_900)))
    expected = (d(100) / 49_900 + d("0.0001") + d("0.0026")) / d("0.05")
    assert abs(decided.decision.slippage_share - expected) < d("1e-15")


def test_a_move_in_our_favour_takes_nothing_off_the_costs():
    better = decide(signal(reference_price=d(51_000)))
    assert better.decision.slippage_share == (d("0.0001") + d("0.0026")) / d("0.05")


def test_for_a_short_a_fall_is_the_adverse_move():
    fell = decide(signal(direction=SHORT, rules=PERP, reference_price=d(50_100)))
    rose = decide(signal(direction=SHORT, rules=PERP, reference_price=d(49_900)))
    assert fell.decision.slippage_share > rose.decision.slippage_share


def test_exactly_thirty_percent_passes_and_a_hair_more_does_not():
    costs = d("0.0001") + d("0.0026")
    assert reason(decide(signal(expected_alpha=costs / d("0.3")))) is Reason.OK
    more = decide(signal(expected_alpha=d("0.00899")))
    assert reason(more) is Reason.SLIPPAGE
    assert more.decision.slippage_share > d("0.3")
    assert bound(more) == "slippage"


def test_an_alpha_of_next_to_nothing_can_still_be_stored():
    decided = decide(signal(expected_alpha=d("0.000000000000000001"), reference_price=d("0.000000000001")))
    assert reason(decided) is Reason.SLIPPAGE


# --- stops and targets -------------------------------------------------------------------------------------------


def test_a_signal_without_a_stop_gets_one_of_two_atr_and_that_stop_reaches_the_order():
    decided = decide(signal(stop_loss=None), features={"atr_14": 250.0})
    (intent,) = decided.intents
    assert intent.stop_loss_ticks == BTC.ticks(d("50005") - 500)


def test_the_atr_of_a_preset_is_its_own():
    decided = decide(signal(stop_loss=None), under=policy("fluxhero"), features={"atr_14": 250.0})
    assert decided.intents[0].stop_loss_ticks == BTC.ticks(d("50005") - 625)


def test_a_shorts_stop_is_above_it():
    decided = decide(signal(direction=SHORT, rules=PERP, stop_loss=None), features={"atr_14": 250.0})
    assert decided.intents[0].stop_loss_ticks == BTC.ticks(d("49995") + 500)


def test_a_stop_is_mandatory():
    assert reason(decide(signal(stop_loss=None))) is Reason.NO_STOP


@pytest.mark.parametrize("stop", ["50005", "50006", "60000"])
def test_a_long_stop_at_or_above_the_entry_is_refused(stop):
    assert reason(decide(signal(stop_loss=d(stop)))) is Reason.STOP_WRONG_SIDE


@pytest.mark.parametrize("stop", ["49995", "49000"])
def test_a_short_stop_at_or_below_the_entry_is_refused(stop):
    assert reason(decide(signal(direction=SHORT, rules=PERP, stop_loss=d(stop)))) is Reason.STOP_WRONG_SIDE


def test_an_atr_wider_than_the_price_makes_no_stop():
    assert reason(decide(signal(stop_loss=None), features={"atr_14": 60_000.0})) is Reason.STOP_WRONG_SIDE


def test_a_take_profit_must_be_on_the_winning_side():
    assert decide(signal(take_profit=d(55_000))).intents[0].take_profit_ticks == 550_000
    assert reason(decide(signal(take_profit=d(50_000)))) is Reason.STOP_WRONG_SIDE
    short = signal(direction=SHORT, rules=PERP, take_profit=d(50_100))
    assert reason(decide(short)) is Reason.STOP_WRONG_SIDE


# --- prices ------------------------------------------------------------------------------------------------------


def test_a_market_entry_is_measured_at_the_side_it_takes_and_its_fill_against_mid():
    decided = decide(signal())
    assert decided.decision.price == d("50005")
    assert decided.intents[0].arrival_ticks == 500_000


def test_a_limit_is_rounded_to_the_tick_that_is_no_worse():
    long = decide(signal(order_type=OrderType.LIMIT, limit_price=d("49900.19")))
    assert long.intents[0].limit_ticks == 499_001
    short = signal(direction=SHORT, rules=PERP, order_type=OrderType.LIMIT, limit_price=d("50100.11"))
    assert decide(short).intents[0].limit_ticks == 501_002


def test_a_short_limit_below_the_market_is_sized_at_the_market_where_it_will_fill():
    cheap = signal(direction=SHORT, rules=PERP, order_type=OrderType.LIMIT, limit_price=d(25_000))
    decided = decide(cheap, under=policy(risk_per_trade="1"))
    assert limit(decided, "position_cap").allows_lots == int(1_500 / (d("49995") * PERP.lot_size))


def test_a_stop_order_that_is_already_reached_is_sized_at_the_market():
    wish = signal(order_type=OrderType.STOP, trigger_price=d(30_000), stop_loss=d(29_000))
    decided = decide(wish, under=policy(risk_per_trade="1"))
    assert limit(decided, "position_cap").allows_lots == int(1_500 / (d("50005") * BTC.lot_size))


def test_risk_is_measured_from_the_farther_end_of_where_it_may_fill():
    """A limit far above the ask fills at the ask, but may fill at the limit."""
    wish = signal(order_type=OrderType.LIMIT, limit_price=d(52_000))
    decided = decide(wish, under=policy(position_cap="1", exposure_cap="1"))
    assert limit(decided, "risk_per_trade").allows_lots == int(100 / (d(3_000) * BTC.lot_size))


def test_a_stop_between_market_and_limit_is_on_the_wrong_side():
    wish = signal(order_type=OrderType.LIMIT, limit_price=d(52_000), stop_loss=d(51_000))
    assert reason(decide(wish)) is Reason.STOP_WRONG_SIDE


@pytest.mark.parametrize("order_type", [OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT])
def test_an_order_without_its_price_is_refused(order_type):
    assert reason(decide(signal(order_type=order_type))) is Reason.UNSUPPORTED


def test_a_stop_limit_has_both_its_prices():
    wish = signal(order_type=OrderType.STOP_LIMIT, trigger_price=d(50_500), limit_price=d(50_600))
    (intent,) = decide(wish).intents
    assert (intent.trigger_ticks, intent.limit_ticks) == (505_000, 506_000)


# --- the order ---------------------------------------------------------------------------------------------------


def test_the_accepted_entry_is_reserved_at_its_worst():
    decided = decide(signal(size=quantity("0.01")))
    (intent,) = decided.intents
    kept = decided.book.reservations[intent.intent_id]
    assert (kept.lots, kept.notional, kept.purpose) == (100, d("500.05"), Purpose.ENTRY)
    assert kept.worst_price == d("50005") * d("1.01")


def test_the_same_signal_twice_gets_no_second_order():
    wish = signal(adds=True, size=quantity("0.001"))
    assert reason(decide(wish, decide(wish).book)) is Reason.DUPLICATE_INTENT


def test_sizes_by_notional_and_by_weight():
    by_money = decide(signal(size=Size(kind=SizeKind.NOTIONAL, value=d(1_000))))
    by_weight = decide(signal(size=Size(kind=SizeKind.WEIGHT, value=d("0.1"))))
    assert by_money.decision.lots == by_weight.decision.lots == int(1_000 / (d("50005") * BTC.lot_size))


def test_nothing_is_opened_on_a_book_whose_account_was_not_marked_for_too_long():
    day_ms = 86_400_000
    fresh, old = (book(positions=held(1, strategy="other"), marked_ms=AT_MS - days * day_ms) for days in (4, 5))
    assert decide(signal(), fresh).decision.verdict is Verdict.ACCEPTED
    assert decide(signal(), book(marked_ms=AT_MS - 5 * day_ms)).decision.verdict is Verdict.ACCEPTED  # all of it cash
    assert decide(signal(), old).decision.reason is Reason.STALE_BOOK
    assert "have the account compared with its venue" in decide(signal(), old).decision.text


@pytest.mark.parametrize("equity", [0, -5])
def test_an_account_that_is_worth_nothing_opens_nothing(equity):
    decided = decide(signal(), book(0, equity))
    assert decided.decision.reason is Reason.NO_EQUITY
    assert decided.intents == ()
