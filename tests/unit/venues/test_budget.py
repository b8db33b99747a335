"""A bucket of requests, and what is kept in it for cancels; and the venue's clock."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import pytest
from fluxfloor.adapters.venues.budget import Budget, Purpose
from fluxfloor.adapters.venues.venue_clock import GOOD_FOR_MS, VenueClock
from fluxfloor.contracts.orders import OrderState
from fluxfloor.contracts.venues import CAPABILITIES, MAX_CLOCK_OFFSET_MS
from fluxfloor.errors import RetryLater, Throttled, VenueRefused
from fluxfloor.ports import VenueOrder
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.venuesim.binance import budget as simulated_binance
from fluxfloor.venuesim.budgets import Budget as SimulatedBudget
from fluxfloor.venuesim.refusals import Refused

from tests.support.simulated_venue import AT_MS, VenueRoom, an_id, venue_room

READ, PLACE, CANCEL = Purpose.READ, Purpose.PLACE, Purpose.CANCEL


def bucket(clock: VirtualClock, per_minute: int = 60, reserved: int = 3, burst: int = 5) -> Budget:
    return Budget(clock, per_minute, reserved, burst)


def test_reads_and_placements_leave_the_reserve_to_cancels() -> None:
    budget = bucket(VirtualClock(AT_MS))
    assert [budget.take(purpose) for purpose in (READ, PLACE)] == [0, 0]
    assert budget.take(READ) == budget.take(PLACE) == 1.0
    assert [budget.take(CANCEL) for _ in range(3)] == [0, 0, 0]
    assert budget.take(CANCEL) == 1.0


def test_tokens_come_back_with_time_up_to_the_burst() -> None:
    clock = VirtualClock(AT_MS)
    budget = bucket(clock, reserved=0)
    assert [budget.take(READ) for _ in range(5)] == [0] * 5
    clock.advance_to(AT_MS + 1_000)
    assert budget.take(READ) == 0
    assert budget.take(READ) == 1.0
    clock.advance_to(AT_MS + 3_600_000)
    assert sum(budget.take(READ) == 0 for _ in range(10)) == 5


def test_what_it_says_to_wait_is_enough() -> None:
    clock = VirtualClock(AT_MS)
    budget = bucket(clock, per_minute=7, burst=2, reserved=0)
    for _ in range(50):
        wait_s = budget.take(READ)
        if wait_s:
            clock.advance_to(clock.now_ms() + round(wait_s * 1000))
            assert budget.take(READ) == 0


def test_a_call_that_costs_more_than_the_bucket_holds_waits_for_a_full_one() -> None:
    clock = VirtualClock(AT_MS)
    budget = bucket(clock, reserved=0, burst=2)
    assert budget.take(READ, 5) == 0
    assert budget.take(READ) > 0


def test_what_was_not_used_is_given_back() -> None:
    budget = bucket(VirtualClock(AT_MS), reserved=0)
    assert budget.take(READ, 5) == 0
    budget.give_back(2)
    budget.give_back(100)
    assert budget.take(READ, 5) == 0
    assert budget.take(READ) > 0


def test_a_clock_that_is_set_back_fills_nothing() -> None:
    class Back:
        at_ms = AT_MS

        def now_ms(self) -> int:
            return self.at_ms

    clock = Back()
    budget = Budget(clock, 60, 0, 1)
    assert budget.take(READ) == 0
    clock.at_ms -= 3_600_000
    assert budget.take(READ) == 1.0


def test_a_venue_that_asks_for_patience_gets_it_from_cancels_too() -> None:
    clock = VirtualClock(AT_MS)
    budget = bucket(clock)
    budget.close(7)
    budget.close(2)
    assert budget.take(READ) == budget.take(CANCEL) == 7.0
    clock.advance_to(AT_MS + 7_000)
    assert budget.take(CANCEL) == 0


# --- at the adapter ------------------------------------------------------------------------------------------------


def used_up(room: VenueRoom) -> None:
    """A key with 20 requests a minute for everything, 6 of them for cancels."""
    able = replace(
        CAPABILITIES[room.name], requests_per_minute=20, reserved_for_cancels=6, burst=0, orders_per_minute=0
    )
    room.venue = room.adapter(capabilities=able)
    room.venue.place(room.placement(an_id(1)))
    with pytest.raises(Throttled):
        [room.venue.find(an_id(404), room.rules, AT_MS) for _ in range(20)]
    rest = room.venue._wire("trading")._calls
    while not rest.take(READ):
        pass


def test_an_empty_bucket_refuses_placements_before_anything_is_sent() -> None:
    with venue_room("kraken") as room:
        used_up(room)
        with pytest.raises(VenueRefused) as refusal:
            room.venue.place(room.placement(an_id(2)))
        assert (refusal.value.code, refusal.value.retryable) == ("throttled", True)
        assert len(room.desk.venue.orders) == 1


def test_an_empty_bucket_still_has_what_a_cancel_and_its_look_take() -> None:
    with venue_room("kraken") as room:
        used_up(room)
        open_order = VenueOrder(an_id(1), "OQQQQQ-QQQQQ-QQQQQQ", OrderState.OPEN)
        with pytest.raises(VenueRefused, match="Unknown order"):
            room.venue.cancel(open_order, room.rules)
        assert room.venue.find(an_id(1), room.rules, AT_MS) is not None
        with pytest.raises(Throttled):
            room.venue.find(an_id(404), room.rules, AT_MS)


def test_looking_at_the_books_takes_nothing_from_the_key_that_trades() -> None:
    with venue_room("kraken") as room:
        used_up(room)
        assert room.venue.books(AT_MS).balances


# --- the clock -----------------------------------------------------------------------------------------------------


def asking(answers: list[int | Exception]) -> Callable[[], int]:
    def ask() -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ask


def test_the_clock_is_asked_once_in_five_minutes() -> None:
    clock = VirtualClock(AT_MS)
    there = VenueClock(asking([AT_MS + 700, AT_MS + GOOD_FOR_MS + 900]), clock)
    assert [there.offset_ms(), there.offset_ms(), there.now_ms() - AT_MS] == [700, 700, 700]
    clock.advance_to(AT_MS + GOOD_FOR_MS)
    assert there.offset_ms() == 900


def test_a_clock_that_is_doubted_is_asked_again() -> None:
    there = VenueClock(asking([AT_MS + 700, AT_MS - 700]), VirtualClock(AT_MS))
    assert there.offset_ms() == 700
    there.forget()
    assert there.known_ms() == AT_MS + 700
    assert there.offset_ms() == -700


def test_whole_seconds_are_taken_by_their_middle() -> None:
    there = VenueClock(asking([AT_MS]), VirtualClock(AT_MS + 800), step_ms=1_000)
    assert there.offset_ms() == -300


def test_where_the_venue_does_not_answer_the_last_measurement_stays() -> None:
    there = VenueClock(asking([AT_MS + 700, RetryLater("no")]), VirtualClock(AT_MS))
    assert there.offset_ms() == 700
    there.forget()
    assert there.offset_ms() == 700
    with pytest.raises(RetryLater):
        VenueClock(asking([RetryLater("no")]), VirtualClock(AT_MS)).offset_ms()


def test_a_clock_that_is_far_off_is_said_aloud(caplog: pytest.LogCaptureFixture) -> None:
    off_ms = MAX_CLOCK_OFFSET_MS + 1
    with caplog.at_level(logging.WARNING):
        assert VenueClock(asking([AT_MS - off_ms]), VirtualClock(AT_MS), venue="kraken").offset_ms() == -off_ms
    assert "the clock of kraken is -3001 ms away" in caplog.text


# --- the venue's own count -----------------------------------------------------------------------------------------


class Counting(SimulatedBudget):
    """The venue's own, and how often it said no."""

    refusals = 0

    def spend(self, account: str, name: str, now_ms: int) -> None:
        try:
            super().spend(account, name, now_ms)
        except Refused:
            self.refusals += 1
            raise


@pytest.mark.parametrize(
    ("venue", "counter"),
    [
        ("kraken", Counting(15, 0.33, {"fills": 2, "ledger": 2, "place": 0, "cancel": 0})),  # its lowest tier
        ("binance", Counting(6_000, 100, simulated_binance().weights)),
    ],
)
def test_who_keeps_to_the_budget_is_never_throttled(venue: str, counter: Counting) -> None:
    """Looking as fast as it may for a quarter of an hour, and waiting for exactly as long as it is told to: then every
    look comes to its end, too."""
    with venue_room(venue) as room:
        room.desk.gateway.budget = counter
        room.venue.clock_offset_ms()
        begun_ms, looks, waits = room.clock.now_ms(), 0, 0
        while room.clock.now_ms() < begun_ms + 900_000:
            try:
                room.venue.find(an_id(404), room.rules, room.clock.now_ms())
                looks += 1
            except Throttled as patience:
                room.sleep(patience.retry_after_s or 0)
                waits += 1
        assert counter.refusals == 0
        assert looks >= waits > 50
