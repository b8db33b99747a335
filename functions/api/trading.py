"""What people may want of positions and orders: out of some, or of all; an order taken back, changed, or looked up."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from fluxfloor.contracts.events import OrderChanged, RiskRaised, Severity
from fluxfloor.contracts.execution import Order
from fluxfloor.contracts.instruments import Instrument, InstrumentCatalog
from fluxfloor.contracts.orders import ChangeKind, OrderChange
from fluxfloor.contracts.state import RiskBook
from fluxfloor.webapi import changes
from fluxfloor.webapi.http import Reply
from fluxfloor.webapi.problems import refusal
from fluxfloor.webapi.routes import Asked, Nothing

from functions.api import acts, trading_answers
from functions.api.writes import done

if TYPE_CHECKING:
    from fluxfloor.runtime.context import Context
    from fluxfloor.runtime.work import Work


def exit_positions(context: Context, asked: Asked[Nothing, trading_answers.ExitRequest]) -> Reply:
    wish, actor = asked.body, asked.actor
    named = (wish.portfolio or "", wish.strategy or "", wish.instrument or "")
    if not any(named) and not wish.all:
        raise refusal(422, "out of what?", "all", "name a portfolio, a strategy or an instrument, or send all: true")
    cause = asks(actor, "exit", wish.portfolio or "floor", context.now_ms)

    def decide(work: Work) -> trading_answers.Exiting:
        wanted = acts.slots(books(work), *named)
        if not wanted:
            raise refusal(422, "nothing of this is held or on its way in", "body", "see /v1/positions for what is")
        signals = acts.exit_slots(work, actor, wanted, wish.reason)
        return trading_answers.Exiting(items=tuple(trading_answers.ExitAsked.of(signal) for signal in signals))

    return done(context, changes.commit(context, asked, cause, decide, status=202))


def books(work: Work) -> list[RiskBook]:
    found = work.read_all([RiskBook.key(name) for name in sorted(work.settings.portfolios)])
    return [book for book in found if book is not None]


def asks(actor: str, what: str, scope: str, now_ms: int) -> RiskRaised:
    """What such a step is about. It is the cause alone, and never sent: signals and changes tell of it."""
    text = f"{actor} asks for {what}"
    return RiskRaised(kind=f"{what}_asked", scope=scope, severity=Severity.INFO, message=text, ts_event_ms=now_ms)


def cancel(context: Context, asked: Asked[Nothing, trading_answers.OrderReason]) -> Reply:
    return _changed(context, asked, ChangeKind.CANCEL, asked.body.reason)


def look(context: Context, asked: Asked[Nothing, trading_answers.OrderReason]) -> Reply:
    """Asks the venue now what became of it, whatever execution's rhythm says."""
    return _changed(context, asked, ChangeKind.LOOK, asked.body.reason)


def amend(context: Context, asked: Asked[Nothing, trading_answers.AmendRequest]) -> Reply:
    """New terms, as the instrument counts them. What the venue would not take is refused here."""
    wish = asked.body
    if wish.quantity is None and wish.limit_price is None and wish.trigger_price is None:
        raise refusal(422, "nothing is to change", "body", "send quantity, limit_price or trigger_price")
    order = acts.changeable(context.read(Order.key(asked.path["intent"])))
    rules = _rules(context, order)
    terms = {
        "lots": _whole(wish.quantity, rules.lot_size, "quantity"),
        "limit_ticks": _whole(wish.limit_price, rules.tick_size, "limit_price"),
        "trigger_ticks": _whole(wish.trigger_price, rules.tick_size, "trigger_price"),
    }
    given = {name: value for name, value in terms.items() if value is not None}
    _fits(order, given)
    return _changed(context, asked, ChangeKind.AMEND, wish.reason, **given)


def _changed(context: Context, asked: Asked[Nothing, Any], kind: ChangeKind, reason: str, **terms: int) -> Reply:
    order = acts.changeable(context.read(Order.key(asked.path["intent"])))
    intent, actor = order.intent, asked.actor
    wanted = OrderChange(
        change_id=order.id, intent_id=order.id, portfolio_id=intent.portfolio_id, account_id=intent.account_id,
        kind=kind, asked_by=actor, ts_event_ms=context.now_ms,
    )  # fmt: skip

    def decide(work: Work) -> trading_answers.ChangeAsked:
        change = acts.change_order(work, actor, order, kind, reason, **terms)
        return trading_answers.ChangeAsked(change_id=change.change_id, intent_id=order.id, kind=kind)

    return done(context, changes.commit(context, asked, OrderChanged(change=wanted), decide, status=202))


def _rules(context: Context, order: Order) -> Instrument:
    instrument_id = order.intent.instrument_id
    catalog = context.reference(InstrumentCatalog.key(instrument_id.partition(":")[0]))
    rules = catalog.find(instrument_id) if catalog else None
    if rules is None:
        raise refusal(409, "the rules of this instrument are not known", "path.intent", "wait for the venue's catalog")
    return rules


def _whole(value: Decimal | None, step: Decimal, field: str) -> int | None:
    """In whole steps. Nothing is rounded: a person who names a price means that price."""
    if value is None:
        return None
    steps, rest = divmod(value, step)
    if rest or steps < 1:
        raise refusal(422, f"{field} is not a whole number of {step:f}", field, f"send a multiple of {step:f}")
    return int(steps)


def _fits(order: Order, terms: dict[str, int]) -> None:
    """Terms that the order has at all, and no fewer lots than have filled."""
    intent = order.intent
    if "limit_ticks" in terms and intent.limit_ticks is None:
        raise refusal(422, f"a {intent.order_type} order has no limit price", "limit_price", "leave it out")
    if "trigger_ticks" in terms and intent.trigger_ticks is None:
        raise refusal(422, f"a {intent.order_type} order has no trigger price", "trigger_price", "leave it out")
    lots = terms.get("lots")
    if lots is not None and not order.filled_lots < lots <= intent.lots:
        fix = "send more than has filled, and no more than was decided: more is another decision"
        raise refusal(422, "the quantity does not fit this order", "quantity", fix)
