"""How an order is to stand in the venue's book, how its stop follows and how it is to be worked, as senders say it.

`time_in_force` is gtc, ioc, fok or day; `post_only` never takes. `trail_amount` is a distance in price, `trail_percent`
one in percent: of a trailing stop order from the best price, beside any other order of the stop that protects it. A
plan is once, chase, twap (with `over_s` and `slices`) or iceberg (with `show`, in the base asset).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from fluxfloor.contracts.plans import MAX_SLICES, PlanStyle
from fluxfloor.contracts.signals import OrderType, PlanWish, TimeInForce
from fluxfloor.signals.fields import Fields, Found, contradiction, missing
from fluxfloor.signals.numbers import percent
from fluxfloor.signals.refusals import Refused
from fluxfloor.signals.words import canonical_word

Names = tuple[str, ...]
IN_FORCE: Final = {
    "gtc": TimeInForce.GTC, "goodtilcancelled": TimeInForce.GTC, "goodtillcancelled": TimeInForce.GTC,
    "goodtilcanceled": TimeInForce.GTC, "goodtillcanceled": TimeInForce.GTC,
    "ioc": TimeInForce.IOC, "immediateorcancel": TimeInForce.IOC,
    "fok": TimeInForce.FOK, "fillorkill": TimeInForce.FOK, "day": TimeInForce.DAY,
}  # fmt: skip
PLANS: Final = {
    "once": PlanStyle.ONCE, "chase": PlanStyle.CHASE, "twap": PlanStyle.TWAP, "iceberg": PlanStyle.ICEBERG,
}  # fmt: skip
MAX_OVER_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class WorkNames:
    """Every spelling of each part. A plan's parts may stand in it, or beside it with its name in front."""

    in_force: Names = ("timeinforce", "tif")
    post_only: Names = ("postonly",)
    trail: Names = ("trailamount", "trailoffset", "trailprice")
    trail_percent: Names = ("trailpercent", "trailingpercent", "trailingstoppercent")
    plan: Names = ("executionplan", "orderplan")


WORK_NAMES: Final = WorkNames()


@dataclass(frozen=True, slots=True)
class Work:
    time_in_force: TimeInForce | None = None
    post_only: bool = False
    trail: Decimal | None = None
    trail_share: Decimal | None = None  # the same as a fraction of the price
    plan: PlanWish | None = None


AS_IT_IS: Final = Work()


def read_work(fields: Fields, names: WorkNames, order_type: OrderType) -> Work:
    work = Work(
        _in_force(fields, names), bool(fields.flag(*names.post_only)), *_trail(fields, names), _plan(fields, names)
    )
    if order_type is OrderType.TRAILING_STOP and work.trail is None and work.trail_share is None:
        fix = f"Add {names.trail[0]}, a distance in price, or {names.trail_percent[0]}."
        raise missing(fields.at(names.trail[0]), "how far the stop is to trail", fix)
    if work.post_only and order_type is not OrderType.LIMIT:
        path = fields.path_of(*names.post_only)
        raise Refused("contradiction", "Only a limit order can be post-only.", field=path, fix="Send a limit order.")
    return work


def skip_work(fields: Fields, names: WorkNames) -> None:
    """What leaves, leaves at once: none of it says anything then."""
    every = (*names.in_force, *names.post_only, *names.trail, *names.trail_percent, *names.plan, *_parts(names))
    fields.read(*every)


def _in_force(fields: Fields, names: WorkNames) -> TimeInForce | None:
    found = fields.find(*names.in_force)
    if found is None:
        return None
    word = canonical_word(str(found.value))
    if word not in IN_FORCE:
        message = f"{str(found.value)[:40]!r} is no time in force that is known here."
        raise Refused("unsupported_field", message, field=found.path, fix="Send gtc, ioc, fok or day.")
    return IN_FORCE[word]


def _trail(fields: Fields, names: WorkNames) -> tuple[Decimal | None, Decimal | None]:
    amount, share = fields.price(*names.trail), fields.price(*names.trail_percent)
    if amount is not None and share is not None:
        paths = fields.path_of(*names.trail), fields.path_of(*names.trail_percent)
        raise contradiction(Found(paths[0], None), Found(paths[1], None))
    if share is not None and share >= 100:
        path = fields.path_of(*names.trail_percent)
        raise Refused("invalid_field", f"{path} leads below zero.", field=path, fix="Send less than 100.")
    return amount, None if share is None else percent(share, fields.path_of(*names.trail_percent))


def _plan(fields: Fields, names: WorkNames) -> PlanWish | None:
    found = fields.find(*names.plan, *(f"{name}style" for name in names.plan))
    over, slices, show = (fields.positive(*part) for part in _by_part(names))
    if found is None:
        return None
    word = canonical_word(str(found.value))
    if word not in PLANS:
        message = f"{str(found.value)[:40]!r} is no plan that is known here."
        raise Refused("unsupported_field", message, field=found.path, fix="Send once, chase, twap or iceberg.")
    over_ms = 0 if over is None else int(min(over, Decimal(MAX_OVER_S)) * 1000)
    count = 0 if slices is None else int(min(slices, Decimal(MAX_SLICES)))
    return PlanWish(style=PLANS[word], over_ms=over_ms, slices=count, show=show)


def _by_part(names: WorkNames) -> tuple[Names, Names, Names]:
    over, slices, show = ("overs", "over"), ("slices",), ("show", "showquantity")
    return (
        tuple(plan + part for plan in names.plan for part in over),
        tuple(plan + part for plan in names.plan for part in slices),
        tuple(plan + part for plan in names.plan for part in show),
    )


def _parts(names: WorkNames) -> Names:
    return (*(name for part in _by_part(names) for name in part), *(f"{name}style" for name in names.plan))
