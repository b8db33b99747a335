"""The one entry: a webhook's bytes become standard signals, or a refusal.

    accepted = standardise(body, content_type, headers, sender, secret, catalogs, now_ms, query)

Nothing but Refused is ever raised. An array becomes one signal per element, all of them or none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from fluxfloor.contracts.ids import digest
from fluxfloor.contracts.instruments import InstrumentCatalog
from fluxfloor.contracts.signals import Action, Direction, Leg, Signal
from fluxfloor.contracts.state import Sender
from fluxfloor.signals import formats
from fluxfloor.signals.authenticate import Request, authenticate, check_query, client_address, request_of
from fluxfloor.signals.dedupe import event_ids
from fluxfloor.signals.draft import Context, Draft, LegDraft, Note
from fluxfloor.signals.parse import Json, check_size, parse
from fluxfloor.signals.redact import masked, redact, scrubbed
from fluxfloor.signals.refusals import Refused
from fluxfloor.signals.symbols import Resolved, resolve
from fluxfloor.signals.timing import event_time

MAX_SIGNALS: Final = 32
MAX_LEGS: Final = 8  # a decision looks at all of them together, again and again
MAX_NOTES: Final = 24
MAX_NOTE: Final = 200
Catalogs = Mapping[str, InstrumentCatalog]
ResolvedLeg = tuple[LegDraft, Resolved]


@dataclass(frozen=True, slots=True)
class Accepted:
    """`event_id` names this webhook; when any of `also` was decided before, this is a repeat of that one.

    `evidence` is what arrived, without its secrets; plain JSON values.
    """

    event_id: str
    signals: tuple[Signal, ...]
    evidence: dict[str, Any]
    format: str
    also: tuple[str, ...] = ()

    def answer(self) -> dict[str, Any]:
        """What the sender is told, now and on every repeat: how the webhook was understood."""
        return {"event_id": self.event_id, "format": self.format, "signals": [_told(one) for one in self.signals]}


def standardise(
    body: bytes, content_type: str, headers: Mapping[str, str], sender: Sender | None, secret: str,
    catalogs: Catalogs, now_ms: int, query: str = "",
) -> Accepted:  # fmt: skip
    """Raises Refused, and nothing else, for whatever cannot be taken; its texts never hold the secret.

    `sender` is None for an id nobody has; the same work is done for it. `secret` is the sender's, `catalogs` the
    instruments by venue, `query` what stands after "?" in the address.
    """
    secret = secret.strip()
    request = request_of(body, content_type, headers, query)
    try:
        return _standardise(request, sender, secret, catalogs, now_ms)
    except Refused as refused:
        raise _without_secret(refused, secret) from None


def evidence_of(request: Request, secret: str, found: str = "") -> dict[str, Any]:
    """What is kept of a webhook, taken or refused."""
    address = client_address(request)
    return {
        "body": redact(request.body.decode("utf-8", "replace"), secret.strip()),
        "content_type": redact(request.content_type[:100], secret.strip()),
        "address": str(address) if address else "",
        "format": found,
    }


def _standardise(request: Request, sender: Sender | None, secret: str, catalogs: Catalogs, now_ms: int) -> Accepted:
    check_size(request.body)
    document, problem = _parse(request)
    stranger = _not_proved(request, document, sender, secret)
    if sender is None or (stranger and stranger.code == "unknown_sender"):
        raise stranger or Refused("unknown_sender", "")
    try:
        # A known sender is told of a broken body before its secret is asked for: in a broken body it can't be found.
        check_query(request, secret)
        for refusal in (problem, stranger):
            if refusal is not None:
                raise refusal
        return _accept(request, scrubbed(document, secret), sender, secret, catalogs, now_ms)
    except Refused as refused:
        refused.authenticated = stranger is None
        raise


def _not_proved(request: Request, document: Json, sender: Sender | None, secret: str) -> Refused | None:
    try:
        authenticate(request, document, sender, secret)
    except Refused as refused:
        return refused
    return None


def _parse(request: Request) -> tuple[Json, Refused | None]:
    """The document; or what is wrong with it, and the text as far as there is one."""
    try:
        return parse(request.body, request.content_type), None
    except Refused as refused:
        return request.body.decode("utf-8", "replace"), refused


def _accept(request: Request, document: Json, sender: Sender, secret: str, catalogs: Catalogs, now_ms: int) -> Accepted:
    found, drafts = formats.read(document, Context(sender, now_ms))
    if len(drafts) > MAX_SIGNALS:
        fix = f"Send at most {MAX_SIGNALS} signals in one webhook."
        raise Refused("too_many_signals", f"The webhook holds {len(drafts)} signals.", fix=fix)
    evidence = evidence_of(request, secret, found)
    ids = event_ids(sender.id, [draft.identity for draft in drafts], evidence["body"], now_ms)
    try:
        signals = _signals(drafts, ids[0], found, sender, catalogs, now_ms)
    except Refused as refused:
        refused.event_ids = ids
        raise
    return Accepted(ids[0], tuple(signals), evidence, found, ids[1:])


def _signals(
    drafts: list[Draft], event_id: str, found: str, sender: Sender, catalogs: Catalogs, now_ms: int
) -> list[Signal]:
    signals: list[Signal] = []
    for index, draft in enumerate(drafts):
        legs = _resolve(draft, sender, catalogs)
        if draft.only_if_shortable and not all(resolved.instrument.allows_short for _, resolved in legs):
            continue
        signals.append(_signal(draft, legs, digest("signal", event_id, index), found, sender, now_ms))
    return signals


def _resolve(draft: Draft, sender: Sender, catalogs: Catalogs) -> list[ResolvedLeg]:
    """The legs with their instruments, in the order of those."""
    path = f"{draft.path}.legs" if draft.path else "legs"
    if len(draft.legs) > MAX_LEGS:
        fix = f"Send at most {MAX_LEGS} legs in one signal."
        raise Refused("too_many_legs", f"The signal has {len(draft.legs)} legs.", field=path, fix=fix)
    found = [(leg, resolve(leg.wanted, sender.default_venue, catalogs)) for leg in draft.legs]
    names = [resolved.instrument.instrument_id for _, resolved in found]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        fix = "Send one leg for each instrument."
        raise Refused("contradiction", f"Two legs are of {twice}.", field=path, fix=fix)
    return sorted(found, key=lambda both: both[1].instrument.instrument_id)


def _signal(draft: Draft, legs: list[ResolvedLeg], signal_id: str, found: str, sender: Sender, now_ms: int) -> Signal:
    try:
        return Signal(
            signal_id=signal_id,
            sender_id=sender.id,
            strategy_id=_strategy_id(draft.strategy, sender),
            portfolio_id=sender.portfolio_id,
            format=found,
            action=draft.action,
            legs=tuple(_leg(*both, alone=len(legs) == 1) for both in legs),
            ts_event_ms=event_time(draft, sender, now_ms),
            ts_received_ms=now_ms,
            expires_ms=draft.expires_ms,
            reference_price=legs[0][0].terms.reference_price,
            expected_alpha=draft.expected_alpha,
            fallback_alpha=sender.default_expected_alpha,
            adds=draft.adds,
            tag=draft.tag,
            explanation=_explain(draft, legs),
        )
    except ValidationError as error:
        raise _invalid(error, draft) from None


def _leg(leg: LegDraft, resolved: Resolved, alone: bool) -> Leg:
    return Leg(
        instrument_id=resolved.instrument.instrument_id,
        direction=leg.direction,
        size=leg.size,
        order_type=leg.terms.order_type,
        limit_price=leg.terms.limit_price,
        trigger_price=leg.terms.trigger_price,
        stop_loss=leg.terms.stop_loss,
        take_profit=leg.terms.take_profit,
        time_in_force=leg.terms.work.time_in_force,
        post_only=leg.terms.work.post_only,
        trail=leg.terms.work.trail,
        trail_share=leg.terms.work.trail_share,
        plan=leg.terms.work.plan,
        seen_price=None if alone else leg.terms.reference_price,
    )


def _invalid(error: ValidationError, draft: Draft) -> Refused:
    """The contract's own checks, as a last net behind the formats'."""
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    fix = "Check this value against the format's description."
    return Refused("invalid_field", f"{field}: {first['msg']}.", field=f"{draft.path}.{field}".strip("."), fix=fix)


def _strategy_id(name: str, sender: Sender) -> str:
    """The strategy a sender names is the sender's own: prefixed, so that nobody's alert can speak for another sender's
    strategy or for one of the floor's."""
    own = re.sub(r"[^A-Za-z0-9_.@+-]+", "-", name).strip("-")
    if name in ("", sender.default_strategy):
        return sender.default_strategy
    full = f"{sender.id}:{own or digest(name, size=6)}"
    return full if len(full) <= 96 else f"{full[:80]}-{digest(full, size=6)}"


