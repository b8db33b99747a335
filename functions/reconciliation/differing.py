"""A difference that stays: entries are blocked, a person is told, and what he agrees to is booked with its evidence."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from fluxfloor.accounts import adopting
from fluxfloor.accounts.compare import PATIENCE, Comparison, describe, too_soon
from fluxfloor.contracts import ids
from fluxfloor.contracts.base import canonical
from fluxfloor.contracts.books import Adjustment, AdjustmentState
from fluxfloor.contracts.events import AdjustmentConfirmed, Severity
from fluxfloor.contracts.policy import Halt
from fluxfloor.contracts.state import Account
from fluxfloor.ports import VenueBooks
from fluxfloor.runtime.work import Work

from functions.reconciliation.pricing import instruments, rates_for
from functions.reconciliation.telling import keep, risk

BY_SETTINGS = "settings"
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Looked:
    """One answer of the venue, from when on it was asked for what had happened, and when it was asked."""

    seen: VenueBooks
    since_ms: int
    asked_ms: int


def agree(work: Work, account: Account, asked_ms: int) -> Account:
    """The books are the venue's again, as of when it was asked. Entries that were halted wait for a person."""
    _withdraw(work, account)
    if account.mismatches >= PATIENCE:
        message = f"books of {account.id} agree with {account.venue} again; entries wait for a person to resume them"
        work.emit(risk("books_agree", account, Severity.INFO, message, work.now_ms))
    return account.model_copy(
        update={
            "mismatches": 0, "agreed_ms": asked_ms, "agreed_entries": account.entries, "proposed": ""
        }
    )  # fmt: skip


def differ(work: Work, account: Account, found: Comparison, looked: Looked) -> Account:
    """Entries are blocked only by a difference that two comparisons, a while apart, have found. What a venue's rounding
    of its own amounts leaves is booked at once, and starts anew from there: no entry waits for crumbs, and they never
    add up. Only what was booked since both agreed can have been rounded: money that trickles away beside it is a
    difference."""
    rounded = account.entries > account.agreed_entries
    if rounded and not found.overdue and not found.in_flight and not account.mismatches:
        crumbs = _proposed(work, account, found, looked)
        if crumbs.value is not None and crumbs.value <= work.settings.reconciliation.rounding:
            return _rounded_off(work, account, crumbs, looked)
    if too_soon(account, looked.asked_ms):
        return account
    account = account.model_copy(update={"mismatches": account.mismatches + 1, "differed_ms": looked.asked_ms})
    return account if account.mismatches < PATIENCE else _stays(work, account, found, looked)


def _stays(work: Work, account: Account, found: Comparison, looked: Looked) -> Account:
    """Entries are blocked. A person who resumes while it stands is told of it again."""
    if found.overdue:  # what it is will be known once those are booked
        _withdraw(work, account)
        _block(work, account, f"{describe(found)}")
        return account.model_copy(update={"proposed": ""})
    proposal = _proposed(work, account, found, looked)
    if account.proposed != proposal.id:
        _withdraw(work, account)
    account = account.model_copy(update={"proposed": proposal.id})
    proposal = _by_settings(work, proposal)
    _block(work, account, f"{describe(found)}; adjustment {proposal.id} is proposed")
    if proposal.state is AdjustmentState.CONFIRMED:
        return _book(work, account, proposal, looked)
    work.write(proposal)
    return account


def _proposed(work: Work, account: Account, found: Comparison, looked: Looked) -> Adjustment:
    """The same difference since the same agreement is the same proposal, however often it is seen."""
    named = [f"{name}={canonical(amount)}" for name, amount in sorted(found.differences.items())]
    proposal_id = ids.digest("adjustment", account.id, account.agreed_ms, *named)
    (known,) = work.read(Adjustment.key(proposal_id))
    if known is not None and known.state in (AdjustmentState.PROPOSED, AdjustmentState.CONFIRMED):
        return known
    rules = instruments(work, account)
    rates = rates_for(work, account, rules, *found.differences)
    return Adjustment(
        id=proposal_id, account_id=account.id, portfolio_id=account.portfolio_id, differences=found.differences,
        ours={name: account.balances.get(name, ZERO) for name in found.differences},
        venues={name: looked.seen.balances.get(name, ZERO) for name in found.differences},
        value=adopting.value_of(found.differences, account, rates), compared_since_ms=looked.since_ms,
        agreed_ms=account.agreed_ms, seen_ms=looked.asked_ms,
    )  # fmt: skip


