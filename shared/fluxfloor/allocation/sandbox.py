"""What would be if: another policy, more strategies, days that have not happened. Pure; nothing in force is touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from fluxfloor.allocation.allocate import allocate
from fluxfloor.allocation.days import opened, uploaded
from fluxfloor.allocation.histories import History, Known, known
from fluxfloor.allocation.problem import Array, Refused
from fluxfloor.allocation.tails import tail_cvar
from fluxfloor.contracts.allocation import Allocated, AllocationPolicy
from fluxfloor.contracts.weights import Figures, StrategyDays, Study, UploadedDays


@dataclass(frozen=True, slots=True)
class Answer:
    """`then` is None where no weights keep the study's limits; `today` where nothing is in force or known."""

    allocated: Allocated
    today: Figures | None
    then: Figures | None

    @property
    def difference(self) -> dict[str, float]:
        """Of weights, then less today."""
        if self.then is None:
            return {}
        before, after = self.today.weights if self.today else {}, self.then.weights
        return {name: after.get(name, 0.0) - before.get(name, 0.0) for name in sorted(before.keys() | after.keys())}


def answer(
    histories: Sequence[History], policy: AllocationPolicy, in_force: Mapping[str, float] | None, study: Study
) -> Answer:
    """Weights by the study's policy (else `policy`) on the study's histories and days, beside those in force."""
    wanted, every = study.policy or policy, with_study(histories, study)
    allocated = allocate(every, wanted, in_force)
    days = known(every, wanted)
    if isinstance(days, Refused) or not days.names:
        return Answer(allocated, None, None)
    alpha = wanted.cvar_alpha
    today = figures(in_force, days, alpha) if in_force is not None else None
    usable = allocated.status in ("optimal", "feasible")
    return Answer(allocated, today, figures(allocated.weights, days, alpha) if usable else None)


def history_of(record: StrategyDays) -> History:
    columns = (np.array(column, np.float64) for column in (record.returns, record.margin))
    return History(record.strategy_id, np.array(record.days, np.int64), *columns)


def with_study(histories: Sequence[History], study: Study) -> list[History]:
    """The histories with the study's strategies in place of, or beside, those of the same name, and its shock."""
    new = {name: _from_upload(name, days) for name, days in study.strategies.items()}
    every = [one for one in histories if one.name not in new] + list(new.values())
    return _shaken(sorted(every, key=lambda one: one.name), study) if study.shock else every


def _from_upload(name: str, days: UploadedDays) -> History:
    return history_of(uploaded(opened("study", name, Decimal(0), None), days))


def _shaken(histories: Sequence[History], study: Study) -> list[History]:
    """So many days more, after the last that any of them has: each makes what the shock says, the others nothing."""
    last = max((int(one.days[-1]) for one in histories if len(one.days)), default=0)
    extra = np.arange(last + 1, last + 1 + study.shock_days)
    return [_longer(one, extra, study.shock.get(one.name, 0.0)) for one in histories]


def _longer(one: History, extra: np.ndarray, made: float) -> History:
    margin = None if one.margin is None else np.append(one.margin, np.repeat(one.margin[-1:], extra.size))
    return replace(
        one, days=np.append(one.days, extra), returns=np.append(one.returns, np.full(extra.size, made)), margin=margin
    )


def figures(weights: Mapping[str, float], of: Known, alpha: float) -> Figures:
    """Of weights on the common days."""
    made: Array = of.returns @ np.array([weights.get(name, 0.0) for name in of.names])
    worth = np.cumprod(1 + made)
    peaks = np.maximum.accumulate(np.append(1.0, worth))[1:]
    return Figures(
        weights=dict(weights), expected_return=float(made.mean()),
        cvar=float(tail_cvar(-made, (1 - alpha) * made.size)[1]), max_drawdown=float(np.max(1 - worth / peaks)),
    )  # fmt: skip
