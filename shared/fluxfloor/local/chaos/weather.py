"""How often what goes wrong, drawn from a seed, and what has gone wrong so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random


@dataclass(slots=True)
class Odds:
    """How often each thing goes wrong, as a share of the calls it can go wrong at. All zero: a calm world."""

    crash: float = 0.0
    blackout: float = 0.0  # every handler of every stage at once
    meddling: float = 0.0  # a person acts just when a handler is about to commit
    duplicate: float = 0.0
    overlap: float = 0.0  # a message comes again while it is still being handled
    delay: float = 0.0
    stall: float = 0.0
    lost_commit_answer: float = 0.0
    refused_commit: float = 0.0
    lost_publish: float = 0.0
    lost_mark: float = 0.0
    lost_timer: float = 0.0
    venue_timeout_before: float = 0.0
    venue_timeout_after: float = 0.0
    venue_throttle: float = 0.0
    venue_hides: float = 0.0  # a new order stays unseen for up to the venue's read lag

    def calm(self) -> None:
        for name in self.__slots__:
            setattr(self, name, 0.0)


def odds_of(random: Random) -> Odds:
    """Each seed has its own weather: most faults rare, one of them frequent."""
    odds = Odds(
        crash=0.01, blackout=0.0005, meddling=0.004, duplicate=0.1, overlap=0.02, delay=0.1, stall=0.01,
        lost_commit_answer=0.01, refused_commit=0.01, lost_publish=0.02, lost_mark=0.02, lost_timer=0.02,
        venue_timeout_before=0.05, venue_timeout_after=0.1, venue_throttle=0.03, venue_hides=0.3,
    )  # fmt: skip
    worst = random.choice(list(Odds.__slots__))
    setattr(odds, worst, min(0.5, getattr(odds, worst) * 5))
    return odds


@dataclass(slots=True)
class Faults:
    """The seed's dice and what they have done so far."""

    random: Random
    odds: Odds
    counts: dict[str, int] = field(default_factory=dict)

    def strikes(self, kind: str) -> bool:
        chance = getattr(self.odds, kind)
        if not chance or self.random.random() >= chance:
            return False
        self.counts[kind] = self.counts.get(kind, 0) + 1
        return True
