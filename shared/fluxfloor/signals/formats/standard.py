"""The floor's own signal, also known as the Mathematricks format. All that a signal can say, said once:

    {"signal_id": "btc-7", "strategy_id": "momentum", "action": "ENTRY", "instrument": "BTC/USDT", "direction": "LONG",
     "quantity": "0.05", "order_type": "LIMIT", "price": "65000", "stop_loss": "63000", "take_profit": "70000",
     "expires_at": "2026-01-31T12:00:00Z", "expected_alpha": "0.012", "metadata": {"model": "v3"}}

What: `action` (or `signal_type`) is ENTRY, EXIT, TARGET, SCALE_IN, SCALE_OUT or CANCEL (of entries on their way); where
`signal_type` says that, `action` is the side, BUY or SELL. How much: one of `quantity`, `notional`, `weight` (of the
equity), `fraction` (of what is held, exits only) or `target_position` (signed; 0 leaves); none lets the floor size it.
`legs` (or `signal_legs`) takes the instrument and its order once per leg. An array is several signals.

An EXIT's `direction` is the position that is left. Some senders write the order's direction instead (SHORT beside
SELL); the side, where there is one, is never ambiguous, so it decides: a SELL leaves a long, a BUY leaves a short.

How: `order_type` is MARKET, LIMIT, STOP, STOP_LIMIT, TAKE_PROFIT or TRAILING_STOP; `time_in_force`, `post_only`,
`trail_amount` or `trail_percent`, and `plan` ("chase", or {"style": "twap", "over_s": 600, "slices": 6}) as in
`working.py`.

This format is closed: a field it does not know is refused, with the nearest one that it does.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from difflib import get_close_matches
from typing import Final

from fluxfloor.contracts.signals import Action, Direction
from fluxfloor.signals import alert
from fluxfloor.signals.draft import Context, Draft, Identity
from fluxfloor.signals.fields import Fields, Found, contradiction, names_in
from fluxfloor.signals.legs import KINDS, ReadLeg, Wish, read_leg
from fluxfloor.signals.parse import Json
from fluxfloor.signals.redact import canonical_name
from fluxfloor.signals.refusals import Refused
from fluxfloor.signals.words import canonical_word

name: Final = "standard"

_OWN: Final = frozenset({"direction", "notional", "weight", "fraction"})
_LEGS: Final = ("legs", "signal_legs")
_SENT: Final = ("timestamp", "time", "sentat", "signalsentepoch")
_SIGNAL_NAMES: Final = (
    "signal_id", "sender_id", "strategy_id", "strategy_name", "action", "signal_type", "legs", "signal_legs", "adds",
    "expires_at", "expires_in_s", "expected_alpha", "timestamp", "signal_sent_epoch", "max_lag_s", "tag", "metadata",
    "entry_name", "entry_signal_id", "account_equity", "account", "fund_id", "environment", "staging", "wait",
)  # fmt: skip
_LEG_NAMES: Final = (
    "instrument", "instrument_type", "venue", "exchange", "currency", "direction", "action", "quantity", "notional",
    "weight", "fraction", "target_position", "order_type", "price", "limit_price", "trigger_price", "stop_price",
    "reference_price", "stop_loss", "take_profit", "expiry", "environment", "note", "time_in_force", "post_only",
    "trail_amount", "trail_percent", "plan",
)  # fmt: skip
_KEPT: Final = (
    "entryname", "entrysignalid", "accountequity", "account", "fundid", "environment", "staging", "wait", "note",
)  # fmt: skip


def recognises(document: Json) -> bool:
    if not isinstance(document, dict):
        return False
    if isinstance(document.get("signal"), dict):
        return True
    names = names_in(document)
    if not names.isdisjoint({"legs", "signallegs", "signaltype", "targetposition"}):
        return True
    word = canonical_word(str(document.get("action", "")))
    if word in ("entry", "target", "scalein", "scaleout"):
        return True
    return "instrument" in names and (word in KINDS or not names.isdisjoint(_OWN))


def read(document: Json, context: Context, path: str) -> list[Draft]:
    assert isinstance(document, dict)
    document = _opened(document)
    metadata, legs = _metadata(document), _leg_documents(document, path)
    fields = Fields(document, path)
    wish = _wish(fields)
    leg_fields = [Fields(leg, f"{fields.at('legs')}[{at}]") for at, leg in enumerate(legs)] or [fields]
    read_legs = [read_leg(leg, wish) for leg in leg_fields]
    draft = _draft(fields, wish, read_legs, context)
    parts = [fields, *(leg for leg in leg_fields if leg is not fields)]
    notes = {
        **{name: note for part in parts for name, note in part.kept(*_KEPT).items()},
        **alert.notes_of(Fields(metadata, "metadata")),
    }
    _refuse_unknown(parts)
    return [replace(draft, notes=notes)]


def _opened(document: dict[str, Json]) -> dict[str, Json]:
    """Without the envelope some senders put around a signal ({"signal": {…}, "signalID": …})."""
    inner = document.get("signal")
    if not isinstance(inner, dict):
        return dict(document)
    outer = {key: value for key, value in document.items() if key != "signal"}
    for key in outer.keys() & inner.keys():
        if outer[key] != inner[key]:
            raise contradiction(Found(key, outer[key]), Found(f"signal.{key}", inner[key]))
    return {**outer, **inner}


def _metadata(document: dict[str, Json]) -> dict[str, Json]:
    """Taken out: the one block that may hold anything."""
    block = document.pop("metadata", None)
    return block if isinstance(block, dict) else {} if block is None else {"metadata": block}


def _leg_documents(document: dict[str, Json], path: str) -> list[dict[str, Json]]:
    """None of them when the signal is its own only leg."""
    key = next((key for key in _LEGS if key in document), None)
    if key is None:
        return []
    legs = document.pop(key)
    whole = [leg for leg in legs if isinstance(leg, dict)] if isinstance(legs, list) else []
    if not isinstance(legs, list) or not legs or len(whole) != len(legs):
        fix = 'Send a list of objects, each with "instrument" and the rest of its order.'
        raise Refused("invalid_field", "The legs are not a list of objects.", field=f"{path}.{key}".strip("."), fix=fix)
    return whole


def _wish(fields: Fields) -> Wish:
    """`signal_type` says what is wanted; else `action`, unless that is a side."""
    kind = fields.find("signaltype")
    found = kind or fields.find("action")
    word = canonical_word(str(found.value)) if found else ""
    if word in KINDS:
        return Wish(word, *KINDS[word])
    if kind is not None:
        fix = "Send ENTRY, EXIT, TARGET, SCALE_IN, SCALE_OUT or CANCEL."
        raise Refused("invalid_field", f"{str(kind.value)[:40]!r} is no type of signal.", field=kind.path, fix=fix)
    return Wish("", None, False)


def _draft(fields: Fields, wish: Wish, legs: list[ReadLeg], context: Context) -> Draft:
    """The signal's own fields; its action is that of all its legs."""
    _check_sender(fields, context)
    legs = _agreeing(legs, fields)
    first = legs[0]
    identity = _identity(fields, wish, first)
    return Draft(
        action=first.action,
        legs=tuple(leg.draft for leg in legs),
        identity=identity,
        path=fields.path,
        strategy=identity.strategy,
        sent_ms=identity.sent_ms,
        sent_path=fields.path_of(*_SENT),
        expires_ms=_expires(fields, context),
        max_lag_s=alert.read_max_lag(fields),
        expected_alpha=alert.read_alpha(fields),
        adds=bool(fields.flag("adds")) or first.adds,
        tag=fields.note("tag"),
    )


