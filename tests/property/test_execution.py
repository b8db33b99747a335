"""Whatever the venue, the network and the processes do: an order goes forward only, lives at most once, and is booked.

The stage and the paper venue are the real ones; hypothesis decides what is asked, what fails, who dies, and when.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from fluxfloor.contracts.ids import client_order_id
from fluxfloor.contracts.orders import OrderState, Purpose, Side
from fluxfloor.contracts.signals import OrderType
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.support.desk import BTC, intent
from tests.support.execution_room import MOODS, ExecutionRoom

ORDER = [OrderState.REQUESTED, OrderState.SUBMITTING, OrderState.UNKNOWN, OrderState.OPEN, OrderState.PARTIALLY_FILLED]


def rank(state: OrderState) -> int:
    return len(ORDER) if state.terminal else ORDER.index(state)


class Execution(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.room = ExecutionRoom(Path(self.directory.name))
        self.asked: dict[str, Any] = {}
        self.seen: dict[str, tuple[int, OrderState]] = {}
        self.halted_ms: int | None = None

    # --- what happens --------------------------------------------------------------------------------------------

    @rule(
        side=st.sampled_from(Side), lots=st.integers(1, 500), entering=st.booleans(),
        kind=st.sampled_from([OrderType.MARKET, OrderType.MARKET, OrderType.LIMIT, OrderType.STOP]),
        offset=st.integers(-2_000, 2_000), expires=st.none() | st.integers(1, 400_000),
    )  # fmt: skip
    def ask(self, side, lots, entering, kind, offset, expires):
        price = 500_000 + offset
        wanted = intent(
            f"i{len(self.asked)}", side, lots=lots, purpose=Purpose.ENTRY if entering else Purpose.EXIT,
            order_type=kind if entering else OrderType.MARKET, requested_ms=self.room.clock.now_ms(),
            limit_ticks=price if entering and kind is OrderType.LIMIT else None,
            trigger_ticks=price if entering and kind is OrderType.STOP else None,
            expires_ms=self.room.clock.now_ms() + expires if entering and expires else None,
        )  # fmt: skip
        self.asked[wanted.intent_id] = wanted
        self.room.ask(wanted)

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), time=st.integers(1, 3))
    def ask_again(self, data, time):
        """The same delivery, or another request of the same intent."""
        self.room.ask(self.asked[data.draw(st.sampled_from(sorted(self.asked)))], time)

    @rule(mood=st.sampled_from(MOODS))
    def the_venue_is_about_to(self, mood):
        self.room.venue.mood = mood

    @rule(ms=st.sampled_from([1, 100, 300, 5_000, 12_000, 45_000, 200_000, 3_600_000]))
    def time_passes(self, ms):
        self.room.later(ms)

    @rule()
    def the_sweep_comes(self):
        self.room.sweep()

    @rule(offset=st.integers(-300, 300))
    def the_market_moves(self, offset):
        self.room.market(49_995 + offset, 50_005 + offset)

    @precondition(lambda self: self.halted_ms is None)
    @rule()
    def a_person_halts(self):
        self.room.halt()
        self.halted_ms = self.room.clock.now_ms()

    # --- what holds at every moment ------------------------------------------------------------------------------

    @invariant()
    def orders_only_go_forward(self):
        for order in self.room.orders():
            attempt, state = self.seen.get(order.id, (order.attempt, OrderState.REQUESTED))
            assert order.attempt >= attempt
            if order.attempt == attempt:
                assert rank(order.state) >= rank(state)
                assert not state.terminal or order.state is state
            else:
                assert not state.terminal
            self.seen[order.id] = (order.attempt, order.state)

    @invariant()
    def at_most_one_order_of_an_intent_lives_and_none_fills_more_than_was_asked(self):
        attempts: dict[str, list[Any]] = {}
        sent = {placement.client_order_id: placement for placement in self.room.venue.placed}
        for placed in self.room.at_venue():
            owner = next(name for name in self.asked if self._is_attempt_of(placed.id, name))
            attempts.setdefault(owner, []).append(placed)
        assert len(sent) == len(self.room.venue.placed), "one id was sent twice"
        for name, placed in attempts.items():
            assert sum(item.state is OrderState.OPEN for item in placed) <= 1
            filled = sum((fill.quantity for item in placed for fill in item.fills), BTC.quantity(0))
            assert filled <= BTC.quantity(self.asked[name].lots)

    def _is_attempt_of(self, client_id: str, name: str) -> bool:
        return any(client_order_id("paper-main", name, attempt) == client_id for attempt in range(1, 40))

    @invariant()
    def every_fill_is_stated_once(self):
        told = [fill.trade_id for report in self.room.reports() for fill in report.new_fills]
        assert len(told) == len(set(told))
        for order in self.room.orders():
            stated = {
                fill.trade_id
                for report in self.room.reports()
                if report.intent.intent_id == order.id
                for fill in report.new_fills
            }
            assert stated == set(order.fills)

    @invariant()
    def no_entry_leaves_after_the_halt(self):
        for order in self.room.orders():
            if self.halted_ms is not None and order.intent.purpose is Purpose.ENTRY:
                assert order.submitted_ms <= self.halted_ms

    # --- what holds in the end -----------------------------------------------------------------------------------

    def teardown(self):
        try:
            self._calm_down()
        finally:
            self.room.close()
            self.directory.cleanup()

    def _calm_down(self):
        for wanted in self.asked.values():
            self.room.venue.mood = ""
            self.room.ask(wanted)
        for _ in range(8):
            self.room.venue.mood = ""
            self.room.later(60_000)
            self.room.sweep()
        self.orders_only_go_forward()
        self.every_fill_is_stated_once()
        ours = {trade_id for order in self.room.orders() for trade_id in order.fills}
        assert ours == {fill.id for fill in self.room.venue_fills()}
        assert {order.id for order in self.room.orders()} == set(self.asked), "a request was forgotten"
        for order in self.room.orders():
            rests = order.state is OrderState.OPEN and order.intent.order_type is not OrderType.MARKET
            assert order.state.terminal or rests
            assert not (rests and order.intent.expires_ms and order.intent.expires_ms < self.room.clock.now_ms())


Execution.TestCase.settings = settings(
    max_examples=30, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestNoOrderIsDoubledLostOrRevived = Execution.TestCase
