"""From a `Call` to a `Reply`: find the route, check who asks, read strictly, hand over, and turn what is raised into
a Problem. A caller never sees a stack trace, and never a 5xx for anything he sent."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from fluxfloor.errors import FloorError, RetryLater
from fluxfloor.webapi.http import JSON, MAX_BODY_BYTES, Call, Reply, compressed, finished, with_etag
from fluxfloor.webapi.problems import ApiError, invalid, refusal
from fluxfloor.webapi.routes import KEY_HEADER, KEY_PATTERN, Asked, Nothing, Route, Table
from fluxfloor.webapi.sessions import READING_METHODS, Gate, Session, written_elsewhere
from fluxfloor.webapi.strict_json import parse_object

if TYPE_CHECKING:
    from fluxfloor.runtime.context import Context

log = logging.getLogger("fluxfloor.api")


def answer(table: Table, gate: Gate, context: Context, call: Call, https: bool) -> Reply:
    """Never raises."""
    try:
        reply = compressed(call, with_etag(call, _handled(table, gate, context, call)))
    except ApiError as problem:
        reply = problem.reply()
    except RetryLater as problem:
        log.warning("not answered: %s", problem, extra={"path": call.path, "reason": problem.reason})
        reply = refusal(503, "the store did not answer", "", "", {"Retry-After": "1"}).reply()
    except FloorError as problem:
        log.error("not answered: %s", problem, extra={"path": call.path, "reason": problem.reason})
        reply = refusal(500, "the floor can't do this as it is set up; its log says why").reply()
    except Exception:
        log.exception("handler failed", extra={"path": call.path})
        reply = refusal(500, "something broke on our side; its log says what").reply()
    return finished(call, reply, https)


def _handled(table: Table, gate: Gate, context: Context, call: Call) -> Reply:
    route, path = table.match(call.method, call.path)
    session = gate.read(call)
    if not route.public:
        _admit(call, session)
    asked = Asked(call, path, _query(route, call), _body(route, call), session, _key(route, call))
    told = route.handler(context, asked)
    return told if isinstance(told, Reply) else encoded(told, route.status)


def encoded(answer: BaseModel, status: int) -> Reply:
    return Reply(status, answer.__pydantic_serializer__.to_json(answer))


def _admit(call: Call, session: Session | None) -> None:
    if session is None:
        challenge = {"WWW-Authenticate": 'Bearer realm="fluxfloor"'}
        fix = "POST /v1/session, then send its token as Authorization: Bearer …"
        raise refusal(401, "no session, or one that has ended", "header.Authorization", fix, challenge)
    if written_elsewhere(call, session):
        raise refusal(403, "this write was started by another site", "header.Origin", "write from the floor's own page")


def _query(route: Route, call: Call) -> BaseModel:
    values: dict[str, str] = {}
    for name, value in call.query:
        if name in values:
            raise refusal(422, "sent twice", f"query.{name[:60]}", "send it once")
        values[name] = value
    return _validated(route.query, values, "query")


def _body(route: Route, call: Call) -> BaseModel:
    if call.method in READING_METHODS:
        return Nothing()
    _bounded(call)
    if route.raw:
        return Nothing()
    if route.body is None:
        if call.body.strip():
            raise refusal(422, "this takes no body", "body", "leave the body out")
        return Nothing()
    kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON:
        raise refusal(415, f"the body is {kind or 'of no stated type'}", "header.Content-Type", f"send {JSON}")
    return _validated(route.body, parse_object(call.body), "")


def _bounded(call: Call) -> None:
    """By the stated length: a body is never read to find out that it is too long."""
    length = call.headers.get("content-length", "")
    if not length and "transfer-encoding" in call.headers:
        raise refusal(411, "a body without a stated length", "header.Content-Length", "state the length")
    if len(length) > 9 or (length.isdecimal() and int(length) > MAX_BODY_BYTES):
        raise refusal(413, f"more than {MAX_BODY_BYTES} bytes", "body", "send less")


def _validated(kind: type[BaseModel], values: dict[str, Any], where: str) -> BaseModel:
    try:
        return kind.model_validate(values)
    except ValidationError as problem:
        raise invalid(problem, where, tuple(kind.model_fields)) from None


def _key(route: Route, call: Call) -> str:
    if not route.needs_key:
        return ""
    key = call.headers.get(KEY_HEADER.lower(), "")
    if not re.fullmatch(KEY_PATTERN, key):
        fix = "send 8 to 64 letters, digits, - or _: a new one for each change, the same one for its repeats"
        raise refusal(422, "missing or malformed", f"header.{KEY_HEADER}", fix)
    return key