def _agreeing(legs: list[ReadLeg], fields: Fields) -> list[ReadLeg]:
    """With one action. Beside legs that have a target, one that leaves all is one whose target is nothing."""
    if Action.TARGET in {leg.action for leg in legs}:
        legs = [_to_nothing(leg) if leg.action is Action.EXIT else leg for leg in legs]
    if len({(leg.action, leg.adds) for leg in legs}) > 1:
        fix = "Send those that enter and those that leave as two signals, or all of them as TARGET."
        raise Refused("contradiction", "The legs do not all want the same.", field=fields.at("legs"), fix=fix)
    return legs


def _to_nothing(leg: ReadLeg) -> ReadLeg:
    return ReadLeg(Action.TARGET, leg.adds, replace(leg.draft, direction=Direction.FLAT, size=None))


def _check_sender(fields: Fields, context: Context) -> None:
    found = fields.find("senderid", "sender")
    if found is not None and str(found.value) != context.sender.id:
        fix = "Send it to its own sender's address, or leave sender_id out."
        raise Refused("sender_mismatch", "The signal names another sender.", field=found.path, fix=fix)


def _identity(fields: Fields, wish: Wish, first: ReadLeg) -> Identity:
    size = first.draft.size
    return Identity(
        id=fields.text("signalid", "id"),
        strategy=fields.text("strategyid", "strategyname", "strategy", limit=128),
        order_id=fields.note("entryname") or fields.note("entrysignalid"),
        action=wish.word or first.action.value,
        symbol=alert.bare_symbol(first.draft.wanted.symbol),
        quantity="" if size is None else str(size.value),
        position=first.draft.direction.value,
        sent_ms=fields.time_ms(*_SENT),
    )


def _expires(fields: Fields, context: Context) -> int | None:
    """By time or by duration. `expiry` is a contract's date on a future and was read with its leg."""
    within = fields.positive("expiresins", "expiresin")
    if within is not None:
        return context.now_ms + int(min(within, Decimal(alert.MAX_LAG_LIMIT_S)) * 1000)
    return fields.time_ms(*alert.EXPIRES, *(() if fields.was_read("expiry") else ("expiry",)))


def _refuse_unknown(parts: list[Fields]) -> None:
    """With the known name that looks most like it, or the place where it belongs."""
    for part in parts:
        own = _LEG_NAMES if part is not parts[0] else _SIGNAL_NAMES if len(parts) > 1 else (*_SIGNAL_NAMES, *_LEG_NAMES)
        for name, found in part.left_over().items():
            known = {canonical_name(one): one for one in own}
            near = get_close_matches(name, known, n=1, cutoff=0.6)
            fix = f"Did you mean {known[near[0]]}? " if near else ""
            if len(parts) > 1 and part is parts[0] and name in {canonical_name(one) for one in _LEG_NAMES}:
                fix = "Put it into the leg. "
            fix += "Anything of your own goes into metadata."
            message = f"{found.path[-80:]} is not a field of the standard format."
            raise Refused("unknown_field", message, field=found.path, fix=fix)
