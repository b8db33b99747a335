"""TradingView alerts: a strategy's, with the position before and after the order, and plain ones that say buy or sell.

    {"ticker": "BTCUSDT", "time": "…", "strategy": {"order_action": "buy", "market_position": "long", …}}
    {"symbol": "BTCUSDT", "action": "buy", "price": 65000.5}

Blocks may be nested or flat, numbers may be texts, names may be spelled in any way. Where positions are given they
decide (see `positions.py`), and the action must agree with them.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Final

from fluxfloor.contracts.orders import Side
from fluxfloor.contracts.signals import Action, Direction
from fluxfloor.signals import alert
from fluxfloor.signals.draft import EVERYTHING, Context, Draft
from fluxfloor.signals.fields import Fields, Found, contradiction, missing, names_in
from fluxfloor.signals.parse import Json
from fluxfloor.signals.positions import Change, Move, moves, quantity
from fluxfloor.signals.refusals import Refused
from fluxfloor.signals.terms import TermNames, check_leverage, read_terms
from fluxfloor.signals.words import ACTIONS, SIDES, canonical_word, combine, read_action, read_position

name: Final = "tradingview"

NOW: Final = ("marketposition", "strategymarketposition", "strategyinfomarketposition")
NOW_SIZE: Final = tuple(f"{one}size" for one in NOW)
BEFORE: Final = ("prevmarketposition", "strategyprevmarketposition", "strategyinfoprevmarketposition")
BEFORE_SIZE: Final = tuple(f"{one}size" for one in BEFORE)
_HELD: Final = ("direction", "positionside")
_TERMS: Final = TermNames(order_type=("ordertype", "strategyordertype", "type"))
_OTHER_SIZES: Final = ("notional", "weight", "fraction", "qtypercent", "quantitypercent", "riskpercent")
_BAR: Final = ("open", "high", "low")
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


def read_change(fields: Fields, side: Side | None) -> Change:
    now, before = fields.agreed(*NOW), fields.agreed(*BEFORE)
    return Change(
        side=side,
        contracts=_contracts(fields),
        now=read_position(str(now.value), now.path) if now else None,
        now_size=_size(fields, NOW_SIZE),
        before=read_position(str(before.value), before.path) if before else None,
        before_size=_size(fields, BEFORE_SIZE),
        field=(now or before or Found(fields.at("market_position"), None)).path,
    )


def _by_word(fields: Fields, found: Found, word: str) -> Move:
    """A plain alert. A direction beside buy or sell says which position the order is about."""
    held = fields.find(*_HELD)
    meaning = read_action(word, found.path)
    if held is not None:
        direction = read_position(str(held.value), held.path)
        if word in SIDES:
            meaning = combine(SIDES[word], direction)
        elif meaning.direction is Direction.FLAT:
            meaning = replace(meaning, direction=direction)
        elif direction is not meaning.direction:
            raise contradiction(found, held)
    size = quantity(_contracts(fields))
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


def _contracts(fields: Fields) -> Decimal | None:
    """`volume` is a quantity in some alerts and the bar's volume in others; beside a bar it is the bar's."""
    if not fields.has(*alert.QUANTITY) and not fields.has(*_BAR):
        return fields.positive("volume")
    return fields.positive(*alert.QUANTITY)


def _size(fields: Fields, names: tuple[str, ...]) -> Decimal | None:
    """TradingView writes sizes absolute; some scripts write a short's with a minus."""
    size = fields.number(*names)
    return None if size is None else abs(size)


def position_of(change: Change) -> str:
    """The position before and after, for telling one order of a second from the next."""
    parts = (change.before, change.before_size, change.now, change.now_size)
    return "/".join("" if part is None else str(part) for part in parts)
