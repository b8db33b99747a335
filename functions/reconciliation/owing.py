"""Closes each calendar month for the senders: what they are due of what they made."""

from __future__ import annotations

from decimal import Decimal

from fluxfloor.accounts import payouts, results
from fluxfloor.contracts.capital import PayoutBook
from fluxfloor.contracts.events import RiskRaised, ScheduleTicked, Severity
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.policy import FLOOR
from fluxfloor.contracts.results import Pnl
from fluxfloor.ports import Ref
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.settings import SenderSettings
from fluxfloor.runtime.work import Work


def close_months(context: Context, fact: Fact) -> None:
    """The month before this one, for every sender whose trades have closed. Trades that are booked later count in the
    month that is open then."""
    assert isinstance(fact.event, ScheduleTicked)
    this = payouts.month_of(fact.event.scheduled_ms)
    totals = _totals(context, this, results.day_of(fact.event.scheduled_ms))
    for sender_id, total in sorted(totals.items()):
        _close(context, fact, sender_id, payouts.month_before(this), total)


def _totals(context: Context, month: str, today: str) -> dict[str, dict[str, Decimal]]:
    accounts = sorted(context.settings.accounts)
    whole = _read(context, [results.pnl_id(name) for name in accounts])
    days = payouts.days_since(month, today)
    since = [results.pnl_id(item.account_id, day) for item in whole for day in days]
    return payouts.totals(whole, _read(context, since))


def _read(context: Context, names: list[str]) -> list[Pnl]:
    found = context.ports.store.read([Ref(Pnl.collection, name) for name in names]) if names else []
    return [Pnl.decode(row.data) for row in found if row.data is not None]


def _close(context: Context, fact: Fact, sender_id: str, month: str, total: dict[str, Decimal]) -> None:
    rate = context.settings.senders.get(sender_id, SenderSettings()).payout_rate

    def decide(_: ScheduleTicked, work: Work) -> None:
        (book,) = work.read(PayoutBook.key(sender_id))
        closed = payouts.closed(book or PayoutBook(id=sender_id), month, total, rate, work.settings.mode)
        if closed is None:
            return
        after, payout = closed
        work.write(after)
        work.create(payout)
        due = ", ".join(f"{part.due:,.2f} {currency}" for currency, part in payout.parts.items() if part.due)
        if due:
            work.emit(
                RiskRaised(
                    kind="payout_due", scope=FLOOR, severity=Severity.INFO,
                    message=f"sender {sender_id} is due {due} for {month}", ts_event_ms=work.now_ms,
                    details={"sender": sender_id, "month": month},
                )
            )  # fmt: skip

    context.step(context.cause(fact.event, "payout", sender_id, month), decide)
