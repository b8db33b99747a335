"""Decisions made at once on one book, through the real stage, on every store: as good as one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import pytest
from fluxfloor.cerebro import book as books
from fluxfloor.contracts.decisions import Verdict
from fluxfloor.contracts.orders import OrderIntent
from fluxfloor.contracts.policy import Policy
from fluxfloor.contracts.signals import Signal
from fluxfloor.contracts.state import EntryWindow
from fluxfloor.ports import Store
from fluxfloor.runtime.runner import Outcome

from tests.support.cerebro_room import CerebroRoom
from tests.support.desk import AT_MS, BTC, ETH, PERP, RULES, d, policy, quote, signal

THREADS, SIGNALS = 6, 18
MARKETS = {BTC.instrument_id: 50_000, ETH.instrument_id: 3_000, PERP.instrument_id: 50_000}
Open = Callable[[Policy], CerebroRoom]


@pytest.fixture
def opened(store: Store, tmp_path: Path) -> Iterator[Open]:
    rooms: list[CerebroRoom] = []

    def open_room(under: Policy) -> CerebroRoom:
        rooms.append(CerebroRoom(tmp_path / "room", under=under, store=store))
        return rooms[-1]

    yield open_room
    for room in rooms:
        room.close()


def drawn(random: Random, windowed: bool) -> tuple[Policy, list[Signal]]:
    """Limits and wishes of a seed: more is wanted than any of them allows."""
    share = lambda low, high: str(round(random.uniform(low, high), 3))  # noqa: E731
    under = policy(
        max_open_positions=random.randint(2, 8), position_cap=share(0.05, 0.5), exposure_cap=share(0.1, 0.7),
        risk_per_trade=share(0.001, 0.05), margin_cap=share(0.3, 1), joint_window_takes="all" if windowed else "bars",
    )  # fmt: skip
    return under, [wish(random, number) for number in range(SIGNALS)]


def wish(random: Random, number: int) -> Signal:
    rules = random.choice((BTC, ETH, PERP))
    price = MARKETS[rules.instrument_id]
    return signal(
        rules=rules, name=f"s{number}", strategy_id=f"strategy-{random.randrange(8)}", adds=random.random() < 0.3,
        stop_loss=d(round(price * random.uniform(0.9, 0.995), 1)), expected_alpha=d("0.5"), reference_price=d(price),
    )  # fmt: skip


def at_once(room: CerebroRoom, wishes: Sequence[Signal]) -> None:
    def bring(item: Signal) -> None:
        price = MARKETS[item.leg.instrument_id]
        seen = quote(price - 1, price + 1, rules=RULES[item.leg.instrument_id], at_ms=AT_MS)
        while room.score(item, at=seen) is Outcome.NACK:
            pass

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(bring, wishes))


def no_limit_is_breached(room: CerebroRoom, under: Policy) -> None:
    on, limits = room.book, under.limits
    assert books.exposure(on, RULES) <= limits.exposure_cap * on.equity
    for name in MARKETS:
        assert books.exposure(on, RULES, only=name) <= limits.position_cap * on.equity
    assert len(books.open_slots(on)) <= limits.max_open_positions
    assert books.reserved(on, RULES).margin <= limits.margin_cap * on.equity
    assert set(on.reservations) == {order.intent_id for order in room.orders()}


@pytest.mark.parametrize("seed", range(3))
def test_no_decision_at_once_breaches_a_limit_and_each_has_a_book_of_its_own(opened: Open, seed: int) -> None:
    under, wishes = drawn(Random(seed), windowed=False)
    room = opened(under)
    at_once(room, wishes)
    accepted = [made for made in room.decisions() if made.verdict is Verdict.ACCEPTED]
    assert len(room.decisions()) == SIGNALS
    assert accepted
    versions = [made.book_version for made in accepted]
    assert len(set(versions)) == len(versions), "two stood on one version of the book"
    assert room.book.version == 1 + len(accepted)
    no_limit_is_breached(room, under)


@pytest.mark.parametrize("seed", range(2))
def test_entries_that_join_a_window_at_once_are_all_decided_in_its_own_order(
    opened: Open, tmp_path: Path, seed: int
) -> None:
    """Whoever's thread was faster: the orders are those of the same entries brought one by one, backwards."""
    under, wishes = drawn(Random(seed), windowed=True)
    room = opened(under)
    at_once(room, wishes)
    close(room)
    alone = CerebroRoom(tmp_path / "alone", under=under)
    for item in reversed(wishes):
        price = MARKETS[item.leg.instrument_id]
        alone.score(item, at=quote(price - 1, price + 1, rules=RULES[item.leg.instrument_id], at_ms=AT_MS))
    close(alone)
    assert [_order(order) for order in room.orders()] == [_order(order) for order in alone.orders()]
    assert len(room.decisions()) == SIGNALS
    no_limit_is_breached(room, under)
    alone.close()


def close(room: CerebroRoom) -> None:
    room.floor.drain(until_ms=AT_MS + 10_000)
    assert room.read(EntryWindow.key("main")) is None


def _order(intent: OrderIntent) -> tuple[Any, ...]:
    return intent.signal_id, intent.side, intent.lots, intent.stop_loss_ticks
