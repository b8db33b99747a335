"""Runs a stage: decode, read, decide, one commit, publish, ack. The same code under every backend and in tests.

What makes it safe, in the order of a message's life:
- the claim `stage:event_id` is created in the commit, so an event is decided once however often it is delivered;
- the facts are in that same document, so what was decided and not sent is sent by the redelivery or the sweep;
- everything that was read is verified by the commit, so no decision stands on what has changed meanwhile;
- an error says by its type what becomes of the message (see errors.py).
"""

from __future__ import annotations

import base64
import logging
import traceback
from collections.abc import Callable
from enum import Enum
from typing import Any, TypeVar

from fluxfloor.contracts.base import Document, Event, Key
from fluxfloor.contracts.events import QuarantineReleased, RiskRaised, ScheduleTicked, Severity, TimerFired
from fluxfloor.contracts.facts import Fact, decode
from fluxfloor.contracts.ids import digest
from fluxfloor.contracts.journal import JOURNAL, QUARANTINE, Step, Timer, claim_id
from fluxfloor.contracts.policy import Halt
from fluxfloor.errors import CommitUnknown, Conflict, InvariantBroken, Poison, RetryLater
from fluxfloor.ports import Commit, Delivery, Query, Ref
from fluxfloor.runtime import tracing
from fluxfloor.runtime.context import Context, Ports, Taken
from fluxfloor.runtime.stage import Stage
from fluxfloor.runtime.versions import code_versions
from fluxfloor.runtime.work import Work, ref_of

MAX_CONFLICTS = 40  # then the message is nacked, and its back-off spreads the crowd
MAX_ATTEMPTS = 15  # deliveries of a message that keeps failing, before a person has to look
REFERENCE_TTL_MS = 60_000
SWEEP_GRACE_MS = 30_000  # younger unsent steps are most likely being sent right now
SWEEP_LIMIT = 200

log = logging.getLogger("fluxfloor.runtime")
D = TypeVar("D", bound=Document)


class Outcome(Enum):
    ACK = "ack"
    NACK = "nack"


