"""POST /telegram: a person's command from a chat, from its bytes to its answer.

Telegram proves itself by the secret token of its webhook, a person by his user id. A command is decided once, by its
update's id, and audited like any other act; the answer goes out after the commit, and again with a repeated update.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from secrets import compare_digest
from typing import TYPE_CHECKING

from fluxfloor.contracts.events import RiskRaised, Severity
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.ids import digest
from fluxfloor.errors import FloorError, RetryLater
from fluxfloor.ports import Message
from fluxfloor.reporting.markup import render
from fluxfloor.reporting.notices import Words, plain
from fluxfloor.runtime.logging import redact
from fluxfloor.webapi import audit, telegram
from fluxfloor.webapi.http import Reply
from fluxfloor.webapi.problems import ApiError, refusal
from fluxfloor.webapi.routes import Asked, Nothing
from fluxfloor.webapi.telegram import Command

from functions.api import commands
from functions.api.desk import desk_of

if TYPE_CHECKING:
    from fluxfloor.runtime.context import Context
    from fluxfloor.runtime.work import Work

DAY_MS = 86_400_000
log = logging.getLogger("fluxfloor.telegram")


def webhook(context: Context, asked: Asked[Nothing, Nothing]) -> Reply:
    """200 for everything that Telegram itself brings: what is no command, or comes from a stranger, is met with
    silence. 503 asks for the update again."""
    settings = context.settings.telegram
    if not settings.enabled:
        raise refusal(404, "no such address", "path", "see /v1/openapi.json for the addresses there are")
    given = asked.call.headers.get(telegram.SECRET_HEADER, "")
    wanted = desk_of(context).gate.secret(settings.webhook_secret_name)
    if not wanted or not compare_digest(given.encode("utf-8", "replace"), wanted.encode()):
        raise refusal(401, "this is not Telegram", f"header.{telegram.SECRET_HEADER}", "set the webhook again")
    command = telegram.read(asked.call.body)
    if command is not None:  # what somebody pasted by mistake must not be kept as his reason
        obey(context, replace(command, args=tuple(redact(arg) for arg in command.args)))
    return Reply(200, b"{}")


def obey(context: Context, command: Command) -> None:
    """Raises RetryLater where nothing was decided, or nobody has been answered."""
    settings = context.settings.telegram
    if command.user_id not in settings.allowed_users:
        _note_stranger(context, command)
        return
    token = desk_of(context).gate.secret(settings.secret_name)
    told = _decided(context, command, token.partition(":")[0])
    desk_of(context).forget()
    _answer(context, command, told, token)


def _decided(context: Context, command: Command, bot: str) -> Words:
    """Once for each update. What is refused is decided too: a repeat must not do later what was refused before."""
    message = f"{command.actor} says /{command.name}"
    said = RiskRaised(kind="telegram", scope="api", severity=Severity.INFO, message=message, ts_event_ms=context.now_ms)
    fact = Fact.first(digest("telegram", bot, command.update_id), said, context.now_ms)
    evidence = {"actor": command.actor, "said": plain(command.said)}

    def act(_: RiskRaised, work: Work) -> None:
        words = commands.run(context, work, command)
        work.answer({"title": words.title, "text": words.text}, evidence)

    try:
        answer = context.step(fact, act).step.answer
    except ApiError as problem:
        refused = {"title": "Refused", "text": _refused(problem)}
        answer = context.step(fact, lambda _, work: work.answer(refused, evidence)).step.answer
    return Words(**(answer or {"title": "Refused", "text": "this update was something else before"}))


def _refused(problem: ApiError) -> str:
    fixes = [error.fix for error in problem.problem.errors if error.fix]
    return "\n".join([problem.problem.detail, *fixes])


def _note_stranger(context: Context, command: Command) -> None:
    """Somebody who is not on the list gets no answer; that he tried is in the audit log, once a day."""
    told = RiskRaised(
        kind="telegram", scope="api", severity=Severity.INFO, message="a stranger", ts_event_ms=context.now_ms
    )
    fact = Fact.first(digest("stranger", command.user_id, context.now_ms // DAY_MS), told, context.now_ms)

    def record(_: RiskRaised, work: Work) -> None:
        audit.record(work, command.actor, "telegram.refused", "api", said=f"/{command.name}")

    context.step(fact, record)


def _answer(context: Context, command: Command, told: Words, token: str) -> None:
    """A chat that can't be written to keeps no command from having been done: that is for the log. Where a later try
    may work, Telegram brings the update again, and with it the answer."""
    from fluxfloor.adapters.channels import open_messenger

    live = "LIVE: " if context.settings.mode == "live" else ""
    _, body = render("telegram", Severity.INFO, Words(live + redact(told.title), redact(told.text)))
    message = Message(f"telegram.{command.update_id}", "info", "", body, context.now_ms)
    try:
        base_url = context.settings.telegram.base_url
        open_messenger("telegram", token, chat_id=str(command.chat_id), base_url=base_url).send(message)
    except RetryLater:
        raise
    except FloorError as problem:
        log.error("not answered: %s", problem, extra={"stage": "api", "reason": problem.reason})
