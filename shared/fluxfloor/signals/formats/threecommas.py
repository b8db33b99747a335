"""3Commas signal-bot messages: `{"secret", "max_lag", "timestamp", "trigger_price", "tv_exchange", "tv_instrument",
"action", "bot_uuid", "strategy_info": {…positions…}, "order": {"amount", "currency_type", …}}`.

`trigger_price` is the price the alert saw, not a trigger. `action` is buy or sell with positions in `strategy_info`
(strategy type), or enter_long, exit_long, enter_short, exit_short (custom type). The bot is the strategy.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

from fluxfloor.contracts.signals import Action, Size, SizeKind
from fluxfloor.signals import alert
from fluxfloor.signals.changes import BEFORE, NOW, position_of, read_change
from fluxfloor.signals.draft import EVERYTHING, Context, Draft
from fluxfloor.signals.fields import Fields, missing, names_in
from fluxfloor.signals.numbers import percent
from fluxfloor.signals.parse import Json
from fluxfloor.signals.positions import Move, moves
from fluxfloor.signals.refusals import Refused
from fluxfloor.signals.terms import TermNames, check_leverage, read_terms
from fluxfloor.signals.words import SIDES, canonical_word, read_action

name: Final = "threecommas"

_TERMS: Final = TermNames(
    order_type=("orderordertype", "ordertype"),
    limit=("orderprice", "limitprice"),
    trigger=("stopprice",),
    price=("triggerprice",),
)
_CLAIMED: Final = frozenset({"tvinstrument", "botuuid", "strategyinfomarketposition"})
_DCA: Final = frozenset({"messagetype", "botid"})
_SIZES: Final = {
    "base": SizeKind.QUANTITY, "quote": SizeKind.NOTIONAL, "marginpercent": SizeKind.WEIGHT,
    "positionpercent": SizeKind.FRACTION,
}  # fmt: skip


def recognises(document: Json) -> bool:
    if not isinstance(document, dict):
        return False
    names = names_in(document)
    return not _CLAIMED.isdisjoint(names) or names >= _DCA


def read(document: Json, context: Context, path: str) -> list[Draft]:
    assert isinstance(document, dict)
    fields = Fields(document, path)
    if fields.has("messagetype"):
        fix = "Send the signal bot's message; a DCA bot's has no instrument and price to decide on."
        raise Refused(
            "unsupported_action", "This is a 3Commas DCA-bot message.", field=fields.at("message_type"), fix=fix
        )
    wanted = alert.read_symbol(fields, ("tvinstrument", "symbol", "ticker", "pair"))
    check_leverage(fields)
    fix = "Use the standard format for a signal with a stop or target; 3Commas keeps them in the bot's settings."
    fields.refuse(("stoploss", "takeprofit"), "is not part of a 3Commas message.", fix)
    made, word, position = _moves(fields)
    identity = alert.read_identity(fields, wanted, word, position)
    return alert.draft_moves(fields, alert.Order(wanted, identity, partial(read_terms, fields, _TERMS)), made)


def _moves(fields: Fields) -> tuple[list[Move], str, str]:
    found = fields.agreed("action")
    word = canonical_word(str(found.value)) if found else ""
    size = _size(fields)
    if fields.has(*NOW, *BEFORE) and (not word or word in SIDES):
        change = read_change(fields, SIDES.get(word))
        if size is None or size.kind is SizeKind.QUANTITY:
            return moves(change), word, position_of(change)
        made = moves(replace(change, contracts=None))
        return [replace(move, size=size) if move.action is Action.ENTRY else move for move in made], word, ""
    if found is None:
        raise missing(
            fields.at("action"), "what to do", "Send buy, sell, enter_long, exit_long, enter_short or exit_short."
        )
    meaning = read_action(word, found.path)
    whole = EVERYTHING if meaning.action is Action.EXIT else None
    return [Move(meaning.action, meaning.direction, _fitting(fields, size, meaning.action) or whole)], word, ""


def _size(fields: Fields) -> Size | None:
    amount = fields.positive("orderamount", "amount")
    found = fields.find("ordercurrencytype", "currencytype")
    word = canonical_word(str(found.value)) if found else "base"
    if amount is None:
        return None
    if word not in _SIZES:
        path = fields.path_of("ordercurrencytype", "currencytype")
        fix = "Send base, quote, margin_percent or position_percent."
        raise Refused("unsupported_field", f"{path} is none that is known here.", field=path, fix=fix)
    path = fields.path_of("orderamount", "amount")
    return Size(kind=_SIZES[word], value=percent(amount, path) if word.endswith("percent") else amount)


def _fitting(fields: Fields, size: Size | None, action: Action) -> Size | None:
    """A share of the position is for exits, a share of the equity for entries."""
    wrong = SizeKind.WEIGHT if action is Action.EXIT else SizeKind.FRACTION
    if size is not None and size.kind is wrong:
        path = fields.path_of("ordercurrencytype", "currencytype")
        fix = "Use margin_percent to enter and position_percent to leave."
        raise Refused("contradiction", f"{path} does not fit the action.", field=path, fix=fix)
    return size
