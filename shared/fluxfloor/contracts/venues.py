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
}
"""By venue. A venue without a row can't be traded on."""
