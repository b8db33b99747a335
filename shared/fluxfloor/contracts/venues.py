"""What each venue can be relied on for. Execution reads this instead of knowing venues by name."""

from __future__ import annotations

from dataclasses import dataclass

from fluxfloor.contracts.signals import OrderType


@dataclass(frozen=True, slots=True)
class Capabilities:
    permanent_client_ids: bool  # a client id is refused for ever once used, so a re-send can't double
    placement_expiry_ms: int  # the venue drops a placement that reaches it later than this; 0: it has no such thing
    lookup_by_client_id: bool
    read_lag_ms: int  # how long a new order may stay invisible to look-ups
    clock_error_ms: int
    single_flight: bool  # one request at a time per key (nonces)
    client_id_length: int
    order_types: frozenset[OrderType]


CAPABILITIES: dict[str, Capabilities] = {
    "paper": Capabilities(
        permanent_client_ids=True,
        placement_expiry_ms=10_000,
        lookup_by_client_id=True,
        read_lag_ms=0,
        clock_error_ms=0,
        single_flight=False,
        client_id_length=32,
        order_types=frozenset(OrderType),
    ),
}
"""By venue. A venue without a row can't be traded on."""
