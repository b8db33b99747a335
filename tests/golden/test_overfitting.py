"""Sharpe ratios against the worked examples that the papers print."""

from __future__ import annotations

from math import sqrt

import pytest
from fluxfloor.measures.overfitting import expected_best_sharpe, minimum_track_record, probabilistic_sharpe


def test_probabilistic_sharpe_of_the_hedge_fund_with_two_years_of_months() -> None:
    """Bailey & López de Prado (2012), The Sharpe ratio efficient frontier: 24 months, SR 0.458 a month, skew -2.448,
    kurtosis 10.164. Taken as normal it passes 95 %, as it is it does not."""
    assert probabilistic_sharpe(0.458, 24) == pytest.approx(0.982, abs=5e-4)
    assert probabilistic_sharpe(0.458, 24, -2.448, 10.164) == pytest.approx(0.913, abs=5e-4)


@pytest.mark.parametrize(
    ("per_year", "skew", "kurtosis", "years"),
    [(250, 0.0, 3.0, 2.73), (52, 0.0, 3.0, 2.83), (12, 0.0, 3.0, 3.24), (12, -0.72, 5.78, 4.99)],
)
def test_the_track_record_that_an_annual_sharpe_of_two_needs_to_exceed_one(
    per_year: int, skew: float, kurtosis: float, years: float
) -> None:
    """The same paper, section on the minimum track record length, 95 % confidence."""
    found = minimum_track_record(2 / sqrt(per_year), 1 / sqrt(per_year), skew, kurtosis)
    assert found is not None
    assert found / per_year == pytest.approx(years, abs=5e-3)


def test_deflated_sharpe_of_the_best_of_a_hundred() -> None:
    """Bailey & López de Prado (2014), The deflated Sharpe ratio, numerical example: 1,250 days, annual SR 2.5, variance
    of the trials' annual ratios 1/2, skew -3, kurtosis 10, 250 days a year; with 46 trials it would still have passed.
    """
    threshold = expected_best_sharpe(100, 0.5 / 250)
    assert threshold == pytest.approx(0.1132, abs=5e-5)
    assert probabilistic_sharpe(2.5 / sqrt(250), 1250, -3, 10, threshold) == pytest.approx(0.9004, abs=5e-5)
    fewer = expected_best_sharpe(46, 0.5 / 250)
    assert probabilistic_sharpe(2.5 / sqrt(250), 1250, -3, 10, fewer) == pytest.approx(0.9505, abs=5e-5)
