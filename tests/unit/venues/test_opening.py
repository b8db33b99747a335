"""Where an account's orders go: to the venue, to its place to practise, or to a simulated one; never to another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fluxfloor.adapters.embedded.secrets import FileSecrets
from fluxfloor.adapters.embedded.store import SqliteStore
from fluxfloor.adapters.venues.ccxt_exchange import open_to_trade
from fluxfloor.adapters.venues.ccxt_trading import CcxtVenue
from fluxfloor.contracts.venues import CAPABILITIES
from fluxfloor.errors import Misconfigured
from fluxfloor.ports import Venue
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.runtime.settings import load
from fluxfloor.wiring import venues


def address(exchange: Any) -> str:
    urls = exchange.urls["api"]
    found: str = urls.get("private") or urls["rest"]
    return exchange.implode_hostname(found) if "{" in found else found


@pytest.mark.parametrize(
    ("venue", "real", "practice"),
    [
        ("kraken", "https://api.kraken.com", ""),
        ("binance", "https://api.binance.com/api/v3", "https://testnet.binance.vision/api/v3"),
        ("coinbase", "https://api.coinbase.com", ""),
        ("bybit", "https://api.bybit.com", "https://api-testnet.bybit.com"),
        ("okx", "https://www.okx.com", "https://www.okx.com"),
    ],
)
def test_practice_is_somewhere_else_or_there_is_none(venue: str, real: str, practice: str) -> None:
    assert address(open_to_trade(venue)) == real
    assert bool(practice) == CAPABILITIES[venue].sandbox
    if not practice:
        with pytest.raises(Misconfigured, match="has no sandbox"):
            open_to_trade(venue, sandbox=True)
    else:
        exchange = open_to_trade(venue, sandbox=True)
        assert address(exchange) == practice
        assert practice != real or exchange.headers == {"x-simulated-trading": "1"}


@pytest.mark.parametrize("venue", ["kraken", "binance", "coinbase", "bybit", "okx"])
def test_a_simulators_address_takes_the_place_of_all_others(venue: str) -> None:
    exchange = open_to_trade(venue, sandbox=True, base_url="http://127.0.0.1:9100")
    told = str(exchange.urls["api"])
    assert "127.0.0.1:9100" in told
    assert ".com" not in told.replace("zendesk.com", "")


@pytest.mark.parametrize(
    ("venue", "base_url"),
    [("kraken", "https://api.kraken.com"), ("binance", "https://api.binance.com"), ("bybit", "https://api.bybit.com")],
)
def test_the_venue_itself_is_no_place_to_practise(venue: str, base_url: str) -> None:
    with pytest.raises(Misconfigured, match="is no place to practise"):
        open_to_trade(venue, sandbox=True, base_url=base_url)
    assert open_to_trade(venue, sandbox=False, base_url=base_url)


def test_nothing_follows_a_redirect_or_pauses_by_itself() -> None:
    exchange = open_to_trade("kraken")
    assert exchange.session.max_redirects == 0
    assert exchange.enableRateLimit is False
    assert {adapter.max_retries.total for adapter in exchange.session.adapters.values()} == {0}


# --- the floor's own opening ---------------------------------------------------------------------------------------


def opened(directory: Path, **account: Any) -> Venue:
    settings = load(overrides={"accounts": {"main": account}, "portfolios": {"main": {"account": "main"}}})
    secrets = FileSecrets(directory / "secrets")
    return venues(settings, SqliteStore(directory), VirtualClock(1), secrets)("main")


def test_an_account_is_opened_without_a_key_and_granted_what_its_settings_say(tmp_path: Path) -> None:
    venue = opened(tmp_path, venue="kraken", sandbox=True, requests_per_minute=60, orders_per_minute=180)
    assert isinstance(venue, CcxtVenue)
    assert (venue.capabilities.requests_per_minute, venue.capabilities.orders_per_minute) == (60, 180)
    assert venue.capabilities.burst == CAPABILITIES["kraken"].burst


def test_a_venue_without_a_row_says_which_have_one(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"'bitstamp' can't be traded on; these can: paper, .*kraken"):
        opened(tmp_path, venue="bitstamp", sandbox=True)


def test_a_real_account_is_not_for_paper_mode(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="a live account needs mode 'live', or sandbox = true"):
        opened(tmp_path, venue="kraken")
