"""The façades in-process: whatever is sent, they answer in the venue's way and the books stay sound."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlencode

import pytest
from fluxfloor.venuesim import binance, kraken
from fluxfloor.venuesim.binance.auth import sign as sign_binance
from fluxfloor.venuesim.facade import Desk, Request, Response
from fluxfloor.venuesim.keys import ApiKey
from fluxfloor.venuesim.kraken.auth import sign as sign_kraken
from fluxfloor.venuesim.kraken.names import an_id, number_of
from fluxfloor.venuesim.kraken.reading import KINDS
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.venue_core import START_MS, Core

SECRET = base64.b64encode(b"secret").decode()
TEXTS = st.one_of(
    st.sampled_from(
        ["", "0", "-1", "1e3", "NaN", "0.01", "60000", "59000.1", "+500", "2%", "true", "XBTUSDT", "1m", "1e999999"]
    ),
    st.text(max_size=12),
)
KRAKEN_WORDS = (
    "pair", "type", "ordertype", "volume", "price", "price2", "oflags", "timeinforce", "cl_ord_id", "userref",
    "deadline", "expiretm", "txid", "start", "end", "ofs", "asset", "interval", "since", "count", "trades", "id",
)  # fmt: skip
BINANCE_WORDS = (
    "symbol", "side", "type", "quantity", "quoteOrderQty", "price", "stopPrice", "trailingDelta", "timeInForce",
    "newClientOrderId", "origClientOrderId", "orderId", "limit", "startTime", "endTime", "fromId", "interval",
    "recvWindow", "coin", "offset", "newOrderRespType",
)  # fmt: skip


def sensible(name: str) -> dict[str, st.SearchStrategy[str]]:
    """What makes some of the nonsense an order."""
    if name == "kraken":
        return {
            "pair": st.just("XBTUSDT"), "type": st.sampled_from(["buy", "sell"]),
            "ordertype": st.sampled_from(list(KINDS)),
            "volume": st.sampled_from(["0.01", "1"]), "price": st.sampled_from(["59000", "61000", "+500", "1%"]),
        }  # fmt: skip
    return {
        "symbol": st.just("BTCUSDT"), "side": st.sampled_from(["BUY", "SELL"]),
        "type": st.sampled_from(["MARKET", "LIMIT", "STOP_LOSS", "TAKE_PROFIT_LIMIT"]),
        "quantity": st.sampled_from(["0.01", "1"]), "price": st.sampled_from(["59000", "61000"]),
        "stopPrice": st.sampled_from(["59000", "61000"]), "timeInForce": st.just("GTC"),
    }  # fmt: skip


def params(name: str, words: tuple[str, ...]) -> st.SearchStrategy[dict[str, str]]:
    """All nonsense, or an order with at most one thing wrong."""
    wrong = st.dictionaries(st.sampled_from(words), TEXTS, max_size=1)
    nearly = st.tuples(st.fixed_dictionaries(sensible(name)), wrong).map(lambda two: two[0] | two[1])
    return st.one_of(nearly, nearly, st.dictionaries(st.sampled_from(words), TEXTS, max_size=6))


def opened(facade: Any) -> tuple[Core, Any]:
    core = Core()
    desk = Desk.of(core.venue, core.faults)
    desk.keys.add(ApiKey("key", SECRET, "main"))
    return core, facade(desk)


def ask_kraken(facade: Any, endpoint: str, told: dict[str, str], nonce: int) -> Response:
    path, body = f"/0/private/{endpoint}", urlencode({"nonce": nonce, **told}).encode()
    headers = {"api-key": "key", "api-sign": sign_kraken(path, str(nonce), body, SECRET)}
    return facade.handle(Request("POST", path, headers=headers, body=body))  # type: ignore[no-any-return]


def ask_binance(facade: Any, method: str, path: str, told: dict[str, str]) -> Response:
    text = urlencode({"timestamp": START_MS, **told})
    query = f"{text}&signature={sign_binance(text, SECRET)}"
    return facade.handle(Request(method, path, query, {"x-mbx-apikey": "key"}))  # type: ignore[no-any-return]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(kraken._PRIVATE)), params("kraken", KRAKEN_WORDS)), max_size=8))
def test_kraken_always_answers(asked: list[tuple[str, dict[str, str]]]) -> None:
    core, facade = opened(kraken.Kraken)
    for nonce, (endpoint, told) in enumerate(asked, 1):
        told.pop("nonce", None)
        answer = ask_kraken(facade, endpoint, told, nonce)
        assert answer.status == 200
        assert bool(answer.body["error"]) != ("result" in answer.body)
        assert "EAPI" not in str(answer.body["error"])
    assert core.account.faults() == []


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(binance._PRIVATE)), params("binance", BINANCE_WORDS)), max_size=8))
def test_binance_always_answers(asked: list[tuple[tuple[str, str], dict[str, str]]]) -> None:
    core, facade = opened(binance.Binance)
    for (method, path), told in asked:
        answer = ask_binance(facade, method, path, told)
        assert answer.status == 200 or (answer.body["code"] < 0 and answer.body["msg"])
        assert answer.body == [] or isinstance(answer.body, list) or answer.body.get("code") != -1022
    assert core.account.faults() == []


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(kraken._PUBLIC)), params("kraken", KRAKEN_WORDS))
def test_krakens_market_data_always_answers(endpoint: str, told: dict[str, str]) -> None:
    _, facade = opened(kraken.Kraken)
    answer = facade.handle(Request("GET", f"/0/public/{endpoint}", urlencode(told)))
    assert bool(answer.body["error"]) != ("result" in answer.body)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(binance._PUBLIC)), params("binance", BINANCE_WORDS))
def test_binances_market_data_always_answers(path: str, told: dict[str, str]) -> None:
    _, facade = opened(binance.Binance)
    answer = facade.handle(Request("GET", path, urlencode(told)))
    assert answer.status == 200 or answer.body["code"] < 0


@pytest.mark.parametrize(
    ("facade", "path", "asked"),
    [(kraken.Kraken, "/0/public/Ticker", "pair=XBTUSDT"), (binance.Binance, "/api/v3/ticker/24hr", "symbol=BTCUSDT")],
)
def test_days_without_a_trade_stand_where_the_last_one_was(facade: Any, path: str, asked: str) -> None:
    core, opened_at = opened(facade)
    core.now_ms += 3 * 86_400_000
    answer = opened_at.handle(Request("GET", path, asked))
    assert answer.status == 200
    assert "60000" in str(answer.body)


@given(st.integers(0, 2**80 - 1))
def test_krakens_ids_lead_back_to_their_numbers(number: int) -> None:
    made = an_id("O", number)
    assert number_of("O", made) == number
    assert number_of("T", made) is None


def test_a_body_that_is_no_json_is_refused() -> None:
    _, facade = opened(kraken.Kraken)
    answer = facade.handle(Request("POST", "/0/private/Balance", headers={"api-key": "key"}, body=b"{not json"))
    assert answer.body == {"error": ["EGeneral:Invalid arguments"]}
    _, facade = opened(binance.Binance)
    assert facade.handle(Request("POST", "/api/v3/order", body=b"{not json")).status == 400
