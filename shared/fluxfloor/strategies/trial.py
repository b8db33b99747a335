"""The modes of a strategy on trial: what its closed trades weigh, by the same rule as in a backtest (kernels.modes)."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from fluxfloor.contracts.state import Holding, ModeRecord
from fluxfloor.kernels.modes import TRIAL_TRADES, judged, month_of


def weighed(holding: Holding, modes: tuple[str, ...], close_ms: int) -> Holding:
    """The holding as a month begins that it has not been judged in yet: every mode with its new weight."""
    month = int(month_of(close_ms))
    if month <= holding.judged_month:
        return holding
    update: dict[str, object] = {"judged_month": month}
    if holding.judged_month:
        records = [holding.modes.get(mode, ModeRecord()) for mode in modes]
        after = _judged(records)
        update["modes"] = {
            **holding.modes,
            **{
                mode: record.model_copy(update={"weight": weight})
                for mode, record, weight in zip(modes, records, after, strict=True)
            },
        }
    return holding.model_copy(update=update)


def weight_of(holding: Holding, mode: str) -> Decimal:
    return holding.modes[mode].weight if mode in holding.modes else Decimal(1)


def _judged(records: list[ModeRecord]) -> list[Decimal]:
    returns = np.zeros((len(records), TRIAL_TRADES))
    for place, record in enumerate(records):
        returns[place, : len(record.edges)] = [float(edge) for edge in record.edges]
    weights = np.array([float(record.weight) for record in records])
    counts = np.array([record.trades for record in records], np.int64)
    return [Decimal(repr(weight)) for weight in judged(weights, counts, returns).tolist()]
