"""skfolio's risk budgeting as it comes: equal budgets of the variance, a conic solver."""

from __future__ import annotations

from typing import Any

from skfolio.optimization import RiskBudgeting


def run(given: Any) -> Any:
    return RiskBudgeting().fit(given["returns"]).weights_
