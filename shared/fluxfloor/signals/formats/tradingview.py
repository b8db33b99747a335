"""TradingView alerts: a strategy's, with the position before and after the order, and plain ones that say buy or sell.

    {"ticker": "BTCUSDT", "time": "…", "strategy": {"order_action": "buy", "market_position": "long", …}}
    {"symbol": "BTCUSDT", "action": "buy", "price": 65000.5}

Blocks may be nested or flat, numbers may be texts, names may be spelled in any way. Where positions are given they
decide (see `positions.py`), and the action must agree with them.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

from fluxfloor.contracts.signals import Action, Direction
from fluxfloor.signals import alert
from fluxfloor.signals.changes import BEFORE, NOW, position_of, read_change, read_contracts
from fluxfloor.signals.draft import EVERYTHING, Context, Draft
from fluxfloor.signals.fields import Fields, Found, contradiction, missing, names_in
from fluxfloor.signals.parse import Json
from fluxfloor.signals.positions import Move, moves, quantity
from fluxfloor.signals.refusals import Refused
from fluxfloor.signals.terms import TermNames, check_leverage, read_terms
from fluxfloor.signals.words import ACTIONS, SIDES, canonical_word, combine, read_action, read_position

name: Final = "tradingview"

_HELD: Final = ("direction", "positionside")
_TERMS: Final = TermNames(order_type=("ordertype", "strategyordertype", "type"))
_OTHER_SIZES: Final = ("notional", "weight", "fraction", "qtypercent", "quantitypercent", "riskpercent")
_CLAIMED: Final = frozenset({*alert.SYMBOL, *alert.ACTION, *NOW, *BEFORE})


def recognises(document: Json) -> bool:
    return isinstance(document, dict) and not _CLAIMED.isdisjoint(names_in(document))


def read(document: Json, context: Context, path: str) -> list[Draft]:
    assert isinstance(document, dict)
    fields = Fields(document, path)
    wanted = alert.read_symbol(fields)
    if fields.flag("heartbeat"):
        fix = "Send only what is to be traded."
        raise Refused("no_change", "A heartbeat asks for no trade.", field=fields.at("heartbeat"), fix=fix)
    check_leverage(fields)
    fields.refuse(_OTHER_SIZES, "is a size this format does not have.", "Send quantity, or use the standard format.")
    made, word, position = read_moves(fields)
    order = alert.Order(
        wanted, alert.read_identity(fields, wanted, word, position), partial(read_terms, fields, _TERMS)
    )
    return alert.draft_moves(fields, order, made)


def read_moves(fields: Fields) -> tuple[list[Move], str, str]:
    """What is to be done, and the action word and position that said so."""
    found = _action(fields)
    word = canonical_word(str(found.value)) if found else ""
    if fields.has(*NOW, *BEFORE) and (not word or word in SIDES):
        change = read_change(fields, SIDES.get(word))
        return moves(change), word, position_of(change)
    if found is None:
        fix = 'Add "action": buy, sell, short, cover or exit (in TradingView: "{{strategy.order.action}}").'
        raise missing(fields.at("action"), "what to do", fix)
    return [_by_word(fields, found, word)], word, ""


def _by_word(fields: Fields, found: Found, word: str) -> Move:
    """A plain alert. A direction beside buy or sell says which position the order is about."""
    held = fields.find(*_HELD)
    meaning = read_action(word, found.path)
    if meaning.action is Action.CANCEL:
        return Move(Action.CANCEL, Direction.FLAT)
    if held is not None:
        direction = read_position(str(held.value), held.path)
        if word in SIDES:
            meaning = combine(SIDES[word], direction)
        elif meaning.direction is Direction.FLAT:
            meaning = replace(meaning, direction=direction)
        elif direction is not meaning.direction:
            raise contradiction(found, held)
    size = quantity(read_contracts(fields))
    if meaning.action is Action.EXIT:
        return Move(Action.EXIT, meaning.direction, size or EVERYTHING)
    return Move(meaning.action, meaning.direction, size, meaning.adds)


def _action(fields: Fields) -> Found | None:
    """`type` is an action in some alerts ("type": "BUY") and the order's type in others."""
    found = fields.agreed(*alert.ACTION, same=_meaning)
    kind = fields.find("type")
    if kind is not None and canonical_word(str(kind.value)) in ACTIONS:
        fields.forget("type")
        if found is not None and _meaning(str(kind.value)) != _meaning(str(found.value)):
            raise contradiction(found, kind)
        return found or kind
    return found


def _meaning(word: str) -> str:
    return str(ACTIONS.get(canonical_word(word), canonical_word(word)))
