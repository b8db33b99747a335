"""Money that leaves one of our accounts and comes to another is one move, and nobody's capital.

Both ends are booked where they happen; here they are matched: same currency, what arrived is what was sent, within the
window, or the same reference (a chain's transaction) whatever the amounts.
"""

from __future__ import annotations

from decimal import Decimal

from fluxfloor.accounts.adopting import capital_of
from fluxfloor.accounts.ledger import CAPITAL_KINDS
from fluxfloor.contracts import ids
from fluxfloor.contracts.books import CashMove, Flow, OpenFlows
from fluxfloor.contracts.money import EXACT
from fluxfloor.ports import VenueTransfer

LATEST_MS = 3 * 86_400_000  # a transfer that takes longer is two
EARLIEST_MS = 3_600_000  # clocks differ, and a venue may tell of a withdrawal late
KEPT = 200


def flow_of(account_id: str, seen: VenueTransfer) -> Flow | None:
    if seen.kind not in CAPITAL_KINDS:
        return None
    return Flow(
        account_id=account_id, transfer_id=seen.transfer_id, currency=seen.currency, amount=capital_of(seen),
        ts_event_ms=seen.ts_event_ms, reference=seen.reference,
    )  # fmt: skip


def matched(waiting: OpenFlows, flow: Flow) -> tuple[OpenFlows, CashMove | None]:
    """The oldest flow that is this one's other end, taken out; else this one waits for its own."""
    others = [item for item in waiting.flows if _same_move(item, flow)]
    if not others:
        kept = [item for item in waiting.flows if flow.ts_event_ms - item.ts_event_ms <= LATEST_MS + EARLIEST_MS]
        return waiting.model_copy(update={"flows": (*kept, flow)[-KEPT:]}), None
    other = min(others, key=lambda item: (item.ts_event_ms, item.transfer_id))
    left = waiting.model_copy(update={"flows": tuple(item for item in waiting.flows if item is not other)})
    sent, received = (flow, other) if flow.amount < 0 else (other, flow)
    lost = EXACT.subtract(abs(sent.amount), received.amount)
    move_id = ids.digest("move", sent.account_id, sent.transfer_id, received.account_id, received.transfer_id)
    return left, CashMove(id=move_id, sent=sent, received=received, fee=max(Decimal(0), lost))


def _same_move(one: Flow, other: Flow) -> bool:
    if one.account_id == other.account_id or one.currency != other.currency or one.amount * other.amount >= 0:
        return False
    sent, received = (one, other) if one.amount < 0 else (other, one)
    took_ms = received.ts_event_ms - sent.ts_event_ms
    same_reference = bool(one.reference) and one.reference == other.reference
    return -EARLIEST_MS <= took_ms <= LATEST_MS and (same_reference or sent.amount == -received.amount)
