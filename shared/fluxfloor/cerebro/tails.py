"""The portfolio's one-day CVaR after the trade, found exactly in the tail of the days that are known."""

from __future__ import annotations

from fluxfloor.cerebro import words
from fluxfloor.cerebro.entry import Entry
from fluxfloor.cerebro.knowledge import fewest_days
from fluxfloor.cerebro.stakes import Stake
from fluxfloor.contracts.decisions import Limit, Reason, Tail


def portfolio_cvar(entry: Entry) -> Limit:
    """The most lots with which the CVaR of everything held, on its way and wanted stays within its cap."""
    stake = entry.stake
    if stake is None:
        days = fewest_days(float(entry.limits.cvar_alpha))
        note = f"not known: nothing at stake has {days} days of returns; the other limits stand alone"
        return Limit(name=Reason.PORTFOLIO_CVAR, note=note)
    most = entry.lots_for(entry.limits.max_leverage * entry.book.equity, entry.price)
    lots = stake.largest(most)
    note = _note(entry, stake)
    if most and lots >= most:
        return Limit(name=Reason.PORTFOLIO_CVAR, note=f"{note}; any size that the leverage allows stays within it")
    return Limit(name=Reason.PORTFOLIO_CVAR, allows_lots=max(lots, 0), note=note)


def judged(entry: Entry, lots: int) -> Tail | None:
    """The tail before and with so many lots; None where it is not known."""
    stake, equity = entry.stake, float(entry.book.equity)
    if stake is None or equity <= 0:
        return None
    before, after = (stake.with_lots(count) for count in (0, lots))
    return Tail(
        alpha=entry.limits.cvar_alpha, days=len(stake.base), before=before[0] / equity, after=after[0] / equity,
        marginal=after[1] / stake.each, assumed=stake.without_days,
    )  # fmt: skip


def breached(entry: Entry, tail: Tail | None) -> bool:
    """A trade that lowers a CVaR beyond its cap is let in where it leads below; too small a one stops short of that."""
    return tail is not None and tail.after > float(entry.limits.cvar_cap) * (1.0 + 1e-12)


def short_of_it(entry: Entry, tail: Tail | None) -> Limit:
    """The book is beyond its cap, and the lots that are left for the trade don't lead back below."""
    after = words.percent(words.from_float(tail.after if tail else 0.0))
    note = f"the book is beyond {words.percent(entry.limits.cvar_cap)} of equity, and so few lots only lead to {after}"
    return Limit(name=Reason.PORTFOLIO_CVAR, allows_lots=0, note=note)


def _note(entry: Entry, stake: Stake) -> str:
    """ "the worst 2.5% of days may cost 150 USDT on average (1.5% of equity), and what is open takes 48 USDT" """
    cap, tail = entry.limits.cvar_cap, words.percent(1 - entry.limits.cvar_alpha)
    before = stake.with_lots(0)[0]
    may = f"the worst {tail} of days may cost {entry.money(cap * entry.book.equity)} on average"
    taken = f"what is open takes {entry.money(words.from_float(before))}" if entry.others else "nothing is open"
    note = f"{may} ({words.percent(cap)} of equity), and {taken}; {len(stake.base):,} days known"
    if stake.without_days:
        note += f", {words.percent(entry.limits.assumed_cvar)} assumed for {words.listed(list(stake.without_days))}"
    return note
