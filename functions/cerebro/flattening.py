"""A person's kill switch that also wants out: exits for everything that is held under the halt."""

from __future__ import annotations

from fluxfloor.cerebro import guard
from fluxfloor.contracts.events import OrderRequested, RiskRaised
from fluxfloor.contracts.policy import FLOOR, Halt, Policy
from fluxfloor.contracts.state import RiskBook
from fluxfloor.runtime.work import Work

from functions.cerebro import risk


def flatten(raised: RiskRaised, work: Work) -> None:
    """The halt itself is what counts: it is read here, and one that was lifted meanwhile flattens nothing."""
    if raised.kind != "halted" or raised.details.get("flatten") != "true":
        return
    portfolios = sorted(work.settings.portfolios) if raised.scope == FLOOR else [raised.scope]
    (halt,) = work.read(Halt.key(raised.scope))
    if halt is None or not halt.flatten:
        return
    found = work.read_all([key for name in portfolios for key in (RiskBook.key(name), Policy.key(name))])
    for book, policy in zip(found[::2], found[1::2], strict=True):
        if book is None or policy is None:
            continue
        rules = risk.instruments(work, book)
        emptied, intents = guard.flatten(book, policy, rules, work.fact.event_id, work.now_ms)
        work.write(emptied)
        work.emit(*(OrderRequested(intent=intent) for intent in intents))
