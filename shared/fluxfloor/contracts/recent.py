"""What has lately become of a portfolio's orders and trades, as far as its protections look back."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from fluxfloor.contracts.base import Document, Ident, Model, NonNegative, Number, UtcMs

MOST = 200
"""Of each kind, the newest are kept: it bounds the document, and so what a protection may count to."""


class Happened(Model):
    """Something that became of one intent in one slot."""

    intent_id: Ident
    strategy_id: Ident
    instrument_id: Ident
    ts_event_ms: UtcMs


class EndedTrade(Model):
    """A closed round trip, or the closed share of one. Money is in the account's currency."""

    trade_id: Ident
    signal_id: str  # of the entry: shares of one trade have the same
    strategy_id: Ident
    instrument_id: Ident
    profit: Number  # net of fees
    notional: NonNegative  # at entry
    exit_ms: UtcMs


class RecentTrading(Document):
    """The newest last, in one order whatever order the facts came in; the id is the portfolio."""

    collection: ClassVar[str] = "recent_trading"
    owner: ClassVar[str] = "cerebro"

    trades: tuple[EndedTrade, ...] = ()
    stops: tuple[Happened, ...] = ()  # positions that left at their stop with a loss
    unfilled: tuple[Happened, ...] = ()  # entries that were withdrawn or ran out without a fill
    exits: dict[str, UtcMs] = Field(default_factory=dict)  # by slot, when it last came back to flat
