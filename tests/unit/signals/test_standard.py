"""The floor's own signal: everything a signal can say, and nothing it cannot."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from fluxfloor.contracts.instruments import Kind
from fluxfloor.contracts.signals import OrderType

from tests.support.webhooks import NOW_MS, TIME, catalog, gist, instrument, refused, send, signal

WHOLE: dict[str, Any] = {
    "signal_id": "btc-7", "sender_id": "anna", "strategy_id": "momentum", "action": "ENTRY", "instrument": "BTC/USDT",
    "direction": "LONG", "quantity": "0.05", "order_type": "LIMIT", "price": "65000", "stop_loss": "63000",
    "take_profit": "70000", "expires_at": "2025-09-24T16:00:00Z", "expected_alpha": "0.012", "timestamp": TIME,
    "reference_price": 65010.5, "tag": "swing", "metadata": {"model": "v3", "scores": {"rsi": 31.5}, "bars": [1, 2]},
}  # fmt: skip
BARE: dict[str, Any] = {"instrument": "BTC/USDT", "direction": "LONG"}


def test_everything_a_signal_can_say_arrives() -> None:
    one = signal(WHOLE)
    leg = one.leg
    assert gist(one) == ("ENTRY", "LONG", "quantity 0.05")
    assert (leg.order_type, leg.limit_price, leg.stop_loss, leg.take_profit) == (OrderType.LIMIT, 65000, 63000, 70000)
    assert (one.expires_ms, one.ts_event_ms) == (NOW_MS - 2_000 + 1_800_000, NOW_MS - 2_000)
    assert (one.expected_alpha, one.reference_price) == (Decimal("0.012"), Decimal("65010.5"))
    assert (one.tag, one.strategy_id, one.format) == ("swing", "anna:momentum", "standard")
    assert one.explanation["metadata.scores.rsi"] == "31.5"
    assert one.explanation["metadata.bars"] == "[2]"
    assert one.explanation["sender_signal_id"] == "btc-7"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"action": "ENTRY"}, ("ENTRY", "LONG", "")),
        ({"action": "ENTRY", "direction": "SHORT", "weight": 0.1}, ("ENTRY", "SHORT", "weight 0.1")),
        ({"action": "ENTRY", "notional": 500}, ("ENTRY", "LONG", "notional 500")),
        ({"action": "EXIT"}, ("EXIT", "LONG", "fraction 1")),
        ({"action": "EXIT", "direction": None, "fraction": "0.5"}, ("EXIT", "FLAT", "fraction 0.5")),
        ({"action": "SCALE_OUT", "quantity": 1}, ("EXIT", "LONG", "quantity 1")),
        ({"action": "TARGET", "weight": "0.2"}, ("TARGET", "LONG", "weight 0.2")),
        ({"action": "TARGET", "direction": None, "target_position": "-0.5"}, ("TARGET", "SHORT", "quantity 0.5")),
        ({"direction": None, "target_position": 0.5}, ("TARGET", "LONG", "quantity 0.5")),
        ({"direction": None, "target_position": 0}, ("EXIT", "FLAT", "fraction 1")),
        ({"action": "TARGET", "direction": "FLAT"}, ("EXIT", "FLAT", "fraction 1")),
        ({"signal_type": "ENTRY", "direction": None, "action": "SELL"}, ("ENTRY", "SHORT", "")),
        ({"signal_type": "EXIT", "action": "SELL", "direction": "LONG"}, ("EXIT", "LONG", "fraction 1")),
        ({"signal_type": "EXIT", "action": "SELL", "direction": "SHORT"}, ("EXIT", "LONG", "fraction 1")),
        ({"signal_type": "EXIT", "action": "BUY", "direction": "SHORT"}, ("EXIT", "SHORT", "fraction 1")),
        ({"action": "SELL", "direction": "LONG"}, ("EXIT", "LONG", "fraction 1")),
        ({"action": "SELL", "direction": "SHORT"}, ("ENTRY", "SHORT", "")),
    ],
)
def test_action_side_and_direction_together_say_one_thing(change: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert gist(signal({**BARE, **change})) == expected


def test_scaling_in_adds() -> None:
    assert signal({**BARE, "action": "SCALE_IN", "quantity": 1}).adds
    assert signal({**BARE, "action": "ENTRY", "adds": True}).adds
    assert not signal({**BARE, "action": "ENTRY"}).adds


def leg(**change: Any) -> dict[str, Any]:
    return {
        "instrument": "ETH", "instrument_type": "CRYPTO", "action": "BUY", "direction": "LONG", "quantity": 0.5,
        "order_type": "MARKET", "price": 4500.00, "environment": "staging", **change,
    }  # fmt: skip


LEGGED = {"strategy_name": "SPX_1-D_Opt", "signal_type": "ENTRY", "entry_name": "$ENTRY_1", "account_equity": 500000}
ETH = catalog(instrument("ETH/USDT"))


def test_an_array_of_legged_signals_enters_and_leaves() -> None:
    entry = {**LEGGED, "signal_legs": [leg()], "wait": 10}
    leaves = {
        "strategy_name": "SPX_1-D_Opt", "signal_type": "EXIT", "entry_signal_id": "$ENTRY_1",
        "signal_legs": [leg(action="SELL", direction="SHORT")],
    }  # fmt: skip
    enters, exits = send([entry, leaves], catalogs=ETH).signals
    assert gist(enters) == ("ENTRY", "LONG", "quantity 0.5")
    assert gist(exits) == ("EXIT", "LONG", "quantity 0.5")
    assert enters.explanation["account_equity"] == 500000
    assert enters.explanation["environment"] == "staging"
    assert exits.explanation["entry_signal_id"] == "$ENTRY_1"
    assert enters.strategy_id == "anna:SPX_1-D_Opt"


PAIR = catalog(instrument("ETH/USDT"), instrument("DOGE/USDT"))


def pair(*legs: dict[str, Any], **change: Any) -> dict[str, Any]:
    return {**LEGGED, "signal_legs": [*legs], **change}


def test_a_pair_is_one_signal_with_its_legs_in_the_order_of_their_instruments() -> None:
    doge = leg(instrument="DOGE", action="SELL", direction="SHORT", quantity=9000, price=0.25)
    accepted = send(pair(leg(), doge), catalogs=PAIR)
    (one,) = accepted.signals
    assert [item.instrument_id.rpartition(":")[2] for item in one.legs] == ["DOGE/USDT", "ETH/USDT"]
    assert [str(item.direction) for item in one.legs] == ["SHORT", "LONG"]
    assert [len(told["legs"]) for told in accepted.answer()["signals"]] == [2]
    (other,) = send(pair(doge, leg()), catalogs=PAIR).signals
    assert other.legs == one.legs


def test_a_pair_is_refused_whole() -> None:
    assert refused(pair(leg(), leg(instrument="NOPE")), catalogs=PAIR).status == 422
    assert refused(pair(leg(), leg(quantity=1)), catalogs=PAIR).code == "contradiction"
    mixed = {"signal_type": None, "entry_name": None}
    enters, leaves = leg(action="BUY", direction=None), leg(instrument="DOGE", action="EXIT", direction=None)
    told = refused(pair(enters, leaves, **mixed), catalogs=PAIR)
    assert (told.code, told.field) == ("contradiction", "legs")


def test_beside_a_leg_with_a_target_one_of_nothing_is_a_target_too() -> None:
    bare = {"action": None, "quantity": None, "direction": None, "price": None}
    legs = leg(**bare, target_position=2), leg(instrument="DOGE", **bare, target_position=0)
    (one,) = send(pair(*legs, signal_type="TARGET"), catalogs=PAIR).signals
    assert (str(one.action), [str(item.direction) for item in one.legs]) == ("TARGET", ["FLAT", "LONG"])


def test_more_legs_than_can_be_decided_together_are_refused() -> None:
    told = refused(pair(*[leg()] * 9))
    assert (told.status, told.code, told.field) == (422, "too_many_legs", "legs")


def test_a_mistake_in_a_second_leg_is_found_before_the_legs_are_counted() -> None:
    told = refused({**LEGGED, "signal_legs": [leg(), leg(quantity="lots")]})
    assert (told.code, told.field) == ("not_a_number", "legs[1].quantity")


def test_an_envelope_is_opened() -> None:
    body = {
        "timestamp": TIME, "signalID": "ETH_1", "signal_sent_EPOCH": 1758727800, "strategy_name": "ETH",
        "signal": leg(signal_type="ENTRY", account="DU1", stop_loss=0, take_profit=5000), "environment": "staging",
    }  # fmt: skip
    one = signal(body, catalogs=ETH)
    assert gist(one) == ("ENTRY", "LONG", "quantity 0.5")
    assert (one.leg.stop_loss, one.leg.take_profit, one.reference_price) == (None, 5000, 4500)
    assert one.ts_event_ms == NOW_MS - 2_000


def test_a_futures_expiry_is_its_date_and_not_the_signals() -> None:
    floor = catalog(
        instrument("BTC/USD:BTC-261225", kind=Kind.FUTURE), instrument("BTC/USD:BTC-270326", kind=Kind.FUTURE)
    )
    body = {**BARE, "instrument": "BTC", "action": "ENTRY", "instrument_type": "FUTURE", "expiry": "20270326"}
    one = signal(body, catalogs=floor)
    assert (one.leg.instrument_id, one.expires_ms) == ("kraken:BTC/USD:BTC-270326", None)


def test_an_expiry_may_be_a_duration() -> None:
    assert signal({**BARE, "action": "ENTRY", "expires_in_s": 90}).expires_ms == NOW_MS + 90_000


@pytest.mark.parametrize(
    ("change", "field", "suggestion"),
    [
        ({"quantitty": 1}, "quantitty", "quantity"),
        ({"stop_lost": 1}, "stop_lost", "stop_loss"),
        ({"expected_alfa": 0.1}, "expected_alfa", "expected_alpha"),
        ({"xyzzy": 1}, "xyzzy", "metadata"),
    ],
)
def test_an_unknown_field_is_refused_with_the_nearest_known_one(
    change: dict[str, Any], field: str, suggestion: str
) -> None:
    told = refused({**BARE, "action": "ENTRY", **change})
    assert (told.status, told.code, told.field) == (422, "unknown_field", field)
    assert suggestion in told.fix


def test_an_unknown_field_in_a_leg_and_a_leg_field_outside_are_both_told_apart() -> None:
    inside = refused({**LEGGED, "signal_legs": [leg(quantitty=2)]})
    outside = refused({**LEGGED, "quantity": 2, "signal_legs": [leg()]})
    assert inside.field == "legs[0].quantitty"
    assert "Put it into the leg" in outside.fix


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"action": "ENTRY", "sender_id": "bert"}, "sender_mismatch", "sender_id"),
        ({"signal_type": "DANCE"}, "invalid_field", "signal_type"),
        ({"action": None}, "missing_field", "action"),
        ({"instrument": None, "action": "ENTRY", "direction": "LONG"}, "missing_field", "instrument"),
        ({"action": "ENTRY", "direction": None}, "missing_field", "direction"),
        ({"action": "ENTRY", "direction": "FLAT"}, "missing_field", "direction"),
        ({"signal_type": "ENTRY", "action": "SELL"}, "contradiction", "direction"),
        ({"action": "TARGET", "direction": None}, "missing_field", "target_position"),
        ({"action": "TARGET", "direction": "SHORT", "target_position": 1}, "contradiction", "target_position"),
        ({"action": "ENTRY", "target_position": 1}, "contradiction", "target_position"),
        ({"action": "ENTRY", "quantity": 1, "weight": 0.1}, "contradiction", "weight"),
        ({"action": "ENTRY", "fraction": 0.5}, "contradiction", "fraction"),
        ({"action": "EXIT", "weight": 0.5}, "contradiction", "weight"),
        ({"action": "EXIT", "fraction": 1.5}, "invalid_field", "fraction"),
        ({"action": "ENTRY", "quantity": 0}, "invalid_field", "quantity"),
        ({"action": "SCALE_OUT"}, "missing_field", "quantity"),
        ({"action": "ENTRY", "order_type": "LIMIT"}, "missing_field", "limitprice"),
        ({"action": "ENTRY", "instrument_type": "OPTION"}, "unsupported_kind", "instrument_type"),
        ({"action": "ENTRY", "instrument_type": "BOND"}, "unsupported_kind", "instrument_type"),
        ({"action": "ENTRY", "strike": 5}, "unsupported_kind", "strike"),
        ({"action": "ENTRY", "venue": "binance"}, "unknown_venue", "instrument"),
        ({"action": "ENTRY", "expires_at": "2025-09-24T15:00:00Z"}, "expired", "timestamp"),
        ({"action": "ENTRY", "timestamp": "2025-09-24T15:40:00Z"}, "from_the_future", "timestamp"),
        ({"action": "ENTRY", "legs": []}, "invalid_field", "legs"),
        ({"action": "ENTRY", "legs": [1]}, "invalid_field", "legs"),
        ({"action": "ENTRY", "expected_alpha": 12}, "invalid_field", "expected_alpha"),
    ],
)
def test_what_contradicts_itself_or_cannot_be_done_is_refused(change: dict[str, Any], code: str, field: str) -> None:
    told = refused({**BARE, **change})
    assert (told.status, told.code, told.field) == (422, code, field)
    assert told.fix
