"""Which new limit an entry may be given: what was decided on, and no dearer than what was expected of it allows."""

from __future__ import annotations

from decimal import Decimal

import pytest
from fluxfloor.contracts.orders import ChangeKind, OrderChange, Purpose, Side
from fluxfloor.contracts.plans import Plan
from fluxfloor.contracts.signals import OrderType
from fluxfloor.contracts.venues import CAPABILITIES
from fluxfloor.execution import lifecycle
from fluxfloor.execution.amending import refused
from fluxfloor.execution.plans import AMEND

from tests.support.desk import AT_MS, BTC, intent

DECIDED = 400_000
TENTH = Plan(expected_alpha=Decimal("0.1"), slippage_share=Decimal("0.3"))


def wish(limit_ticks: int) -> OrderChange:
    return OrderChange(
        change_id="c", intent_id="i1", portfolio_id="main", account_id="paper-main", kind=ChangeKind.AMEND,
        limit_ticks=limit_ticks, asked_by="ann", ts_event_ms=AT_MS,
    )  # fmt: skip


def test_what_is_being_cancelled_is_amended_no_more() -> None:
    asked = intent(lots=10, order_type=OrderType.LIMIT, limit_ticks=DECIDED)
    order = lifecycle.accept(asked, CAPABILITIES["paper"], AT_MS)
    assert refused(lifecycle.take_back(order, AMEND, AT_MS), wish(DECIDED), BTC) == ""
    assert "cancelled by ann" in refused(lifecycle.take_back(order, "cancelled by ann", AT_MS), wish(DECIDED), BTC)


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(
    ("plan", "dearer", "dear"),
    [
        (None, 0, False),
        (None, -1, False),
        (None, 1, True),  # nobody has said what is expected of it
        (Plan(expected_alpha=Decimal(0)), 1, True),
        (TENTH, 12_000, False),  # 3 % of the price: exactly the share
        (TENTH, 12_001, True),
    ],
)
def test_a_new_limit(plan: Plan | None, dearer: int, dear: bool, side: Side) -> None:
    asked = intent(
        side=side, purpose=Purpose.ENTRY, lots=10, order_type=OrderType.LIMIT, limit_ticks=DECIDED, plan=plan
    )
    order = lifecycle.accept(asked, CAPABILITIES["paper"], AT_MS)
    assert bool(refused(order, wish(DECIDED + side.sign * dearer), BTC)) is dear