def _explain(draft: Draft, legs: list[ResolvedLeg]) -> dict[str, str | float | int | bool | None]:
    told: dict[str, Note] = {"symbol": _note(", ".join(leg.wanted.symbol for leg, _ in legs))}
    resolved = legs[0][1]
    if resolved.charted and resolved.charted != resolved.instrument.venue:
        told["charted_on"] = resolved.charted
    if draft.identity.id:
        told["sender_signal_id"] = draft.identity.id
    if draft.identity.order_id:
        told["sender_order_id"] = draft.identity.order_id
    for name, value in list(draft.notes.items())[: MAX_NOTES - len(told)]:
        told.setdefault(_note_name(name), _note(value))
    return {**told}


def _note_name(name: str) -> str:
    """A name that every store takes: short, plain, and not of the "__reserved__" kind."""
    return re.sub(r"[^A-Za-z0-9_.\[\]-]", "_", name)[:64].strip("_.") or "field"


def _note(value: Note) -> Note:
    if isinstance(value, str):
        return value[:MAX_NOTE]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**63:
        return str(value)
    return value


def _told(signal: Signal) -> dict[str, Any]:
    leg = signal.leg
    told: dict[str, Any] = {"signal_id": signal.signal_id, "action": signal.action.value}
    if signal.action not in (Action.EXIT, Action.CANCEL) or leg.direction is not Direction.FLAT:
        told["direction"] = leg.direction.value
    told |= {"instrument_id": leg.instrument_id, "strategy_id": signal.strategy_id}
    if leg.size is not None:
        told["size"] = leg.size.model_dump(mode="json")
    if len(signal.legs) > 1:
        told["legs"] = [_told_leg(one) for one in signal.legs]
    return told


def _told_leg(leg: Leg) -> dict[str, Any]:
    size = {"size": leg.size.model_dump(mode="json")} if leg.size is not None else {}
    return {"instrument_id": leg.instrument_id, "direction": leg.direction.value, **size}


def _without_secret(refused: Refused, secret: str) -> Refused:
    for name in ("message", "field", "fix"):
        setattr(refused, name, masked(getattr(refused, name), secret))
    return refused
