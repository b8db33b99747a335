"""What capital is shared among strategies by, and the answer.

Everything is per period of the histories (a day, for daily returns) and per unit of equity: a weight is the fraction of
equity that a strategy may have at work, a loss is positive, CVaR is the mean of the worst (1 - alpha) of the periods.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from fluxfloor.contracts.base import Model

Objective = Literal["max_return", "min_cvar", "mean_variance", "erc", "hrp", "equal"]
Shrinkage = Literal["none", "grand_mean", "black_litterman"]
Missing = Literal["refuse", "drop", "flat"]
Status = Literal["optimal", "feasible", "infeasible", "unbounded", "refused"]
Name = Annotated[str, Field(min_length=1, max_length=128)]

MAX_LEVERAGE = 20.0


class View(Model):
    """A belief for Black–Litterman: the portfolio `legs` (weight by strategy) is expected to earn `expected` a period.

    `variance` is that of the view's error; without it the view is as uncertain as the prior's portfolio is
    (tau p'Σp, as He & Litterman 1999 have it).
    """

    legs: dict[Name, float]
    expected: float
    variance: Annotated[float, Field(gt=0)] | None = None

    @field_validator("legs")
    @classmethod
    def _has_a_leg(cls, legs: dict[str, float]) -> dict[str, float]:
        if not any(legs.values()):
            raise ValueError("a view needs a strategy with a weight other than 0, such as {trend: 1}")
        return legs


class AllocationPolicy(Model):
    """What the weights are for and what they must keep. The defaults share what one account has, without borrowing.

    The caps hold for every objective. `max_return` and `min_cvar` are solved under all of them, `mean_variance` under
    all but the CVaR limit. `erc`, `hrp` and `equal` know of none: where caps are broken, their weights become the
    nearest ones (least squares) that keep them. What is then above the CVaR limit goes as little of the way as it takes
    to the least CVaR that the caps allow: to cash, or fully invested to the safest mix.
    """

    objective: Objective = "max_return"
    cvar_alpha: float = 0.975  # the tail level: the worst 2.5 % of the periods
    cvar_limit: float | None = None  # per period; none: no limit
    drawdown_begins: Annotated[float, Field(ge=0, lt=1)] | None = None  # from this drawdown on the CVaR limit shrinks,
    drawdown_ends: Annotated[float, Field(gt=0, le=1)] | None = None  # and at this one nothing of it is left
    risk_aversion: Annotated[float, Field(gt=0)] = 2.5  # of mean_variance: mean - risk_aversion / 2 × variance

    max_weight: float = 1.0  # of any one strategy
    max_weights: dict[Name, float] = Field(default_factory=dict)  # of a certain one, in place of max_weight
    fully_invested: bool = False  # the weights add up to `leverage`; otherwise to no more than it
    leverage: Annotated[float, Field(gt=0, le=MAX_LEVERAGE)] = 1.0
    gross_cap: Annotated[float, Field(gt=0, le=MAX_LEVERAGE)] | None = None  # on Σ weight × gross_per_weight
    gross_per_weight: dict[Name, float] = Field(default_factory=dict)  # long plus short per unit of weight; else 1
    margin_cap: Annotated[float, Field(gt=0, le=1)] = 0.80  # margin in use over equity, where histories know margin
    clusters: dict[Name, Name] = Field(default_factory=dict)  # strategy -> cluster
    cluster_caps: dict[Name, float] = Field(default_factory=dict)  # cluster -> the most its strategies have together
    max_turnover: Annotated[float, Field(ge=0)] | None = None  # Σ |weight - current|; none: no limit

    shrinkage: Shrinkage = "grand_mean"  # what expected returns are pulled to
    uncertainty: Annotated[float, Field(ge=0)] = 0.0  # standard errors that every expected return is lowered by
    haircut: bool | None = None  # positive means × the deflated Sharpe's probability; none: wherever means are shrunk
    trials: dict[Name, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)  # variants tried; else 1
    views: tuple[View, ...] = ()
    prior_weights: dict[Name, float] = Field(default_factory=dict)  # Black–Litterman's equilibrium; else equal
    tau: Annotated[float, Field(gt=0, le=1)] = 0.05  # how uncertain that equilibrium is

    min_days: Annotated[int, Field(ge=2)] = 30  # a shorter history learns nothing: the strategy is on probation
    probation_weight: Annotated[float, Field(ge=0, le=1)] = 0.02
    missing: Missing = "refuse"  # days missing inside a history: refuse, drop the day for all, or take it for 0

    # When the floor allocates anew.
    interval_days: Annotated[int, Field(ge=1)] = 7
    equity_move: Annotated[float, Field(gt=0)] = 0.10  # a move of equity since the last weights that asks for new ones
    least_change: Annotated[float, Field(ge=0)] = 0.05  # Σ |weight - current| below which the weights stay

    @field_validator("cvar_alpha")
    @classmethod
    def _is_a_tail_level(cls, alpha: float) -> float:
        if not 0.0 < alpha < 1.0:
            said = f"; write {alpha / 100:g} for {alpha:g} %" if 1.0 < alpha < 100.0 else ""
            raise ValueError(f"the tail level lies between 0 and 1, such as 0.975{said}")
        return alpha

    @field_validator("max_weight")
    @classmethod
    def _is_a_weight(cls, weight: float) -> float:
        if not 0.0 < weight <= MAX_LEVERAGE:
            raise ValueError(f"a weight is a fraction of equity above 0 and up to {MAX_LEVERAGE:g}, such as 0.25")
        return weight

    @field_validator("max_weights", "cluster_caps", "gross_per_weight", "prior_weights")
    @classmethod
    def _are_not_negative(cls, given: dict[str, float]) -> dict[str, float]:
        for name, value in given.items():
            if value < 0.0:
                raise ValueError(f"{name} has {value:g}; give 0 or more")
        return given

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.views and self.shrinkage != "black_litterman":
            raise ValueError("views are only used by Black–Litterman; set shrinkage: black_litterman or drop the views")
        begins, ends = self.drawdown_begins, self.drawdown_ends
        if (begins is None) != (ends is None) or (begins is not None and ends is not None and begins >= ends):
            raise ValueError("a drawdown budget needs drawdown_begins and, above it, drawdown_ends; or neither")
        lonely = sorted(set(self.cluster_caps) - set(self.clusters.values()))
        if lonely:
            raise ValueError(f"no strategy is in {', '.join(lonely)}; name its strategies in clusters or drop its cap")
        return self

    def risk_budget(self, drawdown: float) -> float:
        """What of the CVaR limit is left at a drawdown (a positive fraction): 1 before drawdown_begins, 0 from
        drawdown_ends on, a straight line between."""
        if self.drawdown_begins is None or self.drawdown_ends is None:
            return 1.0
        left = (self.drawdown_ends - drawdown) / (self.drawdown_ends - self.drawdown_begins)
        return min(max(left, 0.0), 1.0)

    @property
    def cuts_hair(self) -> bool:
        return self.shrinkage != "none" if self.haircut is None else self.haircut


class Allocated(Model):
    """The weights, or why there are none.

    status          optimal: no weights that keep every limit are better; feasible: every limit is kept, by moving what
                    the objective asked for; infeasible and unbounded: no weights, `binding` says what is in the way;
                    refused: the inputs are no good
    expected_return per period, after shrinkage and haircut; probation earns nothing here
    cvar            of the weights over the days used, without what is on probation
    gap             how much better other weights could be at most, certified (objective units), before a step towards
                    the least CVaR; for erc the largest relative difference between risk contributions, for the closed
                    forms hrp and equal 0, and where caps moved these, of the least squares; none where caps
                    left no room to look for better
    duals           by limit: what one more unit of it would add to the objective
    marginal_cvar   by strategy: what one more unit of its weight would add to CVaR
    nearest_limit   where the CVaR limit is in the way: the least limit that can be kept
    notes           by strategy: what was done to its history or weight, and why
    """

    status: Status
    objective: Objective
    weights: dict[Name, float] = Field(default_factory=dict)
    expected_return: float | None = None
    cvar: float | None = None
    gap: float | None = None
    duals: dict[str, float] = Field(default_factory=dict)
    binding: tuple[str, ...] = ()
    marginal_cvar: dict[Name, float] = Field(default_factory=dict)
    nearest_limit: float | None = None
    probation: tuple[Name, ...] = ()
    reason: str = ""
    message: str = ""
    fix: str = ""
    days: int = 0  # that risk was learned from
    notes: dict[Name, str] = Field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    solve_ms: float = 0.0  # left to the caller: no clock here
