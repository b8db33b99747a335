"""The demo: a real year of EUR/USD hours and some webhooks, played through every stage, then a page to look at."""

from __future__ import annotations

import secrets as randomness
import shutil
from collections.abc import Callable
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

from fluxfloor.contracts.instruments import Instrument
from fluxfloor.local.floor import Floor
from fluxfloor.local.replay import Recording, Replay, open_replay
from fluxfloor.local.webhooks import DEMO_SENDER, read_webhooks
from fluxfloor.market.archive import from_parquet
from fluxfloor.market.candles_file import read_candles_file
from fluxfloor.market.window import Bars
from fluxfloor.runtime.context import Ports
from fluxfloor.runtime.settings import Settings, load
from fluxfloor.webapi.passwords import hash_password

DEMO_SECRET = "demo-secret"
EXPECTED_ALPHA = "0.02"  # what the demo takes a sender's signals to be worth; a real sender states his own
LOT = Decimal("0.00000001")
MAX_DECIMALS = 8


def sample() -> tuple[Bars, str]:
    """The bars and webhooks that the package carries."""
    folder = files("fluxfloor.local") / "sample"
    return from_parquet((folder / "eurusd_1h.parquet").read_bytes()), (folder / "webhooks.jsonl").read_text()


def demo_settings(symbol: str, timeframe: str, port: int, paper: dict[str, Any] | None = None) -> Settings:
    """One market, the three strategies, the demo's sender; the account is in the symbol's quote currency."""
    currency = symbol.split("/")[1].split(":")[0]
    return load(
        overrides={
            "market": {"symbols": [symbol], "timeframes": [timeframe], "traded_timeframe": timeframe},
            "accounts": {"paper-main": {"currency": currency}},
            "paper": paper or {},
            "senders": {DEMO_SENDER: {"default_expected_alpha": EXPECTED_ALPHA, "rate_per_minute": 6000}},
            "api": {"public_url": f"http://127.0.0.1:{port}"},
            "safety": {"stale_alarm_s": 86_400, "stale_halt_s": 0},  # recorded quotes end where the recording does
        }
    )


def instrument_of(
    symbol: str, bars: Bars, venue: str, fee: Decimal, tick: Decimal | None = None, lot: Decimal = LOT
) -> Instrument:
    """Rules for recorded bars: the tick is the finest step their prices use, unless it is given."""
    base, quote = symbol.split("/")
    return Instrument(
        instrument_id=f"{venue}:{symbol}", venue=venue, symbol=symbol, base=base, quote=quote.split(":")[0],
        tick_size=tick or finest_step(bars), lot_size=lot, min_notional=Decimal("0.5"), taker_fee=fee,
    )  # fmt: skip


def finest_step(bars: Bars) -> Decimal:
    """10^-d, d the most decimals that a close of the bars is written with (at most MAX_DECIMALS)."""
    closes = {repr(round(float(close), MAX_DECIMALS)) for close in bars[:, 4] if close == close}
    decimals = max((len(text.partition(".")[2].rstrip("0")) for text in closes if "e" not in text), default=2)
    return Decimal(1).scaleb(-min(max(decimals, 1), MAX_DECIMALS))


def open_demo(directory: Path, port: int) -> Replay:
    """A fresh floor with the sample in it, and the secrets it needs. What an earlier demo left is removed."""
    bars, lines = sample()
    settings = demo_settings("EUR/USD", "1h", port, {"slippage_bps": "1", "fee": "0.0002"})
    rules = instrument_of(
        "EUR/USD", bars, settings.market.exchange, settings.paper.fee, Decimal("0.00001"), Decimal("0.01")
    )
    return open_recorded(directory, settings, rules, "1h", bars, lines, "sample webhooks")


def open_recorded(
    directory: Path,
    settings: Settings,
    rules: Instrument,
    timeframe: str,
    bars: Bars,
    lines: str,
    name: str,
    floor_type: type[Floor] = Floor,
    wrap: Callable[[Ports], Ports] | None = None,
) -> Replay:
    """A floor in an emptied `directory`, about to play these bars and the webhooks in `lines` (from file `name`)."""
    shutil.rmtree(directory, ignore_errors=True)
    begin_ms, end_ms = int(bars[:, 0].min()), int(bars[:, 0].max())
    known = dict.fromkeys(settings.senders, DEMO_SECRET)
    hooks = read_webhooks(lines, name, known, begin_ms, end_ms)
    password = randomness.token_urlsafe(12)
    defaults = {
        **{f"sender-{sender}": secret for sender, secret in known.items()},
        "api-admin-password": password,
        "api-admin-password-hash": hash_password(password),
        "api-session-key": randomness.token_hex(32),
    }
    return open_replay(directory, settings, Recording(rules, timeframe, bars, tuple(hooks)), defaults, floor_type, wrap)


def read_bars(path: Path) -> Bars:
    """A user's candle file. Raises Misconfigured with file, column and row for what can't be read."""
    return read_candles_file(path.read_bytes(), str(path))
