"""What each venue can be relied on for. Execution reads this instead of knowing venues by name."""

from __future__ import annotations

from dataclasses import dataclass

from fluxfloor.contracts.signals import OrderType, TimeInForce


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Each field is a promise that execution builds on: where a venue's manual leaves a doubt, the row says no."""

    permanent_client_ids: bool  # a client id is refused for ever once used, so a re-send can't double
    placement_expiry_ms: int  # the venue drops a placement that reaches it later than this; 0: it has no such thing
    lookup_by_client_id: bool
    read_lag_ms: int  # how long a new order may stay invisible to look-ups
    clock_error_ms: int
    single_flight: bool  # one request at a time per key (nonces)
    client_id_length: int
    order_types: frozenset[OrderType]
    time_in_force: frozenset[TimeInForce] = frozenset({TimeInForce.GTC})
    reduce_only: bool = False  # takes the flag, and never lets such an order turn a position round
    post_only: bool = False
    shorts: bool = False  # may a balance of the base go below zero?
    sandbox: bool = False  # has a place to practise, with its own keys
    locks_balance: bool = True  # what a resting order would take is bound: two can't stand for the same coins
    requests_per_minute: int = 60  # of one key, all calls together
    reserved_for_cancels: int = 10  # of these, kept for cancels and their look-ups

    @property
    def native_stops(self) -> bool:
        return OrderType.STOP in self.order_types

    @property
    def native_trailing(self) -> bool:
        return OrderType.TRAILING_STOP in self.order_types


CAPABILITIES: dict[str, Capabilities] = {
    "paper": Capabilities(
        permanent_client_ids=True,
        placement_expiry_ms=10_000,
        lookup_by_client_id=True,
        read_lag_ms=0,
        clock_error_ms=0,
        single_flight=False,
        client_id_length=32,
        order_types=frozenset({OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT}),
        locks_balance=False,
        requests_per_minute=1_000_000,
    ),
    # US equities, read in Alpaca's OpenAPI (trading 2.0.1) and its manual at https://docs.alpaca.markets.
    "alpaca": Capabilities(
        # reference/postorder; a cancelled order's id is refused as well: github.com/alpacahq/alpaca-py/issues/260
        permanent_client_ids=True,
        placement_expiry_ms=0,  # reference/postorder has none
        lookup_by_client_id=True,  # reference/getorderbyclientorderid
        read_lag_ms=30_000,  # the manual promises nothing
        clock_error_ms=1_000,
        single_flight=False,
        client_id_length=48,  # 128 by now, 48 in older pages of the manual
        # docs/orders-at-alpaca; a sell stop becomes a market order, a buy stop a limit order 2.5 to 4 % above it
        order_types=frozenset(
            {OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP}
        ),
        time_in_force=frozenset({TimeInForce.GTC, TimeInForce.DAY, TimeInForce.IOC, TimeInForce.FOK}),
        reduce_only=False,  # `position_intent` is said to be for options
        shorts=True,  # docs/margin-and-short-selling; each instrument says whether
        sandbox=True,  # docs/paper-trading
        locks_balance=True,  # docs/orders-at-alpaca: "insufficient qty available for order"
        requests_per_minute=200,  # docs/usage-limits-api-calls
        reserved_for_cancels=20,
    ),
}
"""By venue. A venue without a row can't be traded on."""
