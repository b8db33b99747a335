"""What one seed gives the floor to do: a market that walks, webhooks that come in, a person who steps in at times."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from random import Random
from typing import Any

from fluxfloor.contracts.instruments import Instrument

STEP_MS = 900_000
START_MS = 1_700_000_100_000 // STEP_MS * STEP_MS
WARM_BARS = 510
PASTS = 4
CAN_FAIL = ("ingestion", "market", "features", "cerebro", "execution", "reconciliation", "bus", "venue")
OUTAGES_MS = (120_000, 1_200_000, 10_800_000, 259_200_000)  # at most, each as likely: minutes to three days
SECRET = "chaos-secret-0451"
SENDER, OTHER_SENDER = "prober", "prober-2"
ALPHA = Decimal("0.05")  # what its signals are worth: enough for any market here

KINDS = ("plain", "plain", "sized", "limit", "target", "nameless")  # as often as they stand here

INSTRUMENT = Instrument(
    instrument_id="kraken:BTC/USDT", venue="kraken", symbol="BTC/USDT", base="BTC", quote="USDT",
    tick_size=Decimal("0.1"), lot_size=Decimal("0.00000001"), min_quantity=Decimal("0.0001"),
    min_notional=Decimal("0.5"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Webhook:
    """A body, and when its sender first sends it. `mark` stands in this body and in no other."""

    at_ms: int
    body: bytes
    mark: str
    sender: str = SENDER


@dataclass(frozen=True, slots=True)
class Person:
    """What a person does when (see `people.py`); `pick` chooses among several orders or positions."""

    at_ms: int
    act: str
    pick: int = 0


@dataclass(frozen=True, slots=True)
class Outage:
    """A stage, the "bus" or the "venue" that is not there for a while."""

    at_ms: int
    of: str
    for_ms: int


@dataclass(frozen=True, slots=True)
class Scenario:
    bars: list[list[float]]
    begin_ms: int
    end_ms: int
    webhooks: tuple[Webhook, ...]
    people: tuple[Person, ...] = ()
    outages: tuple[Outage, ...] = ()

    def only(self, webhooks: frozenset[int], people: frozenset[int], outages: frozenset[int]) -> Scenario:
        """With these of them, by number."""
        return replace(
            self,
            webhooks=tuple(item for number, item in enumerate(self.webhooks) if number in webhooks),
            people=tuple(item for number, item in enumerate(self.people) if number in people),
            outages=tuple(item for number, item in enumerate(self.outages) if number in outages),
        )


def drawn(seed: int, signals: int | None = None, senders: tuple[str, ...] = (SENDER,)) -> Scenario:
    """An hour of it: 5 to 30 webhooks, and with every tenth seed up to 200."""
    random = Random(f"{seed}/scenario")
    most = 200 if seed % 10 == 9 else 30
    count = random.randint(5, most) if signals is None else signals
    made = make(random, count, bars=4, past=warm(random.randrange(PASTS)))
    return replace(
        made, people=_busy_people(random, made), outages=_outages(random, made),
        webhooks=tuple(replace(hook, sender=random.choice(senders)) for hook in made.webhooks),
    )  # fmt: skip


def _busy_people(random: Random, made: Scenario) -> tuple[Person, ...]:
    """More than the kill switch: whoever watches takes orders back, changes them and leaves positions."""
    acts = [Person(random.randrange(made.begin_ms, made.end_ms), "tighten") for _ in range(random.randrange(4))]
    for stops, starts in (("halt", "resume"), ("flatten", "resume"), ("halt main", "resume main")):
        if random.random() < 0.2:
            at_ms = random.randrange(made.begin_ms, made.end_ms)
            acts.append(Person(at_ms, stops))
            if random.random() < 0.6:
                acts.append(Person(random.randrange(at_ms, made.end_ms), starts))
    for act in ("cancel", "amend", "look", "exit"):
        acts += [
            Person(random.randrange(made.begin_ms, made.end_ms), act, random.randrange(1_000))
            for _ in range(random.choice((0, 0, 1, 3)))
        ]
    return tuple(sorted(acts, key=lambda item: item.at_ms))


def _outages(random: Random, made: Scenario) -> tuple[Outage, ...]:
    count = random.choices((0, 1, 2), (60, 30, 10))[0]
    return tuple(
        Outage(
            random.randrange(made.begin_ms, made.end_ms), random.choice(CAN_FAIL),
            random.randrange(1_000, random.choice(OUTAGES_MS)),
        )
        for _ in range(count)
    )  # fmt: skip


@cache
def warm(number: int) -> tuple[list[float], ...]:
    """One of a few pasts, so that a floor that has lived through it is made once."""
    return tuple(_walk(Random(f"past {number}"), WARM_BARS))


def make(
    random: Random, signals: int, bars: int = 12, kinds: tuple[str, ...] = KINDS,
    past: tuple[list[float], ...] | None = None,
) -> Scenario:  # fmt: skip
    """`bars` bars of trading after the warm-up, with `signals` webhooks of these kinds spread over them."""
    begin_ms = START_MS + WARM_BARS * STEP_MS
    end_ms = begin_ms + bars * STEP_MS
    if past is None:
        walked = _walk(random, WARM_BARS + bars + 2)
    else:
        walked = [*past, *_walk(random, bars + 2, WARM_BARS, past[-1][4])]
    times = sorted(random.randrange(begin_ms, end_ms) for _ in range(signals))
    webhooks = tuple(_webhook(random, kinds, index, at_ms, _price(walked, at_ms)) for index, at_ms in enumerate(times))
    return Scenario(walked, begin_ms, end_ms, webhooks, tuple(_people(random, begin_ms, end_ms)))


def _walk(random: Random, count: int, first: int = 0, price: float = 40_000.0) -> list[list[float]]:
    rows = []
    for index in range(first, first + count):
        close = round(price * math.exp(random.gauss(0.0, 0.004)), 1)
        wick = abs(random.gauss(0.0, 0.002))
        high, low = round(max(price, close) * (1 + wick), 1), round(min(price, close) * (1 - wick), 1)
        rows.append([START_MS + index * STEP_MS, price, high, low, close, round(random.uniform(1, 50), 3)])
        price = close
    return rows


def _price(bars: list[list[float]], at_ms: int) -> float:
    return bars[(at_ms - START_MS) // STEP_MS - 1][4]


def _people(random: Random, begin_ms: int, end_ms: int) -> list[Person]:
    acts = [Person(random.randrange(begin_ms, end_ms), "tighten") for _ in range(random.randrange(4))]
    if random.random() < 0.4:
        at_ms = random.randrange(begin_ms, end_ms)
        acts.append(Person(at_ms, "halt"))
        if random.random() < 0.5:
            acts.append(Person(random.randrange(at_ms, end_ms), "resume"))
    return sorted(acts, key=lambda item: item.at_ms)


def _webhook(random: Random, kinds: tuple[str, ...], index: int, at_ms: int, price: float) -> Webhook:
    """Entries and exits of a few strategies, so that some find a position and some don't."""
    mark = f"w{index}w"
    body = {"secret": SECRET, **_BODIES[random.choice(kinds)](random, mark, at_ms, price)}
    return Webhook(at_ms, json.dumps(body).encode(), mark)


