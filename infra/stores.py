"""Firestore databases with their indexes and expiry, and the bucket of blobs.

Firestore indexes every field by itself unless told not to. Here it is told not to, and each declared query gets just
the index it needs: a rising value that nothing asks for (an expiry, a time) would hold its collection to 500 writes a
second, and a document's maps would be indexed entry by entry. A query that the topology does not declare fails.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import pulumi
import pulumi_gcp as gcp
from fluxfloor.contracts import (
    books,
    capital,
    execution,
    instruments,
    policy,
    recent,
    results,
    simulations,
    state,
    views,
    weights,
)
from fluxfloor.contracts.base import Document
from fluxfloor.contracts.journal import JOURNAL, QUARANTINE
from fluxfloor.topology import EXPIRES, FLOOR_DATABASES, QUERIES, QueryShape

from infra import names
from infra.stack import Stack

ANY_FIELD = "*"
# Where documents are declared: importing them is what makes them known.
_MODULES = (books, capital, execution, instruments, policy, recent, results, simulations, state, views, weights)

Databases = dict[str, gcp.firestore.Database]


def databases(stack: Stack, ready: pulumi.ResourceOptions) -> Databases:
    """By role. The trading database is made first: the first one in a project has Firestore's free allowance."""
    made: Databases = {"mode": _database(stack, "mode", ready)}
    rest = pulumi.ResourceOptions.merge(ready, pulumi.ResourceOptions(depends_on=[made["mode"]]))
    made |= {role: _database(stack, role, rest) for role in FLOOR_DATABASES if role != "mode"}
    for role, database in made.items():
        for query in QUERIES:
            if query.database == role and query.needs_index:
                _composite_index(stack, role, database, query)
        for collection in sorted(collections(role)):
            _field_indexes(stack, role, database, collection)
    return made


def _database(stack: Stack, role: str, opts: pulumi.ResourceOptions) -> gcp.firestore.Database:
    """Never deleted by a deployment. A live floor can be read as it was at any minute of the last week."""
    name = stack.database(role)
    return gcp.firestore.Database(
        f"database-{role}",
        name=name,
        project=stack.project,
        location_id=stack.region,
        type="FIRESTORE_NATIVE",
        concurrency_mode="OPTIMISTIC",
        delete_protection_state="DELETE_PROTECTION_ENABLED",
        deletion_policy="ABANDON",
        point_in_time_recovery_enablement=f"POINT_IN_TIME_RECOVERY_{'ENABLED' if stack.live else 'DISABLED'}",
        opts=opts,
    )


def collections(role: str) -> set[str]:
    """Every collection that this database may hold: each stage keeps its journal in the database it writes to."""
    declared = {kind.collection for kind in _documents(Document) if kind.database == role}
    queried = {query.collection for query in QUERIES if query.database == role}
    return {JOURNAL, QUARANTINE} | declared | queried


def _documents(parent: type[Document]) -> Iterator[type[Document]]:
    for kind in parent.__subclasses__():
        if "collection" in vars(kind):
            yield kind
        yield from _documents(kind)


def _composite_index(stack: Stack, role: str, database: gcp.firestore.Database, query: QueryShape) -> None:
    fields = composite_fields(query)
    parts = [f"{path}-{kind.lower()[:4]}" for path, kind in fields]
    gcp.firestore.Index(
        f"index-{role}-{query.collection}-{'-'.join(parts)}",
        project=stack.project,
        database=database.name,
        collection=query.collection,
        query_scope="COLLECTION",
        fields=[
            gcp.firestore.IndexFieldArgs(field_path=path, array_config=kind)
            if kind == "CONTAINS"
            else gcp.firestore.IndexFieldArgs(field_path=path, order=kind)
            for path, kind in fields
        ],
        opts=pulumi.ResourceOptions(delete_before_replace=False),
    )


def composite_fields(query: QueryShape) -> list[tuple[str, str]]:
    """Equalities first, then what it contains, then what it is ordered by: the order in which Firestore reads it."""
    fields = [(path, "ASCENDING") for path in query.equals]
    if query.contains:
        fields.append((query.contains, "CONTAINS"))
    if query.order_by:
        fields.append((query.order_by, "DESCENDING" if query.descending else "ASCENDING"))
    return fields


def single_fields(role: str, collection: str) -> dict[str, set[str]]:
    """Fields whose own index some declared query needs, with its kinds."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for query in QUERIES:
        if query.database == role and query.collection == collection and not query.needs_index:
            for path, kind in composite_fields(query):
                wanted[path].add(kind)
    return dict(wanted)


def _field_indexes(stack: Stack, role: str, database: gcp.firestore.Database, collection: str) -> None:
    indexed = single_fields(role, collection)
    expiry = EXPIRES.get(collection)
    for path in sorted({ANY_FIELD, *indexed, *([expiry] if expiry else [])}):
        kinds = sorted(indexed.get(path, ()))
        gcp.firestore.Field(
            f"field-{role}-{collection}-{'any' if path == ANY_FIELD else path}",
            project=stack.project,
            database=database.name,
            collection=collection,
            field=path,
            index_config=gcp.firestore.FieldIndexConfigArgs(indexes=[_index(kind) for kind in kinds]),
            ttl_config=gcp.firestore.FieldTtlConfigArgs() if path == expiry else None,
        )


def _index(kind: str) -> gcp.firestore.FieldIndexConfigIndexArgs:
    if kind == "CONTAINS":
        return gcp.firestore.FieldIndexConfigIndexArgs(array_config=kind, query_scope="COLLECTION")
    return gcp.firestore.FieldIndexConfigIndexArgs(order=kind, query_scope="COLLECTION")


def bucket(stack: Stack, ready: pulumi.ResourceOptions) -> gcp.storage.Bucket:
    """One bucket; each stage has its own prefixes in it, and each prefix its own way of growing old."""
    return gcp.storage.Bucket(
        "blobs",
        name=names.bucket(stack.project),
        project=stack.project,
        location=stack.region.upper(),
        storage_class="STANDARD",
        uniform_bucket_level_access=True,
        public_access_prevention="enforced",
        force_destroy=False,
        versioning=gcp.storage.BucketVersioningArgs(enabled=True),
        lifecycle_rules=list(_lifecycle()),
        opts=ready,
    )


def _lifecycle() -> Iterator[gcp.storage.BucketLifecycleRuleArgs]:
    """Bars are kept for ever, in a colder class once nothing adds to their month; an export can be made again from the
    ledger, a simulation played again from the bars; what was overwritten or deleted can be had back for a week."""
    yield _rule("SetStorageClass", storage_class="NEARLINE", age=90, matches_prefixes=["candles/"])
    yield _rule("SetStorageClass", storage_class="COLDLINE", age=365, matches_prefixes=["candles/"])
    yield _rule("SetStorageClass", storage_class="NEARLINE", age=365, matches_prefixes=["trades/"])
    yield _rule("Delete", age=90, matches_prefixes=["exports/"])
    yield _rule("Delete", age=90, matches_prefixes=["simulations/"])
    yield _rule("Delete", days_since_noncurrent_time=7, with_state="ARCHIVED")
    yield _rule("AbortIncompleteMultipartUpload", age=7)


def _rule(action: str, storage_class: str | None = None, **condition: object) -> gcp.storage.BucketLifecycleRuleArgs:
    return gcp.storage.BucketLifecycleRuleArgs(
        action=gcp.storage.BucketLifecycleRuleActionArgs(type=action, storage_class=storage_class),
        condition=gcp.storage.BucketLifecycleRuleConditionArgs(**condition),  # type: ignore[arg-type]
    )
