"""Every stage a process of its own on Google's emulators, trading on two accounts at once: one on paper, and one at a
simulated venue over HTTP through the real ccxt client. Senders keep on until they are answered, as TradingView does.
"""

from __future__ import annotations

import base64
import json
import os
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from fluxfloor.adapters.google.store import FirestoreStore
from fluxfloor.local import processes
from fluxfloor.local.processes import ProcessFloor
from fluxfloor.venuesim.facade import Desk
from fluxfloor.venuesim.keys import ApiKey
from fluxfloor.venuesim.kraken import RULES, Kraken
from fluxfloor.venuesim.markets import Market
from fluxfloor.venuesim.server import VenueServer
from fluxfloor.venuesim.sources import Walk
from fluxfloor.venuesim.venue import Venue

from tests.support.pushing import Pushing

D = Decimal
SYMBOL = "BTC/USDT"
SENDERS = {"by-paper": "paper-main", "by-rest": "rest-main"}  # sender → the account that his portfolio trades on
SECRET = "kill-nine-secret-4711"
TRADING, LOOKING = ("rest-trading-key", b"a secret that may trade"), ("rest-looking-key", b"a secret that may look")
TRADING_STAGES = ("ingestion", "market", "features", "cerebro", "execution", "reconciliation", "dashboard")
ANSWER_S = 5.0
PATIENCE_S = 120.0  # of a sender, altogether
SETTINGS = """
[market]
base_url = "{venue}"
symbols = ["BTC/USDT"]
timeframes = ["1m"]
traded_timeframe = "1m"
[regimes]
hmm_states = 0
correlation_hours = 0
[strategies.silent]
plugin = "trend"
portfolio = "paper"
enabled = false
[portfolios.paper]
account = "paper-main"
[portfolios.paper.limits]
{limits}
[portfolios.rest]
account = "rest-main"
[portfolios.rest.limits]
{limits}
[accounts.paper-main]
portfolio = "paper"
[accounts.rest-main]
venue = "kraken"
portfolio = "rest"
sandbox = true
base_url = "{venue}"
requests_per_minute = 6000
orders_per_minute = 6000
[senders.by-paper]
portfolio = "paper"
default_expected_alpha = "0.5"
rate_per_minute = 6000
[senders.by-rest]
portfolio = "rest"
default_expected_alpha = "0.5"
rate_per_minute = 6000
"""
# Wide, so that signals trade, and nothing halts half way because a walk went the wrong way.
LIMITS = """max_open_positions = 100
volume_share = 1
position_cap = 0.9
exposure_cap = 0.9
daily_loss_halts = 1
drawdown_halves = 1
drawdown_flattens = 1
max_unfilled_entries = 100
max_signal_age_ms = 300000
max_quote_age_ms = 300000"""


@dataclass
class ProcessRoom:
    """A floor of processes, its store, and the venue that the second account is at."""

    floor: ProcessFloor
    pushing: Pushing
    store: FirestoreStore
    settings: Path
    server: VenueServer
    venue: Venue  # to be read while `server.lock` is held
    groups: set[int] = field(default_factory=set)  # process groups that were ever started

    def restart(self, stage: str) -> None:
        """Killed without a goodbye, workers included, and started again at once. From the main thread: a child dies
        with the thread that started it."""
        process = self.floor.stages[stage]
        process.kill()
        process.start()
        self._note(stage)

    def wait_until_ready(self) -> None:
        for stage in self.floor.stages.values():
            stage.wait_until_ready()

    def note_all(self) -> None:
        for stage in self.floor.stages:
            self._note(stage)

    def _note(self, stage: str) -> None:
        child = self.floor.stages[stage].process
        assert child is not None
        self.groups.add(child.pid)


@contextmanager
def process_room(directory: Path, stages: tuple[str, ...], seed: int = 1) -> Iterator[ProcessRoom]:
    """Open for business: catalog, bars, policies and opening balances are there. 10,000 USDT on each account.

    Raises Misconfigured where the emulators can't be started.
    """
    server, venue = _venue(seed)
    server.start()
    try:
        path = directory / "floor.toml"
        path.write_text(SETTINGS.format(venue=server.base_url, limits=LIMITS))
        with processes.running(directory / "floor", path, _secrets(), stages) as floor:
            store = FirestoreStore.connect(processes.PROJECT, {"edge": "edge", "mode": "paper"})
            with _pushed(floor) as pushing:
                room = ProcessRoom(floor, pushing, store, path, server, venue)
                room.note_all()
                processes.open_for_business(floor)
                yield room
    finally:
        server.stop()


@contextmanager
def _pushed(floor: ProcessFloor) -> Iterator[Pushing]:
    pushing = Pushing(processes.PROJECT, tuple(floor.stages), lambda name: floor.stages[name].port)
    try:
        yield pushing
    finally:
        pushing.stop()


