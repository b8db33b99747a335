"""Whatever fails and whoever dies: what is held has one stop for all of it in the end, and never more leaves than came.

The stage and the paper venue are the real ones, and the account's stops are the venue's.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from fluxfloor.contracts.orders import DUST, OrderState, Side
from fluxfloor.contracts.signals import OrderType
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.support.desk import BTC, intent
from tests.support.execution_room import MOODS, ExecutionRoom

STOP = 490_000


class Protection(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.room = ExecutionRoom(Path(self.directory.name), stops="venue")
        self.asked = 0

    @rule(lots=st.integers(1, 300), limited=st.booleans())
    def enter(self, lots, limited):
        more: dict[str, Any] = {"order_type": OrderType.LIMIT, "limit_ticks": 499_950} if limited else {}
        self._ask(Side.BUY, lots, stop_loss_ticks=STOP, **more)

    @rule(lots=st.integers(1, 600))
    def leave(self, lots):
        self._ask(Side.SELL, lots)

    def _ask(self, side: Side, lots: int, **more: Any) -> None:
        self.asked += 1
        self.room.ask(intent(f"i{self.asked}", side, lots=lots, requested_ms=self.room.clock.now_ms(), **more))

    @rule(mood=st.sampled_from(MOODS))
    def the_venue_is_about_to(self, mood):
        self.room.venue.mood = mood

    @rule(ms=st.sampled_from([1, 300, 5_000, 12_000, 45_000, 200_000]))
    def time_passes(self, ms):
        self.room.later(ms)

    @rule()
    def the_sweep_comes(self):
        self.room.sweep()

    @rule(price=st.sampled_from([48_000, 48_995, 49_500, 49_990, 50_000, 50_500]))
    def the_market_moves(self, price):
        self.room.market(price - 5, price + 5)

    @rule(data=st.data())
    def a_person_cancels(self, data):
        alive = sorted(order.id for order in self.room.orders() if not order.state.terminal)
        if alive:
            self.room.change("cancel", data.draw(st.sampled_from(alive)))

    @invariant()
    def never_more_leaves_than_came(self):
        held = 0
        for row in sorted(self.room.venue_fills(), key=lambda item: item.ts_event_ms):
            held += BTC.lots(abs(row.moves["BTC"])) * (1 if row.moves["BTC"] > 0 else -1)
        assert held >= 0
        self.held = held

    @invariant()
    def no_stop_is_alive_beside_an_exit(self):
        alive = [item for item in self.room.at_venue() if not item.state.terminal and item.side is Side.SELL]
        stops = [item for item in alive if item.order_type is OrderType.STOP]
        assert len(stops) <= 1
        assert not stops or len(alive) == 1

    def teardown(self):
        try:
            self._calm_down()
        finally:
            self.room.close()
            self.directory.cleanup()

    def _calm_down(self):
        self.room.market(49_995, 50_005)
        for _ in range(6):
            self.room.venue.mood = ""
            self.room.later(60_000)
            self.room.sweep()
        self.never_more_leaves_than_came()
        slot, held = self.room.slot(), self.held - self._handed_over()
        assert (slot.lots if slot is not None else 0) == held
        stops = [item for item in self.room.at_venue() if not item.state.terminal and item.order_type is OrderType.STOP]
        assert [BTC.lots(item.quantity) for item in stops] == ([held] if held else [])
        for order in self.room.orders():
            assert order.state.terminal or order.intent.protects or order.state is OrderState.OPEN

    def _handed_over(self):
        """What was too small for a stop or an exit: at the venue still, and dust's."""
        fills = (item for order in self.room.orders() for item in order.fills.items())
        return sum(BTC.lots(fill.quantity) for name, fill in fills if name.startswith(DUST))


Protection.TestCase.settings = settings(
    max_examples=8, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
TestWhatIsHeldIsProtectedAndNoMoreLeaves = Protection.TestCase
