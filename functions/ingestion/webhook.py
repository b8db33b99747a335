"""POST /webhooks/<sender>: one webhook, from its bytes to its answer.

200 says that the signal is kept, and says the same again to every repeat; 4xx names what is wrong and how to mend it;
503 asks for it again, because nothing was kept. Every answer is JSON.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from fluxfloor.contracts.events import SignalReceived, WebhookArrived
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.ids import digest
from fluxfloor.contracts.instruments import ListedCatalog
from fluxfloor.contracts.journal import JOURNAL, claim_id
from fluxfloor.contracts.state import Sender
from fluxfloor.errors import RetryLater
from fluxfloor.ports import Ref
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.work import Work
from fluxfloor.signals import ratelimit
from fluxfloor.signals.authenticate import client_address, request_of
from fluxfloor.signals.parse import MAX_BODY_BYTES
from fluxfloor.signals.refusals import Refused
from fluxfloor.signals.standardise import Accepted, Catalogs, evidence_of, standardise

from functions.ingestion import meters

if TYPE_CHECKING:
    from flask import Request

log = logging.getLogger("fluxfloor.ingestion")
PATH = "/webhooks/"
STRANGERS_PER_MINUTE = 60  # unproved requests from one address, before they are not looked at any more
NOT_KEPT = "It could not be kept. Send it again."
RETRY = {"Retry-After": "5"}
REPEATED = {"Fluxfloor-Webhook": "duplicate"}  # the body of a repeat is the first answer's; only this tells

Answer = tuple[bytes, int, dict[str, str]]


def respond(context: Context, request: Request) -> Answer:
    if request.method == "GET" and request.path in ("/", "/healthz"):
        return _json({"status": "ok"}, 200)
    if not request.path.startswith(PATH):
        return _problem(404, "not_found", f"Webhooks go to {PATH}<sender>.")
    if request.method != "POST":
        return _problem(405, "method_not_allowed", "Webhooks are POSTed.", {"Allow": "POST"})
    try:
        return _take(context, request.path[len(PATH) :].rstrip("/"), request)
    except Refused as refused:
        return refused.body(), refused.status, refused.headers()
    except RetryLater as problem:
        log.warning("webhook not kept: %s", problem, extra={"stage": "ingestion"})
        return _problem(503, problem.reason, NOT_KEPT, RETRY)
    except Exception:  # ours to mend, and nothing was kept: the sender's next try may find it mended
        log.exception("webhook not kept", extra={"stage": "ingestion"})
        return _problem(503, "unavailable", NOT_KEPT, RETRY)


def _take(context: Context, sender_id: str, request: Request) -> Answer:
    received_ms = context.now_ms  # as soon as it came: by this time it is told from its repeats, however long it takes
    body = _body(request)
    sender = context.reference(Sender.key(sender_id)) if _plausible(sender_id) else None
    secret = context.ports.secrets.get(sender.secret_name) if sender and sender.enabled else ""
    headers, query = dict(request.headers), request.query_string.decode("latin-1")
    content_type = request.content_type or ""
    try:
        accepted = standardise(
            body, content_type, headers, sender, secret, _catalogs(context, sender), received_ms, query
        )
    except Refused as refused:
        return _refuse(context, refused, sender, request, body, secret)
    if sender is None:
        raise Refused("unknown_sender", "")
    repeated = _first_answer(context, (accepted.event_id, *accepted.also))
    if repeated is not None:
        return _json(repeated, 200, REPEATED)
    _limit(context, f"sender:{sender.id}", sender.rate_per_minute)
    return _json(_keep(context, sender, accepted), 200)


def _body(request: Request) -> bytes:
    """At most one byte more than is allowed is ever read. A stream may hand out less at a time than was asked for."""
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise Refused(
            "body_too_large", f"The body has more than {MAX_BODY_BYTES} bytes.", fix="Send a shorter message."
        )
    body = bytearray()
    while len(body) <= MAX_BODY_BYTES:
        chunk = request.stream.read(MAX_BODY_BYTES + 1 - len(body))
        if not chunk:
            break
        body += chunk
    return bytes(body)


def _plausible(sender_id: str) -> bool:
    return 0 < len(sender_id) <= 128 and sender_id.replace("-", "").replace("_", "").isalnum() and sender_id.isascii()


def _catalogs(context: Context, sender: Sender | None) -> Catalogs:
    venues = {context.settings.market.exchange} | ({sender.default_venue} if sender else set())
    found = {venue: context.reference(ListedCatalog.key(venue)) for venue in sorted(venues)}
    return {venue: catalog for venue, catalog in found.items() if catalog is not None}


# --- keeping -----------------------------------------------------------------------------------------------------


def _keep(context: Context, sender: Sender, accepted: Accepted) -> dict[str, Any]:
    """The answer, once the signals are committed. If only their sending failed, the relay sends them."""
    fact = Fact.first(accepted.event_id, WebhookArrived(sender_id=sender.id), context.now_ms)

    def decide(event: WebhookArrived, work: Work) -> None:
        work.emit(*(SignalReceived(signal=signal) for signal in accepted.signals))
        work.answer(accepted.answer(), accepted.evidence)

    try:
        taken = context.step(fact, decide, accepted.also)
    except Exception as problem:
        kept = _first_answer(context, (accepted.event_id, *accepted.also))
        if kept is None:
            raise
        log.warning("webhook kept, and not sent on yet: %s", problem, extra={"stage": "ingestion"})
        return kept
    return taken.step.answer or accepted.answer()


def _first_answer(context: Context, event_ids: tuple[str, ...]) -> dict[str, Any] | None:
    """What was answered when this webhook came first; None if it never did."""
    refs = [Ref(JOURNAL, claim_id("ingestion", event_id), "edge") for event_id in event_ids]
    for found in context.ports.store.read(refs):
        if found.data is not None and found.data["answer"] is not None:
            answer: dict[str, Any] = found.data["answer"]
            return answer
    return None


# --- refusing ----------------------------------------------------------------------------------------------------


def _refuse(
    context: Context, refused: Refused, sender: Sender | None, request: Request, body: bytes, secret: str
) -> Answer:
    """A repeat of something accepted gets its first answer, even where today it would be too late. What a proved
    sender sent is kept with the reason; strangers are only counted."""
    arrived = request_of(body, request.content_type or "", dict(request.headers))
    if sender is None or not refused.authenticated:
        _limit(context, f"address:{client_address(arrived)}", STRANGERS_PER_MINUTE)
        raise refused
    answer = _first_answer(context, refused.event_ids)
    if answer is not None:
        return _json(answer, 200, REPEATED)
    _limit(context, f"sender:{sender.id}", sender.rate_per_minute)
    evidence = {**evidence_of(arrived, secret), "refused": refused.problem()}
    event_id = digest("refusal", sender.id, evidence["body"], context.now_ms)
    fact = Fact.first(event_id, WebhookArrived(sender_id=sender.id), context.now_ms)
    context.step(fact, lambda _, work: work.answer({}, evidence))
    log.info("webhook refused: %s", refused.code, extra={"stage": "ingestion", "sender": sender.id})
    raise refused


def _limit(context: Context, key: str, per_minute: int) -> None:
    ratelimit.check_rate(meters.of(context.ports.store).take(key, per_minute, context.now_ms), per_minute)


# --- answering ---------------------------------------------------------------------------------------------------


def _json(value: dict[str, Any], status: int, headers: dict[str, str] | None = None) -> Answer:
    return (
        json.dumps(value, ensure_ascii=False, sort_keys=True).encode(),
        status,
        {"Content-Type": "application/json", **(headers or {})},
    )


def _problem(status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> Answer:
    problem = {"type": f"urn:fluxfloor:refusal:{code}", "title": code, "status": status, "detail": detail, "code": code}
    return json.dumps(problem).encode(), status, {"Content-Type": "application/problem+json", **(headers or {})}
