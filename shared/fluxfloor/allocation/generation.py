"""Row and column generation: the few scenarios and strategies that decide, found by asking a small master again.

A round solves the master, brings into play the scenarios that lie on the wrong side of ζ (calm ones that lose more,
settled ones that lose less) and adds the strategies whose net gain is positive at the master's multipliers. When
there is neither, the master's optimum is the problem's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fluxfloor.allocation.certificate import Multipliers
from fluxfloor.allocation.columns import Columns, Flags, Indices
from fluxfloor.allocation.master import Master, Reading
from fluxfloor.allocation.problem import Array, Asked
from fluxfloor.allocation.solution import Effort
from fluxfloor.allocation.tails import portfolio_losses, tail_cvar, weighted_days

MAX_ROUNDS = 500
CVAR_SLACK = 1e-11
"""How much less than the true CVaR the master may believe."""
NET_GAIN = 1e-10
"""A column is worth adding above this net gain."""
NEW_COLUMNS = 20
NEW_TAILS = 0.5
"""At most so many tails of new scenarios a round, the worst ones: ζ is still low, and most of them not in the tail."""


@dataclass(frozen=True, slots=True)
class Found:
    """Weights and multipliers as a master left them; `slack` is what the CVaR limit lacked."""

    weights: Array
    multipliers: Multipliers
    slack: float


class Generation:
    """One problem's master and what is in play."""

    def __init__(self, asked: Asked, columns: Columns, start: Indices, settled: Flags) -> None:
        self.asked, self.columns = asked, columns
        self.returns = asked.returns_by_strategy
        losses = portfolio_losses(self.returns, columns.base)
        self.master = Master(columns, asked.returns_by_day, losses, asked.tail, settled)
        self.master.add_columns(start)
        self.waiting = np.ones(columns.count, dtype=np.bool_)
        self.waiting[start] = False
        self.calm = ~settled
        self.rounds = 0

    @property
    def effort(self) -> Effort:
        return Effort(self.rounds, self.master.iterations, len(self.master.scenarios), len(self.master.in_play))

    def cvar_of(self, weights: Array) -> float:
        return tail_cvar(portfolio_losses(self.returns, weights), self.asked.tail)[1]

    def add_scenarios(self, new: Indices) -> None:
        self.master.add_scenarios(new)
        self.calm[new] = False

    def converge(self, enough: float = -np.inf) -> Found | None:
        """Rounds until nothing is missing, or until the true CVaR is at most `enough`. None where the master has no
        optimum or the rounds run out."""
        for _ in range(MAX_ROUNDS):
            reading = self.master.solve()
            self.rounds += 1
            if reading is None:
                return None
            weights = self.columns.weights(self.master.in_play, reading.values)
            losses = portfolio_losses(self.returns, weights)
            cvar = tail_cvar(losses, self.asked.tail)[1]
            missing = self._missing(reading, losses, cvar)
            wanted = self._wanted(reading)
            if cvar <= enough or not (len(missing) or len(wanted)):
                return Found(weights, self._multipliers(reading), reading.slack)
            if len(missing):
                self.add_scenarios(missing)
            if len(wanted):
                self.master.add_columns(wanted)
                self.waiting[wanted] = False
        return None

    def _missing(self, reading: Reading, losses: Array, cvar: float) -> Indices:
        """Scenarios out of play on the wrong side of ζ; none while the master's CVaR is the true one."""
        if cvar - (reading.slack + self.master.limit) <= CVAR_SLACK:
            return np.zeros(0, np.int64)
        over = losses - reading.zeta
        missing = np.flatnonzero((self.calm & (over > 0.0)) | (self.master.settled & (over < 0.0)))
        most = int(NEW_TAILS * self.asked.tail) + 5
        return missing if len(missing) <= most else missing[np.argsort(-np.abs(over[missing]), kind="stable")[:most]]

    def _wanted(self, reading: Reading) -> Indices:
        """The columns out of play with the greatest net gains."""
        held = np.flatnonzero(reading.scenario_duals > 0.0)
        days, shares = self.master.scenarios[held], reading.scenario_duals[held]
        of_settled = reading.cvar_dual / self.asked.tail * self.master.settled_returns
        risk = weighted_days(self.asked.returns_by_day, days, shares) + of_settled
        columns = self.columns
        net = risk[columns.strategy] * columns.sign - self.master.costs - reading.row_duals @ columns.rows
        net = np.where(self.waiting, net, -np.inf)
        best = np.argsort(-net)[:NEW_COLUMNS]
        return best[net[best] > NET_GAIN]

    def _multipliers(self, reading: Reading) -> Multipliers:
        tail = np.where(self.master.settled, reading.cvar_dual / self.asked.tail, 0.0)
        tail[self.master.scenarios] = reading.scenario_duals
        total = float(tail.sum())
        if total > 0.0:
            tail /= total
        caps = len(self.asked.caps.limits)
        rest = list(reading.row_duals[caps:])
        budget = float(rest.pop(0)) if self.columns.has_budget else 0.0
        turnover = float(rest.pop(0)) if self.columns.has_turnover else 0.0
        return Multipliers(reading.cvar_dual, tail, reading.row_duals[:caps], budget, turnover)


__all__ = ["CVAR_SLACK", "Found", "Generation"]
