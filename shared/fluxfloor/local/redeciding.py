"""Runs Cerebro's part of a journal through the real stage again.

Every step is handed the fact that caused it at the time it was taken, and exactly the versions of the documents it
stood on, which the journal names: the stage's own as its replayed steps made them, policies as they are kept, halts
and quotes as the step itself kept them. So it must state the same facts again; where it does not, that is told. With
another version of the policy in the shadow of each step's own, the same run says what that one would have decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from fluxfloor.contracts.events import DecisionMade, TimerFired
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.journal import JOURNAL, Step, Timer
from fluxfloor.contracts.policy import Limits, Policy, PolicyVersion
from fluxfloor.contracts.recent import RecentTrading
from fluxfloor.contracts.state import EntryWindow, RiskBook
from fluxfloor.contracts.views import ShadowDecision
from fluxfloor.contracts.weights import Allocation, AllocationVersion, InstrumentDays
from fluxfloor.errors import Misconfigured
from fluxfloor.local import audit
from fluxfloor.local.floor import load_stage
from fluxfloor.ports import Commit, Data, Query, Ref, Snapshot, Store
from fluxfloor.runtime.context import Ports
from fluxfloor.runtime.runner import Runner
from fluxfloor.runtime.settings import Settings

STAGE = "cerebro"
OTHER = "other"
OWN = {RiskBook.collection, EntryWindow.collection, RecentTrading.collection}
HEARD = {"signals.scored.v1", "executions.reported.v1", "accounts.updated.v1", "risks.raised.v1"}
DAY_MS = 86_400_000
Overrides = dict[str, Any]


@dataclass(slots=True)
class Redecided:
    """What came of a run. `differing` and `left_out` name steps with what is wrong; `shadows` are the other version's
    answers, empty where none was asked."""

    steps: int = 0
    decisions: int = 0
    identical: int = 0
    differing: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[dict[str, Any]] = field(default_factory=list)
    shadows: list[ShadowDecision] = field(default_factory=list)
    notes: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Cause:
    """A step of the journal with the fact that it was taken on."""

    step: Step
    fact: Fact


def redecide(store: Store, settings: Settings, other: Overrides | str | None = None) -> Redecided:
    """The whole journal of `store`, which is only read. `other`: limits that differ from each step's own, or the name
    of a version; None only proves that the same is decided."""
    result = Redecided()
    causes = _causes(store, result)
    world = World(store, result, other)
    # What this stage never uses is not there to be used.
    absent: Any = None
    ports = Ports(world, Nowhere(), Nowhere(), absent, absent, world, settings, absent, absent)
    runner = Runner(load_stage(STAGE), ports)
    if any(cause.step.versions.get("settings") not in (None, settings.digest()) for cause in causes):
        result.notes.add("the settings differ from those that some steps were decided with")
    waiting: list[Cause] = []
    for _, together in groupby(causes, key=lambda cause: cause.step.at_ms):
        waiting = _take_ready([*waiting, *together], world, runner, result)
    for cause in waiting:
        result.left_out.append(_about(cause.step, f"{world.lacking(cause.step)} was made by no step of this journal"))
    result.shadows = world.shadows
    return result


def _take_ready(waiting: list[Cause], world: World, runner: Runner, result: Redecided) -> list[Cause]:
    """Takes those whose documents are there, again and again while that makes others ready; returns the rest. What
    stood on a document that has come or gone meanwhile, in the same millisecond, is taken when nothing else can be."""
    while True:
        now = (cause for cause in waiting if world.lacking(cause.step) is None)
        then = (cause for cause in waiting if world.lacking(cause.step, ever=True) is None)
        ready = next(now, None) or next(then, None)
        if ready is None:
            return waiting
        waiting = [cause for cause in waiting if cause is not ready]
        _take(ready, world, runner, result)


def _take(cause: Cause, world: World, runner: Runner, result: Redecided) -> None:
    world.turn_to(cause.step)
    try:
        runner.dispatch(cause.fact)
    except Exception as problem:
        result.left_out.append(_about(cause.step, f"{type(problem).__name__}: {problem}"))
        return
    before, after = _stated(cause.step.facts), _stated((world.taken or {}).get("facts", ()))
    result.steps += 1
    result.decisions += sum(isinstance(fact.event, DecisionMade) for fact in before)
    if [(fact.event_id, fact.event) for fact in before] == [(fact.event_id, fact.event) for fact in after]:
        result.identical += 1
    else:
        result.differing.append({**_about(cause.step, "states other facts"), "fields": _fields(before, after)})


def _stated(records: Iterable[dict[str, Any]]) -> list[Fact]:
    return [Fact.from_record(record) for record in records]


def _fields(before: Sequence[Fact], after: Sequence[Fact]) -> dict[str, str]:
    """What differs, as "was → is"."""
    if [fact.type for fact in before] != [fact.type for fact in after]:
        return {"facts": f"{[fact.type for fact in before]} → {[fact.type for fact in after]}"}
    found: dict[str, str] = {}
    for one, other in zip(before, after, strict=True):
        old, new = one.event.model_dump(mode="json"), other.event.model_dump(mode="json")
        for name in old:
            inner = isinstance(old[name], dict) and isinstance(new[name], dict)
            pairs = (
                [(f"{name}.{key}", old[name].get(key), new[name].get(key)) for key in old[name]]
                if inner
                else [(name, old[name], new[name])]
            )
            found.update({key: f"{was} → {now}" for key, was, now in pairs if was != now})
    return found


def _about(step: Step, what: str) -> dict[str, Any]:
    return {"step": step.id, "type": step.type, "at_ms": step.at_ms, "what": what}


# --- the journal -------------------------------------------------------------------------------------------------


def _causes(store: Store, result: Redecided) -> list[Cause]:
    """Cerebro's steps in the order of time, each with its cause."""
    facts: dict[str, dict[str, Any]] = {}
    timers: dict[str, Timer] = {}
    steps: list[Step] = []
    for record in audit.steps(store):
        facts.update({fact["event_id"]: fact for fact in record["facts"] if fact["type"] in HEARD})
        if record["stage"] == STAGE:
            steps.append(Step.from_record(record))
            timers.update({timer["timer_id"]: Timer.from_record(timer) for timer in record["timers"]})
    found: list[Cause] = []
    for step in sorted(steps, key=lambda step: step.at_ms):
        fact = _cause(step, facts, timers)
        if fact is None:
            result.left_out.append(_about(step, "the journal does not hold the fact that caused it"))
        else:
            found.append(Cause(step, fact))
    return found


