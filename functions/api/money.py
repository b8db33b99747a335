"""What people may look at and agree to of the books: differences with the venue, results, payouts, clients' capital."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxfloor.contracts.books import Adjustment, AdjustmentState
from fluxfloor.contracts.events import AdjustmentConfirmed
from fluxfloor.ports import Query
from fluxfloor.webapi import audit, changes
from fluxfloor.webapi.http import Reply
from fluxfloor.webapi.paging import Paged, read_page
from fluxfloor.webapi.problems import refusal
from fluxfloor.webapi.routes import Asked, Nothing

from functions.api import answers
from functions.api.writes import done

if TYPE_CHECKING:
    from fluxfloor.runtime.context import Context
    from fluxfloor.runtime.work import Work


def adjustments(context: Context, asked: Asked[Paged, Nothing]) -> answers.Adjustments:
    account_id = known_account(context, asked.path["id"])
    query = Query(Adjustment.collection, (("account_id", "==", account_id),), order_by="seen_ms")
    found = read_page(context.ports.store, query, asked.query)
    items = tuple(Adjustment.decode(row.data) for row in found.rows if row.data is not None)
    return answers.Adjustments(items=items, next_cursor=found.next_cursor)


def agree(context: Context, asked: Asked[Nothing, answers.AdjustmentChoice]) -> Reply:
    """The person's word goes to reconciliation, which books the difference only if the venue still shows it."""
    account_id, wish, actor = known_account(context, asked.path["id"]), asked.body, asked.actor
    confirmed = AdjustmentConfirmed(
        account_id=account_id, adjustment_id=wish.adjustment_id, treat_as=wish.treat_as, confirmed_by=actor,
        reason=wish.reason,
    )  # fmt: skip

    def decide(work: Work) -> answers.AdjustmentAgreed:
        _agreeable(context, account_id, wish.adjustment_id)
        work.emit(confirmed)
        audit.record(
            work, actor, "adjustment.confirmed", wish.adjustment_id, account=account_id, treat_as=wish.treat_as,
            reason=wish.reason,
        )  # fmt: skip
        return answers.AdjustmentAgreed(adjustment_id=wish.adjustment_id)

    return done(context, changes.commit(context, asked, confirmed, decide, status=202))


def _agreeable(context: Context, account_id: str, adjustment_id: str) -> None:
    """Raises ApiError 404 or 409. Read outside of the commit: reconciliation looks again before it books."""
    found = context.read(Adjustment.key(adjustment_id))
    if found is None or found.account_id != account_id:
        raise refusal(404, "no difference has this id", "adjustment_id", "take one from /v1/accounts/{id}/adjustments")
    if found.state is not AdjustmentState.PROPOSED:
        raise refusal(409, f"this difference is {found.state} already", "adjustment_id", "nothing is left to agree to")


def known_account(context: Context, account_id: str) -> str:
    if account_id not in context.settings.accounts:
        known = ", ".join(context.settings.accounts)
        raise refusal(404, "there is no such account", "path.id", f"take one of {known}")
    return account_id