def _strategy(random: Random) -> str:
    return f"outside-{random.randrange(3)}"


def _side(random: Random) -> str:
    return random.choice(("buy", "buy", "sell"))


def _plain(random: Random, mark: str, at_ms: int, price: float) -> dict[str, Any]:
    """An alert: the floor sizes it."""
    return {
        "id": mark, "ticker": "BTCUSDT", "strategy": _strategy(random), "action": _side(random),
        "timestamp": at_ms // 1000,
    }  # fmt: skip


def _sized(random: Random, mark: str, at_ms: int, price: float) -> dict[str, Any]:
    return {**_plain(random, mark, at_ms, price), "quantity": str(random.randint(1, 200) / 10_000)}


def _nameless(random: Random, mark: str, at_ms: int, price: float) -> dict[str, Any]:
    """Neither an id nor a time: only its bytes tell it from another."""
    return {"ticker": "BTCUSDT", "strategy": _strategy(random), "action": _side(random), "comment": mark}


def _limit(random: Random, mark: str, at_ms: int, price: float) -> dict[str, Any]:
    """An order that may rest, and is withdrawn when its time is over."""
    return {
        "signal_id": mark, "strategy_id": _strategy(random), "action": "ENTRY", "instrument": "BTC/USDT",
        "direction": "LONG", "quantity": "0.01", "order_type": "LIMIT",
        "price": round(price * random.choice((0.99, 0.999, 1.001, 1.01)), 1),
        "expires_in_s": random.choice((30, 120, 600)),
    }  # fmt: skip


def _brief(random: Random, mark: str, at_ms: int, price: float) -> dict[str, Any]:
    """An order that the market won't reach, withdrawn after half a minute; each of a strategy of its own."""
    limit = {"strategy_id": mark, "price": round(price * 0.97, 1), "expires_in_s": 30}
    return {**_limit(random, mark, at_ms, price), **limit}


def _target(random: Random, mark: str, at_ms: int, price: float) -> dict[str, Any]:
    return {
        "signal_id": mark, "strategy_id": _strategy(random), "action": "TARGET", "instrument": "BTC/USDT",
        "target_position": random.choice(("0", "0.01", "0.05")),
    }  # fmt: skip


_BODIES = {"plain": _plain, "sized": _sized, "limit": _limit, "brief": _brief, "target": _target, "nameless": _nameless}
