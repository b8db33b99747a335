"""The portfolio's one-day CVaR after the trade, found exactly in the tail of the days that are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fluxfloor.cerebro import words
from fluxfloor.cerebro.entry import Entry
from fluxfloor.cerebro.knowledge import fewest_days
from fluxfloor.contracts.decisions import Limit, Reason, Tail

if TYPE_CHECKING:
    from fluxfloor.cerebro.scenarios import Scenarios


@dataclass(frozen=True, slots=True)
class Stake:
    """What the tail is made of, in money of the book's currency: signed notionals whose days are known, what is assumed
    for the rest, and one lot of the trade (signed; `each_assumed` is 0 where its own days are known)."""

    scenarios: Scenarios
    held: dict[str, float]
    assumed: dict[str, float]
    each: float
    each_assumed: float
    alpha: float
    limit: float

    @property
    def room(self) -> float:
        """For what is known. CVaR is subadditive: what is assumed for the rest may simply be added."""
        return self.limit - sum(self.assumed.values())


def portfolio_cvar(entry: Entry) -> Limit:
    """The most lots with which the CVaR of everything held, on its way and wanted stays within its cap."""
    stake = _stake(entry)
    if stake is None:
        days = fewest_days(float(entry.limits.cvar_alpha))
        note = f"not known: nothing at stake has {days} days of returns; the other limits stand alone"
        return Limit(name=Reason.PORTFOLIO_CVAR, note=note)
    most = entry.lots_for(entry.limits.max_leverage * entry.book.equity, entry.price)
    lots = _largest(entry, stake, most)
    note = _note(entry, stake)
    if most and lots >= most:
        return Limit(name=Reason.PORTFOLIO_CVAR, note=f"{note}; any size that the leverage allows stays within it")
    return Limit(name=Reason.PORTFOLIO_CVAR, allows_lots=max(lots, 0), note=note)


def judged(entry: Entry, lots: int) -> Tail | None:
    """The tail before and with so many lots; None where it is not known."""
    stake, equity = _stake(entry), float(entry.book.equity)
    if stake is None or equity <= 0:
        return None
    before, after = (_with(entry, stake, count) for count in (0, lots))
    notional = abs(stake.each) or 1.0
    return Tail(
        alpha=entry.limits.cvar_alpha, days=stake.scenarios.count, before=before[0] / equity, after=after[0] / equity,
        marginal=after[1] / notional, assumed=tuple(sorted(_assumed(entry, stake))),
    )  # fmt: skip


def breached(entry: Entry, tail: Tail | None) -> bool:
    """A trade that lowers a CVaR beyond its cap is let in where it leads below; too small a one stops short of that."""
    return tail is not None and tail.after > float(entry.limits.cvar_cap) * (1.0 + 1e-12)


def short_of_it(entry: Entry, tail: Tail | None) -> Limit:
    """The book is beyond its cap, and the lots that are left for the trade don't lead back below."""
    after = words.percent(words.from_float(tail.after if tail else 0.0))
    note = f"the book is beyond {words.percent(entry.limits.cvar_cap)} of equity, and so few lots only lead to {after}"
    return Limit(name=Reason.PORTFOLIO_CVAR, allows_lots=0, note=note)


def _stake(entry: Entry) -> Stake | None:
    scenarios = entry.knowledge.scenarios
    if scenarios is None:
        return None
    share, known = float(entry.limits.assumed_cvar), scenarios.places
    others = {name: float(notional) for name, notional in entry.others.items()}
    each = float(entry.price * entry.rules.lot_size) * (1 if entry.long else -1)
    return Stake(
        scenarios, {name: worth for name, worth in others.items() if name in known},
        {name: share * abs(worth) for name, worth in others.items() if name not in known}, each,
        0.0 if entry.rules.instrument_id in known else share * abs(each), float(entry.limits.cvar_alpha),
        float(entry.limits.cvar_cap * entry.book.equity),
    )  # fmt: skip


def _largest(entry: Entry, stake: Stake, most: int) -> int:
    if not stake.each_assumed:
        name = entry.rules.instrument_id
        return stake.scenarios.largest(stake.held, name, stake.each, stake.alpha, stake.room, most)
    room = stake.room - stake.scenarios.cvar(stake.held, stake.alpha)
    return min(most, int(room // stake.each_assumed))


def _with(entry: Entry, stake: Stake, lots: int) -> tuple[float, float]:
    """(CVaR with so many lots, what one more adds), in money."""
    rest = sum(stake.assumed.values())
    if stake.each_assumed:
        return stake.scenarios.cvar(stake.held, stake.alpha) + rest + lots * stake.each_assumed, stake.each_assumed
    edge = stake.scenarios.edge(stake.held, entry.rules.instrument_id, stake.each, stake.alpha, lots)
    return edge.cvar + rest, edge.slope


def _assumed(entry: Entry, stake: Stake) -> set[str]:
    return {*stake.assumed, *((entry.rules.instrument_id,) if stake.each_assumed else ())}


def _note(entry: Entry, stake: Stake) -> str:
    """ "the worst 2.5% of days may cost 150 USDT on average (1.5% of equity), and what is open takes 48 USDT" """
    cap, tail = entry.limits.cvar_cap, words.percent(1 - entry.limits.cvar_alpha)
    before = _with(entry, stake, 0)[0]
    may = f"the worst {tail} of days may cost {entry.money(cap * entry.book.equity)} on average"
    taken = f"what is open takes {entry.money(words.from_float(before))}" if entry.others else "nothing is open"
    note = f"{may} ({words.percent(cap)} of equity), and {taken}; {stake.scenarios.count:,} days known"
    assumed = sorted(_assumed(entry, stake))
    if assumed:
        note += f", {words.percent(entry.limits.assumed_cvar)} assumed for {words.listed(assumed)}"
    return note