def _by_settings(work: Work, proposal: Adjustment) -> Adjustment:
    rule = work.settings.reconciliation
    small = proposal.value is not None and proposal.value <= rule.adjust_limit
    if proposal.state is not AdjustmentState.PROPOSED or rule.adjust != "auto" or not small:
        return proposal
    return proposal.model_copy(
        update={"state": AdjustmentState.CONFIRMED, "decided_by": BY_SETTINGS, "decided_ms": work.now_ms}
    )


def _book(work: Work, account: Account, agreed: Adjustment, looked: Looked) -> Account:
    rules = instruments(work, account)
    rates = rates_for(work, account, rules, *agreed.differences)
    booked = adopting.book_adjustment(account, agreed, rules, rates, work.now_ms)
    keep(work, account, booked.entries, ())
    work.write(agreed.model_copy(update={"state": AdjustmentState.BOOKED}))
    words = ", ".join(f"{canonical(amount)} {name}" for name, amount in sorted(agreed.differences.items()))
    message = f"{account.id} was adjusted by {words} as {agreed.treat_as}, agreed by {agreed.decided_by}"
    work.emit(risk("books_adjusted", account, Severity.WARNING, message, work.now_ms, adjustment=agreed.id))
    return agree(work, booked.account.model_copy(update={"proposed": ""}), looked.asked_ms)


def _rounded_off(work: Work, account: Account, crumbs: Adjustment, looked: Looked) -> Account:
    rules = instruments(work, account)
    booked = adopting.book_adjustment(
        account, crumbs, rules, rates_for(work, account, rules, *crumbs.differences), work.now_ms
    )
    keep(work, account, booked.entries, ())
    work.write(
        crumbs.model_copy(
            update={"state": AdjustmentState.BOOKED, "decided_by": BY_SETTINGS, "decided_ms": work.now_ms}
        )
    )
    return agree(work, booked.account, looked.asked_ms)


def _withdraw(work: Work, account: Account) -> None:
    """The proposal that stood is about a difference that is not there any more."""
    if not account.proposed:
        return
    (known,) = work.read(Adjustment.key(account.proposed))
    if known is not None and known.state in (AdjustmentState.PROPOSED, AdjustmentState.CONFIRMED):
        work.write(known.model_copy(update={"state": AdjustmentState.WITHDRAWN}))


def _block(work: Work, account: Account, what: str) -> None:
    message = f"books of {account.id} differ from {account.venue}: {what}"[:500]
    (halt,) = work.read(Halt.key(account.portfolio_id))
    if halt is None:
        work.write(Halt(id=account.portfolio_id, reason=message, raised_by="reconciliation", ts_event_ms=work.now_ms))
    if halt is None or account.mismatches == PATIENCE:
        details = {"adjustment": account.proposed} if account.proposed else {}
        work.emit(risk("books_differ", account, Severity.CRITICAL, message, work.now_ms, **details))


def confirm(confirmed: AdjustmentConfirmed, work: Work) -> None:
    """A person's word, kept; the comparison that follows books it if the venue still shows the same."""
    (known,) = work.read(Adjustment.key(confirmed.adjustment_id))
    if known is None or known.state is not AdjustmentState.PROPOSED:
        return
    work.write(
        known.model_copy(
            update={"state": AdjustmentState.CONFIRMED, "treat_as": confirmed.treat_as, "reason": confirmed.reason,
                    "decided_by": confirmed.confirmed_by, "decided_ms": work.now_ms}
        )
    )  # fmt: skip
