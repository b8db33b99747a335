"""What all third-party alerts share: who, what, when, and the drafts of their moves."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal

from fluxfloor.contracts.signals import Action, Direction
from fluxfloor.signals.draft import Draft, Identity, LegDraft, Note, Terms, Wanted
from fluxfloor.signals.fields import Fields, as_note, missing
from fluxfloor.signals.positions import Move
from fluxfloor.signals.refusals import Refused

SYMBOL = ("symbol", "ticker", "tvinstrument", "instrument", "pair", "tickerid")
EXCHANGE = ("exchange", "tvexchange")
ACTION = (
    "action",
    "side",
    "signal",
    "orderaction",
    "strategyorderaction",
    "strategyaction",
    "orderside",
    "c",
    "command",
)
QUANTITY = (
    "contracts", "quantity", "qty", "amount", "ordercontracts", "strategyordercontracts", "strategycontracts",
    "orderamount", "orderquantity", "orderqty", "ordersize", "size",
)  # fmt: skip
ID = ("id", "signalid", "uid", "uuid", "eventid", "alertid")
ORDER_ID = ("orderid", "strategyorderid")
STRATEGY = ("strategyid", "strategyname", "strategy", "botuuid", "botid", "alertname")
SENT = ("timenow", "timestamp", "time", "ts", "sentat")
EXPIRES = ("expiresat", "validuntil", "expires")
TAG = ("tag", "comment", "ordercomment", "strategyordercomment", "ordertag", "message", "msg", "text", "reason")
MAX_LAG_LIMIT_S = 86_400
MAX_ALPHA = Decimal(1)


def read_symbol(fields: Fields, names: tuple[str, ...] = SYMBOL) -> Wanted:
    found = fields.agreed(*names, same=bare_symbol)
    if found is None:
        fix = 'Add "symbol", for example "symbol": "BTCUSDT" (in TradingView: "{{ticker}}").'
        raise missing(fields.at(names[0]), "which instrument to trade", fix)
    symbol, exchange = fields.text(*names, limit=64), fields.text(*EXCHANGE, limit=64)
    return Wanted(symbol=symbol, exchange=exchange, path=found.path)


def bare_symbol(text: str) -> str:
    """For comparing: without the exchange in front and without separators."""
    return re.sub(r"^[A-Za-z0-9_]+:|[/_\- ]", "", text.strip()).upper()


def read_identity(fields: Fields, wanted: Wanted, action: str, position: str = "") -> Identity:
    quantity = fields.find(*QUANTITY, "volume")
    return Identity(
        id=fields.text(*ID),
        strategy=fields.text(*STRATEGY, limit=128),
        order_id=fields.text(*ORDER_ID),
        action=action,
        symbol=bare_symbol(wanted.symbol),
        quantity="" if quantity is None else str(quantity.value),
        position=position,
        sent_ms=fields.time_ms(*SENT),
    )


@dataclass(frozen=True, slots=True)
class Order:
    """One alert's order: what it concerns, and how to read its terms for the side it enters."""

    wanted: Wanted
    identity: Identity
    terms: Callable[[Direction | None], Terms]


def draft_moves(fields: Fields, order: Order, moves: list[Move]) -> list[Draft]:
    """One draft per move. Reads what all alerts have in common; call it last, it takes what is left over as notes."""
    legs = [_leg(order, move) for move in moves]
    identity = order.identity
    common = Draft(
        action=Action.ENTRY,
        legs=(),
        identity=identity,
        path=fields.path,
        strategy=identity.strategy,
        sent_ms=identity.sent_ms,
        sent_path=fields.path_of(*SENT),
        expires_ms=fields.time_ms(*EXPIRES),
        max_lag_s=read_max_lag(fields),
        expected_alpha=read_alpha(fields),
        tag=fields.note(*TAG),
    )
    common = replace(common, notes=notes_of(fields))
    return [
        replace(common, action=move.action, adds=move.adds, legs=(leg,)) for move, leg in zip(moves, legs, strict=True)
    ]


def _leg(order: Order, move: Move) -> LegDraft:
    if move.action is Action.CANCEL:
        return LegDraft(order.wanted, move.direction)
    enters = move.direction if move.action is not Action.EXIT else None
    return LegDraft(order.wanted, move.direction, move.size, order.terms(enters))


def read_max_lag(fields: Fields) -> int | None:
    """Whole seconds, rounded up."""
    lag = fields.positive("maxlag", "maxlags")
    if lag is None:
        return None
    return int(min(lag, Decimal(MAX_LAG_LIMIT_S)).to_integral_value(ROUND_CEILING))


def read_alpha(fields: Fields) -> Decimal | None:
    """The edge the sender expects, a return fraction."""
    alpha = fields.number("expectedalpha", "alpha")
    if alpha is not None and abs(alpha) > MAX_ALPHA:
        path = fields.path_of("expectedalpha", "alpha")
        fix = "Send a return fraction: 0.02 is 2 %."
        raise Refused("invalid_field", f"{path} is more than 100 %.", field=path, fix=fix)
    return alpha


def notes_of(fields: Fields) -> dict[str, Note]:
    """What nobody read, for the explanation."""
    return {found.path: as_note(found.value) for found in fields.left_over().values()}
