"""Joins a stage to its backend: the only place that knows which adapter plays which role.

`main = serve(stage)` at the end of a stage's main.py is what functions-framework calls; nothing is opened before the
first request, and only the adapters that the stage uses are ever imported.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from fluxfloor.contracts.venues import CAPABILITIES
from fluxfloor.errors import Misconfigured, Poison
from fluxfloor.ports import Clock, MarketData, Secrets, Store, Venue
from fluxfloor.runtime import logging as logs
from fluxfloor.runtime import tracing
from fluxfloor.runtime.clock import SystemClock
from fluxfloor.runtime.context import Context, Ports
from fluxfloor.runtime.runner import Outcome, Runner
from fluxfloor.runtime.settings import AccountSettings, Settings, load
from fluxfloor.runtime.stage import Stage
from fluxfloor.topology import INTERNAL_PATH

if TYPE_CHECKING:
    from flask import Request

    from fluxfloor.adapters.venues.keys import Keys

log = logging.getLogger("fluxfloor.wiring")
Entry = Callable[["Request"], Any]


def serve(stage: Stage) -> Entry:
    """The stage's HTTP entry: pushes, ticks and timers on INTERNAL_PATH, people on every other path."""
    lock = threading.Lock()
    made: list[Runner] = []

    def runner() -> Runner:
        with lock:
            if not made:
                made.append(Runner(stage, google_ports(load(), stage)))
        return made[0]

    def entry(request: Request) -> Any:
        if stage.respond is None and request.method == "GET":
            return "ok", 200  # a start-up probe: the code is loaded
        if stage.respond is None or request.path == INTERNAL_PATH:
            return deliver(runner(), request)
        active = runner()
        return stage.respond(Context(active), request)

    return entry


def deliver(runner: Runner, request: Request) -> tuple[str, int]:
    """One push, tick or timer. 204 acks; 503 brings it back."""
    from fluxfloor.adapters.google.push import delivery_from_push

    if not _genuine(runner, request):
        return "", 403
    try:
        delivery = delivery_from_push(request.get_data(), dict(request.headers))
    except Poison as problem:
        # The envelope itself is broken, so there is no id to quarantine it under: the log is all it gets.
        log.error("not a delivery: %s", problem, extra={"stage": runner.stage.name})
        return "", 204
    return ("", 204) if runner.handle(delivery) is Outcome.ACK else ("", 503)


def _genuine(runner: Runner, request: Request) -> bool:
    """On a public stage the platform lets everybody in, so the caller's token is checked here."""
    settings = runner.ports.settings.google
    if not runner.stage.spec.public or not settings.verify_internal_calls:
        return True
    from google.auth.transport.requests import Request as Transport
    from google.oauth2 import id_token

    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    try:
        audience = settings.stage_url.format(stage=runner.stage.name)
        claims = id_token.verify_oauth2_token(token, Transport(), audience)  # type: ignore[no-untyped-call]
    except ValueError:
        return False
    return bool(claims.get("email_verified")) and claims.get("email") == settings.caller


# --- Google ------------------------------------------------------------------------------------------------------


def google_ports(settings: Settings, stage: Stage) -> Ports:
    """Ports on Google Cloud, or on its emulators when their *_EMULATOR_HOST variables are set."""
    from fluxfloor.adapters.google import connect

    logs.configure(settings.log_level, project=settings.google.project, mode=settings.mode)
    _record_spans(settings.google.project, stage.name)
    clock = SystemClock()
    opened = connect.open_ports(settings, clock, stage.name)
    secrets = RegisteringSecrets(opened.secrets)
    return Ports(
        store=opened.store, bus=opened.bus, timers=opened.timers, blobs=opened.blobs, secrets=secrets, clock=clock,
        settings=settings, venue=venues(settings, opened.store, clock, secrets),
        market_data=market_data(settings, clock, secrets),
    )  # fmt: skip


def _record_spans(project: str, service: str) -> None:
    """To Cloud Trace, where this runs as a Cloud Run service; sent in batches, beside the requests."""
    if not os.environ.get("K_SERVICE"):
        return
    try:
        from opentelemetry.exporter.cloud_trace import CloudTraceSpanExporter
    except ImportError as problem:  # no stage stays down for want of its traces
        log.warning("no spans are recorded: %s", problem)
        return
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    exporter = CloudTraceSpanExporter(project_id=project)  # type: ignore[no-untyped-call]
    tracing.configure(BatchSpanProcessor(exporter), service)


