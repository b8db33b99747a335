"""What every Store does, on every backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fluxfloor.errors import CommitUnknown, Conflict, Misconfigured, RetryLater
from fluxfloor.ports import Commit, Query, Ref, Snapshot, Store

BOOK = Ref("risk_books", "main")
POLICY = Ref("policies", "main")
HALT = Ref("halts", "main")
EVERYTHING: dict[str, Any] = {
    "version": 1, "text": "čau 🌊", "empty": "", "none": None, "true": True, "false": False, "zero": 0, "negative": -7,
    "largest": 2**63 - 1, "smallest": -(2**63), "float": 0.1, "tiny": 5e-324, "list": [1, "a", None, [], {}],
    "map": {"a": {"b": [{"c": 1}]}}, "emptymap": {}, "emptylist": [],
}  # fmt: skip
ODD_NAMES = ("trend|kraken:BTC/USDT", "a.b", "back`tick", "back\\slash", "", "%int", "__x__", "%:a", "čárka", "0", " ")


def create(store: Store, ref: Ref, **data: Any) -> Snapshot:
    store.commit(Commit(creates={ref: data}))
    return read(store, ref)


def read(store: Store, ref: Ref) -> Snapshot:
    (snapshot,) = store.read([ref])
    return snapshot


def test_what_was_never_written_reads_as_nothing(store: Store) -> None:
    assert read(store, BOOK) == Snapshot(BOOK, None, None)


def test_documents_come_back_in_the_order_asked_and_as_often(store: Store) -> None:
    create(store, BOOK, version=1)
    create(store, Ref("senders", "me", "edge"), version=9)
    refs = [POLICY, BOOK, Ref("senders", "me", "edge"), BOOK]
    assert [(found.ref, found.data) for found in store.read(refs)] == [
        (POLICY, None), (BOOK, {"version": 1}), (refs[2], {"version": 9}), (BOOK, {"version": 1}),
    ]  # fmt: skip


def test_every_json_value_round_trips(store: Store) -> None:
    assert create(store, BOOK, **EVERYTHING).data == EVERYTHING


def test_types_survive_where_python_calls_values_equal(store: Store) -> None:
    data = create(store, BOOK, one=1, yes=True, float=1.0).data or {}
    assert {name: type(value) for name, value in data.items()} == {"one": int, "yes": bool, "float": float}


def test_odd_field_names_round_trip(store: Store) -> None:
    data = {name: {name: [{name: 1}]} for name in ODD_NAMES}
    assert create(store, BOOK, **data).data == data


@pytest.mark.parametrize("id", ["kraken:BTC/USDT|15m", "100%", "a%2Fb", ".", "..", "__x__", "čau 🌊", "a b"])
def test_odd_ids_round_trip(store: Store, id: str) -> None:
    ref = Ref("candle_windows", id)
    create(store, ref, version=1)
    assert read(store, ref).data == {"version": 1}
    assert [found.ref for found in store.query(Query("candle_windows"))] == [ref]


def test_an_empty_commit_does_nothing(store: Store) -> None:
    store.commit(Commit())


def test_creating_what_exists_is_a_conflict(store: Store) -> None:
    create(store, BOOK, version=1)
    with pytest.raises(Conflict):
        create(store, BOOK, version=2)
    assert read(store, BOOK).data == {"version": 1}


def test_an_update_replaces_the_document(store: Store) -> None:
    seen = create(store, BOOK, version=1, old={"a": 1}, positions={"x": 1, "y": 2})
    store.commit(Commit(updates={BOOK: ({"version": 2, "positions": {"y": 3}}, seen.token)}))
    assert read(store, BOOK).data == {"version": 2, "positions": {"y": 3}}


def test_an_update_of_what_changed_is_a_conflict(store: Store) -> None:
    seen = create(store, BOOK, version=1)
    store.commit(Commit(updates={BOOK: ({"version": 2}, seen.token)}))
    with pytest.raises(Conflict):
        store.commit(Commit(updates={BOOK: ({"version": 3}, seen.token)}))
    assert read(store, BOOK).data == {"version": 2}


def test_a_deleted_document_is_gone(store: Store) -> None:
    seen = create(store, HALT, reason="test")
    store.commit(Commit(deletes={HALT: seen.token}))
    assert read(store, HALT).data is None


@pytest.mark.parametrize("part", ["updates", "verifies", "deletes"])
def test_what_was_deleted_meanwhile_is_a_conflict(store: Store, part: str) -> None:
    seen = create(store, BOOK, version=1)
    store.commit(Commit(deletes={BOOK: seen.token}))
    with pytest.raises(Conflict):
        store.commit(_touching(part, seen))


@pytest.mark.parametrize("part", ["updates", "verifies", "deletes"])
def test_what_was_deleted_and_made_again_alike_is_a_conflict(store: Store, part: str) -> None:
    seen = create(store, BOOK, version=1)
    store.commit(Commit(deletes={BOOK: seen.token}))
    create(store, BOOK, version=1)
    with pytest.raises(Conflict):
        store.commit(_touching(part, seen))


def _touching(part: str, seen: Snapshot) -> Commit:
    what: dict[str, Any] = {"updates": ({"version": 2}, seen.token), "verifies": seen, "deletes": seen.token}
    return Commit(**{part: {seen.ref: what[part]}})


def test_a_refused_commit_changes_nothing(store: Store) -> None:
    book, policy = create(store, BOOK, version=1), create(store, POLICY, version=1)
    store.commit(Commit(updates={POLICY: ({"version": 2}, policy.token)}))
    with pytest.raises(Conflict):
        store.commit(
            Commit(
                creates={Ref("journal", "claim"): {"a": 1}},
                updates={BOOK: ({"version": 2}, book.token)},
                verifies={POLICY: policy},
            )
        )
    assert read(store, BOOK) == book
    assert read(store, Ref("journal", "claim")).data is None


def test_a_commit_refuses_a_document_that_appeared(store: Store) -> None:
    book = create(store, BOOK, version=1)
    create(store, HALT, reason="somebody stopped it")
    with pytest.raises(Conflict):
        store.commit(Commit(updates={BOOK: ({"version": 2}, book.token)}, absents={HALT}))
    assert read(store, BOOK).data == {"version": 1}


def test_absence_holds_while_nothing_appears(store: Store) -> None:
    book = create(store, BOOK, version=1)
    store.commit(Commit(updates={BOOK: ({"version": 2}, book.token)}, absents={HALT}))
    assert read(store, BOOK).data == {"version": 2}
    assert read(store, HALT).data is None


@pytest.mark.parametrize("data", [{"version": 3, "rows": [1]}, {"rows": [1], "a": 1}, {"odd|name.": {"a": None}}, {}])
def test_verifying_leaves_a_document_as_it_was(store: Store, data: dict[str, Any]) -> None:
    seen = create(store, POLICY, **data)
    store.commit(Commit(creates={Ref("journal", "a"): {}}, verifies={POLICY: seen}))
    assert read(store, POLICY) == seen


def test_a_verifier_does_not_conflict_with_another_verifier(store: Store) -> None:
    seen = create(store, POLICY, version=1)
    for claim in ("first", "second"):
        store.commit(Commit(creates={Ref("journal", claim): {}}, verifies={POLICY: seen}))


def test_write_skew_is_refused(store: Store) -> None:
    """Two decisions read both documents, and each writes the other one: only one may stand."""
    left, right = create(store, Ref("c", "left"), version=1), create(store, Ref("c", "right"), version=1)
    store.commit(Commit(updates={left.ref: ({"version": 2}, left.token)}, verifies={right.ref: right}))
    with pytest.raises(Conflict):
        store.commit(Commit(updates={right.ref: ({"version": 2}, right.token)}, verifies={left.ref: left}))


def test_a_commit_across_databases_is_refused(store: Store) -> None:
    with pytest.raises(Misconfigured):
        store.commit(Commit(creates={Ref("a", "1", "edge"): {}, Ref("a", "1", "mode"): {}}))
    assert [found.data for found in store.read([Ref("a", "1", "edge"), Ref("a", "1", "mode")])] == [None, None]


def test_databases_hold_their_documents_apart(store: Store) -> None:
    create(store, Ref("journal", "same", "edge"), at=1)
    assert read(store, Ref("journal", "same", "mode")).data is None


def test_a_lost_answer_is_unknown_and_the_claim_tells(store: Store, losing_answers: Callable[[], Store]) -> None:
    claim = Ref("journal", "cerebro:1")
    lossy = losing_answers()
    with pytest.raises(CommitUnknown):
        lossy.commit(Commit(creates={claim: {"stage": "cerebro"}}))
    assert read(store, claim).data == {"stage": "cerebro"}


# --- patch ----------------------------------------------------------------------------------------------------------


def test_a_patch_sets_its_fields_and_leaves_the_rest(store: Store) -> None:
    create(store, BOOK, version=1, pending="cerebro", kept={"a": 1, "b": 2}, map={"a": 1})
    store.patch(BOOK, {"pending": "", "map": {"b": 2}, "odd|name": [1]})
    assert read(store, BOOK).data == {
        "version": 1, "pending": "", "kept": {"a": 1, "b": 2}, "map": {"b": 2}, "odd|name": [1],
    }  # fmt: skip


def test_a_patch_of_nothing_makes_nothing(store: Store) -> None:
    with pytest.raises(RetryLater):
        store.patch(BOOK, {"pending": ""})
    assert read(store, BOOK).data is None


def test_a_patch_is_a_change_to_whoever_read_before(store: Store) -> None:
    seen = create(store, BOOK, version=1, pending="x")
    store.patch(BOOK, {"pending": ""})
    with pytest.raises(Conflict):
        store.commit(Commit(updates={BOOK: ({"version": 2}, seen.token)}))


# --- query ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def rows(store: Store) -> Store:
    """Five decision rows, written out of order, and one of another collection."""
    for number in (3, 1, 5, 2, 4):
        portfolio, subjects = ("odd" if number % 2 else "even"), [f"s{number}", f"s{number + 1}"]
        create(
            store, Ref("rows", f"r{number}"), portfolio_id=portfolio, ts=number, open=number > 3, subjects=subjects,
            pending="",
        )  # fmt: skip
    create(store, Ref("others", "r9"), portfolio_id="odd", ts=9, open=True, subjects=["s1"], pending="")
    return store


def ids(store: Store, query: Query) -> list[str]:
    return [found.ref.id for found in store.query(query)]


def test_a_query_without_conditions_finds_its_collection(rows: Store) -> None:
    assert sorted(ids(rows, Query("rows"))) == ["r1", "r2", "r3", "r4", "r5"]


def test_a_query_finds_by_equality(rows: Store) -> None:
    assert sorted(ids(rows, Query("rows", (("portfolio_id", "==", "odd"),)))) == ["r1", "r3", "r5"]
    assert sorted(ids(rows, Query("rows", (("open", "==", True),)))) == ["r4", "r5"]
    assert sorted(ids(rows, Query("rows", (("portfolio_id", "==", "odd"), ("open", "==", False))))) == ["r1", "r3"]
    assert ids(rows, Query("rows", (("pending", "==", "cerebro"),))) == []


def test_a_query_finds_by_membership(rows: Store) -> None:
    assert sorted(ids(rows, Query("rows", (("subjects", "array_contains", "s2"),)))) == ["r1", "r2"]


@pytest.mark.parametrize(
    ("operator", "found"),
    [("<", ["r1", "r2"]), ("<=", ["r1", "r2", "r3"]), (">", ["r4", "r5"]), (">=", ["r3", "r4", "r5"])],
)
def test_a_query_finds_by_range(rows: Store, operator: Any, found: list[str]) -> None:
    assert ids(rows, Query("rows", (("ts", operator, 3),), order_by="ts")) == found


def test_a_query_orders_and_limits(rows: Store) -> None:
    assert ids(rows, Query("rows", order_by="ts", limit=2)) == ["r1", "r2"]
    assert ids(rows, Query("rows", order_by="ts", descending=True, limit=3)) == ["r5", "r4", "r3"]
    odd = (("portfolio_id", "==", "odd"),)
    assert ids(rows, Query("rows", odd, order_by="ts", descending=True, limit=2)) == ["r5", "r3"]


def test_a_query_that_orders_passes_over_what_lacks_the_field(rows: Store) -> None:
    create(rows, Ref("rows", "r0"), portfolio_id="odd")
    assert "r0" in ids(rows, Query("rows"))
    assert ids(rows, Query("rows", order_by="ts")) == ["r1", "r2", "r3", "r4", "r5"]


def test_a_query_answers_with_what_a_read_would(rows: Store) -> None:
    (found,) = rows.query(Query("rows", (("ts", "==", 4),)))
    assert found == read(rows, Ref("rows", "r4"))


def test_a_query_sees_one_database(rows: Store) -> None:
    assert ids(rows, Query("rows", database="edge")) == []
