"""The Store on Firestore. Every commit is one atomic batch of writes under preconditions, never a transaction:
transactions queue on their locks under contention, a batch that finds a precondition broken says so at once.

How each part of a commit is written:
    creates   update without a mask, exists=False
    updates   update without a mask (replaces the document), as of the time it was read
    verifies  a masked write of one unchanged field, as of the time it was read. It leaves the update time alone, so
              verifiers do not conflict with each other
    absents   delete, exists=False
    deletes   delete, as of the time it was read
The token of a document is its update time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from google.api_core import exceptions as google
from google.cloud.firestore import Client
from google.cloud.firestore_v1.types import firestore as _messages
from google.cloud.firestore_v1.types import query as _query
from google.cloud.firestore_v1.types import write as _write

from fluxfloor.adapters.google import faults
from fluxfloor.adapters.google.values import (
    decode_fields,
    decode_id,
    encode_fields,
    encode_id,
    encode_value,
    field_path,
)
from fluxfloor.errors import Misconfigured
from fluxfloor.ports import Commit, Data, Operator, Query, Ref, Snapshot, Store
from fluxfloor.topology import CLAIM_DAYS, EXPIRES

RawWrite: Any = _write.Write.pb()
RawCommit: Any = _messages.CommitRequest.pb()
RawBatchGet: Any = _messages.BatchGetDocumentsRequest.pb()
RawRunQuery: Any = _messages.RunQueryRequest.pb()
RawQuery: Any = _query.StructuredQuery.pb()
_AND = RawQuery.CompositeFilter.Operator.Value("AND")

DAY_S = 86_400
TIMEOUT_S = 5.0  # a webhook's sender gives up after three
_OPERATORS = {
    "==": "EQUAL", "<": "LESS_THAN", "<=": "LESS_THAN_OR_EQUAL", ">": "GREATER_THAN", ">=": "GREATER_THAN_OR_EQUAL",
    "array_contains": "ARRAY_CONTAINS",
}  # fmt: skip


class FirestoreStore(Store):
    """`client_by_database` names a client for "edge" and one for "mode" (the paper or the live database).

    Journal and quarantine documents get a time-to-live of `keep_days`, which readers do not see.
    """

    def __init__(
        self,
        client_by_database: Mapping[str, Client],
        keep_days: int = CLAIM_DAYS,
        timeout_s: float = TIMEOUT_S,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._clients = dict(client_by_database)
        self._keep_s = keep_days * DAY_S
        self._timeout_s = timeout_s
        self._now_s = now_s
        self._reading = faults.repeating(timeout_s)

    @classmethod
    def connect(
        cls, project: str, name_by_database: Mapping[str, str], now_s: Callable[[], float] = time.time
    ) -> FirestoreStore:
        """With the process's own credentials, or to FIRESTORE_EMULATOR_HOST. {"edge": "edge", "mode": "paper"}."""
        clients = {role: Client(project=project, database=name) for role, name in name_by_database.items()}
        return cls(clients, now_s=now_s)

    def read(self, refs: Sequence[Ref]) -> list[Snapshot]:
        found: dict[Ref, Snapshot] = {}
        for database in dict.fromkeys(ref.database for ref in refs):
            wanted = {self._name(ref): ref for ref in refs if ref.database == database}
            for name, data, token in self._get(database, wanted):
                ref = wanted[name]
                found[ref] = Snapshot(ref, _shown(ref.collection, data), token)
        return [found.get(ref) or Snapshot(ref, None) for ref in refs]

    def commit(self, commit: Commit) -> None:
        databases = {ref.database for ref in commit.refs()}
        if not databases:
            return
        if len(databases) > 1:
            # The emulator would take it; production never applies a batch across databases.
            raise Misconfigured(f"a commit spans the databases {sorted(databases)}")
        self._send(databases.pop(), [*self._writes(commit)], "commit")

    def patch(self, ref: Ref, fields: Data) -> None:
        write = self._masked(ref, fields)
        write.current_document.exists = True
        self._send(ref.database, [write], f"patch {ref.collection}")

    def query(self, query: Query) -> list[Snapshot]:
        client = self._client(query.database)
        request = RawRunQuery(parent=f"{client._database_string}/documents", structured_query=_structured(query))
        try:
            answers = client._firestore_api.run_query(
                request=_messages.RunQueryRequest.wrap(request),
                metadata=client._rpc_metadata,
                retry=self._reading,
                timeout=self._timeout_s,
            )
            documents = [answer.document._pb for answer in answers if answer._pb.HasField("document")]
        except google.GoogleAPIError as problem:
            raise faults.of_call(problem, f"query {query.collection}") from problem
        return [_snapshot(query, document) for document in documents]

    # --- one round each ------------------------------------------------------------------------------------------

    def _get(self, database: str, names: Iterable[str]) -> list[tuple[str, Data, Any]]:
        client = self._client(database)
        request = RawBatchGet(database=client._database_string, documents=list(names))
        try:
            answers = client._firestore_api.batch_get_documents(
                request=_messages.BatchGetDocumentsRequest.wrap(request),
                metadata=client._rpc_metadata,
                retry=self._reading,
                timeout=self._timeout_s,
            )
            found = [answer._pb.found for answer in answers if answer._pb.HasField("found")]
        except google.GoogleAPIError as problem:
            raise faults.of_call(problem, "read") from problem
        return [(document.name, decode_fields(document.fields), document.update_time) for document in found]

    def _send(self, database: str, writes: list[Any], doing: str) -> None:
        client = self._client(database)
        request = RawCommit(database=client._database_string, writes=writes)
        try:
            # Sent once: a repeat of a commit that had applied would look like a conflict with somebody else.
            client._firestore_api.commit(
                request=_messages.CommitRequest.wrap(request),
                metadata=client._rpc_metadata,
                retry=None,
                timeout=self._timeout_s,
            )
        except google.GoogleAPIError as problem:
            raise faults.of_commit(problem, doing) from problem

    def _client(self, database: str) -> Client:
        try:
            return self._clients[database]
        except KeyError:
            raise Misconfigured(f"this stage has no database {database!r}; it has {sorted(self._clients)}") from None

    def _name(self, ref: Ref) -> str:
        return f"{self._client(ref.database)._database_string}/documents/{ref.collection}/{encode_id(ref.id)}"

    # --- writes --------------------------------------------------------------------------------------------------

    def _writes(self, commit: Commit) -> Iterable[Any]:
        for ref, data in commit.creates.items():
            write = self._put(ref, data)
            write.current_document.exists = False
            yield write
        for ref, (data, token) in commit.updates.items():
            write = self._put(ref, data)
            write.current_document.update_time.CopyFrom(token)
            yield write
        for snapshot in commit.verifies.values():
            yield self._verify(snapshot)
        for ref in commit.absents:
            write = RawWrite(delete=self._name(ref))
            write.current_document.exists = False
            yield write
        for ref, token in commit.deletes.items():
            write = RawWrite(delete=self._name(ref))
            write.current_document.update_time.CopyFrom(token)
            yield write

    def _put(self, ref: Ref, data: Data) -> Any:
        """A write of the whole document, with its time-to-live where the collection has one."""
        write = self._fields(ref, data)
        if ref.collection in EXPIRES:
            write.update.fields[EXPIRES[ref.collection]].timestamp_value.seconds = int(self._now_s()) + self._keep_s
        return write

    def _fields(self, ref: Ref, data: Data) -> Any:
        write = RawWrite()
        write.update.name = self._name(ref)
        encode_fields(data, write.update.fields)
        return write

    def _masked(self, ref: Ref, data: Data) -> Any:
        """A write of these fields that leaves the others as they are."""
        write = self._fields(ref, data)
        write.update_mask.field_paths.extend(field_path(name) for name in data)
        write.update_mask.SetInParent()
        return write

    def _verify(self, snapshot: Snapshot) -> Any:
        data = snapshot.data or {}
        witness = "version" if "version" in data else next(iter(data), None)
        write = self._masked(snapshot.ref, {} if witness is None else {witness: data[witness]})
        write.current_document.update_time.CopyFrom(snapshot.token)
        return write


def _structured(query: Query) -> Any:
    raw = RawQuery()
    raw.from_.add(collection_id=query.collection)
    if query.where:
        raw.where.composite_filter.op = _AND
        raw.where.composite_filter.filters.extend(_filter(*condition) for condition in query.where)
    if query.order_by:
        direction = RawQuery.DESCENDING if query.descending else RawQuery.ASCENDING
        raw.order_by.add(direction=direction).field.field_path = field_path(query.order_by)
    raw.limit.value = query.limit
    return raw


def _filter(name: str, operator: Operator, value: Any) -> Any:
    raw = RawQuery.Filter()
    raw.field_filter.field.field_path = field_path(name)
    raw.field_filter.op = RawQuery.FieldFilter.Operator.Value(_OPERATORS[operator])
    raw.field_filter.value.CopyFrom(encode_value(value))
    return raw


def _snapshot(query: Query, document: Any) -> Snapshot:
    ref = Ref(query.collection, decode_id(document.name.rsplit("/", 1)[1]), query.database)
    return Snapshot(ref, _shown(query.collection, decode_fields(document.fields)), document.update_time)


def _shown(collection: str, data: Data) -> Data:
    if collection in EXPIRES:
        data.pop(EXPIRES[collection], None)
    return data