class RegisteringSecrets:
    """Tells the logger about every secret that is read, so that it can keep it out."""

    def __init__(self, inner: Secrets) -> None:
        self._inner = inner

    def get(self, name: str) -> str:
        value = self._inner.get(name)
        logs.register_secret(value)
        return value


# --- venues and market data --------------------------------------------------------------------------------------


def venues(settings: Settings, store: Store, clock: Clock, secrets: Secrets) -> Callable[[str], Venue]:
    """Opens each account's venue when it is first asked for, once: a venue's budget of requests is in it."""
    opened: dict[str, Venue] = {}
    lock = threading.Lock()

    def venue(account_id: str) -> Venue:
        with lock:
            if account_id not in opened:
                opened[account_id] = _open_venue(settings, account_id, store, clock, secrets)
            return opened[account_id]

    return venue


def _open_venue(settings: Settings, account_id: str, store: Store, clock: Clock, secrets: Secrets) -> Venue:
    account = settings.accounts.get(account_id)
    if account is None:
        raise Misconfigured(f"account {account_id!r} is not in [accounts]")
    if account.venue == "paper":
        return _open_paper(settings, account_id, account, store, clock)
    if account.venue not in CAPABILITIES:
        known = ", ".join(CAPABILITIES)
        raise Misconfigured(f"accounts.{account_id}.venue: {account.venue!r} can't be traded on; these can: {known}")
    from fluxfloor.adapters.venues.keys import query_keys, trading_keys

    # A key is read when it is first needed: a stage that never places never asks for the one that may.
    keys = partial(trading_keys, secrets, account_id), partial(query_keys, secrets, account_id)
    if account.venue == "alpaca":
        from fluxfloor.adapters.venues.alpaca import AlpacaVenue

        feed = settings.market.feed
        return AlpacaVenue(clock, *keys, sandbox=account.sandbox, base_url=account.base_url, feed=feed)
    return _open_ccxt(settings, account, clock, keys)


def _open_paper(
    settings: Settings, account_id: str, account: AccountSettings, store: Store, clock: Clock
) -> Venue:  # fmt: skip
    from fluxfloor.adapters.venues.paper import PaperVenue

    paper = settings.paper
    return PaperVenue(
        account_id, store, clock, {account.currency: account.deposit},
        (paper.latency_min_ms, paper.latency_max_ms), paper.slippage_bps, paper.fee,
        paper.partial_fills, paper.seed,
    )  # fmt: skip


def _open_ccxt(
    settings: Settings, account: AccountSettings, clock: Clock, keys: tuple[Callable[[], Keys], Callable[[], Keys]]
) -> Venue:  # fmt: skip
    from fluxfloor.adapters.venues.ccxt_trading import CcxtVenue

    own = [symbol for strategy in settings.strategies.values() for symbol in strategy.symbols]
    granted = {
        name: value for name in ("requests_per_minute", "orders_per_minute") if (value := getattr(account, name))
    }
    return CcxtVenue(
        account.venue, clock, *keys, base_url=account.base_url, sandbox=account.sandbox, currency=account.currency,
        symbols=(*settings.market.symbols, *own), capabilities=replace(CAPABILITIES[account.venue], **granted),
    )  # fmt: skip


def market_data(settings: Settings, clock: Clock, secrets: Secrets) -> Callable[[str], MarketData]:
    """Data of an exchange by ccxt's id, or of Alpaca, opened when first asked for."""
    opened: dict[str, MarketData] = {}

    def source(exchange: str) -> MarketData:
        if exchange not in opened:
            opened[exchange] = _open_source(settings, exchange, clock, secrets)
        return opened[exchange]

    return source


def _open_source(settings: Settings, exchange: str, clock: Clock, secrets: Secrets) -> MarketData:
    market = settings.market
    if exchange != "alpaca":
        from fluxfloor.adapters.venues.ccxt_data import CcxtMarketData

        return CcxtMarketData(exchange, clock, base_url=market.base_url)
    from fluxfloor.adapters.venues.alpaca_data import AlpacaMarketData
    from fluxfloor.adapters.venues.keys import market_keys

    return AlpacaMarketData(
        market_keys(secrets, exchange), clock, symbols=market.symbols, sandbox=settings.mode == "paper",
        base_url=market.base_url, feed=market.feed, fractional=market.fractional,
    )  # fmt: skip
