"""One leg of a standard signal: which instrument, entering or leaving what, how much and on what terms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fluxfloor.contracts.instruments import Kind
from fluxfloor.contracts.orders import Side
from fluxfloor.contracts.signals import Action, Direction, Size, SizeKind
from fluxfloor.signals.alert import bare_symbol
from fluxfloor.signals.draft import EVERYTHING, LegDraft, Wanted
from fluxfloor.signals.fields import Fields, Found, contradiction, missing
from fluxfloor.signals.refusals import Refused
from fluxfloor.signals.terms import TermNames, read_terms
from fluxfloor.signals.words import SIDES, Meaning, canonical_word, combine, read_action, read_position
from fluxfloor.signals.working import WorkNames

KINDS: Final = {
    "entry": (Action.ENTRY, False), "open": (Action.ENTRY, False), "scalein": (Action.ENTRY, True),
    "add": (Action.ENTRY, True), "exit": (Action.EXIT, False), "close": (Action.EXIT, False),
    "scaleout": (Action.EXIT, False), "target": (Action.TARGET, False), "cancel": (Action.CANCEL, False),
}  # fmt: skip
"""What a signal as a whole may ask for, and whether it adds to what is open."""

_INSTRUMENT_KINDS: Final = {
    "crypto": None, "spot": Kind.SPOT, "forex": Kind.SPOT, "fx": Kind.SPOT, "cash": Kind.SPOT,
    "stock": Kind.EQUITY, "stk": Kind.EQUITY, "equity": Kind.EQUITY, "etf": Kind.EQUITY,
    "future": Kind.FUTURE, "futures": Kind.FUTURE, "fut": Kind.FUTURE,
    "perpetual": Kind.PERPETUAL, "perp": Kind.PERPETUAL, "swap": Kind.PERPETUAL,
}  # fmt: skip
_OPTIONS: Final = frozenset({"option", "options", "opt"})
_SYMBOL: Final = ("instrument", "symbol", "instrumentid", "ticker", "underlying")
_SIZES: Final = {
    "quantity": SizeKind.QUANTITY, "notional": SizeKind.NOTIONAL, "weight": SizeKind.WEIGHT,
    "fraction": SizeKind.FRACTION,
}  # fmt: skip
_TERMS: Final = TermNames(
    price=("price",), seen=("referenceprice",), stop=("stoploss", "stop"), target=("takeprofit",), stop_offset=(),
    stop_percent=(), target_offset=(), target_percent=(), in_pips=(), trailing=(), work=WorkNames(
        in_force=("timeinforce",), trail=("trailamount",), trail_percent=("trailpercent",), plan=("plan",)
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wish:
    """What the whole signal asks for; `action` is None where only a side says it."""

    word: str
    action: Action | None
    adds: bool


@dataclass(frozen=True, slots=True)
class ReadLeg:
    action: Action
    adds: bool
    draft: LegDraft


def read_leg(fields: Fields, wish: Wish) -> ReadLeg:
    wanted = _wanted(fields)
    aim = _aim(fields, wish)
    size = _size(fields, aim.action)
    if aim.action is Action.CANCEL:
        return _withdrawn(fields, wanted, size)
    if aim.action is Action.EXIT and size is None:
        if wish.word == "scaleout":
            raise missing(fields.at("quantity"), "by how much to reduce", "Add quantity or fraction.")
        size = EVERYTHING
    terms = read_terms(fields, _TERMS, None if aim.action is Action.EXIT else aim.direction)
    return ReadLeg(aim.action, aim.adds, LegDraft(wanted, aim.direction, size, terms))


def _withdrawn(fields: Fields, wanted: Wanted, size: Size | None) -> ReadLeg:
    """Takes back entries on their way, all of them: it has neither a size nor terms."""
    if size is not None:
        path = fields.path_of(*_SIZES)
        fix = "Leave the size out; to reduce a position send EXIT."
        raise Refused("contradiction", "A cancel takes back whole orders.", field=path, fix=fix)
    read_terms(fields, _TERMS, None)
    return ReadLeg(Action.CANCEL, False, LegDraft(wanted, Direction.FLAT))


def _wanted(fields: Fields) -> Wanted:
    kind = _kind(fields)
    found = fields.agreed(*_SYMBOL, same=bare_symbol)
    if found is None:
        fix = 'Add "instrument", for example "BTC/USDT".'
        raise missing(fields.at("instrument"), "which instrument to trade", fix)
    return Wanted(
        symbol=fields.text(*_SYMBOL, limit=64),
        exchange=fields.text("exchange", limit=64),
        venue=fields.text("venue", limit=64),
        quote=fields.text("currency", limit=16),
        kind=kind,
        expiry=fields.text("expiry", limit=16) if kind is Kind.FUTURE else "",
        path=found.path,
    )


def _kind(fields: Fields) -> Kind | None:
    found = fields.find("instrumenttype", "sectype")
    word = canonical_word(str(found.value)) if found else "crypto"
    if word in _OPTIONS or fields.has("strike", "right"):
        path = found.path if found else fields.at("strike")
        fix = "Send the underlying instrument."
        raise Refused("unsupported_kind", "The leg is an option; options are not traded here.", field=path, fix=fix)
    if word not in _INSTRUMENT_KINDS:
        path, fix = fields.path_of("instrumenttype", "sectype"), "Send CRYPTO, SPOT, PERPETUAL, FUTURE, STOCK or FOREX."
        raise Refused("unsupported_kind", f"{word[:40]!r} is no kind known here.", field=path, fix=fix)
    return _INSTRUMENT_KINDS[word]


def _aim(fields: Fields, wish: Wish) -> Meaning:
    """What the leg does, and to which position."""
    found, held = fields.find("action", "side"), fields.find("direction")
    word = canonical_word(str(found.value)) if found else ""
    side = SIDES.get(word) or SIDES.get(canonical_word(fields.text("side")))
    direction = read_position(str(held.value), held.path) if held else None
    if wish.action is Action.TARGET or (wish.action is None and fields.has("targetposition")):
        return _target(fields, direction)
    if wish.action is Action.CANCEL:
        return Meaning(Action.CANCEL, Direction.FLAT)
    if wish.action is Action.EXIT:
        left = combine(side, Direction.FLAT).direction if side else direction
        return Meaning(Action.EXIT, left or Direction.FLAT)
    if wish.action is Action.ENTRY:
        return Meaning(Action.ENTRY, _entered(fields, side, direction), wish.adds)
    if found is None:
        raise missing(fields.at("action"), "what to do", "Send ENTRY, EXIT or TARGET.")
    return combine(side, direction) if side and direction else read_action(word, found.path)


def _entered(fields: Fields, side: Side | None, direction: Direction | None) -> Direction:
    if side is not None and direction is not None and combine(side, direction).action is not Action.ENTRY:
        paths = fields.path_of("action", "side"), fields.path_of("direction")
        raise contradiction(Found(paths[0], None), Found(paths[1], None))
    if direction is None and side is not None:
        return Direction.LONG if side is Side.BUY else Direction.SHORT
    if direction is None or direction is Direction.FLAT:
        raise missing(fields.at("direction"), "which way to enter", "Send LONG or SHORT.")
    return direction


def _target(fields: Fields, direction: Direction | None) -> Meaning:
    """A signed target says its own direction; a target of nothing is an exit, which no limit ever refuses."""
    target = fields.number("targetposition")
    signed = None if target is None else Direction.LONG if target > 0 else Direction.SHORT if target else Direction.FLAT
    if signed and direction and signed is not direction:
        raise contradiction(Found(fields.path_of("direction"), None), Found(fields.path_of("targetposition"), None))
    held = signed or direction
    if held is None:
        raise missing(fields.at("target_position"), "what to hold", "Send target_position, or direction and quantity.")
    return Meaning(Action.EXIT if held is Direction.FLAT else Action.TARGET, held)


def _size(fields: Fields, action: Action) -> Size | None:
    """At most one of the ways to say how much. None: the floor sizes it, or an exit leaves everything."""
    said = [name for name in (*_SIZES, "targetposition") if fields.has(name)]
    if len(said) > 1:
        raise contradiction(Found(fields.path_of(said[0]), None), Found(fields.path_of(said[1]), None))
    fields.read(*_SIZES, "targetposition")
    if not said:
        return None
    if said[0] == "targetposition":
        return _target_size(fields, action)
    path, value, kind = fields.path_of(said[0]), fields.positive(said[0]), _SIZES[said[0]]
    _check_fit(path, kind, action)
    if value is None or (kind is SizeKind.FRACTION and value > 1):
        raise Refused("invalid_field", f"{path} is more than all of it.", field=path, fix="Send at most 1.")
    return Size(kind=kind, value=value)


def _target_size(fields: Fields, action: Action) -> Size | None:
    target = fields.number("targetposition")
    if action is Action.TARGET and target:
        return Size(kind=SizeKind.QUANTITY, value=abs(target))
    if action is Action.EXIT and not target:
        return None
    path = fields.path_of("targetposition")
    raise Refused("contradiction", f"{path} goes with TARGET only.", field=path, fix="Send TARGET, or quantity.")


def _check_fit(path: str, kind: SizeKind, action: Action) -> None:
    """A fraction is one of what is held, a weight one of the equity."""
    if (kind is SizeKind.FRACTION) != (action is Action.EXIT) and kind in (SizeKind.FRACTION, SizeKind.WEIGHT):
        fix = "Use weight to enter and fraction to leave."
        raise Refused("contradiction", f"{path} does not fit the action.", field=path, fix=fix)
