"""TradersPost messages: `{"ticker", "action", "sentiment", "quantity", "quantityType", "signalPrice", "orderType",
"limitPrice", "stopPrice", "takeProfit": {…}, "stopLoss": {…}, "extras": {…}}`.

`action` is buy, sell, exit, add or cancel, which takes back entries that are on their way. `stopLoss` may trail
(`{"type": "trailing_stop", "trailPercent": 3}`), and so may the order itself (`"orderType": "trailing_stop"`).
`sentiment` says where the position shall be afterwards:

    buy  + bullish   leaves a short, enters a long      sell + bearish   leaves a long, enters a short
    buy  + flat      leaves a short, no more            sell + flat      leaves a long, no more

Without it a buy enters and a sell leaves. An entry while the position is open is refused by Cerebro unless the action
is add; percentages are in percent.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Final

from fluxfloor.contracts.orders import Side
from fluxfloor.contracts.signals import Action, Direction, Size, SizeKind
from fluxfloor.signals import alert
from fluxfloor.signals.draft import EVERYTHING, Context, Draft
from fluxfloor.signals.fields import Fields, missing
from fluxfloor.signals.numbers import percent
from fluxfloor.signals.parse import Json
from fluxfloor.signals.positions import Move
from fluxfloor.signals.refusals import Refused
from fluxfloor.signals.terms import TermNames, check_leverage, read_terms
from fluxfloor.signals.words import SIDES, canonical_word, combine, read_action, read_position
from fluxfloor.signals.working import WorkNames

name: Final = "traderspost"

_CLAIMED: Final = frozenset(
    {"sentiment", "quantityType", "signalPrice", "extras", "orderType", "limitPrice", "stopPrice", "marketPriceType"}
)
_TERMS: Final = TermNames(
    order_type=("ordertype",),
    limit=("limitprice",),
    trigger=("stopprice",),
    price=("price",),
    seen=("signalprice",),
    stop=("stoplossstopprice", "stoplossprice", "stoploss"),
    stop_offset=("stoplossamount",),
    stop_percent=("stoplosspercent",),
    target=("takeprofitlimitprice", "takeprofitprice", "takeprofit"),
    target_offset=("takeprofitamount",),
    target_percent=("takeprofitpercent",),
    trailing=(),
    work=WorkNames(
        trail=("stoplosstrailprice", "stoplosstrailamount", "trailprice", "trailamount"),
        trail_percent=("stoplosstrailpercent", "trailpercent"),
        plan=("extrasplan", "executionplan"),
    ),
)  # fmt: skip
_OPTIONS: Final = ("optiontype", "strikecount", "strikesaway", "strikeprice", "intrinsicvalue", "expiration")
_SIZES: Final = {
    "fixedquantity": SizeKind.QUANTITY, "dollaramount": SizeKind.NOTIONAL, "percentofequity": SizeKind.WEIGHT,
    "percentofposition": SizeKind.FRACTION,
}  # fmt: skip


def recognises(document: Json) -> bool:
    """By what only TradersPost has; `{"ticker", "action"}` alone means the same there and in a plain alert."""
    if not isinstance(document, dict) or not {"ticker", "action"} <= document.keys():
        return False
    nested = any(isinstance(document.get(key), dict) for key in ("stopLoss", "takeProfit"))
    return nested or not _CLAIMED.isdisjoint(document) or canonical_word(str(document["action"])) in ("add", "cancel")


def read(document: Json, context: Context, path: str) -> list[Draft]:
    assert isinstance(document, dict)
    fields = Fields(document, path)
    wanted = alert.read_symbol(fields, ("ticker", "symbol"))
    _refuse_unsupported(fields)
    made, word, sentiment = _moves(fields)
    identity = alert.read_identity(fields, wanted, word, sentiment)
    drafts = alert.draft_moves(fields, alert.Order(wanted, identity, partial(read_terms, fields, _TERMS)), made)
    expires_ms = _cancel_after(fields, context.now_ms)
    return [
        replace(draft, expires_ms=draft.expires_ms or expires_ms, only_if_shortable=_covers_first(draft, drafts))
        for draft in drafts
    ]


def _refuse_unsupported(fields: Fields) -> None:
    check_leverage(fields)
    fields.refuse(_OPTIONS, "belongs to an option; options are not traded here.", "Send the underlying instrument.")
    fields.refuse(("delay",), "asks for a delay, which is not offered.", "Send the signal when it is to be acted on.")
    kind = fields.find("stoplosstype")
    distance = (*_TERMS.work.trail, *_TERMS.work.trail_percent)
    if kind is not None and "trail" in str(kind.value).lower() and not fields.has(*distance):
        fix = "Add trailPrice, a distance in price, or trailPercent."
        raise missing(kind.path, "how far the stop is to trail", fix)
    fields.read("cancel", "cancelafter", "interval", "marketpricetype")


def _moves(fields: Fields) -> tuple[list[Move], str, str]:
    found = fields.agreed("action")
    if found is None:
        raise missing(fields.at("action"), "what to do", "Send buy, sell, exit or add.")
    word, size, sentiment = canonical_word(str(found.value)), _size(fields), fields.find("sentiment")
    meaning = read_action(word, found.path)
    if sentiment is not None and word in (*SIDES, "add"):
        held = read_position(str(sentiment.value), sentiment.path)
        side = SIDES.get(word) or (Side.SELL if held is Direction.SHORT else Side.BUY)
        return _by_sentiment(fields, side, held, size, adds=meaning.adds), word, held.value
    if meaning.action is Action.CANCEL:
        return [Move(Action.CANCEL, Direction.FLAT)], word, ""
    if meaning.action is Action.EXIT:
        return [Move(Action.EXIT, meaning.direction, _for_exit(fields, size) or EVERYTHING)], word, ""
    return [Move(Action.ENTRY, meaning.direction, _for_entry(fields, size), meaning.adds)], word, ""


def _by_sentiment(fields: Fields, side: Side, held: Direction, size: Size | None, *, adds: bool) -> list[Move]:
    meaning = combine(side, held)
    if held is Direction.FLAT:
        return [Move(Action.EXIT, meaning.direction, EVERYTHING)]
    if meaning.action is Action.EXIT:
        if size is None:
            path = fields.path_of("sentiment")
            fix = "Send sentiment flat to leave the position, or the quantity to reduce it by."
            message = f"A {side.value.lower()} does not lead to a {held.value.lower()} position."
            raise Refused("contradiction", message, field=path, fix=fix)
        return [Move(Action.EXIT, held, _for_exit(fields, size))]
    entry = Move(Action.ENTRY, held, _for_entry(fields, size), adds)
    opposite = Direction.SHORT if held is Direction.LONG else Direction.LONG
    return [entry] if adds else [Move(Action.EXIT, opposite, EVERYTHING), entry]


def _covers_first(draft: Draft, drafts: list[Draft]) -> bool:
    """The exit of a short before an entry; there is none to leave where nothing can be held short. The exit of a long
    before an entry short always stands: it is what a sell means on a spot market."""
    return len(drafts) > 1 and draft.action is Action.EXIT and draft.legs[0].direction is Direction.SHORT


def _size(fields: Fields) -> Size | None:
    quantity, found = fields.positive("quantity"), fields.find("quantitytype")
    word = canonical_word(str(found.value)) if found else "fixedquantity"
    if quantity is None:
        return None
    if word not in _SIZES:
        path = fields.path_of("quantitytype")
        fix = "Leave the quantity out: the floor sizes an entry by its risk. Or send fixed_quantity, dollar_amount, …"
        raise Refused("unsupported_field", f"{path} is none that is known here.", field=path, fix=fix)
    value = percent(quantity, fields.path_of("quantity")) if word.startswith("percent") else quantity
    return Size(kind=_SIZES[word], value=value)


def _for_entry(fields: Fields, size: Size | None) -> Size | None:
    if size is not None and size.kind is SizeKind.FRACTION:
        raise _unfit(fields, "percent_of_position is for exits.")
    return size


def _for_exit(fields: Fields, size: Size | None) -> Size | None:
    if size is not None and size.kind is SizeKind.WEIGHT:
        raise _unfit(fields, "percent_of_equity is for entries.")
    if size is not None and size.kind is SizeKind.FRACTION and size.value > 1:
        raise _unfit(fields, "More than 100 % of the position cannot be left.")
    return size


def _unfit(fields: Fields, message: str) -> Refused:
    fix = "Use percent_of_equity to enter and percent_of_position to leave."
    return Refused("contradiction", message, field=fields.path_of("quantitytype"), fix=fix)


def _cancel_after(fields: Fields, now_ms: int) -> int | None:
    seconds = fields.positive("cancelafter")
    return None if seconds is None else now_ms + int(min(seconds, Decimal(alert.MAX_LAG_LIMIT_S)) * 1000)