def _cause(step: Step, facts: dict[str, dict[str, Any]], timers: dict[str, Timer]) -> Fact | None:
    if step.event_id in facts:
        return Fact.from_record(facts[step.event_id])
    if step.type != TimerFired.type or not step.subjects:
        return None
    timer = timers.get(step.event_id)
    purpose = timer.purpose if timer else next((item.purpose for item in timers.values()), "")
    due_ms = timer.due_ms if timer else step.at_ms
    event = TimerFired(stage=STAGE, purpose=purpose, subject=step.subjects[0], due_ms=due_ms)
    return Fact(step.event_id, event, step.root, "", step.at_ms)


# --- what a step is handed ---------------------------------------------------------------------------------------


class World:
    """The store and the clock of one step after another. Writes stay in here."""

    def __init__(self, store: Store, result: Redecided, other: Overrides | str | None) -> None:
        self._store = store
        self._result = result
        self._other = other
        self._step: Step = Step(STAGE, "", "", "", 0)
        self._made: dict[Ref, dict[int, Data]] = {}  # what this run's steps wrote, by version
        self._now: dict[Ref, int] = {}  # the version there is; 0 where it was deleted
        self._shares = _shares(store)
        self._policies: dict[str, list[Policy]] = _policies(store)
        every = {name for policies in self._policies.values() for item in policies for name in item.versions}
        if isinstance(other, str) and other not in every:
            raise Misconfigured(f"no policy has a version {other!r}; there are {', '.join(sorted(every)) or 'none'}")
        self.taken: Data | None = None
        self.shadows: list[ShadowDecision] = []

    def turn_to(self, step: Step) -> None:
        self._step, self.taken = step, None

    def lacking(self, step: Step, ever: bool = False) -> str | None:
        """A version that the step stood on and that no step has made yet. Unless `ever`, a document that is gone by now
        lacks all of its versions, and one that is there its absence."""
        for name, version in step.read.items():
            ref = _ref(name)
            if ref.collection not in OWN:
                continue
            here = bool(self._now.get(ref, 0))
            there = (ever or not here) if version == 0 else (ever or here) and version in self._made.get(ref, {})
            if not there:
                return f"version {version} of {name}"
        return None

    def now_ms(self) -> int:
        return self._step.at_ms

    # --- reading -------------------------------------------------------------------------------------------------

    def read(self, refs: Sequence[Ref]) -> list[Snapshot]:
        return [Snapshot(ref, data, token=(data or {}).get("version")) for ref in refs for data in [self._one(ref)]]

    def _one(self, ref: Ref) -> Data | None:
        if ref.collection in OWN:
            version = self._step.read.get(_name(ref), self._now.get(ref, 0))
            return self._made.get(ref, {}).get(version) if version else None
        if ref.collection == Policy.collection:
            return self._policy(ref)
        if ref.collection == Allocation.collection:
            return self._allocation(ref.id)
        if _name(ref) in self._step.seen or ref.collection in ("halts", "quotes", JOURNAL):
            return self._step.seen.get(_name(ref))
        (found,) = self._store.read([ref])
        return self._as_of(found.data) if ref.collection == InstrumentDays.collection else found.data

    def _policy(self, ref: Ref) -> Data | None:
        """The very version that was obeyed, where it is kept; with the other one in its shadow."""
        kept, wanted = self._policies.get(ref.id, []), self._step.read.get(_name(ref))
        found = next((policy for policy in kept if policy.version == wanted), None)
        if found is None and kept and wanted != 0:
            found = kept[-1]
            self._result.notes.add(f"version {wanted} of the policy of {ref.id} is not kept: its latest stands for it")
        return None if found is None else self._with_other(found).encode()

    def _with_other(self, policy: Policy) -> Policy:
        if self._other is None:
            return policy.model_copy(update={"shadow": None})
        limits = self._named(policy, self._other) if isinstance(self._other, str) else _changed(policy, self._other)
        if limits is None:
            return policy.model_copy(update={"shadow": None})
        return policy.model_copy(update={"versions": {**policy.versions, OTHER: limits}, "shadow": OTHER})

    def _named(self, policy: Policy, name: str) -> Limits | None:
        """As the policy itself has them, else as a later one of the portfolio had."""
        known = [policy, *reversed(self._policies[policy.id])]
        return next((item.versions[name] for item in known if name in item.versions), None)

    def _allocation(self, portfolio: str) -> Data | None:
        """The weights that were in force at the time."""
        then = [item for item in self._shares.get(portfolio, []) if item.shares.ts_event_ms <= self._step.at_ms]
        if not then:
            return None
        shares = max(then, key=lambda item: item.shares.number).shares
        return Allocation(id=portfolio, version=shares.number, active=shares).encode()

    def _as_of(self, data: Data | None) -> Data | None:
        """The days that were over at the time."""
        if data is None:
            return None
        known = sum((day + 1) * DAY_MS <= self._step.at_ms for day in data["days"])
        if not known:
            return None
        return {**data, "days": data["days"][:known], "returns": data["returns"][:known], "version": known}

    def query(self, query: Query) -> list[Snapshot]:
        return []

    # --- writing -------------------------------------------------------------------------------------------------

    def commit(self, commit: Commit) -> None:
        changed = {**commit.creates, **{ref: data for ref, (data, _) in commit.updates.items()}}
        for ref, data in changed.items():
            if ref.collection == JOURNAL:
                self.taken = data
            elif ref.collection == ShadowDecision.collection:
                self.shadows.append(ShadowDecision.decode(data))
            elif ref.collection in OWN:
                self._made.setdefault(ref, {})[data["version"]] = data
                self._now[ref] = data["version"]
        for ref in commit.deletes:
            self._now[ref] = 0

    def patch(self, ref: Ref, fields: Data) -> None:
        """Marks what was sent; nothing is."""


