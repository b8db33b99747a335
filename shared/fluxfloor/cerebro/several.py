"""A signal of several legs, entered as one: all legs or none, and in the ratio that it asks for.

Every leg has a waterfall of its own, on a book that holds the orders of all the others. All legs are cut by one share,
the largest with which no leg is beyond its limits; whole lots are left of it, never more. Nothing here depends on the
order in which the sender names the legs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from fluxfloor.cerebro import book as books
from fluxfloor.cerebro import checks, sizes, words
from fluxfloor.cerebro.case import Case, Wanted, wanted
from fluxfloor.cerebro.checks import Refusal
from fluxfloor.cerebro.entering import Prepared, Sized, prepare
from fluxfloor.cerebro.leaving import Leaving, leave
from fluxfloor.cerebro.limits import Sizing, waterfall
from fluxfloor.contracts.decisions import Limit, Reason
from fluxfloor.contracts.events import LegScored, SignalScored
from fluxfloor.contracts.money import exact
from fluxfloor.contracts.orders import OrderIntent
from fluxfloor.contracts.signals import Action
from fluxfloor.contracts.state import RiskBook

GRAIN = 2**16  # the share that all legs are cut by is a whole number of these


class Fallen(Exception):
    """One leg is refused, and with it all that are entered with it. `place` is the leg's among them."""

    def __init__(self, place: int, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.place = place
        self.refusal = refusal


def parts(scored: SignalScored) -> tuple[SignalScored, ...]:
    """One for each leg, in the order of their instruments' ids, each as if its leg were the only one."""
    signal = scored.signal
    if len(signal.legs) == 1 and signal.leg.seen_price is None:
        return (scored,)
    return tuple(_part(scored, place) for place in sorted(range(len(signal.legs)), key=lambda at: _rank(scored, at)))


def _rank(scored: SignalScored, place: int) -> tuple[str, int]:
    return scored.signal.legs[place].instrument_id, place


def _part(scored: SignalScored, place: int) -> SignalScored:
    signal, leg = scored.signal, scored.signal.legs[place]
    seen = leg.seen_price or (None if place else signal.reference_price)
    one = signal.model_copy(update={"legs": (leg,), "reference_price": seen})
    market = {} if not place else dict(scored.others.get(leg.instrument_id, LegScored()))
    return scored.model_copy(update={"signal": one, "others": {}, **market})


Outcome = Sized | Leaving | Refusal


def outcomes(cases: Sequence[Case]) -> list[Outcome]:
    """What becomes of each leg. What leads out goes whatever becomes of the rest; what leads in goes all or not at all,
    and a leg that is at its target already stands in nobody's way. Raises RetryLater as a single entry does."""
    wishes = [_wish(case) for case in cases]
    found: dict[int, Outcome] = {}
    for place, wish in enumerate(wishes):
        if isinstance(wish, Refusal) and wish.reason is Reason.AT_TARGET:
            found[place] = wish
        elif isinstance(wish, Wanted) and wish.action is Action.EXIT:
            found[place] = _out(cases[place], wish)
    entering = [place for place in range(len(cases)) if place not in found]
    if entering:
        answers = _in([cases[place] for place in entering], [wishes[place] for place in entering])
        found.update(zip(entering, answers, strict=True))
    return [found[place] for place in range(len(cases))]


def _wish(case: Case) -> Wanted | Refusal:
    try:
        checks.understood(case.signal)
        return wanted(case)
    except Refusal as refusal:
        return refusal


def _out(case: Case, wish: Wanted) -> Outcome:
    try:
        return leave(case, wish)
    except Refusal as refusal:
        return refusal


def _in(cases: list[Case], wishes: list[Wanted | Refusal]) -> list[Outcome]:
    try:
        return [*enter_all(cases, [_understood(place, wish) for place, wish in enumerate(wishes)])]
    except Fallen as fallen:
        text = f"it falls with {cases[fallen.place].rules.symbol}"
        return [fallen.refusal if place == fallen.place else Refusal(Reason.OK, text) for place in range(len(cases))]


def _understood(place: int, wish: Wanted | Refusal) -> Wanted:
    if isinstance(wish, Refusal):
        raise Fallen(place, wish)
    return wish


@exact
def enter_all(cases: Sequence[Case], wishes: Sequence[Wanted]) -> tuple[Sized, ...]:
    """The orders of all of them. Raises Fallen, and RetryLater as a single entry does."""
    _alike(cases, wishes)
    prepared = _with_wanted([_checked(place, *both) for place, both in enumerate(zip(cases, wishes, strict=True))])
    scaled = _largest(prepared)
    made, book = [], cases[0].book
    for place, part in enumerate(scaled.parts):
        made.append(_sized(place, scaled, book))
        book = _reserved(book, part, made[-1].orders)
    return tuple(made)


def _alike(cases: Sequence[Case], wishes: Sequence[Wanted]) -> None:
    """A ratio can't be told from some sizes."""
    sized = [wish.size is not None for wish in wishes]
    if any(sized) and not all(sized):
        place = sized.index(False)
        text = f"{cases[place].rules.symbol} has no size and another leg has one: give all legs a size, or none"
        raise Fallen(place, Refusal(Reason.UNSUPPORTED, text))


def _checked(place: int, case: Case, wish: Wanted) -> Prepared:
    try:
        return prepare(case, wish)
    except Refusal as refusal:
        raise Fallen(place, refusal) from None


# --- what is wanted ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Part:
    """An entry, and the lots that it would have if no limit were in the way."""

    prepared: Prepared
    lots: int


def _with_wanted(prepared: list[Prepared]) -> list[Part]:
    """The signal is one trade and risks what one may, shared by what its legs would lose at their stops. Legs without a
    size want the same risk each."""
    even = Decimal(1) / len(prepared)
    equal = [_risking(item, even) for item in prepared]
    if all(item.entry.requested is None for item in prepared):
        return [Part(item, sizes.risk_per_trade(item.entry).allows_lots or 0) for item in equal]
    lots = [sizes.requested_size(item.entry).allows_lots or 0 for item in prepared]
    risks = [
        count * item.entry.rules.lot_size * item.entry.distance for count, item in zip(lots, prepared, strict=True)
    ]
    total = sum(risks, Decimal(0))
    if not total:
        return [Part(item, 0) for item in equal]
    pairs = zip(prepared, lots, risks, strict=True)
    return [Part(_risking(item, risk / total), count) for item, count, risk in pairs]


def _risking(prepared: Prepared, share: Decimal) -> Prepared:
    limits = prepared.entry.limits
    less = {
        "risk_per_trade": limits.risk_per_trade * share,
        "risk_per_reversion_trade": limits.risk_per_reversion_trade * share,
    }
    return replace(prepared, entry=replace(prepared.entry, limits=limits.model_copy(update=less)))


# --- what all limits allow of it ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scaled:
    """All legs at `share` of GRAIN with what their limits say then; `least` is the leg that allows no more, and what
    its limits said to the next larger share that was tried: None where all legs get what they want."""

    parts: list[Part]
    share: int
    sizings: list[Sizing]
    least: tuple[int, Sizing] | None


def _largest(wanted: list[Part]) -> Scaled:
    tried = _tried(wanted, GRAIN)
    if isinstance(tried, list):
        return Scaled(wanted, GRAIN, tried, None)
    low, high, fits, least = 0, GRAIN, [], tried
    while high - low > 1:
        middle = (low + high) // 2
        tried = _tried(wanted, middle)
        if isinstance(tried, list):
            low, fits = middle, tried
        else:
            high, least = middle, tried
    return Scaled(wanted, low, fits, least)


def _tried(wanted: list[Part], share: int) -> list[Sizing] | tuple[int, Sizing]:
    """What every leg's limits say with all at that share; or the first leg that may not have so much of it."""
    found: list[Sizing] = []
    for place, part in enumerate(wanted):
        sizing = waterfall(replace(part.prepared.entry, book=_beside(wanted, place, share)))
        if sizing.lots < max(1, _lots(part, share)):
            return place, sizing
        found.append(sizing)
    return found


def _lots(part: Part, share: int) -> int:
    return part.lots * share // GRAIN


def _beside(wanted: list[Part], place: int, share: int) -> RiskBook:
    """The book with the orders of all legs but one."""
    book = wanted[place].prepared.case.book
    for at, part in enumerate(wanted):
        if at != place and _lots(part, share):
            book = _reserved(book, part, part.prepared.orders(_lots(part, share), book))
    return book


def _reserved(book: RiskBook, part: Part, orders: Sequence[OrderIntent]) -> RiskBook:
    for order in orders:
        book = books.reserve(book, order, part.prepared.entry.rules, part.prepared.entry.prices.high)
    return book


def _sized(place: int, scaled: Scaled, book: RiskBook) -> Sized:
    """On accounts that the legs before it have taken their parts of: `book`."""
    if scaled.least is not None and not all(_lots(part, scaled.share) for part in scaled.parts):
        at, sizing = scaled.least
        raise Fallen(at, _no_room(scaled.parts[at].prepared, sizing))
    part, names = scaled.parts[place], [item.prepared.case.rules.instrument_id for item in scaled.parts]
    lots, sizing = _lots(part, scaled.share), scaled.sizings[place]
    if lots < sizing.lots:
        sizing = _cut(sizing, lots, _why(scaled))
    try:
        others = tuple(name for at, name in enumerate(names) if at != place)
        sized = part.prepared.sized(sizing, lots, others, on=book)
    except Refusal as refusal:
        raise Fallen(place, refusal) from None
    if sized.intent.lots < lots:
        text = f"what the accounts can take leaves too little for all legs: {sized.steps[-1].note}"
        raise Fallen(place, Refusal(Reason.ACCOUNTS, text, sized.steps))
    return sized


def _no_room(prepared: Prepared, sizing: Sizing) -> Refusal:
    bound = next(step for step in sizing.steps if step.binding)
    name, steps = words.limit(bound.name), (prepared.slipped.limit, *sizing.steps)
    text = f"{name} leaves too little for all legs: {bound.note}" if name else bound.note
    return Refusal(Reason(bound.name), text, steps)


def _cut(sizing: Sizing, lots: int, why: str) -> Sizing:
    loose = [step.model_copy(update={"binding": False}) for step in sizing.steps]
    step = Limit(name=words.LEGS, allows_lots=lots, binding=True, note=why)
    return replace(sizing, steps=(*loose, step))


def _why(scaled: Scaled) -> str:
    share = words.percent(Decimal(scaled.share) / GRAIN)
    if scaled.least is None:
        return f"all legs have {share} of what is wanted"
    at, sizing = scaled.least
    bound = next(step for step in sizing.steps if step.binding)
    symbol, name = scaled.parts[at].prepared.case.rules.symbol, words.limit(bound.name) or bound.name
    return f"all legs have {share} of what is wanted, for {name} of {symbol} allows no more ({bound.note})"
