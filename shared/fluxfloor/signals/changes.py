"""What a strategy's alert says about its position, by every name TradingView and 3Commas have for it."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from fluxfloor.contracts.orders import Side
from fluxfloor.signals.alert import QUANTITY
from fluxfloor.signals.fields import Fields, Found
from fluxfloor.signals.positions import Change
from fluxfloor.signals.words import read_position

NOW: Final = ("marketposition", "strategymarketposition", "strategyinfomarketposition")
NOW_SIZE: Final = tuple(f"{one}size" for one in NOW)
BEFORE: Final = ("prevmarketposition", "strategyprevmarketposition", "strategyinfoprevmarketposition")
BEFORE_SIZE: Final = tuple(f"{one}size" for one in BEFORE)
BAR: Final = ("open", "high", "low", "close")


def read_change(fields: Fields, side: Side | None) -> Change:
    now, before = fields.agreed(*NOW), fields.agreed(*BEFORE)
    return Change(
        side=side,
        contracts=read_contracts(fields),
        now=read_position(str(now.value), now.path) if now else None,
        now_size=_size(fields, NOW_SIZE),
        before=read_position(str(before.value), before.path) if before else None,
        before_size=_size(fields, BEFORE_SIZE),
        field=(now or before or Found(fields.at("market_position"), None)).path,
    )


def read_contracts(fields: Fields) -> Decimal | None:
    """`volume` is a quantity in some alerts and the bar's volume in others; beside a bar it is the bar's."""
    if not fields.has(*QUANTITY) and not fields.has(*BAR):
        return fields.positive("volume")
    return fields.positive(*QUANTITY)


def _size(fields: Fields, names: tuple[str, ...]) -> Decimal | None:
    """TradingView writes sizes absolute; some scripts write a short's with a minus."""
    size = fields.number(*names)
    return None if size is None else abs(size)


def position_of(change: Change) -> str:
    """The position before and after, for telling one order of a second from the next."""
    parts = (change.before, change.before_size, change.now, change.now_size)
    return "/".join("" if part is None else str(part) for part in parts)
