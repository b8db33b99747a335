"""Signals of several legs: all legs or none, in their ratio, each under every limit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from fluxfloor.cerebro import book as books
from fluxfloor.cerebro import explain, guard
from fluxfloor.cerebro import window as windows
from fluxfloor.cerebro.decide import Decided
from fluxfloor.cerebro.decide import decide as cerebro_decide
from fluxfloor.cerebro.knowledge import NOTHING_KNOWN, Knowledge
from fluxfloor.contracts.decisions import Decision, Reason, Verdict
from fluxfloor.contracts.events import LegScored, SignalScored
from fluxfloor.contracts.orders import OrderState, Purpose, Side
from fluxfloor.contracts.policy import Policy
from fluxfloor.contracts.signals import Action, Direction, Leg, Signal, Size, SizeKind
from fluxfloor.contracts.state import EntryWindow, RiskBook, Waiting
from fluxfloor.reporting import panels

from tests.support.days import together
from tests.support.desk import (
    AT_MS,
    BTC,
    ETH,
    PERP,
    RULES,
    book,
    d,
    fill,
    fraction,
    held,
    policy,
    quantity,
    quote,
    report,
    reserved,
    signal,
)

MARKETS = {
    BTC.instrument_id: (49995, 50005),
    ETH.instrument_id: ("2999.5", "3000.5"),
    PERP.instrument_id: (49990, 50000),
}
WIDE = {"position_cap": "0.9", "exposure_cap": "0.9", "max_open_positions": 10, "risk_per_trade": "0.5"}


def leg(rules: Any = BTC, size: Size | None = None, direction: Direction = Direction.LONG, **more: Any) -> Leg:
    """With a stop a tenth away."""
    away = d("0.9") if direction is Direction.LONG else d("1.1")
    more.setdefault("stop_loss", d(MARKETS[rules.instrument_id][0]) * away)
    return Leg(instrument_id=rules.instrument_id, size=size, direction=direction, **more)


def pair(*legs: Leg, action: Action = Action.ENTRY, **more: Any) -> Signal:
    return signal(action, **more).model_copy(update={"legs": legs})


def scored(wish: Signal, without: tuple[str, ...] = ()) -> SignalScored:
    seen = {name: quote(*MARKETS[name], RULES[name]) for name in MARKETS if name not in without}
    first, *rest = (item.instrument_id for item in wish.legs)
    return SignalScored(
        signal=wish, quote=seen.get(first), others={name: LegScored(quote=seen.get(name)) for name in rest}
    )


def decide(
    wish: Signal, on: RiskBook | None = None, under: Policy | None = None, knowledge: Knowledge = NOTHING_KNOWN,
    **how: Any,
) -> Decided:  # fmt: skip
    fact = scored(wish, **how)
    return cerebro_decide(fact, on or book(), under or policy(**WIDE), (), RULES, AT_MS, knowledge=knowledge)


def lots(decided: Decided) -> dict[str, int]:
    return {RULES[item.instrument_id].base: item.lots for item in decided.intents}


def refusal(decided: Decided) -> tuple[Reason, str]:
    """Nothing was reserved or ordered; the reason and the leg that has it."""
    assert decided.decision.verdict is Verdict.REFUSED
    assert decided.intents == ()
    assert decided.book is not None
    assert not decided.book.reservations
    assert {item.verdict for item in decided.decision.legs} <= {Verdict.REFUSED}
    return decided.decision.reason, decided.decision.text


def test_two_legs_are_two_orders_with_a_waterfall_each_in_one_decision() -> None:
    decided = decide(pair(leg(BTC, quantity("0.02")), leg(ETH, quantity("0.5"))))
    made = decided.decision
    assert lots(decided) == {"BTC": 200, "ETH": 500}
    assert (made.verdict, made.intent_ids) == (Verdict.ACCEPTED, tuple(item.intent_id for item in decided.intents))
    assert [item.instrument_id for item in made.legs] == [BTC.instrument_id, ETH.instrument_id]
    for item in made.legs:
        assert [step.name for step in item.waterfall if step.binding] == ["requested_size"]
    assert decided.book is not None
    assert set(decided.book.reservations) == set(made.intent_ids)
    assert "2 legs together: BUY 0.02 BTC" in made.text
    assert "; and BUY 0.5 ETH" in made.text
    assert [item.with_legs for item in decided.intents] == [(ETH.instrument_id,), (BTC.instrument_id,)]


def test_the_tightest_leg_scales_all_of_them_and_is_named() -> None:
    """Both want 9,000 on an account of 10,000 of which 9,000 may be in use: half each."""
    wish = pair(
        leg(BTC, Size(kind=SizeKind.NOTIONAL, value=d(9000))), leg(ETH, Size(kind=SizeKind.NOTIONAL, value=d(9000)))
    )
    decided = decide(wish, under=policy(**{**WIDE, "margin_cap": "1"}))
    assert decided.book is not None
    worth = books.exposure(decided.book, RULES)
    assert 8_980 < worth <= 9_000
    for item in decided.decision.legs:
        assert item.notional is not None
        assert abs(item.notional - 4_500) < 15
    bounds = [step for item in decided.decision.legs for step in item.waterfall if step.binding]
    assert [step.allows_lots for step in bounds] == [item.lots for item in decided.decision.legs]
    assert {step.name for step in bounds} == {"exposure_cap", "legs"}
    assert "for the exposure cap of " in next(step.note for step in bounds if step.name == "legs")


def test_the_ratio_of_the_legs_is_kept() -> None:
    wish = pair(
        leg(BTC, Size(kind=SizeKind.NOTIONAL, value=d(9000))), leg(ETH, Size(kind=SizeKind.NOTIONAL, value=d(3000)))
    )
    first, second = decide(wish, under=policy(**{**WIDE, "position_cap": "0.3"})).decision.legs
    assert first.notional is not None
    assert second.notional is not None
    assert first.notional <= 3_000
    assert abs(first.notional / second.notional - 3) < Decimal("0.02")


def test_legs_without_a_size_share_the_risk_of_one_trade() -> None:
    under = policy(**{**WIDE, "risk_per_trade": "0.02"})
    decided = decide(pair(leg(BTC), leg(ETH)), under=under)
    assert len(decided.intents) == 2
    for item in decided.intents:
        rules = RULES[item.instrument_id]
        at, stop = d(MARKETS[item.instrument_id][1]), rules.price(item.stop_loss_ticks or 0)
        assert 98 < rules.quantity(item.lots) * (at - stop) <= 100


def test_any_refused_leg_refuses_all_and_is_named() -> None:
    wish = pair(leg(BTC, quantity("0.02")), leg(ETH, quantity("0.5")))
    assert refusal(decide(wish, without=(ETH.instrument_id,)))[0] is Reason.NO_QUOTE
    assert "ETH/USDT: " in refusal(decide(wish, without=(ETH.instrument_id,)))[1]
    bare = pair(leg(BTC, quantity("0.02")), leg(ETH, quantity("0.5"), stop_loss=None))
    assert refusal(decide(bare))[0] is Reason.NO_STOP
    tiny = pair(leg(BTC, quantity("0.02")), leg(ETH, quantity("0.001")))
    assert refusal(decide(tiny))[0] is Reason.MIN_NOTIONAL
    short = pair(leg(BTC, quantity("0.02")), leg(ETH, quantity("0.5"), Direction.SHORT))
    assert refusal(decide(short))[0] is Reason.SHORT_NOT_ALLOWED
    crowded = policy(**{**WIDE, "max_open_positions": 1})
    assert refusal(decide(wish, under=crowded))[0] is Reason.OPEN_POSITIONS
    half = pair(leg(BTC, quantity("0.02")), leg(ETH))
    assert refusal(decide(half))[0] is Reason.UNSUPPORTED
    twice = pair(leg(BTC, quantity("0.02")), leg(BTC, quantity("0.02")))
    assert refusal(decide(twice))[0] is Reason.UNSUPPORTED


def test_a_leg_that_fell_with_another_says_with_which() -> None:
    made = decide(pair(leg(BTC, quantity("0.02")), leg(ETH, quantity("0.5"))), without=(ETH.instrument_id,)).decision
    assert [item.reason for item in made.legs] == [Reason.OK, Reason.NO_QUOTE]
    assert [part.verdict for part in made.parts()] == [Verdict.REFUSED] * 2


def test_an_exit_leaves_what_is_there_of_every_leg() -> None:
    both = {**held(200), **held(500, 3000, ETH)}
    wish = pair(leg(ETH, stop_loss=None), leg(BTC, fraction("0.5"), stop_loss=None), action=Action.EXIT)
    assert lots(decide(wish, book(positions=both))) == {"BTC": 100, "ETH": 500}
    alone = decide(wish, book(positions=held(500, 3000, ETH)))
    assert lots(alone) == {"ETH": 500}
    assert [item.reason for item in alone.decision.legs] == [Reason.NOTHING_TO_EXIT, Reason.OK]
    assert refusal(decide(wish))[0] is Reason.NOTHING_TO_EXIT


def test_an_exit_of_a_target_goes_though_the_entry_beside_it_is_refused() -> None:
    wish = pair(
        leg(BTC, direction=Direction.FLAT, stop_loss=None),
        leg(ETH, quantity("0.5"), stop_loss=None),
        action=Action.TARGET,
    )
    decided = decide(wish, book(positions=held(200)))
    assert [(item.purpose, item.lots) for item in decided.intents] == [(Purpose.EXIT, 200)]
    assert [item.reason for item in decided.decision.legs] == [Reason.OK, Reason.NO_STOP]


def test_a_leg_at_its_target_stands_in_nobodys_way() -> None:
    wish = pair(leg(BTC, quantity("0.02")), leg(ETH, quantity("0.5")), action=Action.TARGET)
    assert lots(decide(wish, book(positions=held(200)))) == {"ETH": 500}
    both = {**held(200), **held(500, 3000, ETH)}
    assert refusal(decide(wish, book(positions=both)))[0] is Reason.AT_TARGET


def test_each_leg_has_the_slippage_of_what_was_seen_of_it() -> None:
    """BTC was seen 4 % lower: of an alpha of 5 % that is more than may go."""
    wish = pair(leg(BTC, quantity("0.02"), seen_price=d(48_000)), leg(ETH, quantity("0.5"), seen_price=d(3000)))
    assert refusal(decide(wish))[0] is Reason.SLIPPAGE
    turned = pair(leg(ETH, quantity("0.5"), seen_price=d(3000)), leg(BTC, quantity("0.02"), seen_price=d(50_000)))
    assert len(decide(turned).intents) == 2


def test_an_old_reader_sees_the_first_leg_and_a_new_one_reads_what_had_none() -> None:
    told = decide(pair(leg(BTC, quantity("0.02")), leg(ETH, quantity("0.5")))).decision.model_dump(mode="json")
    legs = told.pop("legs")
    old = Decision.model_validate(told)
    assert (old.instrument_id, old.lots, len(old.intent_ids), old.parts()) == (BTC.instrument_id, 200, 2, (old,))
    assert len(legs) == 2


def test_a_leg_that_ends_without_its_fill_is_told_of_while_the_others_stand() -> None:
    decided = decide(pair(leg(BTC, quantity("0.02")), leg(ETH, quantity("0.5"))))
    assert decided.book is not None
    btc, eth = decided.intents
    filled = report(btc, OrderState.FILLED, fill("t1", btc.lots))
    on = books.apply_report(decided.book, filled, BTC)
    assert guard.leg_missing(filled, on, BTC, AT_MS) is None
    rejected = report(eth, OrderState.REJECTED)
    on = books.apply_report(on, rejected, ETH)
    raised = guard.leg_missing(rejected, on, ETH, AT_MS)
    assert raised is not None
    assert (raised.kind, raised.details["instrument"]) == ("leg_missing", ETH.instrument_id)
    assert "ETH/USDT ended rejected with 0 ETH of 0.5 ETH" in raised.message
    assert guard.leg_missing(report(btc, OrderState.REJECTED), book(), BTC, AT_MS) is None


def test_what_is_on_its_way_counts_for_every_leg() -> None:
    waiting = reserved(500, Purpose.ENTRY, Side.BUY, ETH, "other", price=3000)
    both = Size(kind=SizeKind.NOTIONAL, value=d(9000))
    decided = decide(pair(leg(BTC, both), leg(ETH, both)), book(reservations=waiting))
    assert decided.book is not None
    assert books.exposure(decided.book, RULES) <= 9_000


# --- the tail ----------------------------------------------------------------------------------------------------


def money(value: int) -> Size:
    return Size(kind=SizeKind.NOTIONAL, value=d(value))


def test_the_tail_of_all_legs_together_is_within_the_cap() -> None:
    known = Knowledge(scenarios=together(BTC, ETH, share=0.5, size=0.05))
    terms = policy(**{**WIDE, "cvar_cap": "0.05", "margin_cap": "1"})
    made = decide(pair(leg(BTC, money(4_000)), leg(ETH, money(4_000))), under=terms, knowledge=known).decision
    assert made.verdict is Verdict.ACCEPTED
    tails = [part.tail.after for part in made.parts() if part.tail is not None]
    assert len(tails) == 2
    assert tails[0] == pytest.approx(tails[1])
    assert 0.0495 < tails[0] <= 0.05
    assert "portfolio_cvar" in {step.name for part in made.parts() for step in part.waterfall if step.binding}


def test_a_pair_that_hedges_itself_may_be_larger_than_either_leg_alone() -> None:
    known = Knowledge(scenarios=together(BTC, PERP, share=0.99, size=0.05))
    terms = policy(**{**WIDE, "cvar_cap": "0.03", "margin_cap": "1"})
    legs = leg(BTC, money(4_000)), leg(PERP, money(4_000), Direction.SHORT)
    hedged = decide(pair(*legs), under=terms, knowledge=known).decision
    assert {part.lots for part in hedged.parts()} <= {799, 800}
    alone = decide(pair(legs[0]), under=terms, knowledge=known).decision
    assert 0 < alone.lots < 600


# --- in a window -------------------------------------------------------------------------------------------------


def waiting(wish: Signal) -> Waiting:
    return Waiting(event_id="e", root="r", parent="", traceparent="", ts_event_ms=AT_MS, scored=scored(wish))


def test_a_pair_that_waits_is_called_off_by_an_exit_of_either_leg() -> None:
    window = EntryWindow(id="main", closes_ms=AT_MS, waiting=(waiting(pair(leg(BTC), leg(ETH))),))
    later = {"ts_event_ms": AT_MS + 1}
    for rules, off in ((BTC, 1), (ETH, 1), (PERP, 0)):
        leaving = signal(Action.EXIT, Direction.FLAT, rules=rules, **later)
        assert len(windows.called_off(window, leaving)) == off
    both = pair(leg(PERP), leg(ETH), action=Action.EXIT, **later)
    assert len(windows.called_off(window, both)) == 1


def test_a_window_counts_legs() -> None:
    window, wakes = windows.joined(None, waiting(pair(leg(BTC), leg(ETH))), policy(), AT_MS)
    assert wakes
    for _ in range(28):
        window, wakes = windows.joined(window, waiting(pair(leg(BTC), leg(ETH))), policy(), AT_MS)
        assert not wakes
    window, wakes = windows.joined(window, waiting(pair(leg(BTC), leg(ETH))), policy(), AT_MS)
    assert (wakes, len(window.waiting), window.closes_ms) == (True, 30, AT_MS)


def test_every_leg_of_a_backlog_is_decided_on_its_newest_quote() -> None:
    newest = {rules.instrument_id: quote(1, 2, rules, AT_MS + 5) for rules in (BTC, ETH)}
    now = windows.all_at_present(scored(pair(leg(BTC), leg(ETH))), newest)
    assert now.quote == newest[BTC.instrument_id]
    assert now.others[ETH.instrument_id].quote == newest[ETH.instrument_id]


def test_the_console_and_the_command_show_the_waterfall_of_every_leg() -> None:
    made = decide(pair(leg(BTC, quantity("0.02")), leg(ETH, quantity("0.5")))).decision
    lines = explain.waterfall(made, RULES)
    assert [line for line in lines if line.endswith("USDT:")] == ["kraken:BTC/USDT:", "kraken:ETH/USDT:"]
    labels = [bar.label for bar in panels.waterfall(made, {})]
    assert {"BTC/USDT: Margin", "ETH/USDT: Margin"} <= set(labels)
    assert len(labels) == sum(len(part.waterfall) for part in made.parts())
