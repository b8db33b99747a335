"""What is broken after a change of the account halts entries, and closes what is open where that was settled."""

from __future__ import annotations

import pytest
from fluxfloor.cerebro import guard
from fluxfloor.contracts.orders import Purpose, Side

from tests.support.desk import AT_MS, ETH, RULES, account_update, book, d, held, policy, reserved


def alarm(equity, preset="kraken-mvp", **more):
    return guard.watch(book(equity, **more), policy(preset), AT_MS)


@pytest.mark.parametrize(
    ("preset", "equity", "flattens"),
    [
        ("kraken-mvp", 9_801, None), ("kraken-mvp", 9_800, False), ("kraken-mvp", 9_600, False),
        ("fluxhero", 9_701, None), ("fluxhero", 9_700, True),
        ("mathematricks", 9_800, False), ("mathematricks", 9_701, False), ("mathematricks", 9_700, True),
    ],
)  # fmt: skip
def test_a_daily_loss_halts_or_flattens_as_the_preset_says(preset, equity, flattens):
    raised = alarm(equity, preset, day_start_equity=d(10_000))
    assert (raised.halt.flatten if raised else None) is flattens


@pytest.mark.parametrize("preset", ["kraken-mvp", "fluxhero", "mathematricks"])
def test_a_drawdown_of_twenty_percent_flattens_and_halts_in_every_preset(preset):
    assert alarm(8_001, preset, high_water=d(10_000)) is None
    raised = alarm(8_000, preset, high_water=d(10_000))
    assert raised.halt.flatten
    assert raised.halt.id == "main"
    assert raised.raised.kind == "drawdown"


def test_the_gravest_is_what_is_told():
    raised = alarm(7_000, day_start_equity=d(10_000), high_water=d(10_000))
    assert raised.raised.kind == "drawdown"
    assert raised.raised.message == (
        "equity is 30% below its highest, and 20% is the limit: entries of main are halted and its positions are "
        "being closed"
    )


def test_flattening_closes_both_sides_of_every_strategy_and_counts_what_is_leaving():
    on = book(
        positions={**held(100), **held(-40, 3_000, ETH, "short"), **held(7, strategy="leaving")},
        reservations=reserved(7, Purpose.EXIT, Side.SELL, strategy="leaving"),
    )
    after, intents = guard.flatten(on, RULES, "cause", AT_MS)
    assert {(item.strategy_id, item.side, item.lots) for item in intents} == {
        ("trend", Side.SELL, 100), ("short", Side.BUY, 40),
    }  # fmt: skip
    assert {item.purpose for item in intents} == {Purpose.FLATTEN}
    assert guard.flatten(after, RULES, "another cause", AT_MS)[1] == ()


def test_one_cause_flattens_once_and_a_later_one_may_try_again():
    on = book(positions=held(100))
    first, again, later = (guard.flatten(on, RULES, cause, AT_MS)[1][0] for cause in ("a", "a", "b"))
    assert first.intent_id == again.intent_id != later.intent_id


def test_what_has_no_rules_yet_does_not_keep_the_rest_from_being_closed():
    on = book(positions={**held(100), **held(5, rules=ETH)})
    known = {name: rules for name, rules in RULES.items() if name != ETH.instrument_id}
    assert [item.lots for item in guard.flatten(on, known, "cause", AT_MS)[1]] == [100]


def test_a_crowd_of_positions_is_closed_in_several_steps():
    on = book(positions={key: item for n in range(90) for key, item in held(1, strategy=f"s{n}").items()})
    closed = 0
    for step in range(3):
        on, intents = guard.flatten(on, RULES, f"cause-{step}", AT_MS)
        closed += len(intents)
    assert closed == 90
    assert guard.flatten(on, RULES, "more", AT_MS)[1] == ()


# --- margin ------------------------------------------------------------------------------------------------------


def called(used=None, free=None, equity=10_000, least_free="0.05"):
    told = account_update(equity).model_copy(update={"margin_used": used, "margin_free": free})
    return guard.margin(told, book(equity), policy(), d(least_free), AT_MS)


@pytest.mark.parametrize(
    ("used", "free", "calls"),
    [
        (None, None, False), (d(8_000), None, False), (d(8_001), None, True), (d(5_000), d(500), False),
        (d(5_000), d(499), True), (d(0), d(0), False), (d(5_000), d(-1), True),
    ],
)  # fmt: skip
def test_margin_beyond_the_cap_or_with_too_little_left_halts(used, free, calls):
    assert (called(used, free) is not None) is calls


def test_a_margin_call_says_what_is_bound_and_keeps_what_is_open():
    alarm = called(d(9_200))
    assert alarm.raised.message == (
        "92% of equity is in use as margin, and 80% is the limit: entries of main are halted"
    )
    assert (alarm.raised.kind, alarm.raised.severity, alarm.halt.flatten) == ("margin_call", "critical", False)


def test_an_account_without_equity_that_owes_margin_is_called():
    assert called(d(1), equity=0) is not None
