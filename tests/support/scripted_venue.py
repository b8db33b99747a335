"""The real adapter, its real ccxt underneath, before a loopback server that says what a venue's manual says.

For venues that have no simulator: what goes out and how an answer is read can be tried here, and no more.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fluxfloor.adapters.venues.ccxt_trading import CcxtVenue
from fluxfloor.adapters.venues.keys import Keys
from fluxfloor.contracts.instruments import Instrument
from fluxfloor.contracts.orders import Side
from fluxfloor.contracts.signals import OrderType
from fluxfloor.ports import Placement
from fluxfloor.runtime.clock import VirtualClock

from tests.support.scripted_rest import Asked, Say, ScriptedRest

AT_MS = 1_767_225_600_000  # 2026-01-01
KEYS = Keys("scripted-key-0001", "c2NyaXB0ZWQtc2VjcmV0LTAwMDE=", "scripted-passphrase")


@cache
def cloud_keys() -> Keys:
    """As Coinbase hands them out: a name, and a private key on the curve P-256."""
    made = ec.generate_private_key(ec.SECP256R1())
    pem = made.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    return Keys("organizations/0001/apiKeys/0001", pem)


QUOTES = {"coinbase": "USD", "bybit": "USDT", "okx": "USDT"}


@dataclass
class ScriptedVenue:
    name: str
    server: ScriptedRest
    clock: VirtualClock
    venue: CcxtVenue
    slept_s: list[float] = field(default_factory=list)

    @property
    def rules(self) -> Instrument:
        quote = QUOTES[self.name]
        return Instrument(
            instrument_id=f"{self.name}:BTC/{quote}", venue=self.name, symbol=f"BTC/{quote}", base="BTC", quote=quote,
            tick_size=Decimal("0.1"), lot_size=Decimal("0.00001"),
        )  # fmt: skip

    def say(self, request: str, *documents: Any) -> None:
        self.server.say(request, *(one if isinstance(one, Say) else Say(one) for one in documents))

    def asked(self, request: str) -> list[Asked]:
        method, path = request.split(" ")
        return [one for one in self.server.asked if (one.method, one.path) == (method, path)]

    def placement(self, client_order_id: str, side: Side = Side.BUY, quantity: str = "0.01", **more: Any) -> Placement:
        given: dict[str, Any] = {
            "client_order_id": client_order_id, "instrument": self.rules, "side": side,
            "order_type": OrderType.MARKET, "quantity": Decimal(quantity), "limit_price": None,
            "trigger_price": None, "expires_ms": self.clock.now_ms() + 10_000, "reduce_only": False,
        }  # fmt: skip
        return Placement(**{**given, **more})


@contextmanager
def scripted(name: str) -> Iterator[ScriptedVenue]:
    clock = VirtualClock(AT_MS)
    with ScriptedRest() as server:
        room = ScriptedVenue(name, server, clock, None)  # type: ignore[arg-type]
        keys = cloud_keys() if name == "coinbase" else KEYS
        room.venue = CcxtVenue(
            name, clock, lambda: keys, lambda: keys, base_url=server.url, sandbox=True, currency=QUOTES[name],
            sleep=room.slept_s.append, timeout_ms=2_000,
        )  # fmt: skip
        for request, document in METADATA[name].items():
            room.say(request, document)
        yield room


METADATA: dict[str, dict[str, Any]] = {
    "coinbase": {
        "GET /api/v3/brokerage/market/products": {
            "products": [
                {
                    "product_id": "BTC-USD", "base_currency_id": "BTC", "quote_currency_id": "USD",
                    "product_type": "SPOT", "base_increment": "0.00000001", "quote_increment": "0.01",
                    "price_increment": "0.01", "base_min_size": "0.00000001", "quote_min_size": "1",
                    "trading_disabled": False, "alias_to": [],
                }
            ]
        },
        "GET /api/v3/brokerage/time": {"iso": "2026-01-01T00:00:00Z", "epochSeconds": "1767225600",
                                       "epochMillis": str(AT_MS)},
    },
    "bybit": {
        "GET /v5/market/instruments-info": {
            "retCode": 0, "retMsg": "OK",
            "result": {
                "category": "spot",
                "list": [
                    {
                        "symbol": "BTCUSDT", "baseCoin": "BTC", "quoteCoin": "USDT", "status": "Trading",
                        "marginTrading": "both", "lotSizeFilter": {"basePrecision": "0.000001", "quotePrecision":
                        "0.00000001", "minOrderQty": "0.000048", "minOrderAmt": "1"},
                        "priceFilter": {"tickSize": "0.01"},
                    }
                ],
            },
        },
        "GET /v5/market/time": {
            "retCode": 0, "retMsg": "OK",
            "result": {"timeSecond": "1767225600", "timeNano": f"{AT_MS}000000"}, "time": AT_MS,
        },
    },
    "okx": {
        "GET /api/v5/public/instruments": {
            "code": "0", "msg": "",
            "data": [
                {"instId": "BTC-USDT", "instType": "SPOT", "baseCcy": "BTC", "quoteCcy": "USDT", "lotSz": "0.00000001",
                 "minSz": "0.00001", "tickSz": "0.1", "state": "live", "lever": "10", "settleCcy": "", "uly": ""}
            ],
        },
        "GET /api/v5/public/time": {"code": "0", "msg": "", "data": [{"ts": str(AT_MS)}]},
    },
}  # fmt: skip
"""What a start of the adapter asks for."""
