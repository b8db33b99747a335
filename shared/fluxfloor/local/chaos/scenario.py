"""What one seed gives the floor to do: a market that walks, webhooks that come in, a kill switch now and then."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from decimal import Decimal
from random import Random

from fluxfloor.contracts.instruments import Instrument

STEP_MS = 900_000
START_MS = 1_700_000_100_000 // STEP_MS * STEP_MS
WARM_BARS = 510
SECRET = "chaos-secret-0451"
SENDER = "prober"
ALPHA = Decimal("0.05")  # what its signals are worth: enough for any market here

INSTRUMENT = Instrument(
    instrument_id="kraken:BTC/USDT", venue="kraken", symbol="BTC/USDT", base="BTC", quote="USDT",
    tick_size=Decimal("0.1"), lot_size=Decimal("0.00000001"), min_quantity=Decimal("0.0001"),
    min_notional=Decimal("0.5"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Webhook:
    """A body, and when its sender first sends it."""

    at_ms: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Scenario:
    bars: list[list[float]]
    begin_ms: int
    end_ms: int
    webhooks: tuple[Webhook, ...]
    halt_at_ms: int | None


def make(random: Random, signals: int, bars: int = 12) -> Scenario:
    """`bars` bars of trading after the warm-up, with `signals` webhooks spread over them."""
    begin_ms = START_MS + WARM_BARS * STEP_MS
    end_ms = begin_ms + bars * STEP_MS
    webhooks = sorted(
        (_webhook(random, index, begin_ms, end_ms) for index in range(signals)), key=lambda item: item.at_ms
    )
    halt_at_ms = random.randrange(begin_ms, end_ms) if random.random() < 0.3 else None
    return Scenario(_walk(random, WARM_BARS + bars + 2), begin_ms, end_ms, tuple(webhooks), halt_at_ms)


def _walk(random: Random, count: int) -> list[list[float]]:
    rows, price = [], 40_000.0
    for index in range(count):
        close = round(price * math.exp(random.gauss(0.0, 0.004)), 1)
        wick = abs(random.gauss(0.0, 0.002))
        high, low = round(max(price, close) * (1 + wick), 1), round(min(price, close) * (1 - wick), 1)
        rows.append([START_MS + index * STEP_MS, price, high, low, close, round(random.uniform(1, 50), 3)])
        price = close
    return rows


def _webhook(random: Random, index: int, begin_ms: int, end_ms: int) -> Webhook:
    """Entries and exits of a few strategies, so that some find a position and some don't."""
    at_ms = random.randrange(begin_ms, end_ms)
    body = {
        "secret": SECRET, "id": f"s{index}", "ticker": "BTCUSDT", "strategy": f"outside-{random.randrange(3)}",
        "action": random.choice(("buy", "buy", "sell")), "timestamp": at_ms // 1000,
    }  # fmt: skip
    return Webhook(at_ms, json.dumps(body).encode())
