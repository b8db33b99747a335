"""A person's change: decided once per Idempotency-Key, audited in its own commit, told the same again on a repeat."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import BaseModel

from fluxfloor.contracts.base import Event
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.ids import digest
from fluxfloor.contracts.journal import Step
from fluxfloor.webapi.http import Reply
from fluxfloor.webapi.problems import refusal
from fluxfloor.webapi.routes import KEY_HEADER, Asked

if TYPE_CHECKING:
    from fluxfloor.runtime.context import Context
    from fluxfloor.runtime.work import Work

Decide = Callable[["Work"], BaseModel]


def commit(context: Context, asked: Asked[Any, Any], event: Event, decide: Decide, status: int = 200) -> Reply:
    """Runs `decide` under the caller's key and answers what it returns. What `decide` raises commits nothing.

    Durable before it answers: the claim, the change and its audit record are one commit. A repeat finds the claim, is
    told the first answer, and sends the facts that the first time could not.
    """
    fact = Fact.first(digest("api", asked.actor, asked.key), event, context.now_ms)
    request = _fingerprint(asked)

    def act(_: Event, work: Work) -> None:
        told = decide(work).model_dump(mode="json")
        work.answer({"status": status, "body": told}, {"request": request, "actor": asked.actor})

    return _reply(context.step(fact, act).step, request)


def _reply(step: Step, request: str) -> Reply:
    if (step.evidence or {}).get("request") != request:
        fix = "take a new key for a new change"
        raise refusal(422, "this key was used for another change", f"header.{KEY_HEADER}", fix)
    answer = step.answer or {}
    # Sorted, because a store may give the names back in another order, and a repeat is told the same byte for byte.
    return Reply(answer["status"], orjson.dumps(answer["body"], option=orjson.OPT_SORT_KEYS))


def _fingerprint(asked: Asked[Any, Any]) -> str:
    return digest(asked.call.method, asked.call.path, asked.body.model_dump_json())
