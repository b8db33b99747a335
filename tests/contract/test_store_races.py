"""What every Store does when many threads want the same documents."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fluxfloor.errors import Conflict
from fluxfloor.ports import Commit, Ref, Snapshot, Store

THREADS = 8


def together(work: Callable[[int], Any]) -> list[Any]:
    """Every thread's result; all of them start at once."""
    gate = threading.Barrier(THREADS)

    def run(number: int) -> Any:
        gate.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(run, range(THREADS)))


def committed(store: Store, commit: Commit) -> bool:
    try:
        store.commit(commit)
    except Conflict:
        return False
    return True


def test_of_many_that_create_one_document_one_wins(store: Store) -> None:
    for round_number in range(10):
        claim = Ref("journal", f"claim-{round_number}")
        won = together(lambda number, claim=claim: committed(store, Commit(creates={claim: {"by": number}})))
        (found,) = store.read([claim])
        assert won.count(True) == 1
        assert found.data == {"by": won.index(True)}


def test_no_decision_on_one_book_is_lost(store: Store) -> None:
    book, decisions = Ref("risk_books", "main"), 25
    store.commit(Commit(creates={book: {"version": 0, "by": {}}}))

    def decide(number: int) -> None:
        for decision in range(decisions):
            while not committed(store, _booked(store.read([book])[0], number, decision)):
                pass

    together(decide)
    (found,) = store.read([book])
    assert found.data == {"version": THREADS * decisions, "by": {str(number): decisions for number in range(THREADS)}}
    claims = store.read([Ref("journal", f"{n}:{d}") for n in range(THREADS) for d in range(decisions)])
    assert all(claim.data is not None for claim in claims)


def _booked(seen: Snapshot, number: int, decision: int) -> Commit:
    data = seen.data or {}
    by = {**data["by"], str(number): data["by"].get(str(number), 0) + 1}
    return Commit(
        creates={Ref("journal", f"{number}:{decision}"): {"version": data["version"]}},
        updates={seen.ref: ({"version": data["version"] + 1, "by": by}, seen.token)},
    )


def test_racing_write_skew_never_lets_both_through(store: Store) -> None:
    """Each thread pair reads both documents at 0 and raises its own; the invariant is that only one is ever raised."""
    for round_number in range(10):
        pair = [Ref("skew", f"{round_number}-{side}") for side in "ab"]
        store.commit(Commit(creates={ref: {"version": 0} for ref in pair}))
        seen = store.read(pair)

        def raise_own(number: int, seen: list[Snapshot] = seen) -> bool:
            mine, other = seen[number % 2], seen[1 - number % 2]
            return committed(
                store, Commit(updates={mine.ref: ({"version": 1}, mine.token)}, verifies={other.ref: other})
            )

        assert together(raise_own).count(True) == 1
        assert sorted((found.data or {})["version"] for found in store.read(pair)) == [0, 1]


def test_a_halt_that_appears_stops_every_entry_after_it(store: Store) -> None:
    book, halt = Ref("risk_books", "main"), Ref("halts", "main")
    store.commit(Commit(creates={book: {"version": 0}}))

    def enter(number: int) -> list[bool]:
        if number == 0:
            store.commit(Commit(creates={halt: {"reason": "a person stopped it"}}))
        return [_enter(store, book, halt) for _ in range(10)]

    entered = together(enter)
    before = store.read([book])[0]
    assert not any(entered[0])  # the thread that halted knows that it had
    assert not _enter(store, book, halt)
    assert store.read([book])[0] == before


def _enter(store: Store, book: Ref, halt: Ref) -> bool:
    (seen,) = store.read([book])
    version = (seen.data or {})["version"]
    return committed(store, Commit(updates={book: ({"version": version + 1}, seen.token)}, absents={halt}))
