"""What each venue can be relied on for. Execution reads this instead of knowing venues by name."""

from __future__ import annotations

from collections.abc import Iterator
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
    burst: int = 0  # how many of them may come at once; 0: a minute's
    orders_per_minute: int = 0  # placements and cancels, where the venue counts them apart; 0: among all calls

    @property
    def native_stops(self) -> bool:
        return OrderType.STOP in self.order_types

    @property
    def native_trailing(self) -> bool:
        return OrderType.TRAILING_STOP in self.order_types


MAX_CLOCK_OFFSET_MS = 3_000
"""A venue's clock may be so far from ours before a person should look. Placements are stamped with the venue's."""

_PLAIN = frozenset({OrderType.MARKET, OrderType.LIMIT})
_FORCES = frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK})

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
        requests_per_minute=140,  # docs/usage-limits-api-calls: 200 in a minute, with those that may come at once
        reserved_for_cancels=20,
        burst=60,
    ),
    # docs.kraken.com/api/docs/…
    "kraken": Capabilities(
        permanent_client_ids=False,  # rest-api/add-order, cl_ord_id: unique among open orders
        placement_expiry_ms=10_000,  # rest-api/add-order, deadline: 2 to 60 s ahead
        lookup_by_client_id=True,  # rest-api/get-open-orders, rest-api/get-closed-orders: cl_ord_id
        read_lag_ms=40_000,  # no page promises any; 30 to 40 s were seen (github.com/ccxt/ccxt/issues/1786)
        clock_error_ms=1_500,  # rest-api/get-server-time tells whole seconds
        single_flight=True,  # guides/spot-rest-auth: nonces rise
        client_id_length=32,  # rest-api/add-order, cl_ord_id: 32 hex digits are a "short UUID"
        order_types=_PLAIN
        | {OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT, OrderType.TRAILING_STOP},  # rest-api/add-order
        time_in_force=_FORCES,  # rest-api/add-order, timeinforce
        reduce_only=False,  # guides/spot-errors, "Reduce only": of margin positions; a spot sale is refused with it
        post_only=True,  # rest-api/add-order, oflags
        sandbox=False,  # spot has none
        locks_balance=True,  # no page says that a waiting stop binds nothing
        requests_per_minute=20,  # guides/spot-rest-ratelimits: the lowest tier, 0.33/s after a burst of 15
        reserved_for_cancels=6,
        burst=15,
        orders_per_minute=60,  # guides/spot-ratelimits: the lowest tier, 1/s for each pair
    ),
    # developers.binance.com/docs/binance-spot-api-docs/…
    "binance": Capabilities(
        permanent_client_ids=False,  # rest-api/trading-endpoints, newClientOrderId: unique among open orders
        placement_expiry_ms=10_000,  # rest-api/request-security, recvWindow: 60 s at most
        lookup_by_client_id=True,  # rest-api/account-endpoints, GET order: origClientOrderId
        read_lag_ms=10_000,  # rest-api/general-api-information, "Data sources": memory and database may differ
        clock_error_ms=1_500,  # rest-api/request-security: a timestamp up to 1 s ahead is taken
        single_flight=False,
        client_id_length=32,  # rest-api/trading-endpoints: up to 36 of [a-zA-Z0-9-_]
        order_types=_PLAIN
        | {OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT},  # …, type; a trail is a share there: left out
        time_in_force=_FORCES,  # enums, timeInForce
        post_only=True,  # enums: LIMIT_MAKER
        sandbox=True,  # testnet/general-info
        requests_per_minute=240,  # rest-api/limits: 6,000 of weight, of which a listing takes up to 20
        orders_per_minute=240,  # rest-api/limits, ORDERS: 50 in 10 s
    ),
    # docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/…
    "coinbase": Capabilities(
        permanent_client_ids=True,  # orders/create-order, client_order_id: used before, it creates no order
        placement_expiry_ms=0,  # orders/create-order has none
        lookup_by_client_id=False,  # orders/list-orders filters by much, not by this: all since then are looked through
        read_lag_ms=40_000,  # no page promises any
        clock_error_ms=1_500,
        single_flight=False,
        client_id_length=32,  # orders/create-order; sent as a UUID
        order_types=_PLAIN | {OrderType.STOP_LIMIT},  # orders/create-order, order_configuration
        time_in_force=_FORCES,  # the same
        post_only=True,  # the same
        sandbox=False,  # coinbase-app/advanced-trade-apis/sandbox: its answers are fixed
        requests_per_minute=600,  # coinbase-app/advanced-trade-apis/rate-limits: 30/s
    ),
    # bybit-exchange.github.io/docs/v5/…
    "bybit": Capabilities(
        permanent_client_ids=False,  # order/create-order, orderLinkId: nothing is said of ended orders
        placement_expiry_ms=10_000,  # guide, recv_window
        lookup_by_client_id=True,  # order/open-order, order/order-list: orderLinkId
        read_lag_ms=20_000,  # order/create-order: an answer comes before the order is worked on
        clock_error_ms=1_500,  # guide: a timestamp up to 1 s ahead is taken
        single_flight=False,
        client_id_length=32,  # order/create-order, orderLinkId: up to 36
        order_types=_PLAIN,  # order/create-order; nothing is said of a spot trigger order's id once it is triggered
        time_in_force=_FORCES,  # enum, timeInForce
        post_only=True,  # enum, timeInForce
        sandbox=True,  # guide: api-testnet
        requests_per_minute=600,  # rate-limit: 10/s and more for each endpoint
    ),
    # www.okx.com/docs-v5/en/…
    "okx": Capabilities(
        permanent_client_ids=False,  # #order-book-trading-trade-post-place-order, clOrdId: free again after its end
        placement_expiry_ms=10_000,  # #overview-general-info, expTime
        lookup_by_client_id=True,  # #order-book-trading-trade-get-order-details: clOrdId
        read_lag_ms=20_000,  # no page promises any
        clock_error_ms=1_500,
        single_flight=False,
        client_id_length=32,  # #order-book-trading-trade-post-place-order, clOrdId
        order_types=_PLAIN,  # triggered ones are algo orders, which take no expTime
        time_in_force=_FORCES,  # #order-book-trading-trade-post-place-order, ordType
        post_only=True,  # the same
        sandbox=True,  # #overview-demo-trading-services
        requests_per_minute=600,  # #overview-rate-limits: 60 in 2 s for most endpoints
    ),
}
"""By venue. A venue without a row can't be traded on. Each field names the page of the manual that promises it."""


def table() -> Iterator[tuple[str, ...]]:
    """The rows as words, the head first: what the README shows and `fluxfloor venues` prints."""
    yield (
        "venue", "drops late placements", "ids for ever", "look-up by id", "seen after", "stops", "trailing",
        "time in force", "post-only", "sandbox", "requests a minute",
    )  # fmt: skip
    for venue, able in CAPABILITIES.items():
        yield (
            venue,
            f"after {able.placement_expiry_ms // 1000} s" if able.placement_expiry_ms else "no",
            _said(able.permanent_client_ids),
            _said(able.lookup_by_client_id),
            f"{able.read_lag_ms // 1000} s",
            _said(able.native_stops),
            _said(able.native_trailing),
            " ".join(sorted(able.time_in_force)),
            _said(able.post_only),
            _said(able.sandbox),
            f"{able.requests_per_minute:,}",
        )


def _said(promise: bool) -> str:
    return "yes" if promise else "no"
