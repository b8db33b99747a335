"""What can go wrong on the way to a real venue and back: lost, late, repeated, hidden, throttled, and a wrong clock."""

from __future__ import annotations

from decimal import Decimal

import pytest
from fluxfloor.contracts.orders import OrderState
from fluxfloor.errors import OutcomeUnknown, RetryLater, Throttled, VenueRefused
from fluxfloor.execution.missing import MIN_LOOKUPS
from fluxfloor.venuesim.faults import FaultKind
from fluxfloor.venuesim.rules import Mode

from tests.support.simulated_venue import VenueRoom, an_id
from tests.support.venue_door import Door, placed_at_venue

D = Decimal


def must_drop_late_placements(room: VenueRoom) -> None:
    if not room.venue.capabilities.placement_expiry_ms:
        pytest.skip("this venue promises no expiry of placements: its ids are for ever instead")


def test_accepted_and_then_no_answer_is_unknown_and_found(room: VenueRoom, at: Door) -> None:
    room.fault(FaultKind.UNANSWERED, "place")
    with pytest.raises(OutcomeUnknown):
        at.place(an_id(1))
    assert placed_at_venue(room) == 1
    assert at.found(an_id(1)).state is OrderState.FILLED


def test_never_arrived_is_unknown_and_not_found(room: VenueRoom, at: Door) -> None:
    room.fault(FaultKind.LOST, "place")
    with pytest.raises(OutcomeUnknown):
        at.place(an_id(1))
    assert placed_at_venue(room) == 0
    assert [at.find(an_id(1)) for _ in range(MIN_LOOKUPS)] == [None] * MIN_LOOKUPS


def test_what_arrives_after_its_deadline_is_dropped(room: VenueRoom, at: Door) -> None:
    must_drop_late_placements(room)
    room.fault(FaultKind.LATE, "place", delay_ms=11_000)
    with pytest.raises(OutcomeUnknown):
        at.place(an_id(1))
    at.later(12_000)
    assert at.find(an_id(1)) is None
    assert placed_at_venue(room) == 0


@pytest.mark.parametrize("skew_ms", [-5_000, 5_000])
def test_a_venue_whose_clock_is_off_takes_orders_and_drops_late_ones(room: VenueRoom, at: Door, skew_ms: int) -> None:
    must_drop_late_placements(room)
    room.desk.venue.skew_ms = skew_ms
    assert abs(at.venue.clock_offset_ms() - skew_ms) <= 1_000
    at.place(an_id(1))
    assert at.found(an_id(1)).state is OrderState.FILLED
    room.fault(FaultKind.LATE, "place", delay_ms=10_000 + room.venue.capabilities.clock_error_ms)
    with pytest.raises(OutcomeUnknown):
        at.place(an_id(2))
    at.later(13_000)
    assert at.find(an_id(2)) is None


def test_a_clock_that_goes_off_is_measured_again(room: VenueRoom, at: Door) -> None:
    """Within the five minutes that a measurement is good for, too: the venue has not taken an order, so it is asked."""
    must_drop_late_placements(room)
    at.place(an_id(1))
    room.desk.venue.skew_ms = 30_000
    with pytest.raises((VenueRefused, OutcomeUnknown)) as problem:
        at.place(an_id(2))
    assert getattr(problem.value, "code", "expired") in ("expired", "clock")
    at.place(an_id(3))
    assert at.found(an_id(3)).state is OrderState.FILLED
    assert placed_at_venue(room) == 2


def test_what_arrives_late_under_an_id_for_ever_never_doubles(room: VenueRoom, at: Door) -> None:
    if not room.venue.capabilities.permanent_client_ids:
        pytest.skip("this venue takes an ended order's id again: it drops late placements instead")
    room.fault(FaultKind.LATE, "place", delay_ms=60_000)
    with pytest.raises(OutcomeUnknown):
        at.place(an_id(1))
    assert at.find(an_id(1)) is None
    at.place(an_id(1))
    at.later(61_000)
    assert at.found(an_id(1)).filled == D("0.01")
    assert placed_at_venue(room) == 1


def test_a_server_error_is_unknown_whether_or_not_it_acted(room: VenueRoom, at: Door) -> None:
    for number, kind in ((1, FaultKind.SERVER_ERROR), (2, FaultKind.SERVER_ERROR_AFTER)):
        room.fault(kind, "place", status=502)
        with pytest.raises(OutcomeUnknown):
            at.place(an_id(number))
    assert at.find(an_id(1)) is None
    at.later(30_000)  # the budget of looks fills again
    assert at.found(an_id(2)).state is OrderState.FILLED


def test_a_venue_in_maintenance_gives_no_answer_that_could_be_taken_for_a_no(room: VenueRoom, at: Door) -> None:
    room.desk.venue.mode = Mode.MAINTENANCE
    at.venue.clock_offset_ms()
    with pytest.raises((OutcomeUnknown, VenueRefused)) as problem:
        at.place(an_id(1))
    if isinstance(problem.value, VenueRefused):
        assert problem.value.retryable
        assert problem.value.code in ("maintenance", "not_ready")
    room.desk.venue.mode = Mode.ONLINE
    assert at.find(an_id(1)) is None


