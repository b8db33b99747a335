"""Whatever the tick and the lot: what is signed and sent says exactly the decimals of the placement."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

import pytest
from fluxfloor.adapters.venues.ccxt_exchange import open_to_trade
from fluxfloor.adapters.venues.dialects import DIALECTS, dialect_of
from fluxfloor.adapters.venues.dialects.base import Dialect, Market, Stamp
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.orders import Side
from fluxfloor.contracts.signals import OrderType
from fluxfloor.contracts.venues import CAPABILITIES
from fluxfloor.ports import Placement
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.scripted_venue import AT_MS, KEYS, cloud_keys
from tests.support.simulated_venue import an_id

steps = st.one_of(
    st.integers(-12, 3).map(lambda places: Decimal(1).scaleb(places)),
    st.sampled_from([Decimal("0.25"), Decimal("0.00000125"), Decimal("2.5")]),
)
counts = st.integers(1, 10**9)


class OneMarket:
    def market(self, symbol: str) -> Market:
        return {"id": "BTCUSDT", "symbol": symbol, "base": "BTC", "quote": "USDT", "info": {}}

    def symbol(self, market_id: str) -> str:
        return "BTC/USDT"

    def market_between(self, base: str, quote: str) -> None:
        return None

    def currency(self, currency_id: str) -> str:
        return currency_id

    def currency_id(self, currency: str) -> str:
        return currency

    def has_api(self, name: str) -> bool:
        return True


@cache
def at_the_counter(venue: str) -> tuple[Dialect, Any]:
    keys = cloud_keys() if venue == "coinbase" else KEYS
    exchange = open_to_trade(venue, apiKey=keys.key, secret=keys.secret, password=keys.password)
    return dialect_of(venue)(OneMarket()), exchange


def sent(venue: str, placement: Placement) -> dict[str, str]:
    """Every value in the signed body, by its name, however deep it stands."""
    dialect, exchange = at_the_counter(venue)
    call = dialect.placement(placement, Stamp(AT_MS, AT_MS + 10_000))
    exchange.milliseconds = lambda: AT_MS
    request = exchange.sign(call.path, list(call.api), call.method, dict(call.params))
    body: str = request["body"]
    return dict(flat(json.loads(body))) if body.startswith("{") else dict(parse_qsl(body))


def flat(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        pair for name, value in found.items() for pair in (flat(value) if isinstance(value, dict) else [(name, value)])
    ]


def plain(value: str) -> Decimal:
    assert isinstance(value, str)
    assert "e" not in value.lower()
    assert "." not in value or not value.endswith(("0", "."))
    return Decimal(value)


SIZES = {"kraken": "volume", "binance": "quantity", "coinbase": "base_size", "bybit": "qty", "okx": "sz"}
PRICES = {"kraken": "price", "binance": "price", "coinbase": "limit_price", "bybit": "price", "okx": "px"}


@pytest.mark.parametrize("venue", DIALECTS)
@settings(deadline=None)  # the first example opens ccxt
@given(tick=steps, lot=steps, ticks=counts, lots=counts, side=st.sampled_from(list(Side)))
def test_a_limit_order_is_sent_to_the_last_digit(
    venue: str, tick: Decimal, lot: Decimal, ticks: int, lots: int, side: Side
) -> None:
    rules = Instrument(
        instrument_id=f"{venue}:BTC/USDT", venue=venue, symbol="BTC/USDT", base="BTC", quote="USDT", tick_size=tick,
        lot_size=lot,
    )  # fmt: skip
    placement = Placement(
        an_id(1), rules, side, OrderType.LIMIT, rules.quantity(lots), rules.price(ticks), None, AT_MS + 10_000, False
    )
    body = sent(venue, placement)
    assert plain(body[SIZES[venue]]) == placement.quantity
    assert plain(body[PRICES[venue]]) == placement.limit_price


@pytest.mark.parametrize("venue", [venue for venue in DIALECTS if CAPABILITIES[venue].native_stops])
@settings(deadline=None)  # the first example opens ccxt
@given(tick=steps, ticks=counts)
def test_a_stop_is_sent_to_the_last_digit(venue: str, tick: Decimal, ticks: int) -> None:
    rules = Instrument(
        instrument_id=f"{venue}:BTC/USDT", venue=venue, symbol="BTC/USDT", base="BTC", quote="USDT", tick_size=tick,
        lot_size=Decimal(1),
    )  # fmt: skip
    trigger = rules.price(ticks)
    placement = Placement(an_id(1), rules, Side.SELL, OrderType.STOP, Decimal(1), None, trigger, AT_MS + 10_000, False)
    assert plain(sent(venue, placement)[{"kraken": "price", "binance": "stopPrice"}[venue]]) == trigger


@settings(deadline=None)  # the first example opens ccxt
@given(tick=steps, ticks=counts)
def test_a_trailing_stop_says_its_distance(tick: Decimal, ticks: int) -> None:
    rules = Instrument(
        instrument_id="kraken:BTC/USDT", venue="kraken", symbol="BTC/USDT", base="BTC", quote="USDT", tick_size=tick,
        lot_size=Decimal(1),
    )  # fmt: skip
    placement = Placement(
        an_id(1), rules, Side.SELL, OrderType.TRAILING_STOP, Decimal(1), None, None, AT_MS + 10_000, False,
        trail=rules.price(ticks),
    )  # fmt: skip
    price = sent("kraken", placement)["price"]
    assert price.startswith("+")
    assert plain(price[1:]) == rules.price(ticks)
