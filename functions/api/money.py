"""What people may look at and agree to of the books: differences with the venue, results, payouts, clients' capital."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxfloor.accounts import results, sketch
from fluxfloor.accounts.quality import merged
from fluxfloor.contracts.base import Document
from fluxfloor.contracts.books import Adjustment, AdjustmentState
from fluxfloor.contracts.events import AdjustmentConfirmed
from fluxfloor.contracts.results import ALL_DAYS, Made, OrderQuality, Pnl, Quality, QualityBook, Sketch
from fluxfloor.ports import Query, Ref, Snapshot
from fluxfloor.webapi import audit, changes
from fluxfloor.webapi.http import Reply
from fluxfloor.webapi.paging import Paged, read_page
from fluxfloor.webapi.problems import refusal
from fluxfloor.webapi.routes import Asked, Nothing

from functions.api import money_answers
from functions.api.writes import done

if TYPE_CHECKING:
    from fluxfloor.runtime.context import Context
    from fluxfloor.runtime.work import Work

DAY_MS = 86_400_000


def adjustments(context: Context, asked: Asked[Paged, Nothing]) -> money_answers.Adjustments:
    account_id = known_account(context, asked.path["id"])
    query = Query(Adjustment.collection, (("account_id", "==", account_id),), order_by="seen_ms")
    found = read_page(context.ports.store, query, asked.query)
    items = tuple(Adjustment.decode(row.data) for row in found.rows if row.data is not None)
    return money_answers.Adjustments(items=items, next_cursor=found.next_cursor)


def agree(context: Context, asked: Asked[Nothing, money_answers.AdjustmentChoice]) -> Reply:
    """The person's word goes to reconciliation, which books the difference only if the venue still shows it."""
    account_id, wish, actor = known_account(context, asked.path["id"]), asked.body, asked.actor
    confirmed = AdjustmentConfirmed(
        account_id=account_id, adjustment_id=wish.adjustment_id, treat_as=wish.treat_as, confirmed_by=actor,
        reason=wish.reason,
    )  # fmt: skip

    def decide(work: Work) -> money_answers.AdjustmentAgreed:
        _agreeable(context, account_id, wish.adjustment_id)
        work.emit(confirmed)
        audit.record(
            work, actor, "adjustment.confirmed", wish.adjustment_id, account=account_id, treat_as=wish.treat_as,
            reason=wish.reason,
        )  # fmt: skip
        return money_answers.AdjustmentAgreed(adjustment_id=wish.adjustment_id)

    return done(context, changes.commit(context, asked, confirmed, decide, status=202))


def _agreeable(context: Context, account_id: str, adjustment_id: str) -> None:
    """Raises ApiError 404 or 409. Read outside of the commit: reconciliation looks again before it books."""
    found = context.read(Adjustment.key(adjustment_id))
    if found is None or found.account_id != account_id:
        raise refusal(404, "no difference has this id", "adjustment_id", "take one from /v1/accounts/{id}/adjustments")
    if found.state is not AdjustmentState.PROPOSED:
        raise refusal(409, f"this difference is {found.state} already", "adjustment_id", "nothing is left to agree to")


# --- results -----------------------------------------------------------------------------------------------------


def pnl(context: Context, asked: Asked[money_answers.PnlQuery, Nothing]) -> money_answers.PnlAnswer:
    account_id = one_account(context, asked.query.account)
    days = dict.fromkeys((ALL_DAYS, *_days(asked.query, context.now_ms)))
    names = [results.pnl_id(account_id, day) for day in days]
    found = [Pnl.decode(row.data) for row in _documents(context, Pnl, names) if row.data is not None]
    whole = next((item for item in found if item.day == ALL_DAYS), None)
    by, setting = asked.query.by, context.settings.accounts[account_id]
    if whole is None:
        return money_answers.PnlAnswer(
            account_id=account_id, currency=setting.currency, mode=context.settings.mode, by=by, total=Made(),
            parts={}, days=(),
        )  # fmt: skip
    return money_answers.PnlAnswer(
        account_id=account_id, currency=whole.currency, mode=whole.mode, by=by, total=whole.total,
        parts=getattr(whole, by),
        days=tuple(
            money_answers.PnlDay(day=item.day, total=item.total, parts=getattr(item, by))
            for item in sorted(found, key=lambda item: item.day, reverse=True)
            if item.day != ALL_DAYS
        ),
    )  # fmt: skip


def _days(query: money_answers.PnlQuery, now_ms: int) -> list[str]:
    until_ms = now_ms if query.until_ms is None else query.until_ms
    return [results.day_of(max(0, until_ms - number * DAY_MS)) for number in range(query.days)]


def quality(context: Context, asked: Asked[money_answers.QualityQuery, Nothing]) -> money_answers.QualityAnswer:
    rows = _documents(context, QualityBook, sorted(context.settings.accounts))
    books = [QualityBook.decode(row.data) for row in rows if row.data is not None]
    parts: dict[tuple[str, str], list[Quality]] = {}
    for book in books:
        for strategy_id, item in book.strategies.items():
            key = (book.venue, strategy_id if asked.query.by == "strategy" else "")
            parts.setdefault(key, []).append(item)
    items = tuple(_quality_row(venue, strategy, found) for (venue, strategy), found in sorted(parts.items()))
    return money_answers.QualityAnswer(by=asked.query.by, items=items)


def _quality_row(venue: str, strategy_id: str, parts: list[Quality]) -> money_answers.QualityRow:
    whole = merged(parts)
    return money_answers.QualityRow(
        venue=venue, strategy_id=strategy_id, orders=whole.orders, filled=whole.filled, rejects=whole.rejects,
        cost_bps=_spread(whole.cost_bps), fee_bps=_spread(whole.fee_bps), decided_ms=_spread(whole.decided_ms),
        sent_ms=_spread(whole.sent_ms), filled_ms=_spread(whole.filled_ms),
    )  # fmt: skip


def _spread(found: Sketch) -> money_answers.Spread:
    return money_answers.Spread(
        count=found.count, mean=sketch.mean(found), p50=sketch.quantile(found, 0.5), p95=sketch.quantile(found, 0.95)
    )


def order_quality(context: Context, asked: Asked[Nothing, Nothing]) -> OrderQuality:
    found = context.read(OrderQuality.key(asked.path["intent"]))
    if found is None:
        raise refusal(404, "nothing is known of how it was carried out", "path.intent", "take one from /v1/orders")
    return found


def _documents(context: Context, kind: type[Document], names: list[str]) -> list[Snapshot]:
    return context.ports.store.read([Ref(kind.collection, name, kind.database) for name in names])


# --- accounts ----------------------------------------------------------------------------------------------------


def one_account(context: Context, account_id: str | None) -> str:
    known = list(context.settings.accounts)
    if account_id is None and len(known) != 1:
        raise refusal(422, "which account?", "query.account", f"send one of {', '.join(known)}")
    if account_id is not None and account_id not in known:
        raise refusal(404, "there is no such account", "query.account", f"send one of {', '.join(known)}")
    return account_id or known[0]


def known_account(context: Context, account_id: str) -> str:
    if account_id not in context.settings.accounts:
        known = ", ".join(context.settings.accounts)
        raise refusal(404, "there is no such account", "path.id", f"take one of {known}")
    return account_id
