"""What a person may do to the floor, whichever way he says it: the page, the API or Telegram.

Each act is decided within one commit, together with the fact that tells of it and its audit record. Raises ApiError,
with the field and the fix, for what can't be done; then nothing is committed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fluxfloor.contracts.events import OrderChanged, RiskRaised, Severity, SignalReceived
from fluxfloor.contracts.execution import Order
from fluxfloor.contracts.ids import digest
from fluxfloor.contracts.orders import ChangeKind, OrderChange, Purpose
from fluxfloor.contracts.policy import Halt
from fluxfloor.contracts.signals import Action, Direction, Leg, Signal
from fluxfloor.contracts.state import RiskBook
from fluxfloor.contracts.views import AlertAck, AlertRecord
from fluxfloor.webapi import audit
from fluxfloor.webapi.problems import refusal

if TYPE_CHECKING:
    from fluxfloor.runtime.work import Work

SENDER, FORMAT = "floor", "person"
MOST_EXITS = 100  # in one act: a commit takes only so much

# --- the kill switch ---------------------------------------------------------------------------------------------


def halt(work: Work, actor: str, scope: str, reason: str, flatten: bool) -> Halt:
    """A halt that stands stays as it is, but for a wish to flatten, which is added to it."""
    (standing,) = work.read(Halt.key(scope))
    made = standing or Halt(id=scope, reason=reason, raised_by=actor, flatten=flatten, ts_event_ms=work.now_ms)
    made = made.model_copy(update={"flatten": made.flatten or flatten})
    work.write(made)
    work.emit(halted(actor, scope, reason, flatten, work.now_ms))
    audit.record(work, actor, "halt.raised", scope, reason=reason, flatten=flatten)
    return made


def halted(actor: str, scope: str, reason: str, flatten: bool, now_ms: int) -> RiskRaised:
    text = f"{actor} halted {scope}{' and flattens it' if flatten else ''}: {reason}"
    return RiskRaised(
        kind="halted", scope=scope, severity=Severity.CRITICAL, message=text, ts_event_ms=now_ms,
        details={"by": actor, "flatten": str(flatten).lower()},
    )  # fmt: skip


def resume(work: Work, actor: str, scope: str, reason: str) -> Halt:
    """Only a person lifts a halt, and says why. Returns the one that was lifted."""
    (standing,) = work.read(Halt.key(scope))
    if standing is None:
        raise refusal(404, f"{scope} is not halted", "path.scope", "see /v1/halts for what is")
    work.delete(standing)
    work.emit(resumed(actor, scope, reason, work.now_ms))
    audit.record(work, actor, "halt.lifted", scope, was=standing.reason, reason=reason)
    return standing


def resumed(actor: str, scope: str, reason: str, now_ms: int) -> RiskRaised:
    return RiskRaised(
        kind="resumed", scope=scope, severity=Severity.WARNING, message=f"{actor} resumed {scope}: {reason}",
        ts_event_ms=now_ms, details={"by": actor},
    )  # fmt: skip


def acknowledge(work: Work, actor: str, record: AlertRecord, note: str) -> AlertAck:
    """The first to acknowledge has it; a second one is told so by what is returned."""
    (standing,) = work.read(AlertAck.key(record.id))
    if standing is not None:
        return standing
    made = AlertAck(id=record.id, by=actor, note=note, ts_event_ms=work.now_ms)
    work.write(made)
    audit.record(work, actor, "alert.acknowledged", record.id, kind=record.kind, scope=record.scope, note=note)
    return made


def acknowledging(actor: str, record: AlertRecord, now_ms: int) -> RiskRaised:
    """The cause of such a step, never sent: the alerts stage reads the acknowledgement itself."""
    text = f"{actor} acknowledges {record.id}"
    return RiskRaised(
        kind="acknowledged", scope=record.scope or "floor", severity=Severity.INFO, message=text, ts_event_ms=now_ms
    )


# --- positions ---------------------------------------------------------------------------------------------------


def slots(books: Iterable[RiskBook], portfolio: str = "", strategy: str = "", instrument: str = "") -> list[Slot]:
    """What is held, or on its way in, of all that fits what was named: (portfolio, strategy, instrument), sorted. An
    instrument may be named by its symbol."""
    found = {(book.id, item.strategy_id, item.instrument_id) for book in books for item in _inside(book)}
    return sorted(
        slot
        for slot in found
        if portfolio in ("", slot[0])
        and strategy in ("", slot[1])
        and instrument in ("", slot[2], slot[2].partition(":")[2])
    )


Slot = tuple[str, str, str]


def _inside(book: RiskBook) -> list[Any]:
    coming = [item for item in book.reservations.values() if item.purpose is Purpose.ENTRY]
    return [*(item for item in book.positions.values() if item.lots), *coming]


def exit_slots(work: Work, actor: str, wanted: list[Slot], reason: str) -> tuple[Signal, ...]:
    """Asks Cerebro to leave all of each of them: an exit is refused by no limit and by no halt. What is on its way in
    goes out as it fills. Cerebro sizes it by its own book, so a fill that comes meanwhile changes nothing here."""
    if len(wanted) > MOST_EXITS:
        raise refusal(422, f"more than {MOST_EXITS} positions", "body", "name a portfolio, a strategy or an instrument")
    signals = tuple(_exit(work, actor, slot, reason) for slot in wanted)
    work.emit(*(SignalReceived(signal=signal) for signal in signals))
    named = ", ".join(f"{strategy} {instrument}" for _, strategy, instrument in wanted)
    audit.record(work, actor, "position.exit", wanted[0][0], positions=named[:1_000], reason=reason)
    return signals


def _exit(work: Work, actor: str, slot: Slot, reason: str) -> Signal:
    portfolio, strategy, instrument = slot
    return Signal(
        signal_id=digest("forced", work.fact.event_id, *slot), sender_id=SENDER, strategy_id=strategy,
        portfolio_id=portfolio, format=FORMAT, action=Action.EXIT,
        legs=(Leg(instrument_id=instrument, direction=Direction.FLAT),), ts_event_ms=work.now_ms,
        ts_received_ms=work.now_ms, tag="forced", explanation={"forced_by": actor, "reason": reason},
    )  # fmt: skip


# --- orders ------------------------------------------------------------------------------------------------------


def change_order(work: Work, actor: str, order: Order, kind: ChangeKind, reason: str, **terms: int) -> OrderChange:
    """Asks execution, which decides it on the order as it is by then."""
    intent = order.intent
    change = OrderChange(
        change_id=digest("change", work.fact.event_id, order.id, kind), intent_id=order.id,
        portfolio_id=intent.portfolio_id, account_id=intent.account_id, kind=kind, asked_by=actor, reason=reason,
        ts_event_ms=work.now_ms, **terms,
    )  # fmt: skip
    work.emit(OrderChanged(change=change))
    told = {name: value for name, value in terms.items() if value is not None}
    audit.record(work, actor, f"order.{kind}", order.id, reason=reason, **told)
    return change


def changeable(order: Order | None) -> Order:
    """Raises ApiError 404 or 409. Read outside of the commit: execution looks again before it acts."""
    if order is None:
        raise refusal(404, "no order has this id", "path.intent", "take one from /v1/orders")
    if order.state.terminal:
        raise refusal(409, f"this order is {order.state} already", "path.intent", "nothing is left to do")
    return order
