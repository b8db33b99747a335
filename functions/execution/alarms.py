"""What execution calls a person for."""

from __future__ import annotations

from fluxfloor.contracts.events import RiskRaised, Severity
from fluxfloor.contracts.execution import Order, Slot
from fluxfloor.contracts.policy import Halt
from fluxfloor.execution import plans
from fluxfloor.execution.lifecycle import ASKED
from fluxfloor.runtime.work import Work

FAILING_TRIES = 3  # placements of an exit in a row that came to nothing, before somebody is told
GRAVE_TRIES = 6


def overfilled(work: Work, order: Order) -> None:
    """More was filled than was asked for: it is booked, entries stop, and a person is called."""
    portfolio, asked = order.intent.portfolio_id, order.intent.lots
    message = f"order {order.client_order_id} asked for {asked} lots and the venue filled {order.filled_lots}"
    (halt,) = work.read(Halt.key(portfolio))
    if halt is None:
        work.write(Halt(id=portfolio, reason=message, raised_by="execution", ts_event_ms=work.now_ms))
    _raise(work, order, "overfilled", Severity.CRITICAL, message)


def trying(work: Work, before: Order, order: Order) -> None:
    """An exit that comes to nothing again and again: told at the third try, gravely at the sixth and whenever their
    number has doubled since."""
    tries = order.tries
    if not plans.closes(order) or order.intent.protects or tries <= before.tries:
        return
    told = tries == FAILING_TRIES or (tries >= GRAVE_TRIES and _doubled(tries))
    if told:
        grave = Severity.CRITICAL if tries >= GRAVE_TRIES else Severity.WARNING
        what = f"{order.intent.instrument_id} of {order.intent.strategy_id} can't be closed"
        why = f"{tries} placements came to nothing, the last because: {order.reason or 'unknown'}"
        _raise(work, order, "exit_failing", grave, f"{what}: {why}")


def _doubled(tries: int) -> bool:
    times, rest = divmod(tries, GRAVE_TRIES)
    return not rest and not times & (times - 1)


def asked(order: Order) -> bool:
    """Does a person know already that nobody can tell what became of it?"""
    return order.reason == ASKED


def unknown(work: Work, order: Order) -> None:
    """Told once, and again where it was seen since. The minute's sweep goes on looking for it."""
    work.write(order.model_copy(update={"reason": ASKED}))
    if not asked(order):
        message = f"order {order.client_order_id} is not to be seen at {order.intent.account_id}'s venue, and {ASKED}"
        _raise(work, order, "order_unknown", Severity.CRITICAL, message)


def revived(work: Work, order: Order, client_order_id: str) -> None:
    message = f"order {client_order_id} was alive at the venue after its end; it is being taken back"
    _raise(work, order, "order_revived", Severity.CRITICAL, message)


def change_refused(work: Work, order: Order, change_id: str, why: str) -> None:
    message = f"change {change_id} of order {order.client_order_id} was not made: {why}"
    _raise(work, order, "change_refused", Severity.INFO, message)


def unprotected(work: Work, slot: Slot, portfolio: str, why: str) -> None:
    account, strategy, instrument = slot.id.split("|", 2)
    work.emit(
        RiskRaised(
            kind="unprotected", scope=portfolio, severity=Severity.CRITICAL, ts_event_ms=work.now_ms,
            message=f"{abs(slot.lots)} lots of {instrument} that {strategy} holds on {account} have no stop: {why}",
            details={"account": account, "strategy": strategy, "instrument": instrument},
        )
    )  # fmt: skip


def _raise(work: Work, order: Order, kind: str, severity: Severity, message: str) -> None:
    work.emit(
        RiskRaised(
            kind=kind, scope=order.intent.portfolio_id, severity=severity, message=message[:1_000],
            details={"intent": order.id, "account": order.intent.account_id, "tries": str(order.tries)},
            ts_event_ms=work.now_ms,
        )
    )  # fmt: skip
