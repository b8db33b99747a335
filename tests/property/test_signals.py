"""Whatever is sent: a valid signal or a refusal with a 4xx and something to read, and the secret nowhere in it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fluxfloor.contracts.events import SignalReceived
from fluxfloor.contracts.signals import Action
from fluxfloor.contracts.state import Sender
from fluxfloor.signals.parse import MAX_BODY_BYTES
from fluxfloor.signals.ratelimit import Bucket, take
from fluxfloor.signals.redact import redact
from fluxfloor.signals.refusals import CODES, Refused
from fluxfloor.signals.standardise import standardise
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.webhooks import KRAKEN, MARGIN, NOW_MS, SECRET, TIME, sender

HEADER = {"X-Fluxfloor-Secret": SECRET}
TYPES = [
    "application/json",
    "text/plain; charset=utf-8",
    "",
    "application/x-www-form-urlencoded",
    "image/png",
    "\x00;;",
]
VALID: list[str] = [
    json.dumps({"symbol": "BTCUSDT", "action": "buy", "price": 65000.5, "secret": SECRET}),
    json.dumps({"ticker": "BTCUSDT", "time": TIME, "strategy": {
        "order_action": "sell", "order_contracts": 0.3, "order_price": 65000.5, "order_id": "Short",
        "market_position": "short", "market_position_size": 0.1, "prev_market_position": "long",
        "prev_market_position_size": 0.2}, "passphrase": SECRET}),
    json.dumps({"max_lag": "300", "timestamp": TIME, "trigger_price": "65000.5", "tv_exchange": "BINANCE",
                "tv_instrument": "BTCUSDT", "action": "enter_long", "bot_uuid": "x", "secret": SECRET,
                "order": {"amount": "12.5", "currency_type": "margin_percent"}}),
    json.dumps({"ticker": "BTCUSDT", "action": "buy", "sentiment": "bullish", "signalPrice": 65000, "quantity": 1,
                "takeProfit": {"percent": 10}, "stopLoss": {"type": "stop", "percent": 5}, "key": SECRET}),
    json.dumps([{"strategy_name": "s", "passphrase": SECRET, "signal_type": "ENTRY", "signal_legs": [
        {"instrument": "DOGE", "instrument_type": "CRYPTO", "action": "BUY", "direction": "LONG", "quantity": 0.5,
         "order_type": "LIMIT", "price": 0.27, "stop_loss": 0.25, "take_profit": 0.31}], "timestamp": TIME,
        "expected_alpha": "0.01", "metadata": {"a": [1, 2]}}]),
    f"EXCHANGE=binance\nSYMBOL=BTCUSDT\nVOLUME=0.01\nPRICE=30000\nSIGNAL=BUY\nORDER_TYPE=LIMIT\nTOKEN={SECRET}",
]  # fmt: skip


def outcome(body: bytes, by: Sender | None = None, content_type: str = "application/json", headers: Any = None) -> str:
    """Sends it, checks everything that must hold of any outcome, and says which it was."""
    try:
        accepted = standardise(
            body, content_type, HEADER if headers is None else headers, by or sender(), SECRET, MARGIN | KRAKEN, NOW_MS
        )
    except Refused as refused:
        check_refusal(refused)
        return refused.code
    assert accepted.signals
    for one in accepted.signals:
        event = SignalReceived(signal=one)
        assert SignalReceived.model_validate(json.loads(event.model_dump_json())) == event
        assert one.ts_event_ms <= one.ts_received_ms
        assert one.leg.size is None or one.leg.size.value > 0
        assert one.action is not Action.EXIT or one.leg.size is not None
    kept = json.dumps(
        [accepted.evidence, accepted.answer(), *(one.model_dump(mode="json") for one in accepted.signals)]
    )
    assert SECRET not in kept
    return "accepted"


def check_refusal(refused: Refused) -> None:
    assert (refused.status, refused.title) == CODES[refused.code]
    assert 400 <= refused.status < 500
    problem = json.loads(refused.body())
    assert problem["detail"].strip()
    assert problem["fix"].strip()
    assert SECRET not in refused.body().decode()
    assert len(refused.body()) < 8_000


@pytest.mark.parametrize("body", VALID)
def test_the_bodies_that_are_mutated_here_are_valid_to_begin_with(body: str) -> None:
    assert outcome(body.encode(), headers={}) == "accepted"


@given(st.binary(max_size=400), st.sampled_from(TYPES))
def test_random_bytes_never_get_past_a_refusal(body: bytes, content_type: str) -> None:
    assert outcome(body, content_type=content_type) != "accepted"


@given(st.text(max_size=400), st.sampled_from(TYPES))
def test_random_text_never_gets_past_a_refusal(body: str, content_type: str) -> None:
    assert outcome(body.encode("utf-8", "surrogatepass"), content_type=content_type) != "accepted"


@given(st.sampled_from(VALID), st.data())
def test_a_truncated_body_is_refused_or_still_makes_sense(body: str, data: st.DataObject) -> None:
    end = data.draw(st.integers(0, len(body) - 1))
    found = outcome(body[:end].encode())
    assert found != "accepted" or not body.startswith(("{", "["))  # half a JSON is never a signal


@given(st.sampled_from(VALID), st.data())
def test_a_body_with_bytes_changed_is_refused_or_still_makes_sense(body: str, data: st.DataObject) -> None:
    raw = bytearray(body.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 127))
    outcome(bytes(raw))


HOSTILE = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.just([]), st.just({}),
    st.sampled_from([
        "NaN", "Infinity", "-0", "1e400", "1e-400", "9" * 70, "0x10", "1_000", "١٢", "１２", "{{close}}", "null", "",
        "\x00", "￿", "buy", "sell", "exit", "flat", "long", "BTCUSDT", "BTCUSDT.P", SECRET, f"x{SECRET}y", TIME,
        "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", 10**18, -(10**18), 10**39, 0.1 + 0.2, 5e-324,
        1.7976931348623157e308, 123456789012345678.123456789012345678,
    ]),
    st.lists(st.integers(), max_size=3), st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
)  # fmt: skip


def paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something could be replaced."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(path for key, member in members for path in paths(member, (*here, key)))][0 if here else 1 :]


def replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = replaced(copy[path[0]], path[1:], value)
    return copy


@settings(max_examples=400)
@given(st.sampled_from(VALID[:-1]), st.data(), st.integers(1, 3))
def test_a_valid_body_with_hostile_values_is_refused_or_still_makes_sense(
    body: str, data: st.DataObject, many: int
) -> None:
    document = json.loads(body)
    for _ in range(many):
        document = replaced(document, data.draw(st.sampled_from(paths(document) or [()])), data.draw(HOSTILE))
    outcome(json.dumps(document).encode())


NAMES = st.sampled_from(
    ["symbol", "ticker", "action", "side", "type", "c", "t", "price", "close", "quantity", "volume", "sl", "tp",
     "sl_percent", "stop_loss", "stopLoss", "takeProfit", "order_type", "limit_price", "stop_price", "market_position",
     "id", "prev_market_position", "market_position_size", "prev_market_position_size", "sentiment",
     "quantityType", "legs",
     "signal", "signal_type", "instrument", "direction", "target_position", "weight", "fraction", "metadata", "max_lag",
     "timestamp", "time", "expires_at", "expected_alpha", "strategy", "order", "data", "bar", "extras", "venue",
     "exchange", "tv_instrument", "bot_uuid", "strategy_info", "leverage", "cancelAfter", "__proto__", "", "-",
     "secret", "é"],
)  # fmt: skip
VALUES = st.one_of(st.text(max_size=12), st.sampled_from(["BTCUSDT", "BUY", "SELL", "1", "10%", "-3d"]))
BODIES = st.recursive(
    HOSTILE,
    lambda inner: st.one_of(st.dictionaries(NAMES, inner, max_size=8), st.lists(inner, max_size=3)),
    max_leaves=25,
)


WORDS = [
    "buy",
    "sell",
    "short",
    "cover",
    "exit",
    "long",
    "add",
    "ENTRY",
    "EXIT",
    "TARGET",
    "SCALE_OUT",
    "enter_long",
    "",
]


@settings(max_examples=400)
@given(st.sampled_from(["symbol", "ticker", "instrument", "tv_instrument"]), st.sampled_from(WORDS),
       st.dictionaries(NAMES, st.one_of(HOSTILE, VALUES), max_size=5))  # fmt: skip
def test_a_plain_alert_with_anything_beside_it_is_refused_or_makes_sense(
    symbol: str, word: str, beside: dict[str, Any]
) -> None:
    outcome(json.dumps({**beside, symbol: "BTCUSDT", "action": word}).encode())


@settings(max_examples=400)
@given(BODIES)
@example({"symbol": "BTCUSDT", "action": "buy", "order": {"price": 1}, "orderprice": 2})
@example([{"signal": {"signal": {}}}])
def test_any_json_made_of_known_names_is_refused_or_makes_sense(document: Any) -> None:
    outcome(json.dumps(document).encode())


@settings(max_examples=300)
@given(st.dictionaries(NAMES, VALUES, max_size=8), st.sampled_from([";", "\n", ",", "\r\n"]))
def test_any_pairs_are_refused_or_make_sense(pairs: dict[str, str], separator: str) -> None:
    body = separator.join(f"{name}={value}" for name, value in pairs.items())
    outcome(body.encode("utf-8", "surrogatepass"), content_type="text/plain")


@given(st.integers(1, MAX_BODY_BYTES // 2), st.sampled_from(["[", '{"a":', '[{"symbol":', "{{"]))
def test_deep_nesting_is_refused(depth: int, opening: str) -> None:
    assert outcome((opening * depth)[:MAX_BODY_BYTES].encode()) != "accepted"


@given(st.sampled_from(["price", "quantity", "sl", "max_lag", "timestamp", "expected_alpha"]),
       st.from_regex(r"-?[0-9]{1,80}(\.[0-9]{1,80})?([eE][+-]?[0-9]{1,6})?", fullmatch=True))  # fmt: skip
def test_any_number_is_taken_exactly_or_refused(name: str, literal: str) -> None:
    body = f'{{"symbol": "BTCUSDT", "action": "buy", "{name}": {literal}}}'
    assert outcome(body.encode()) != "unrecognised_format"


@given(st.text(min_size=8, max_size=40).filter(lambda text: text.strip() == text and "•" not in text),
       st.text(max_size=30), st.text(max_size=30), st.booleans())  # fmt: skip
def test_redacted_text_never_holds_the_secret(secret: str, before: str, after: str, ascii_only: bool) -> None:
    secret = secret.encode("utf-8", "replace").decode()
    assert secret not in redact(before + secret + after, secret)
    escaped = json.dumps({"x": before + secret + after}, ensure_ascii=ascii_only)
    try:
        assert secret not in json.loads(redact(escaped, secret)).get("x", "")
    except ValueError:
        assert secret not in redact(escaped, secret)


@given(st.dictionaries(st.text(max_size=10), st.text(max_size=30), max_size=5), st.binary(max_size=60))
def test_random_headers_let_nobody_in(headers: dict[str, str], noise: bytes) -> None:
    with pytest.raises(Refused) as caught:
        standardise(VALID[0].replace(SECRET, "wrong").encode(), "", headers, sender(), SECRET, KRAKEN, NOW_MS)
    assert caught.value.status == 401
    with pytest.raises(Refused) as caught:
        standardise(noise, "", headers, None, "", KRAKEN, NOW_MS)
    assert caught.value.status == 404


@given(st.integers(1, 6_000), st.lists(st.integers(0, 70_000), max_size=60))
def test_a_bucket_never_lets_more_through_than_its_burst_and_rate(rate: int, waits_ms: list[int]) -> None:
    bucket: Bucket | None = None
    at_ms, granted = 0, 0
    for wait_ms in waits_ms:
        at_ms += wait_ms
        taken = take(bucket, rate, at_ms, burst=5)
        bucket, granted = taken.bucket, granted + (taken.wait_ms == 0)
        assert 0 <= bucket.units <= 5 * 60_000
    assert granted * 60_000 <= 5 * 60_000 + at_ms * rate
