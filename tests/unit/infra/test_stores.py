"""Databases, indexes, expiry and the bucket."""

from __future__ import annotations

from collections import Counter

import pytest
from fluxfloor.contracts.execution import Order
from fluxfloor.contracts.journal import JOURNAL
from fluxfloor.contracts.state import Account, Sender
from fluxfloor.topology import EXPIRES, QUERIES, STAGES

from infra.stores import collections, composite_fields

NAMES = {"edge": "edge", "mode": "paper"}


def indexes(floor):
    """(database, collection, fields in order) of every composite index."""
    return [
        (
            each["database"],
            each["collection"],
            tuple((part["fieldPath"], part.get("order") or part["arrayConfig"]) for part in each["fields"]),
        )
        for each in floor.of("Index")
    ]


def fields(floor):
    return {(each["database"], each["collection"], each["field"]): each for each in floor.of("Field")}


def kinds(field):
    return {part.get("order") or part["arrayConfig"] for part in field["indexConfig"].get("indexes", [])}


def test_a_paper_floor_has_the_edge_and_the_paper_database(paper):
    assert sorted(each["name"] for each in paper.of("firestore/database:Database")) == ["edge", "paper"]


def test_a_live_floor_has_the_edge_and_the_live_database_and_can_go_back_in_time(live):
    found = {each["name"]: each["pointInTimeRecoveryEnablement"] for each in live.of("firestore/database:Database")}
    assert found == dict.fromkeys(("edge", "live"), "POINT_IN_TIME_RECOVERY_ENABLED")


def test_no_deployment_deletes_a_database_or_a_full_bucket(either):
    for database in either.of("firestore/database:Database"):
        assert database["deleteProtectionState"] == "DELETE_PROTECTION_ENABLED"
        assert database["deletionPolicy"] == "ABANDON"
    assert either.one("blobs")["forceDestroy"] is False


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: f"{query.database}-{query.collection}-{query.order_by}")
def test_every_declared_query_has_the_index_that_production_asks_for(paper, query):
    database = NAMES[query.database]
    if query.needs_index:
        assert (database, query.collection, tuple(composite_fields(query))) in indexes(paper)
        return
    for path, kind in composite_fields(query):
        assert kind in kinds(fields(paper)[database, query.collection, path])


def test_there_is_no_index_that_no_query_needs(paper):
    wanted = {
        (NAMES[query.database], query.collection, tuple(composite_fields(query)))
        for query in QUERIES
        if query.needs_index
    }
    assert Counter(indexes(paper)) == Counter(wanted)
    for (database, collection, path), field in fields(paper).items():
        asked = {
            kind
            for query in QUERIES
            if (NAMES[query.database], query.collection) == (database, collection) and not query.needs_index
            for name, kind in composite_fields(query)
            if name == path
        }
        assert kinds(field) == asked, (database, collection, path)


def test_a_composite_index_has_equalities_before_the_order():
    (query,) = [each for each in QUERIES if each.collection == "decision_rows" and each.equals == ("portfolio_id",)]
    assert composite_fields(query) == [("portfolio_id", "ASCENDING"), ("ts_event_ms", "DESCENDING")]


def test_no_other_field_is_indexed_so_no_rising_value_holds_a_collection_back(paper):
    for role, database in NAMES.items():
        for collection in collections(role):
            assert kinds(fields(paper)[database, collection, "*"]) == set()


def test_collections_are_those_that_the_contracts_put_into_each_database():
    assert Sender.collection in collections("edge")
    assert {Order.collection, Account.collection} <= collections("mode")
    assert Sender.collection not in collections("mode")
    assert JOURNAL in collections("edge") & collections("mode")
    queried = {(query.database, query.collection) for query in QUERIES}
    assert {(role, name) for role in NAMES for name in collections(role)} >= queried


def test_what_expires_expires_in_both_databases_and_its_expiry_is_not_indexed(paper):
    expiring = {key for key, field in fields(paper).items() if "ttlConfig" in field.inputs}
    assert expiring == {(name, collection, path) for name in NAMES.values() for collection, path in EXPIRES.items()}
    for key in expiring:
        assert kinds(fields(paper)[key]) == set()


def test_blobs_are_read_or_written_by_prefix_and_each_prefix_is_written_by_one_stage():
    written = [prefix for stage in STAGES.values() for prefix in stage.blobs_written]
    read = {prefix for stage in STAGES.values() for prefix in stage.blobs_read}
    assert sorted(written) == ["candles/", "exports/", "simulations/", "trades/"]
    assert read <= set(written)
    assert not any(set(stage.blobs_read) & set(stage.blobs_written) for stage in STAGES.values())


def test_only_who_reads_for_people_signs_links():
    assert [stage.name for stage in STAGES.values() if stage.signs_links] == ["api"]


def test_what_is_written_to_the_bucket_grows_old_in_its_own_way(paper):
    rules = paper.one("blobs")["lifecycleRules"]
    aged = {prefix for rule in rules for prefix in rule["condition"].get("matchesPrefixes", [])}
    assert aged == {prefix for stage in STAGES.values() for prefix in stage.blobs_written}
    deleted = [rule["condition"] for rule in rules if rule["action"]["type"] == "Delete"]
    assert all("candles/" not in condition.get("matchesPrefixes", []) for condition in deleted)
    assert all(condition.get("matchesPrefixes") or condition.get("withState") == "ARCHIVED" for condition in deleted)
