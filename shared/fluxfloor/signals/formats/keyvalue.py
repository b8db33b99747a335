"""The KEY=VALUE family of text alerts, one pair a line or separated by ";" (or by "," when there is neither):

    EXCHANGE=binance
    SYMBOL=BTCUSDT
    SIGNAL=BUY
    ORDER_TYPE=LIMIT
    PRICE=30000

The names are OctoBot's. STOP_PRICE triggers an ORDER_TYPE=STOP and otherwise protects the entry. VOLUME is a number of
the base asset, or with a suffix: `100q` of the quote currency, `10t%` of the equity (entries), `50%`, `50a%` or `50p%`
of what is held (exits). Prices that are relative to the market ("10%", "-3d") are refused: the market is not known yet
when the webhook is read.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import partial
from typing import Final

from fluxfloor.contracts.signals import Action, Direction, Size, SizeKind
from fluxfloor.signals import alert
from fluxfloor.signals.draft import EVERYTHING, Context, Draft
from fluxfloor.signals.fields import Fields, Found, missing
from fluxfloor.signals.numbers import number_of, percent
from fluxfloor.signals.parse import Json
from fluxfloor.signals.positions import Move
from fluxfloor.signals.redact import canonical_name, is_secret_name
from fluxfloor.signals.refusals import Refused
from fluxfloor.signals.terms import TermNames, check_leverage, read_terms
from fluxfloor.signals.words import SIDES, Meaning, canonical_word, combine, read_action, read_position

name: Final = "keyvalue"

_KEY: Final = re.compile(r"[A-Za-z][A-Za-z0-9_ -]{0,40}")
_CLAIMED: Final = frozenset({"symbol", "signal", "ticker", "action", "side", "pair"})
_TERMS: Final = TermNames(
    trigger=("stopprice",),
    price=("price", "entryprice", "close"),
    seen=("signalprice",),
    target=("takeprofitprice", "takeprofit", "tp"),
)
_SEVERAL: Final = re.compile(r"takeprofit(?:price|volumeratio)\d*")
_PRICES: Final = (
    "price",
    "limitprice",
    "stopprice",
    "stoploss",
    "sl",
    "slprice",
    "takeprofitprice",
    "takeprofit",
    "tp",
)
_RELATIVE: Final = re.compile(r"@?[+-]?[0-9.]+\s*[%d]|@.*")
_AMOUNT: Final = re.compile(r"([0-9.eE+-]+)(q|%|t%|a%|p%|%t|%a|%p)", re.IGNORECASE)


def recognises(document: Json) -> bool:
    if not isinstance(document, str):
        return False
    pairs = [_pair(part) for part in _parts(document)]
    return bool(pairs) and pairs[0] is not None and any(pair and canonical_name(pair[0]) in _CLAIMED for pair in pairs)


def read(document: Json, context: Context, path: str) -> list[Draft]:
    assert isinstance(document, str)
    fields = Fields(_members(document), path)
    wanted = alert.read_symbol(fields)
    check_leverage(fields)
    _refuse_unsupported(fields)
    found, meaning = _meaning(fields)
    move = Move(meaning.action, meaning.direction, _size(fields, meaning.action), meaning.adds)
    identity = alert.read_identity(fields, wanted, canonical_word(str(found.value)))
    return alert.draft_moves(fields, alert.Order(wanted, identity, partial(read_terms, fields, _TERMS)), [move])


def _parts(text: str) -> list[str]:
    separators = r"[;\r\n]+" if re.search(r"[;\r\n]", text.strip()) else ","
    return [part for part in re.split(separators, text) if part.strip()]


def _pair(part: str) -> tuple[str, str] | None:
    key, separator, value = part.partition("=")
    return (key.strip(), value.strip()) if separator and _KEY.fullmatch(key.strip()) else None


def _members(text: str) -> dict[str, Json]:
    members: dict[str, Json] = {}
    for number, part in enumerate(_parts(text), 1):
        pair = _pair(part)
        if pair is None:
            fix = "Separate pairs by new lines or by ;, and write numbers with a point."
            raise Refused("invalid_field", f"Part {number} of the text is not KEY=VALUE.", field=f"#{number}", fix=fix)
        key, value = pair
        if members.get(key, value) != value:
            raise Refused("duplicate_key", f"{key} stands twice.", field=key, fix="Keep one of them.")
        if not is_secret_name(key):
            members[key] = value
    return members


def _meaning(fields: Fields) -> tuple[Found, Meaning]:
    """REDUCE_ONLY turns a buy into leaving a short; a sell leaves a long in any case."""
    found = fields.agreed("signal", "action", "side")
    if found is None:
        raise missing(fields.at("SIGNAL"), "what to do", "Add SIGNAL=BUY, SELL, SHORT, COVER or EXIT.")
    meaning = read_action(str(found.value), found.path)
    held = fields.find("direction", "positionside")
    side = SIDES.get(canonical_word(str(found.value)))
    if meaning.action is Action.CANCEL:
        return found, meaning
    if held is not None and side is not None:
        meaning = combine(side, read_position(str(held.value), held.path))
    if fields.flag("reduceonly") and meaning.action is Action.ENTRY:
        opposite = Direction.SHORT if meaning.direction is Direction.LONG else Direction.LONG
        meaning = Meaning(Action.EXIT, opposite)
    return found, meaning


def _refuse_unsupported(fields: Fields) -> None:
    several = [one for one in fields.left_over() if _SEVERAL.fullmatch(one) and one != "takeprofitprice"]
    fields.refuse(tuple(several), "asks for several targets.", "Send one TAKE_PROFIT_PRICE.")
    for one in _PRICES:
        found = fields.find(one)
        if found is not None and _RELATIVE.fullmatch(str(found.value).strip()):
            fix = "Send the price itself; the market is not known here when the alert is read."
            raise Refused("unsupported_field", f"{found.path} is relative.", field=found.path, fix=fix)


def _size(fields: Fields, action: Action) -> Size | None:
    found = fields.find("volume", *alert.QUANTITY)
    exits = action is Action.EXIT
    if found is None:
        return EVERYTHING if exits else None
    amount = _AMOUNT.fullmatch(str(found.value).strip())
    if amount is None:
        return Size(kind=SizeKind.QUANTITY, value=_positive(found, number_of(found.value, found.path)))
    value, unit = _positive(found, number_of(amount[1], found.path)), "".join(sorted(amount[2].lower()))
    if unit == "q":
        return Size(kind=SizeKind.NOTIONAL, value=value)
    if exits and unit in ("%", "%a", "%p") and value <= 100:
        return Size(kind=SizeKind.FRACTION, value=percent(value, found.path))
    if not exits and unit == "%t":
        return Size(kind=SizeKind.WEIGHT, value=percent(value, found.path))
    fix = "Send a number of the base asset, 100q of the quote currency, 10t% to enter or 50% to leave."
    raise Refused("unsupported_field", f"{found.path} is not an amount known here.", field=found.path, fix=fix)


def _positive(found: Found, value: Decimal) -> Decimal:
    if value <= 0:
        fix = "Send a number above 0, or leave it out and the floor sizes the trade."
        raise Refused("invalid_field", f"{found.path} is not above 0.", field=found.path, fix=fix)
    return value