class Runner:
    """One stage with its ports. Safe to call from several threads."""

    def __init__(self, stage: Stage, ports: Ports) -> None:
        self.stage = stage
        self.ports = ports
        self.committed = 0  # steps that this runner committed itself
        self._references: dict[Ref, tuple[int, Any]] = {}
        self._home = stage.spec.databases[0]
        self._versions = {**code_versions(), "settings": ports.settings.digest()}

    # --- a message -----------------------------------------------------------------------------------------------

    def handle(self, delivery: Delivery) -> Outcome:
        """Never raises for what a message or the outside can do; NACK means: bring it again later."""
        try:
            fact = decode(delivery.data, delivery.attributes)
            with tracing.span(self.stage.name, fact):
                self.dispatch(fact)
        except Poison as problem:
            return self._quarantine(delivery, problem)
        except InvariantBroken as problem:
            self._halt(problem)
            return self._quarantine(delivery, problem)
        except RetryLater as problem:
            log.info("retry later: %s", problem, extra={"stage": self.stage.name, "reason": problem.reason})
            return self._give_up_or_nack(delivery, problem)
        except Exception as problem:  # a bug of ours: the message is innocent and must not be lost
            log.exception("handler failed", extra={"stage": self.stage.name})
            return self._give_up_or_nack(delivery, problem)
        return Outcome.ACK

    def dispatch(self, fact: Fact) -> None:
        """Handles one decoded fact, whatever kind it is."""
        event = fact.event
        if isinstance(event, QuarantineReleased):
            self._release(event)
        elif isinstance(event, (ScheduleTicked, TimerFired)):
            self._run_effect(fact)
        else:
            self._decide(fact)

    def _decide(self, fact: Fact) -> None:
        handler = self.stage.handlers.get(type(fact.event))
        if handler is None:
            raise Poison(f"{self.stage.name} has no handler for {fact.type}")
        self.step(fact, handler.decide)
        if handler.then is not None:
            handler.then(Context(self, fact), fact)

    def _run_effect(self, fact: Fact) -> None:
        event = fact.event
        swept = isinstance(event, ScheduleTicked) and event.job == "sweep"
        if swept:
            self.relay()
        effect = self.stage.effect_for(event)
        if effect is not None:
            effect(Context(self, fact), fact)
        elif not swept:
            raise Poison(f"{self.stage.name} has nothing for {event!r}")

    # --- a step --------------------------------------------------------------------------------------------------

    def step(self, fact: Fact, decide: Callable[[Any, Work], None]) -> Taken:
        """Decides once. Returns the committed step, made now or by an earlier delivery, with its facts sent."""
        for _ in range(MAX_CONFLICTS):
            now_ms = self.ports.clock.now_ms()
            work = Work(self.stage.name, fact, self.ports.store, now_ms, self.reference, self.ports.settings)
            decide(fact.event, work)
            claim, step, commit = work.step(self._home, self._versions)
            try:
                self.ports.store.commit(commit)
            except (Conflict, CommitUnknown) as problem:
                earlier = self._claimed(claim)
                if earlier is not None:
                    return Taken(self._resend(claim, earlier), fresh=False)
                if isinstance(problem, CommitUnknown):
                    raise
                continue
            self.committed += 1
            self._send(claim, work.facts, work.timers)
            return Taken(step, fresh=True)
        raise RetryLater(f"{self.stage.name} met {MAX_CONFLICTS} conflicts in a row on {fact.type}")

    def _claimed(self, claim: Ref) -> Step | None:
        (found,) = self.ports.store.read([claim])
        return None if found.data is None else Step.from_record(found.data)

    def _resend(self, claim: Ref, step: Step) -> Step:
        if step.pending:
            facts = [Fact.from_record(record) for record in step.facts]
            self._send(claim, facts, [Timer.from_record(record) for record in step.timers])
        return step

    def _send(self, claim: Ref, facts: list[Fact], timers: list[Timer]) -> None:
        if not facts and not timers:
            return
        if facts:
            self.ports.bus.publish(facts)
        if timers:
            self.ports.timers.set(timers)
        self.ports.store.patch(claim, {"pending": None})

    def relay(self) -> int:
        """Sends what was committed and, after a grace, not marked as sent. Returns how many steps that were."""
        before_ms = self.ports.clock.now_ms() - SWEEP_GRACE_MS
        sent = 0
        for database in self.stage.spec.databases:
            waiting = Query(JOURNAL, (("pending", "==", self.stage.name),), limit=SWEEP_LIMIT, database=database)
            for found in self.ports.store.query(waiting):
                step = Step.from_record(found.data or {})
                if step.at_ms <= before_ms:
                    self._resend(found.ref, step)
                    sent += 1
        return sent

    def cause(self, parent: Fact | None, event: Event, *identity: object) -> Fact:
        event_id = digest(self.stage.name, event.type, *identity)
        now_ms = self.ports.clock.now_ms()
        if parent is None:
            return Fact.first(event_id, event, now_ms)
        return Fact(event_id, event, parent.root, parent.event_id, now_ms, parent.traceparent)

    # --- reading -------------------------------------------------------------------------------------------------

    def read(self, key: Key[D]) -> D | None:
        (found,) = self.ports.store.read([ref_of(key)])
        return None if found.data is None else key.kind.decode(found.data)

    def reference(self, key: Key[Any]) -> Any:
        """A miss is asked again at once: absence is usually a start-up order, not a fact to remember."""
        ref, now_ms = ref_of(key), self.ports.clock.now_ms()
        cached = self._references.get(ref)
        if cached is not None and now_ms - cached[0] < REFERENCE_TTL_MS:
            return cached[1]
        found = self.read(key)
        if found is not None:
            self._references[ref] = (now_ms, found)
        return found

    # --- when it goes wrong --------------------------------------------------------------------------------------

    def _give_up_or_nack(self, delivery: Delivery, problem: Exception) -> Outcome:
        if delivery.attempt < MAX_ATTEMPTS:
            return Outcome.NACK
        return self._quarantine(delivery, problem)

    def _quarantine(self, delivery: Delivery, problem: Exception) -> Outcome:
        """Keeps the message with its reason where a person can see and release it; acked only once that is durable."""
        event_id = delivery.attributes.get("event_id") or digest(delivery.data, sorted(delivery.attributes.items()))
        ref = Ref(QUARANTINE, claim_id(self.stage.name, event_id), self._home)
        record = {
            "id": ref.id, "stage": self.stage.name, "state": "held", "at_ms": self.ports.clock.now_ms(),
            "reason": getattr(problem, "reason", "handler_failed"), "error": str(problem)[:2000],
            "trace": "".join(traceback.format_exception(problem))[-4000:],
            "data": base64.b64encode(delivery.data).decode(), "attributes": dict(delivery.attributes),
        }  # fmt: skip
        log.error("quarantined: %s", problem, extra={"stage": self.stage.name, "quarantine_id": ref.id})
        try:
            self.ports.store.commit(Commit(creates={ref: record}))
        except Conflict:
            self.ports.store.patch(ref, {"state": "held", "error": record["error"], "at_ms": record["at_ms"]})
        except RetryLater:
            return Outcome.NACK
        return Outcome.ACK

    def _release(self, event: QuarantineReleased) -> None:
        """Takes a quarantined message again. Its claim, if it was decided meanwhile, keeps it from acting twice."""
        if event.stage != self.stage.name:
            return
        ref = Ref(QUARANTINE, event.quarantine_id, self._home)
        (found,) = self.ports.store.read([ref])
        if found.data is None or found.data["state"] != "held":
            return
        self.dispatch(decode(base64.b64decode(found.data["data"]), found.data["attributes"]))
        self.ports.store.patch(ref, {"state": "released", "released_by": event.released_by})

    def _halt(self, problem: InvariantBroken) -> None:
        """Entries stop before anything else is tried: a book that contradicts itself must not grow."""
        now_ms = self.ports.clock.now_ms()
        halt = Halt(id=problem.scope, reason=f"invariant: {problem}", raised_by=self.stage.name, ts_event_ms=now_ms)
        raised = RiskRaised(
            kind="invariant_broken", scope=problem.scope, severity=Severity.CRITICAL, message=str(problem)[:500],
            ts_event_ms=now_ms,
        )  # fmt: skip

        def record(event: RiskRaised, work: Work) -> None:
            (existing,) = work.read(Halt.key(problem.scope))
            if existing is None:
                work.write(halt)
            if event.topic() in self.stage.spec.produces:
                work.emit(event)

        log.critical("invariant broken: %s", problem, extra={"stage": self.stage.name})
        if "mode" in self.stage.spec.databases:
            self.step(self.cause(None, raised, str(problem), now_ms), record)
