"""One handler call's unit of work: what it read, what it wants written, and the facts it states.

A handler reads by id, decides, writes and emits. Nothing leaves before the commit, and the commit carries a
precondition for everything that was read: unchanged if it was there, still absent if it was not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar, overload

from fluxfloor.contracts.base import Document, Event, Key
from fluxfloor.contracts.facts import Fact, child_trace
from fluxfloor.contracts.ids import digest
from fluxfloor.contracts.journal import JOURNAL, Step, Timer, claim_id
from fluxfloor.errors import InvariantBroken
from fluxfloor.ports import Commit, Data, Ref, Snapshot, Store
from fluxfloor.runtime.references import References, ref_of
from fluxfloor.runtime.settings import Settings

A = TypeVar("A", bound=Document)
B = TypeVar("B", bound=Document)
C = TypeVar("C", bound=Document)
D = TypeVar("D", bound=Document)

ANYBODY = "*"  # owner of what every stage may create
PEOPLE = "api"  # the stage they act through: what anybody may create, only a person removes
MAX_FACTS = 200  # a Firestore batch takes 500 writes, a document 1 MiB; a step that states more is a mistake


class Work:
    """Lives for one attempt at one step. Not shared between threads."""

    def __init__(
        self, stage: str, fact: Fact, store: Store, now_ms: int, references: References, settings: Settings
    ) -> None:
        self.stage = stage
        self.fact = fact
        self.now_ms = now_ms
        self.settings = settings
        self._store = store
        self._references = references
        self._read: dict[Ref, Snapshot] = {}
        self._seen: dict[str, Data] = {}
        self._writes: dict[Ref, Data] = {}
        self._creates: dict[Ref, Data] = {}
        self._deletes: set[Ref] = set()
        self._facts: list[Fact] = []
        self._timers: list[Timer] = []
        self._answer: Data | None = None
        self._evidence: Data | None = None

    # --- reading -------------------------------------------------------------------------------------------------

    @overload
    def read(self, a: Key[A], /) -> tuple[A | None]: ...
    @overload
    def read(self, a: Key[A], b: Key[B], /) -> tuple[A | None, B | None]: ...
    @overload
    def read(self, a: Key[A], b: Key[B], c: Key[C], /) -> tuple[A | None, B | None, C | None]: ...
    @overload
    def read(self, a: Key[A], b: Key[B], c: Key[C], d: Key[D], /) -> tuple[A | None, B | None, C | None, D | None]: ...
    def read(self, *keys: Key[Any]) -> tuple[Any, ...]:
        """The documents, None where there is none, in one round. The commit verifies every one of them."""
        return tuple(self.read_all(keys))

    def read_all(self, keys: Any) -> list[Any]:
        """The same for a list of keys."""
        wanted = list(keys)
        # What was read once stays as it was: a second look could differ from what has been decided on already.
        unread = dict.fromkeys(ref for key in wanted if (ref := ref_of(key)) not in self._read)
        if unread:
            self._read.update((snapshot.ref, snapshot) for snapshot in self._store.read(list(unread)))
        return [self._decode(key) for key in wanted]

    def _decode(self, key: Key[Any]) -> Any:
        data = self._read[ref_of(key)].data
        if data is not None and self.stage in key.kind.witnesses:
            self._seen[_name(ref_of(key))] = data
        return None if data is None else key.kind.decode(data)

    def reference(self, key: Key[A]) -> A | None:
        """Reference data that changes rarely (an instrument catalog): cached, and not verified by the commit."""
        found: A | None = self._references.one(key)
        return found

    def references(self, keys: Sequence[Key[Any]]) -> list[Any]:
        """Reference data that changes about once a day and may be missing: one round, cached for ten minutes."""
        return self._references.many(keys)

    # --- deciding ------------------------------------------------------------------------------------------------

    def write(self, document: Document) -> None:
        """Replaces a document that was read (or found absent) in this work."""
        ref = self._own(document)
        if ref not in self._read:
            raise InvariantBroken(f"{self.stage} writes {ref.collection}/{ref.id} without having read it")
        self._writes[ref] = document.encode()

    def create(self, document: Document) -> None:
        """Writes a document that must not exist yet: a booking, a row of a log."""
        self._creates[self._own(document)] = {**document.encode(), "version": 1}

    def delete(self, document: Document) -> None:
        """Removes a document that was read."""
        ref = self._own(document)
        seen = self._read.get(ref)
        if seen is None or seen.data is None:
            raise InvariantBroken(f"{self.stage} deletes {ref.collection}/{ref.id} without having read it")
        if document.owner == ANYBODY and self.stage != PEOPLE:
            raise InvariantBroken(f"{self.stage} removes {ref.collection}/{ref.id}, which only a person may")
        self._deletes.add(ref)

    def _own(self, document: Document) -> Ref:
        if document.owner not in (self.stage, ANYBODY):
            raise InvariantBroken(f"{self.stage} writes {document.collection}, which {document.owner} owns")
        return Ref(document.collection, document.id, document.database)

    def emit(self, *events: Event, because: Fact | None = None) -> None:
        """States facts, as consequences of the fact at hand unless another one is named that waited for this step. They
        are committed with the writes and published after."""
        for event in events:
            self._facts.append((because or self.fact).caused(self.stage, event, len(self._facts), self.now_ms))
        if len(self._facts) > MAX_FACTS:
            raise InvariantBroken(f"{self.stage} states more than {MAX_FACTS} facts in one step")

    def set_timer(self, purpose: str, subject: str, due_ms: int) -> None:
        """Asks for a `timers.fired` to this stage. Derived from cause and purpose, so that a retry sets it once."""
        timer_id = digest("timer", self.stage, self.fact.event_id, purpose, subject, len(self._timers))
        trace = child_trace(self.fact.traceparent, self.stage, self.fact.event_id)
        self._timers.append(Timer(timer_id, self.stage, due_ms, purpose, subject, self.fact.root, trace))

    def answer(self, answer: Data, evidence: Data | None = None) -> None:
        """What an HTTP caller is told, now and on every repeat, and what it had sent."""
        self._answer, self._evidence = answer, evidence

    # --- committing ----------------------------------------------------------------------------------------------

    def step(self, home: str, versions: dict[str, str], also: tuple[str, ...] = ()) -> tuple[Ref, Step, Commit]:
        """Where the claim goes, the claim itself, and the whole commit with it; it fails where one of `also`, which
        are other ids of this same cause, was claimed before."""
        commit = self._commit()
        database = next((ref.database for ref in commit.refs()), home)
        step = Step(
            stage=self.stage, event_id=self.fact.event_id, type=self.fact.type, root=self.fact.root,
            at_ms=self.now_ms, facts=tuple(fact.record() for fact in self._facts),
            timers=tuple(timer.record() for timer in self._timers), subjects=self._subjects(), answer=self._answer,
            evidence=self._evidence, versions=versions,
            read={_name(ref): (found.data or {}).get("version", 0) for ref, found in self._read.items()},
            seen=self._seen, pending=self.stage if self._facts or self._timers else "",
        )  # fmt: skip
        claim = Ref(JOURNAL, claim_id(self.stage, self.fact.event_id), database)
        commit.creates[claim] = step.record()
        commit.absents.update(Ref(JOURNAL, claim_id(self.stage, other), database) for other in also)
        return claim, step, commit

    @property
    def facts(self) -> list[Fact]:
        return self._facts

    @property
    def timers(self) -> list[Timer]:
        return self._timers

    def _subjects(self) -> tuple[str, ...]:
        seen = dict.fromkeys(self.fact.event.subjects())
        for fact in self._facts:
            seen.update(dict.fromkeys(fact.event.subjects()))
        return tuple(seen)

    def _commit(self) -> Commit:
        commit = Commit(creates=dict(self._creates))
        for ref, snapshot in self._read.items():
            if ref in self._deletes:
                commit.deletes[ref] = snapshot.token
            elif ref in self._writes:
                self._put(commit, ref, snapshot)
            elif snapshot.data is not None:
                commit.verifies[ref] = snapshot
            elif ref not in self._creates:
                commit.absents.add(ref)
        return commit

    def _put(self, commit: Commit, ref: Ref, snapshot: Snapshot) -> None:
        data = self._writes[ref]
        if snapshot.data is None:
            commit.creates[ref] = {**data, "version": 1}
            return
        version = snapshot.data.get("version", 0)
        if {**data, "version": version} == snapshot.data:
            commit.verifies[ref] = snapshot  # nothing changed: verify instead of a write
        else:
            commit.updates[ref] = ({**data, "version": version + 1}, snapshot.token)


def _name(ref: Ref) -> str:
    return f"{ref.collection}/{ref.id}"
