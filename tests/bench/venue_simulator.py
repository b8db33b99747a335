"""How fast the simulated venue is: the core in-process, and the server under the real ccxt client on loopback.

PYTHONPATH=shared:. python tests/bench/venue_simulator.py
"""

from __future__ import annotations

import statistics
import threading
import time
from decimal import Decimal

from fluxfloor.contracts.orders import Side
from fluxfloor.venuesim.orders import Terms
from fluxfloor.venuesim.venue import Venue

from tests.support.venue_room import SYMBOL, VenueRoom, venue_room

CALLS = 500


def spread(taken_s: list[float]) -> str:
    ordered = sorted(taken_s)
    p99 = ordered[int(len(ordered) * 0.99)]
    return f"p50 {statistics.median(ordered) * 1e3:.3f} ms, p99 {p99 * 1e3:.3f} ms"


def timed(act: object, calls: int) -> list[float]:
    taken = []
    for number in range(calls):
        began = time.perf_counter()
        act(number)  # type: ignore[operator]
        taken.append(time.perf_counter() - began)
    return taken


def core() -> str:
    with venue_room("kraken") as room:
        venue: Venue = room.venue
        orders = [Terms(SYMBOL, side, quantity=Decimal("0.01")) for side in (Side.BUY, Side.SELL)]
        return spread(timed(lambda number: venue.place("main", orders[number % 2]), 4 * CALLS))


def one_client(name: str, lot: str) -> None:
    with venue_room(name, lot) as room:
        client = room.client
        client.load_markets()
        placed = timed(lambda n: client.create_order(SYMBOL, "market", ("buy", "sell")[n % 2], 0.001), CALLS)
        print(f"{name}: create_order {spread(placed)}; {CALLS / sum(placed):.0f} a second by one client")
        print(f"{name}: fetch_balance {spread(timed(lambda n: client.fetch_balance(), CALLS))}")
        print(f"{name}: fetch_time {spread(timed(lambda n: client.fetch_time(), CALLS))}")


def several_clients(room: VenueRoom, clients: int) -> float:
    """Requests a second of all together; ccxt's own work in Python is part of it."""
    made = [room.another("look", "look", enableRateLimit=False) for _ in range(clients)]
    for client in made:
        client.load_markets()
    threads = [threading.Thread(target=timed, args=(lambda n, it=it: it.fetch_ticker(SYMBOL), CALLS)) for it in made]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return clients * CALLS / (time.perf_counter() - began)


def main() -> None:
    print(f"core: place and match {core()}")
    one_client("kraken", "0.00000001")
    one_client("binance", "0.00001")
    with venue_room("kraken") as room:
        print(f"kraken: fetch_ticker by 4 clients together {several_clients(room, 4):.0f} a second")


if __name__ == "__main__":
    main()
