"""A sender takes his entries back: whatever of them is on its way in one instrument, and nothing that is held."""

from __future__ import annotations

from collections.abc import Sequence

from fluxfloor.cerebro import book as books
from fluxfloor.cerebro import words
from fluxfloor.cerebro.case import Case
from fluxfloor.cerebro.checks import Refusal
from fluxfloor.contracts import ids
from fluxfloor.contracts.decisions import Reason
from fluxfloor.contracts.orders import ChangeKind, OrderChange


def cancel(cases: Sequence[Case]) -> tuple[OrderChange, ...]:
    """One for each order, of all legs. What has filled meanwhile stays, with its stop. No halt and no age refuses it;
    raises Refusal where nothing is on its way."""
    changes = tuple(change for case in cases for change in _of_leg(case))
    if not changes:
        symbols = words.listed([case.rules.symbol for case in cases])
        text = f"{cases[0].signal.strategy_id} has no entry of {symbols} on its way"
        raise Refusal(Reason.NOTHING_TO_CANCEL, text)
    return changes


def _of_leg(case: Case) -> list[OrderChange]:
    signal = case.signal
    found = books.entries_of(case.book, signal.strategy_id, case.rules.instrument_id)
    return [
        OrderChange(
            change_id=ids.digest("change", signal.signal_id, name), intent_id=name, portfolio_id=case.book.id,
            account_id=item.account_id or case.book.account_id, kind=ChangeKind.CANCEL, asked_by=signal.sender_id,
            reason="a signal takes it back", ts_event_ms=case.now_ms,
        )
        for name, item in sorted(found.items())
    ]  # fmt: skip


def told(cases: Sequence[Case], changes: Sequence[OrderChange]) -> str:
    """ "CANCEL 2 orders for BTC/USDT of trend" """
    orders = "1 order" if len(changes) == 1 else f"{len(changes)} orders"
    symbols = words.listed([case.rules.symbol for case in cases])
    return f"CANCEL {orders} for {symbols} of {cases[0].signal.strategy_id}; what is held stays as it is"
