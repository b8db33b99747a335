"""Logging in and out: by password, or once by a ticket from the console."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxfloor.contracts.events import RiskRaised, Severity
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.ids import digest
from fluxfloor.webapi import audit, guard
from fluxfloor.webapi.http import Reply
from fluxfloor.webapi.problems import refusal
from fluxfloor.webapi.routes import Asked, Nothing
from fluxfloor.webapi.serving import encoded

from functions.api import answers
from functions.api.desk import desk_of

if TYPE_CHECKING:
    from fluxfloor.runtime.context import Context
    from fluxfloor.runtime.work import Work

USED_TICKET = "/#ticket-used"
"""Where the page says that the link was good once."""


def log_in(context: Context, asked: Asked[Nothing, answers.Login]) -> Reply:
    desk, store, address = desk_of(context), context.ports.store, asked.call.address
    desk.logins.take(context.now_ms)
    closed = guard.enter(store, address, context.now_ms)
    if not desk.gate.check_password(asked.body.user, asked.body.password, context.settings.api.admin_user):
        if closed:
            _note(context, "login.slowed", guard.slice_of(address), digest(address, context.now_ms))
        raise refusal(401, "user and password do not match", "password", "try again; the wait grows with each failure")
    guard.leave(store, address)
    return _session(context, asked.body.user, "password")


def log_in_by_ticket(context: Context, asked: Asked[answers.TicketQuery, Nothing]) -> Reply:
    """Follows `/login?ticket=…` to the page. A ticket that was used, or is too old, leads to the login form."""
    found = desk_of(context).gate.read_ticket(asked.query.ticket)
    if found is None:
        return Reply(303, headers={"Location": USED_TICKET if asked.query.ticket else "/"})
    user, ticket_id = found
    if not _note(context, "ticket.used", user, ticket_id):
        return Reply(303, headers={"Location": USED_TICKET})
    reply = _session(context, user, "ticket")
    return Reply(303, headers={"Location": "/", "Set-Cookie": reply.headers["Set-Cookie"]})


def who(context: Context, asked: Asked[Nothing, Nothing]) -> answers.SessionAnswer:
    session, mode = asked.session, context.settings.mode
    return answers.SessionAnswer(user=asked.actor, expires_ms=session.expires_ms if session else 0, mode=mode)


def log_out(context: Context, _: Asked[Nothing, Nothing]) -> Reply:
    """Takes the cookie away. A Bearer token is the caller's to forget."""
    return Reply(204, headers={"Set-Cookie": desk_of(context).gate.cookie("", 0)})


def _session(context: Context, user: str, means: str) -> Reply:
    gate, minutes = desk_of(context).gate, context.settings.api.session_minutes
    token, expires_ms = gate.issue(user, minutes)
    _note(context, "session.opened", user, token, means)
    reply = encoded(
        answers.SessionAnswer(user=user, expires_ms=expires_ms, token=token, mode=context.settings.mode), 200
    )
    reply.headers["Set-Cookie"] = gate.cookie(token, minutes)
    return reply


def _note(context: Context, action: str, subject: str, identity: str, means: str = "") -> bool:
    """Audits it. True only for the one who is first to note this identity."""
    event = RiskRaised(kind=action, scope="api", severity=Severity.INFO, message=action, ts_event_ms=context.now_ms)
    fact = Fact.first(digest("api", action, means, identity), event, context.now_ms)

    def record(_: RiskRaised, work: Work) -> None:
        audit.record(work, subject, action, "api", **({"by": means} if means else {}))

    return context.step(fact, record).fresh
