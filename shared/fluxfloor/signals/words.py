"""The words senders use for what they want, and what each means here.

A bare "sell" is read as "leave the long position", never as "open a short": of the two readings it is the one that
cannot create exposure nobody asked for. Who wants a short says "short" (or "sell" with a short market position).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from fluxfloor.contracts.orders import Side
from fluxfloor.contracts.signals import Action, Direction, OrderType
from fluxfloor.signals.refusals import Refused


@dataclass(frozen=True, slots=True)
class Meaning:
    """An EXIT's direction is that of the position it leaves; FLAT leaves whatever is held. A CANCEL takes back entries
    that are on their way, on either side."""

    action: Action
    direction: Direction
    adds: bool = False


_LONG = Meaning(Action.ENTRY, Direction.LONG)
_SHORT = Meaning(Action.ENTRY, Direction.SHORT)
_LEAVE_LONG = Meaning(Action.EXIT, Direction.LONG)
_LEAVE_SHORT = Meaning(Action.EXIT, Direction.SHORT)
_LEAVE = Meaning(Action.EXIT, Direction.FLAT)
_ADD = Meaning(Action.ENTRY, Direction.LONG, adds=True)
_CANCEL = Meaning(Action.CANCEL, Direction.FLAT)

_BY_MEANING: Final = {
    _LONG: "buy long enterlong entrylong openlong golong longentry buytoopen bull bullish",
    _SHORT: "short entershort entryshort openshort goshort shortentry sellshort selltoopen bear bearish",
    _LEAVE_LONG: "sell exitlong closelong longexit longclose selltoclose",
    _LEAVE_SHORT: "cover exitshort closeshort shortexit shortclose buytocover buytoclose",
    _LEAVE: "exit close flat flatten closeall exitall closeposition exitposition closepositions",
    _ADD: "add scalein addlong",
    _CANCEL: "cancel cancelorder cancelorders cancelall cancelallorders withdraw",
}
ACTIONS: Final = {word: meaning for meaning, words in _BY_MEANING.items() for word in words.split()}
SIDES: Final = {"buy": Side.BUY, "sell": Side.SELL}
POSITIONS: Final = {
    "long": Direction.LONG, "short": Direction.SHORT, "flat": Direction.FLAT,
    "bullish": Direction.LONG, "bearish": Direction.SHORT, "none": Direction.FLAT,
    "buy": Direction.LONG, "sell": Direction.SHORT,
}  # fmt: skip
ORDER_TYPES: Final = {
    "market": OrderType.MARKET, "mkt": OrderType.MARKET,
    "limit": OrderType.LIMIT, "lmt": OrderType.LIMIT,
    "stop": OrderType.STOP, "stopmarket": OrderType.STOP, "stopmkt": OrderType.STOP,
    "stoplimit": OrderType.STOP_LIMIT, "stoplmt": OrderType.STOP_LIMIT,
    "takeprofit": OrderType.TAKE_PROFIT, "takeprofitmarket": OrderType.TAKE_PROFIT, "mit": OrderType.TAKE_PROFIT,
    "trailingstop": OrderType.TRAILING_STOP, "trailstop": OrderType.TRAILING_STOP,
    "trailingstopmarket": OrderType.TRAILING_STOP,
}  # fmt: skip
_IDLE: Final = frozenset({"hold", "wait", "neutral", "none", "alert", "info", "heartbeat", "ping", "test"})


def canonical_word(word: str) -> str:
    return re.sub(r"[\W_]+", "", word).lower()


def read_action(word: str, field: str) -> Meaning:
    """What an action word means. Raises Refused for a word that asks for nothing, or for what the floor can't do."""
    key = canonical_word(word)
    if key in ACTIONS:
        return ACTIONS[key]
    if key in _IDLE:
        raise Refused("no_change", f"{word!r} asks for no trade.", field=field, fix="Send only what is to be traded.")
    raise Refused(
        "unsupported_action",
        f"{word[:60]!r} is not an action that is known here.",
        field=field,
        fix="Send buy, sell, short, cover, exit, add or cancel.",
    )


def combine(side: Side, held: Direction) -> Meaning:
    """A side together with the position it concerns: buying a long enters it, selling a long leaves it."""
    if held is Direction.FLAT:
        return _LEAVE_SHORT if side is Side.BUY else _LEAVE_LONG
    enters = (side is Side.BUY) == (held is Direction.LONG)
    return Meaning(Action.ENTRY if enters else Action.EXIT, held)


def read_position(word: str, field: str) -> Direction:
    key = canonical_word(word)
    if key not in POSITIONS:
        raise Refused("invalid_field", f"{word[:60]!r} is no position.", field=field, fix="Send long, short or flat.")
    return POSITIONS[key]


def read_order_type(word: str, field: str) -> OrderType:
    key = canonical_word(word)
    if key not in ORDER_TYPES:
        raise Refused(
            "unsupported_field",
            f"{word[:60]!r} is not an order type that is known here.",
            field=field,
            fix="Send MARKET, LIMIT, STOP, STOP_LIMIT, TAKE_PROFIT or TRAILING_STOP.",
        )
    return ORDER_TYPES[key]