def _venue(seed: int) -> tuple[VenueServer, Venue]:
    """Kraken's REST, with a market that walks and half a day of past."""
    market = Market(SYMBOL, D("0.1"), D("0.00001"), D("0.001"), D("0.5"))  # each print of its past is of the least
    venue = Venue([market], now_ms, RULES)
    desk = Desk.of(venue)
    venue.open_account("rest", {"USDT": D(10_000)})
    for (key, secret), may_trade in ((TRADING, True), (LOOKING, False)):
        desk.keys.add(ApiKey(key, base64.b64encode(secret).decode(), "rest", may_trade=may_trade))
    venue.play(SYMBOL, Walk(market, D(60_000), seed, now_ms(), volatility=0.00002))
    return VenueServer(desk, Kraken(desk)), venue


def _secrets() -> dict[str, str]:
    keys = {"venue-rest-main": TRADING, "venue-query-rest-main": LOOKING}
    return {
        **{f"sender-{name}": SECRET for name in SENDERS},
        **{
            name: json.dumps({"key": key, "secret": base64.b64encode(secret).decode()})
            for name, (key, secret) in keys.items()
        },
        "api-session-key": "k" * 64, "api-admin-password-hash": "none",
    }  # fmt: skip


# --- senders -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Signal:
    sender: str
    mark: str
    strategy: str
    action: str
    after_s: float

    def body(self) -> bytes:
        return json.dumps(
            {
                "secret": SECRET, "id": self.mark, "ticker": "BTCUSDT", "strategy": self.strategy,
                "action": self.action, "quantity": "0.002", "expected_alpha": "0.5", "stopLoss": 57_000,
            }
        ).encode()  # fmt: skip


def plan(random: Random, count: int, seconds: float, strategies: int = 5) -> list[Signal]:
    """`count` signals over so long, from both senders; every strategy of each enters and leaves in turn, and who still
    holds something leaves in the end."""
    turns: Counter[tuple[str, str]] = Counter()
    made = []
    for number in range(count):
        sender, strategy = random.choice(tuple(SENDERS)), f"outside-{random.randrange(strategies)}"
        made.append(_signal(sender, strategy, turns, number, seconds * number / count))
    open_still = [name for name, turn in turns.items() if turn % 2]
    return made + [_signal(*name, turns, count + n, seconds) for n, name in enumerate(open_still)]


def _signal(sender: str, strategy: str, turns: Counter[tuple[str, str]], number: int, after_s: float) -> Signal:
    action = "sell" if turns[sender, strategy] % 2 else "buy"
    turns[sender, strategy] += 1
    return Signal(sender, f"w{number}w", strategy, action, after_s)


@dataclass
class Senders:
    """Sends signals at their times from threads of their own, each again until it is answered."""

    address: str
    answered: dict[str, set[str]] = field(default_factory=dict)  # mark → the event ids it was answered 200 with
    unanswered: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)  # 0: no answer
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, signals: list[Signal]) -> list[threading.Thread]:
        began = time.monotonic()
        lanes = [[one for one in signals if one.sender == sender] for sender in SENDERS]
        threads = [threading.Thread(target=self._lane, args=(lane, began), daemon=True) for lane in lanes]
        for thread in threads:
            thread.start()
        return threads

    def _lane(self, signals: list[Signal], began: float) -> None:
        for signal in signals:
            time.sleep(max(0.0, began + signal.after_s - time.monotonic()))
            self.send(signal)

    def send(self, signal: Signal) -> None:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            status, answer = self._post(signal)
            with self._lock:
                self.statuses[status] += 1
                if status == 200:
                    self.answered.setdefault(signal.mark, set()).add(json.loads(answer)["event_id"])
                    return
            time.sleep(0.5)
        with self._lock:
            self.unanswered.append(signal.mark)

    def _post(self, signal: Signal) -> tuple[int, bytes]:
        url = f"{self.address}/webhooks/{signal.sender}"
        request = urllib.request.Request(url, signal.body(), {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_S) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as problem:
            return problem.code, b""
        except OSError:
            return 0, b""


# --- processes ---------------------------------------------------------------------------------------------------


def living(groups: set[int]) -> list[str]:
    """Processes of these groups that still run, by their command; those that only wait to be reaped do not."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError, IndexError):
            if os.getpgid(int(entry.name)) in groups and _state(entry) != "Z":
                found.append((entry / "cmdline").read_text().replace("\0", " "))
    return found


def _state(entry: Path) -> str:
    return (entry / "stat").read_text().rpartition(")")[2].split()[0]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def figures_of(senders: Senders) -> dict[str, Any]:
    answers = {str(status): count for status, count in sorted(senders.statuses.items())}
    return {"webhooks_answered_200": len(senders.answered), "webhook_answers": answers}
