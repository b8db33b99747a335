"""Takes what happened at the venue and not by us into the books: adopted trades, transfers, agreed adjustments."""

from __future__ import annotations

from fluxfloor.accounts import adopting, moves
from fluxfloor.accounts.book import Booked
from fluxfloor.accounts.reconcile import Plan
from fluxfloor.contracts.base import canonical
from fluxfloor.contracts.books import OpenFlows
from fluxfloor.contracts.events import RiskRaised, Severity
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.state import Account
from fluxfloor.ports import VenueFill, VenueTransfer
from fluxfloor.runtime.work import Work

from functions.reconciliation.pricing import instruments, rates_for, rules_of
from functions.reconciliation.telling import keep, risk

FLOOR_FLOWS = "floor"


def take(work: Work, account: Account, plan: Plan) -> Booked:
    """All of the plan, its entries and trades written; the account is left to the caller."""
    booked: list[Booked] = []
    for transfer in plan.transfers:
        booked.append(_transfer(work, account, transfer))
        account = booked[-1].account
    for seen in plan.adopt:
        booked.append(_adopt(work, account, seen))
        account = booked[-1].account
    _match(work, account, plan.transfers)
    whole = Booked(account, adopting.entries_of(booked), adopting.trades_of(booked))
    keep(work, account, whole.entries, whole.trades)
    return whole


def _adopt(work: Work, account: Account, seen: VenueFill) -> Booked:
    traded = _instrument(work, account, seen.symbol)
    rules = instruments(work, account, *([traded.instrument_id] if traded else []))
    rates = rates_for(work, account, rules, *seen.moves, seen.fill.fee_currency)
    work.emit(_adopted(account, seen, work.now_ms))
    return adopting.adopt(account, seen, traded, rules, rates)


def _instrument(work: Work, account: Account, symbol: str) -> Instrument | None:
    """In the venue's own catalog, else in that of the market that the floor watches."""
    for catalog in dict.fromkeys((account.venue, work.settings.market.exchange)):
        found = rules_of(work, f"{catalog}:{symbol}") if symbol else None
        if found is not None:
            return found
    return None


def _adopted(account: Account, seen: VenueFill, now_ms: int) -> RiskRaised:
    fill, side = seen.fill, seen.side or "trade"
    message = (
        f"{side} {canonical(fill.quantity)} {seen.symbol or 'of something'} at {canonical(fill.price)} on {account.id} "
        f"is no order of ours: trade {fill.trade_id} is adopted as external"
    )
    details = {
        "trade": fill.trade_id,
        "order": seen.client_order_id or seen.venue_order_id,
        "at": str(fill.ts_event_ms),
    }
    details |= {f"moved_{name}": canonical(amount) for name, amount in sorted(seen.moves.items())}
    return risk("external_trade", account, Severity.WARNING, message, now_ms, **details)


# --- transfers ---------------------------------------------------------------------------------------------------


def _transfer(work: Work, account: Account, seen: VenueTransfer) -> Booked:
    rules = instruments(work, account)
    return adopting.book_transfer(account, seen, rules, rates_for(work, account, rules, seen.currency))


def _match(work: Work, account: Account, transfers: tuple[VenueTransfer, ...]) -> None:
    """Whose other end is at another account of ours."""
    flows = [flow for flow in (moves.flow_of(account.id, item) for item in transfers) if flow is not None]
    if not flows:
        return
    (found,) = work.read(OpenFlows.key(FLOOR_FLOWS))
    waiting = found or OpenFlows(id=FLOOR_FLOWS)
    for flow in flows:
        waiting, move = moves.matched(waiting, flow)
        if move is None:
            came = "came to" if flow.amount > 0 else "left"
            message = f"{canonical(abs(flow.amount))} {flow.currency} {came} {account.id}: transfer {flow.transfer_id}"
            work.emit(risk("capital_moved", account, Severity.INFO, message, work.now_ms, transfer=flow.transfer_id))
            continue
        work.create(move)
        message = (
            f"{canonical(abs(move.sent.amount))} {flow.currency} moved from {move.sent.account_id} to "
            f"{move.received.account_id}: one move of ours, {canonical(move.fee)} lost on the way"
        )
        work.emit(risk("cash_moved", account, Severity.INFO, message, work.now_ms, move=move.id))
    work.write(waiting)
