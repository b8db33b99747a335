"""A minute before the close a strategy may prepare; on the close it is asked as if it had not."""

from __future__ import annotations

from dataclasses import replace

from fluxfloor.contracts.events import CandleForming
from fluxfloor.contracts.signals import Action, Direction
from fluxfloor.contracts.state import Holding, Pending, Stances
from fluxfloor.features import Around, Voice, hear
from fluxfloor.features.positions import apply_decision, apply_report
from fluxfloor.features.preparing import prepare

from tests.support import desk
from tests.unit.features.test_speak import ALWAYS, BAR_MS, KEY, SYMBOL, Always, bars, closed, stances

PREPARES = (replace(ALWAYS[0], prepares=True),)
BEFORE_MS = closed().close_ms - 60_000


def forming() -> CandleForming:
    return CandleForming(candle=closed().candle, close_ms=closed().close_ms)


def prepared(before: Stances | None = None, speakers: tuple[Voice, ...] = PREPARES):
    return prepare(forming(), bars()[:-1], before, speakers, Around(), BEFORE_MS)


def at_the_close(before: Stances, speakers: tuple[Voice, ...] = PREPARES):
    return hear(closed(), bars(), before, speakers, closed().close_ms + 2_000)


def test_a_wish_a_minute_before_the_close_is_a_provisional_signal() -> None:
    after, (signal,) = prepared()
    assert (signal.action, signal.provisional, signal.bar_close_ms) == (Action.ENTRY, True, closed().close_ms)
    assert signal.ts_event_ms == BEFORE_MS
    assert after.holdings[KEY].pending == {
        signal.signal_id: Pending(exit=False, since_ms=BEFORE_MS, prepared_ms=closed().close_ms)
    }
    assert after.last_close_ms == 0


def test_only_who_prepares_is_asked_and_only_where_he_has_nothing_and_wants_in() -> None:
    assert prepared(speakers=ALWAYS)[1] == ()
    assert prepared(stances(lots=5))[1] == ()
    assert prepared(stances(pending={"x": Pending(exit=False, since_ms=0)}))[1] == ()
    leaves = (Voice(KEY, Always(Action.EXIT), prepares=True),)
    assert prepared(stances(lots=5), leaves)[1] == ()
    assert prepare(forming(), bars()[:-2], None, PREPARES, Around(), BEFORE_MS)[1] == ()
    late = Stances(id=SYMBOL, last_close_ms=closed().close_ms)
    assert prepared(late)[1] == ()


def test_the_same_wish_on_the_close_is_the_signal_and_no_other_is_pending() -> None:
    before, (provisional,) = prepared()
    heard = at_the_close(before)
    (signal,) = heard.signals
    assert (signal.action, signal.provisional) == (Action.ENTRY, False)
    assert signal.signal_id != provisional.signal_id
    assert set(heard.stances.holdings[KEY].pending) == {signal.signal_id}


def test_no_wish_on_the_close_takes_back_what_was_prepared_and_waits_for_its_end() -> None:
    before, (provisional,) = prepared()
    silent = (Voice(KEY, Always(Action.EXIT), prepares=True),)
    heard = at_the_close(before, silent)
    (signal,) = heard.signals
    assert (signal.action, signal.leg.direction, signal.strategy_id) == (Action.CANCEL, Direction.FLAT, "test")
    assert set(heard.stances.holdings[KEY].pending) == {provisional.signal_id}


def test_a_signal_whose_order_another_had_prepared_ends_with_that_order() -> None:
    holding = Holding(pending={"real": Pending(exit=False, since_ms=1), "prepared": Pending(exit=False, since_ms=1)})
    before = Stances(id=desk.BTC.instrument_id, holdings={"main|trend": holding})
    decided = desk.decide(desk.signal(name="prepared"))
    made = decided.decision.model_copy(update={"signal_id": "real"})
    before = apply_decision(before, made)
    (order,) = decided.intents
    after = apply_report(before, desk.report(order, desk.OrderState.CANCELLED), desk.BTC)
    assert after.holdings["main|trend"].pending == {}


def test_what_was_prepared_stays_known_as_such_when_it_is_decided() -> None:
    decided = desk.decide(desk.signal(name="prepared"))
    holding = Holding(pending={"prepared": Pending(exit=False, since_ms=1, prepared_ms=BAR_MS)})
    before = Stances(id=desk.BTC.instrument_id, holdings={"main|trend": holding})
    after = apply_decision(before, decided.decision)
    assert after.holdings["main|trend"].pending["prepared"].prepared_ms == BAR_MS
