"""What the venue itself has on record, read at the venue and not through the floor: the other side of every check."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from fluxfloor.adapters.venues.paper import PaperAccount, PaperFill
from fluxfloor.contracts.orders import Side
from fluxfloor.local import audit
from fluxfloor.ports import Store


@dataclass(frozen=True, slots=True)
class Traded:
    """One fill at the venue. `moves`: what it did to the balances."""

    account_id: str
    trade_id: str
    client_order_id: str
    side: Side
    price: Decimal
    quantity: Decimal
    fee: Decimal
    moves: dict[str, Decimal]


@dataclass(frozen=True, slots=True)
class Records:
    """In the order in which things happened there."""

    fills: tuple[Traded, ...]
    balances: dict[str, dict[str, Decimal]]  # by account


def traded(row: PaperFill) -> Traded:
    fill, side = row.fill, row.side or Side.BUY
    return Traded(
        row.account_id, row.id, row.client_order_id, side, fill.price, fill.quantity, fill.fee, dict(row.moves)
    )


def of_paper(store: Store) -> Records:
    fills = sorted(map(PaperFill.decode, audit.rows(store, "paper_fills")), key=lambda row: row.ts_event_ms)
    accounts: Iterable[PaperAccount] = map(PaperAccount.decode, audit.rows(store, "paper_accounts"))
    return Records(tuple(map(traded, fills)), {account.id: dict(account.balances) for account in accounts})