class Nowhere:
    """Takes what is sent, and sends it nowhere."""

    def publish(self, facts: Sequence[Fact]) -> None: ...

    def set(self, timers: Sequence[Timer]) -> None: ...


def _changed(policy: Policy, overrides: Overrides) -> Limits:
    return Limits.model_validate({**policy.limits.model_dump(), **overrides})


def _policies(store: Store) -> dict[str, list[Policy]]:
    """All that are kept, oldest first, by portfolio."""
    rows = audit.rows(store, PolicyVersion.collection)
    found = [PolicyVersion.decode(row).policy for row in rows]
    known = {(policy.id, policy.version) for policy in found}
    latest = [Policy.decode(row) for row in audit.rows(store, Policy.collection)]
    found += [policy for policy in latest if (policy.id, policy.version) not in known]
    by_portfolio: dict[str, list[Policy]] = {}
    for policy in sorted(found, key=lambda policy: policy.version):
        by_portfolio.setdefault(policy.id, []).append(policy)
    return by_portfolio


def _shares(store: Store) -> dict[str, list[AllocationVersion]]:
    found: dict[str, list[AllocationVersion]] = {}
    for row in audit.rows(store, AllocationVersion.collection):
        version = AllocationVersion.decode(row)
        found.setdefault(version.portfolio_id, []).append(version)
    return found


def _name(ref: Ref) -> str:
    return f"{ref.collection}/{ref.id}"


def _ref(name: str) -> Ref:
    collection, _, id = name.partition("/")
    return Ref(collection, id)


__all__ = ["Redecided", "redecide"]
