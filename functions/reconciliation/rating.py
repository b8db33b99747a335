"""How well orders are carried out: followed report by report, summed once each has ended. In the same commit as the
bookings, and nothing else hangs on it."""

from __future__ import annotations

from fluxfloor.accounts import quality
from fluxfloor.accounts.quality import Fees
from fluxfloor.contracts.orders import OrderReport
from fluxfloor.contracts.results import OrderQuality, QualityBook
from fluxfloor.errors import RetryLater
from fluxfloor.runtime.work import Work

from functions.reconciliation.pricing import rules_of


def rate(work: Work, report: OrderReport, fees: Fees) -> None:
    """`fees` are of the fills that this step books. A report that is only on its way costs no read."""
    if not quality.tells(report):
        return
    intent = report.intent
    rules = rules_of(work, intent.instrument_id)
    if rules is None:
        raise RetryLater(f"no rules for {intent.instrument_id} in any catalog yet")
    (before,) = work.read(OrderQuality.key(intent.intent_id))
    setting = work.settings.accounts.get(intent.account_id)
    venue = setting.venue if setting is not None else rules.venue
    order = quality.followed(before or quality.begun(report, rules, venue), report, rules, fees)
    if quality.complete(order):
        (book,) = work.read(QualityBook.key(intent.account_id))
        work.write(quality.summed(book or QualityBook(id=intent.account_id, venue=venue), order))
        order = order.model_copy(update={"counted": True})
    work.write(order)