def test_a_throttled_placement_is_refused_and_may_be_sent_again(room: VenueRoom, at: Door) -> None:
    room.fault(FaultKind.RATE_LIMITED, "place", retry_after_s=3)
    with pytest.raises(VenueRefused) as refusal:
        at.place(an_id(1))
    assert (refusal.value.code, refusal.value.retryable) == ("throttled", True)
    assert placed_at_venue(room) == 0
    at.later(10_000)
    at.place(an_id(2))
    assert at.found(an_id(2)).state is OrderState.FILLED


def test_a_throttled_read_says_so_and_is_not_repeated_at_once(room: VenueRoom, at: Door) -> None:
    at.find(an_id(1))
    room.slept_s.clear()
    room.fault(FaultKind.RATE_LIMITED, "open_orders", "order", retry_after_s=3)
    with pytest.raises(Throttled) as patience:
        at.find(an_id(1))
    assert patience.value.retry_after_s
    assert room.slept_s == []


def test_reads_are_tried_again_after_one_two_and_four_seconds(room: VenueRoom, at: Door) -> None:
    at.find(an_id(1))
    at.later(60_000)
    room.slept_s.clear()
    room.fault(FaultKind.LOST, "open_orders", "order", count=3)
    assert at.find(an_id(1)) is None
    assert room.slept_s == [1.0, 2.0, 4.0]
    at.later(60_000)
    room.fault(FaultKind.LOST, "open_orders", "order", count=4)
    with pytest.raises(RetryLater):
        at.find(an_id(1))


def test_funds_that_are_not_there_end_the_matter(room: VenueRoom, at: Door) -> None:
    room.fault(FaultKind.INSUFFICIENT_FUNDS, "place")
    with pytest.raises(VenueRefused) as refusal:
        at.place(an_id(1))
    assert (refusal.value.code, refusal.value.retryable) == ("insufficient_funds", False)


def test_a_notional_that_is_too_small_says_so(room: VenueRoom, at: Door) -> None:
    room.fault(FaultKind.MIN_NOTIONAL, "place")
    with pytest.raises(VenueRefused) as refusal:
        at.place(an_id(1))
    assert refusal.value.code == "min_notional"


def test_an_order_that_is_hidden_for_a_while_turns_up(room: VenueRoom, at: Door) -> None:
    room.fault(FaultKind.HIDE_ORDER, delay_ms=30_000)
    with_answer = at.limit(an_id(1), "50000")
    assert with_answer.venue_order_id
    assert at.find(an_id(1)) is None
    at.later(31_000)
    assert at.found(an_id(1)).state is OrderState.OPEN
    assert room.venue.capabilities.read_lag_ms >= 10_000


def test_a_fill_that_is_told_late_leaves_a_gap_that_shows(room: VenueRoom, at: Door) -> None:
    room.fault(FaultKind.HIDE_FILL, delay_ms=20_000)
    at.place(an_id(1))
    gap = at.found(an_id(1))
    assert (gap.filled, gap.fills) == (D("0.01"), ())
    at.later(21_000)
    assert [fill.quantity for fill in at.found(an_id(1)).fills] == [D("0.01")]


def test_a_fill_that_is_told_twice_counts_once(room: VenueRoom, at: Door) -> None:
    room.fault(FaultKind.REPEAT_FILL)
    at.place(an_id(1))
    assert [fill.quantity for fill in at.found(an_id(1)).fills] == [D("0.01")]
    assert [row.fill.quantity for row in at.books().fills] == [D("0.01")]


def test_a_partial_fill_is_one(room: VenueRoom, at: Door) -> None:
    room.fault(FaultKind.PARTIAL_FILL, share=D("0.5"))
    at.limit(an_id(1), "60000.1")
    part = at.found(an_id(1))
    assert (part.state, part.filled) == (OrderState.PARTIALLY_FILLED, D("0.005"))
    assert sum(fill.quantity for fill in part.fills) == D("0.005")
    at.venue.cancel(part, at.rules)
    ended = at.found(an_id(1))
    assert (ended.state, ended.filled) == (OrderState.CANCELLED, D("0.005"))


def test_a_restart_of_the_venue_loses_no_order(room: VenueRoom, at: Door) -> None:
    at.limit(an_id(1), "50000")
    room.server.restart()
    assert at.found(an_id(1)).state is OrderState.OPEN


def test_a_new_process_finds_what_the_old_one_placed(room: VenueRoom, at: Door) -> None:
    at.limit(an_id(1), "50000")
    room.venue = room.adapter()
    assert at.found(an_id(1)).state is OrderState.OPEN
    at.place(an_id(2))
    assert at.found(an_id(2)).state is OrderState.FILLED
