"""Short stories in good weather, to be broken off at every boundary: what they are, from a webhook to the books."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from fluxfloor.local.chaos import scenario
from fluxfloor.local.chaos.play import Play
from fluxfloor.local.chaos.weather import Odds

MINUTE_MS = 60_000
CALM_MIN = 12


def alert(mark: str, action: str, **more: Any) -> bytes:
    body = {"secret": scenario.SECRET, "id": mark, "ticker": "BTCUSDT", "strategy": "outside", "action": action, **more}
    return json.dumps(body).encode()


def story(*hooks: tuple[int, str, bytes]) -> scenario.Scenario:
    """Webhooks (ms after the begin, mark, body), and a minute more."""
    given = scenario.make(Random(7), signals=0, bars=8)
    begin_ms, last_ms = given.begin_ms, max(hook[0] for hook in hooks)
    sent = tuple(scenario.Webhook(begin_ms + at_ms, body, mark) for at_ms, mark, body in hooks)
    return scenario.Scenario(given.bars, begin_ms, begin_ms + (last_ms // MINUTE_MS + 1) * MINUTE_MS, sent)


def round_trip() -> scenario.Scenario:
    """One webhook that enters, and a minute later one that leaves; nothing else."""
    return story((5_000, "way-in", alert("way-in", "buy")), (65_000, "way-out", alert("way-out", "sell")))


def resting() -> scenario.Scenario:
    """An entry at a price that the market does not reach, withdrawn when its time is over."""
    price = scenario.make(Random(7), signals=0, bars=8).bars[scenario.WARM_BARS - 1][4]
    body = {
        "secret": scenario.SECRET, "signal_id": "rests", "strategy_id": "outside", "action": "ENTRY",
        "instrument": "BTC/USDT", "direction": "LONG", "quantity": "0.01", "order_type": "LIMIT",
        "price": round(price * 0.97, 1), "expires_in_s": 30,
    }  # fmt: skip
    return story((5_000, "rests", json.dumps(body).encode()))


def _calm(given: scenario.Scenario, **more: Any) -> Play:
    return Play(
        1,
        given=given,
        odds=Odds(),
        **{"venue": {}, "calm_min": CALM_MIN, "limits": {}, "stops": "floor", "two": False, **more},
    )


WINDOWED = {"joint_window_takes": "all"}
FLOWS: dict[str, Play] = {
    "round trip": _calm(round_trip()),
    "entry window": _calm(round_trip(), limits=WINDOWED),
    "resting order, withdrawn": _calm(resting()),
    "answer lost": _calm(round_trip(), surely=frozenset({"venue_timeout_after:1"})),
    "order lost": _calm(round_trip(), surely=frozenset({"venue_timeout_before:1"})),
    "exit lost": _calm(round_trip(), surely=frozenset({"venue_timeout_before:2"})),
    "order not seen for 40 s": _calm(
        round_trip(), venue={"read_lag_ms": 40_000}, surely=frozenset({"venue_timeout_after:1", "venue_hides:1"})
    ),
    "one call at a time": _calm(round_trip(), venue={"single_flight": True}),
    "stop at the venue": _calm(round_trip(), stops="venue"),
}
