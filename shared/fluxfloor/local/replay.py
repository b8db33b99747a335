"""Plays recorded bars and webhooks through all the real stages, on the embedded floor under a virtual clock.

Nothing is shortened: the market stage pulls each bar as it closes, webhooks are HTTP requests to ingestion, orders go
to the paper venue, and reconciliation compares the books. What is counted at the end is read from the store.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from fluxfloor.adapters.venues.file_data import FileMarketData, Series
from fluxfloor.contracts.base import canonical
from fluxfloor.contracts.instruments import TIMEFRAME_MS, Instrument
from fluxfloor.contracts.state import Account, LedgerEntry
from fluxfloor.local import audit
from fluxfloor.local.floor import Floor
from fluxfloor.local.webhooks import Outcomes, RecordedWebhook
from fluxfloor.market.window import Bars
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.runtime.context import Ports
from fluxfloor.runtime.settings import Settings
from fluxfloor.topology import STAGES
from fluxfloor.webapi.settled import apply_settings

SETTLE_MS = 2_000
DAY_MS = 86_400_000
AFTERMATH_MS = 15 * 60_000  # how long the floor goes on after the last bar, so that everything ends
SWEEP_BARS = 24  # books are compared with the venue every so many bars


@dataclass(frozen=True, slots=True)
class Recording:
    """What is played: bars of one instrument, (n, 6) from the oldest on, and the webhooks between them; and how the
    market around them is modelled (see FileMarketData)."""

    instrument: Instrument
    timeframe: str
    bars: Bars
    webhooks: tuple[RecordedWebhook, ...] = ()
    spread_bps: Decimal = Decimal(2)
    participation: Decimal | None = None

    @property
    def step_ms(self) -> int:
        return TIMEFRAME_MS[self.timeframe]

    def moments(self) -> Iterator[tuple[int, RecordedWebhook | None]]:
        """(time, None) when a bar has closed and settled, (time, webhook) when one is sent; in order of time."""
        closes = sorted({int(open_ms) + self.step_ms + SETTLE_MS for open_ms in self.bars[:, 0]})
        marks: list[tuple[int, int, RecordedWebhook | None]] = [(at_ms, 0, None) for at_ms in closes]
        marks += [(hook.at_ms, 1 + index, hook) for index, hook in enumerate(self.webhooks)]
        for at_ms, _, hook in sorted(marks, key=lambda mark: mark[:2]):
            yield at_ms, hook


@dataclass(slots=True)
class Replay:
    """One floor, played from the recording's beginning to its end."""

    floor: Floor
    clock: VirtualClock
    recording: Recording
    outcomes: Outcomes = field(default_factory=Outcomes)
    wall_s: float = 0.0

    def run(self, progress: Callable[[int, int], None] = lambda _done, _of: None) -> dict[str, Any]:
        """Returns the counts, as `fluxfloor replay --json` prints them."""
        started = time.perf_counter()
        self.begin()
        moments = list(self.recording.moments())
        bars, day = 0, self.clock.now_ms() // DAY_MS
        for done, (at_ms, hook) in enumerate(moments):
            if at_ms // DAY_MS > day:
                day = at_ms // DAY_MS
                self._close_day(day * DAY_MS)
            self.floor.drain(until_ms=at_ms)
            self.clock.advance_to(at_ms)
            self.floor.tick("market", "pull", at_ms)
            self.floor.tick("execution", "sweep", at_ms)  # what rests is looked at as the market moves
            if hook is not None:
                self.outcomes.add(hook.send(self.floor))
            else:
                bars += 1
            self.floor.drain()
            if hook is None and bars % SWEEP_BARS == 0:
                self.floor.tick("reconciliation", "sweep", at_ms)
            progress(done + 1, len(moments))
        self._finish()
        self.wall_s = time.perf_counter() - started
        return self.report()

    def begin(self) -> None:
        """Policies and senders from the settings, the instrument's rules, and the account's opening balance."""
        apply_settings(self.floor.context("api"))
        self.floor.tick("market", "catalog")
        self.floor.tick("reconciliation", "sweep")
        self.floor.drain()

    def _close_day(self, midnight_ms: int) -> None:
        """Where the floor keeps days. Marks are those of the last bar before midnight."""
        if "allocation" in self.floor.runners:
            self.floor.drain(until_ms=midnight_ms)
            self.clock.advance_to(midnight_ms)
            self.floor.tick("allocation", "days", midnight_ms)

    def _finish(self) -> None:
        """Lets orders that rest come to their look-ups, then compares the books twice: a difference must show."""
        self.floor.drain(until_ms=self.clock.now_ms() + AFTERMATH_MS)
        for stage in self.floor.runners:
            self.floor.tick(stage, "sweep", self.clock.now_ms())
        self.floor.drain(until_ms=self.clock.now_ms() + AFTERMATH_MS)
        self.floor.tick("reconciliation", "sweep", self.clock.now_ms() + 1)
        self.floor.tick("market", "archive", self.clock.now_ms())
        self.floor.tick("dashboard", "health", self.clock.now_ms())
        self.floor.drain()

    def close(self) -> None:
        self.floor.close()

    def report(self) -> dict[str, Any]:
        facts = Counter[str]()
        decisions: dict[str, Any] = {"accepted": 0, "refused": Counter()}
        quarantined = 0
        for fact in audit.facts(self.floor.ports.store):
            facts[fact["type"]] += 1
            if fact["type"] == "decisions.made.v1":
                _count_decision(decisions, fact["data"]["decision"])
            elif fact["type"] == "risks.raised.v1" and fact["data"]["kind"] == "candle_quarantined":
                quarantined += int(fact["data"]["details"].get("bars", 1))
        committed = sum(runner.committed for runner in self.floor.runners.values())
        return {
            "candles": facts["candles.closed.v1"],
            "quarantined": quarantined,
            "signals": facts["signals.received.v1"],
            "orders": facts["orders.requested.v1"],
            "fills": audit.count(self.floor.ports.store, LedgerEntry.collection, kind="fill"),
            "trades": audit.count(self.floor.ports.store, "trades"),
            "webhooks": self.outcomes.counts(),
            "decisions": {**decisions, "refused": dict(decisions["refused"])},
            **self._books(),
            "undelivered": self.floor.undelivered(),
            "steps": committed,
            "wall_s": round(self.wall_s, 3),
            "steps_per_s": round(committed / self.wall_s, 1) if self.wall_s else 0.0,
        }

    def _books(self) -> dict[str, Any]:
        account_id = next(iter(self.floor.settings.accounts))
        account = self.floor.context("reconciliation").read(Account.key(account_id))
        if account is None:
            return {"cash": "0", "positions": {}, "equity": "0", "ledger_balanced": False, "books_match_venue": False}
        rules = self.recording.instrument
        held = {name: item for name, item in account.positions.items() if item.lots}
        worth = sum((item.lots * rules.lot_size * item.mark_price for item in held.values()), Decimal(0))
        cash = account.balances.get(account.currency, Decimal(0))
        return {
            "cash": canonical(cash),
            "positions": {name.split(":", 1)[1]: canonical(item.lots * rules.lot_size) for name, item in held.items()},
            "equity": canonical(cash + worth),
            "ledger_balanced": audit.ledger_balanced(self.floor.ports.store),
            "books_match_venue": audit.books_match(self.floor, account),
        }


def _count_decision(decisions: dict[str, Any], decision: dict[str, Any]) -> None:
    if decision["verdict"] == "accepted":
        decisions["accepted"] += 1
    else:
        decisions["refused"][decision["reason"]] += 1


def open_replay(
    directory: Path,
    settings: Settings,
    recording: Recording,
    secrets: dict[str, str],
    floor_type: type[Floor] = Floor,
    wrap: Callable[[Ports], Ports] | None = None,
    stages: tuple[str, ...] = tuple(STAGES),
) -> Replay:
    """A fresh floor for a recording; `directory` must not hold another one's state."""
    clock = VirtualClock(int(recording.bars[:, 0].min()) + 1)
    series = Series(recording.instrument, recording.timeframe, recording.bars)
    source = FileMarketData([series], clock, recording.spread_bps, recording.participation)
    floor = floor_type(directory, settings, clock, lambda _: source, secrets, wrap, stages)
    return Replay(floor, clock, recording)
