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
import threading
import traceback
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, TypeVar

from fluxfloor.contracts.base import Document, Event, Key
from fluxfloor.contracts.events import QuarantineReleased, RiskRaised, ScheduleTicked, Severity, TimerFired
from fluxfloor.contracts.facts import Fact, child_trace, decode
from fluxfloor.contracts.ids import digest
from fluxfloor.contracts.journal import JOURNAL, QUARANTINE, Step, Timer, claim_id
from fluxfloor.contracts.policy import Halt
from fluxfloor.errors import Conflict, InvariantBroken, Poison, RetryLater
from fluxfloor.ports import Commit, Data, Delivery, Query, Ref
from fluxfloor.runtime import tracing
from fluxfloor.runtime.context import Context, Ports, Taken
from fluxfloor.runtime.logging import redact
from fluxfloor.runtime.references import References, ref_of
from fluxfloor.runtime.stage import Stage
from fluxfloor.runtime.versions import code_versions
from fluxfloor.runtime.work import Work

MAX_CONFLICTS = 40  # then the message is nacked, and its back-off spreads the crowd
MAX_ATTEMPTS = 15  # deliveries of a message that its handler fails on, before a person has to look
PATIENCE = 90  # of one that has only to wait: attempts that died or were put off count too, and blame it for nothing
SWEEP_GRACE_MS = 30_000  # younger unsent steps are most likely being sent right now
SWEEP_LIMIT = 200
SWEEP_PAGES = 20
HANDLER_FAILED = "handler_failed"

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
        self._counting = threading.Lock()
        self.references = References(ports.store, ports.clock)
        self._home = stage.spec.databases[0]
        self._versions = {**code_versions(), "settings": ports.settings.digest()}

    # --- a message -----------------------------------------------------------------------------------------------

    def handle(self, delivery: Delivery) -> Outcome:
        """Never raises for what a message or the outside can do; NACK means: bring it again later."""
        problem = self._try(delivery)
        if problem is None:
            return Outcome.ACK
        try:
            return self._settle(delivery, problem)
        except Exception:  # not even the quarantine would take it: it must come again
            log.exception("a failure could not be recorded", extra={"stage": self.stage.name})
            return Outcome.NACK

    def _try(self, delivery: Delivery) -> Exception | None:
        """What went wrong; None when it is done."""
        try:
            fact = decode(delivery.data, delivery.attributes)
            with tracing.span(self.stage.name, fact):
                self.dispatch(fact)
        except Exception as problem:
            return problem
        return None

    def dispatch(self, fact: Fact) -> None:
        """Handles one decoded fact, whatever kind it is."""
        event = fact.event
        if isinstance(event, (ScheduleTicked, TimerFired)) and event.stage != self.stage.name:
            raise Poison(f"{self.stage.name} was handed what is for {event.stage}")
        if isinstance(event, QuarantineReleased):
            if event.stage == self.stage.name:
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
        stuck = self._relay_or_why() if swept else None
        effect = self.stage.effect_for(event)
        if effect is not None:
            effect(Context(self, fact), fact)
        elif not swept:
            raise Poison(f"{self.stage.name} has nothing for {event!r}")
        if stuck is not None:
            raise stuck

    def _relay_or_why(self) -> RetryLater | None:
        """A bus that is down must not keep a sweep from what else it is there for."""
        try:
            self.relay()
        except RetryLater as problem:
            return problem
        return None

    # --- a step --------------------------------------------------------------------------------------------------

    def step(self, fact: Fact, decide: Callable[[Any, Work], None], also: tuple[str, ...] = ()) -> Taken:
        """Decides once. Returns the committed step, made now or by an earlier delivery, with its facts sent.

        `also` are other ids of the same cause: if one of them was decided before, that is the step.
        """
        for _ in range(MAX_CONFLICTS):
            now_ms = self.ports.clock.now_ms()
            work = Work(self.stage.name, fact, self.ports.store, now_ms, self.references, self.ports.settings)
            try:
                decide(fact.event, work)
                claim, step, commit = work.step(self._home, self._versions, also)
                self.ports.store.commit(commit)
            except Exception as problem:
                # A decision that was made before may well be impossible on the state it left: the claim comes first.
                earlier = self._claimed((fact.event_id, *also))
                if earlier is not None:
                    return Taken(self._resend(*earlier), fresh=False)
                if not isinstance(problem, Conflict):
                    raise
                continue
            with self._counting:
                self.committed += 1
            self._send(claim, work.facts, work.timers)
            return Taken(step, fresh=True)
        raise RetryLater(f"{self.stage.name} met {MAX_CONFLICTS} conflicts in a row on {fact.type}")

    def _claimed(self, event_ids: Sequence[str]) -> tuple[Ref, Step] | None:
        """The first of these that was decided, in whichever of the stage's databases."""
        places = self.stage.spec.databases
        claims = [claim_id(self.stage.name, event_id) for event_id in event_ids]
        for found in self.ports.store.read([Ref(JOURNAL, claim, place) for claim in claims for place in places]):
            if found.data is not None:
                return found.ref, Step.from_record(found.data)
        return None

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
        """Sends what was committed and, after a grace, not marked as sent. Returns how many steps that were.

        A step that can't be sent (written by a newer version, say) is told of and holds up no other.
        """
        sent = 0
        for database in self.stage.spec.databases:
            for _ in range(SWEEP_PAGES):
                found, resent = self._relay_page(database)
                sent += resent
                if found < SWEEP_LIMIT or not resent:
                    break
        return sent

    def _relay_page(self, database: str) -> tuple[int, int]:
        """How many were waiting and how many of them were sent. What was sent leaves the query: ask it again."""
        before_ms, sent = self.ports.clock.now_ms() - SWEEP_GRACE_MS, 0
        waiting = Query(JOURNAL, (("pending", "==", self.stage.name),), limit=SWEEP_LIMIT, database=database)
        found = self.ports.store.query(waiting)
        for row in found:
            step = Step.from_record(row.data or {})
            if step.at_ms > before_ms:
                continue
            try:
                self._resend(row.ref, step)
                sent += 1
            except RetryLater:
                raise
            except Exception:
                log.exception("a step can't be sent", extra={"stage": self.stage.name, "step": step.id})
        return len(found), sent

    def cause(self, parent: Fact | None, event: Event, *identity: object) -> Fact:
        event_id = digest(self.stage.name, event.type, *identity)
        now_ms = self.ports.clock.now_ms()
        if parent is None:
            return Fact.first(event_id, event, now_ms)
        trace = child_trace(parent.traceparent, self.stage.name, parent.event_id)
        return Fact(event_id, event, parent.root, parent.event_id, now_ms, trace)

    # --- reading -------------------------------------------------------------------------------------------------

    def read(self, key: Key[D]) -> D | None:
        (found,) = self.ports.store.read([ref_of(key)])
        return None if found.data is None else key.kind.decode(found.data)

    def reference(self, key: Key[Any]) -> Any:
        return self.references.one(key)

    # --- when it goes wrong --------------------------------------------------------------------------------------

    def _settle(self, delivery: Delivery, problem: Exception) -> Outcome:
        """What becomes of a message that was not handled, by the kind of its problem (see errors.py)."""
        told = {"stage": self.stage.name, "reason": getattr(problem, "reason", HANDLER_FAILED)}
        if isinstance(problem, InvariantBroken):
            self._halt(problem)
        elif isinstance(problem, RetryLater):
            log.info("retry later: %s", problem, extra=told)
        elif not isinstance(problem, Poison):  # a bug of ours: the message is innocent and must not be lost
            log.error("handler failed", exc_info=problem, extra=told)
        waits = isinstance(problem, RetryLater)
        if waits and delivery.attempt >= MAX_ATTEMPTS and self._left_to_the_sweep(delivery):
            log.warning("left to the sweep: %s", problem, extra=told)
            return Outcome.ACK
        exhausted = delivery.attempt >= (PATIENCE if waits else MAX_ATTEMPTS)
        hopeless = isinstance(problem, (Poison, InvariantBroken)) or exhausted
        return self._quarantine(delivery, problem) if hopeless else Outcome.NACK

    def _left_to_the_sweep(self, delivery: Delivery) -> bool:
        """What was decided, the sweep sends and resumes; and a timer only wakes what the sweep wakes too."""
        attributes = delivery.attributes
        return attributes["type"] == TimerFired.type or self._claimed((attributes["event_id"],)) is not None

    def _quarantine(self, delivery: Delivery, problem: Exception) -> Outcome:
        """Keeps the message with its reason where a person can see and release it; acked only once that is durable."""
        attributes = delivery.attributes
        if attributes.get("type") == QuarantineReleased.type:  # what it would have released is still held
            log.error("not released: %s", problem, extra={"stage": self.stage.name})
            return Outcome.ACK
        event_id = attributes.get("event_id") or digest(delivery.data, sorted(attributes.items()))
        ref = Ref(QUARANTINE, claim_id(self.stage.name, event_id), self._home)
        record = {
            "id": ref.id, "stage": self.stage.name, "data": base64.b64encode(redact(delivery.data)).decode(),
            "attributes": {name: redact(value) for name, value in attributes.items()}, **self._held(problem),
        }  # fmt: skip
        log.error("quarantined: %s", problem, extra={"stage": self.stage.name, "quarantine_id": ref.id})
        try:
            self.ports.store.commit(Commit(creates={ref: record}))
        except Conflict:
            self.ports.store.patch(ref, self._held(problem))
        return Outcome.ACK

    def _held(self, problem: Exception) -> Data:
        return {
            "state": "held", "at_ms": self.ports.clock.now_ms(), "reason": getattr(problem, "reason", HANDLER_FAILED),
            "error": redact(str(problem))[:2000], "trace": redact("".join(traceback.format_exception(problem)))[-4000:],
        }  # fmt: skip

    def _release(self, event: QuarantineReleased) -> None:
        """Takes a quarantined message again. Its claim, if it was decided meanwhile, keeps it from acting twice; if it
        still can't be handled it stays, with today's reason."""
        ref = Ref(QUARANTINE, event.quarantine_id, self._home)
        (found,) = self.ports.store.read([ref])
        if found.data is None or found.data["state"] != "held":
            return
        last = Delivery("", base64.b64decode(found.data["data"]), found.data["attributes"], attempt=MAX_ATTEMPTS)
        problem = self._try(last)
        if problem is None:
            self.ports.store.patch(ref, {"state": "released", "released_by": event.released_by})
        elif isinstance(problem, RetryLater):
            raise problem
        else:
            self._settle(last, problem)

    def _halt(self, problem: InvariantBroken) -> None:
        """Entries stop before anything else is tried: a book that contradicts itself must not grow."""
        now_ms = self.ports.clock.now_ms()
        text = redact(str(problem))[:500]
        halt = Halt(id=problem.scope, reason=f"invariant: {text}", raised_by=self.stage.name, ts_event_ms=now_ms)
        raised = RiskRaised(
            kind="invariant_broken", scope=problem.scope, severity=Severity.CRITICAL, message=text, ts_event_ms=now_ms
        )

        def record(event: RiskRaised, work: Work) -> None:
            (existing,) = work.read(Halt.key(problem.scope))
            if existing is None:
                work.write(halt)
            if event.topic() in self.stage.spec.produces:
                work.emit(event)

        log.critical("invariant broken: %s", problem, extra={"stage": self.stage.name})
        if "mode" in self.stage.spec.databases:
            self.step(self.cause(None, raised, text, now_ms), record)
