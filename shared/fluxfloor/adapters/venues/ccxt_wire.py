"""One key's way to its venue through ccxt: signing and sending, one request at a time, and what came of it.

ccxt signs the request and tells its errors apart; what counts here is what came back over HTTP, which is caught on its
way to ccxt. Nothing below retries: ccxt's own retries are off, requests has none, and a redirect is never followed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any

from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from fluxfloor.adapters.venues.budget import Budget, Purpose
from fluxfloor.adapters.venues.ccxt_exchange import RETRY_AFTER_S, clean, parsed
from fluxfloor.adapters.venues.dialects import base
from fluxfloor.adapters.venues.dialects.base import UNREADABLE, Answer, Ask, Call, Dialect, No
from fluxfloor.adapters.venues.venue_clock import VenueClock
from fluxfloor.errors import FloorError, Misconfigured, OutcomeUnknown, RetryLater, Throttled
from fluxfloor.runtime.logging import redact

LONGEST_PATIENCE_S = 3_600.0
DEFAULT_PATIENCE_S = 5.0  # where a venue throttles without saying for how long
_NEVER_LEFT = (NewConnectionError, ConnectTimeoutError, NameResolutionError)
_STALE = (base.CLOCK, base.EXPIRED)


class Wire:
    """`exchange` belongs to this wire alone. `patience_s` is how long one read may wait for its budget.

    `lock` is held during a request: whoever uses the exchange past the wire takes it too."""

    def __init__(
        self, exchange: Any, dialect: Dialect, clock: VenueClock, calls: Budget, orders: Budget | None = None,
        sleep: Callable[[float], None] = time.sleep, patience_s: float = 0.0,
        lock: Lock | None = None,
    ) -> None:  # fmt: skip
        self.exchange = exchange
        self._dialect = dialect
        self._clock = clock
        self._calls = calls
        self._orders = orders or calls
        self._sleep = sleep
        self._patience_s = patience_s
        self.lock = lock or Lock()
        self._left = False  # has the present request gone out?
        self._answer: Answer | None = None
        self._call: Call | None = None
        self._tie_in()

    # --- writing ---------------------------------------------------------------------------------------------------

    def send(self, call: Call, purpose: Purpose, may_go: Callable[[], bool] = lambda: True) -> Any:
        """Once, unless `may_go` says no when its turn has come. Returns the body of a success.

        Raises VenueRefused where it is sure that nothing was done (a placement that found no budget, or no way out of
        here, is one of these), Throttled for a cancel without budget, Misconfigured for a request that could not even
        be signed, OutcomeUnknown for everything else."""
        self._pay_to_send(call, purpose)
        with self.lock:
            if not may_go():
                raise base.refused(
                    base.EXPIRED, f"{self.exchange.id} {call.path}: its time was over before it was sent"
                )
            answer, problem = self._once(call)
            left = self._left
        told = self._told(call, answer, problem)
        no = self._no(answer) if answer is not None else None
        if no is not None:
            self._heed(no, answer)
            raise base.refused(no, told) from None
        if answer is None:
            raise _unheard(told, problem, left) from None
        if problem is not None or not _fine(answer):
            self._clock.forget()  # it may be that it came too late
            raise OutcomeUnknown(told) from None
        return answer.body

    def _pay_to_send(self, call: Call, purpose: Purpose) -> None:
        wait_s = (self._orders if call.order_call else self._calls).take(purpose, call.cost)
        if not wait_s:
            return
        told = f"{self.exchange.id} {call.path}: the budget of requests is used up, in {wait_s:.1f} s there is more"
        if purpose is Purpose.PLACE:
            raise base.refused(base.THROTTLED, told)
        raise Throttled(told, wait_s)

    # --- reading ---------------------------------------------------------------------------------------------------

    @contextmanager
    def prepaid(self, purpose: Purpose, cost: int) -> Iterator[Ask]:
        """To ask several things of which none is worth anything without the others: their cost is taken together, and
        what they did not take is given back. Raises Throttled before the first is asked."""
        if wait_s := self._calls.take(purpose, cost):
            raise Throttled(f"{self.exchange.id}: the budget of requests is used up", wait_s)
        left = cost

        def ask(call: Call) -> Any:
            nonlocal left
            paid = min(left, call.cost)
            left -= paid
            return self.ask(call, purpose, paid)

        try:
            yield ask
        finally:
            self._calls.give_back(left)

    def ask(self, call: Call, purpose: Purpose = Purpose.READ, paid: int = 0) -> Any:
        """The body; None where the venue says that what was asked for is not there. Asked again after 1, 2 and 4 s.
        `paid` of its cost was taken before.

        Raises Throttled at once, RetryLater after the last try, Misconfigured where no retry can help."""
        for wait_s in (*RETRY_AFTER_S, None):
            self._pay_to_ask(call, purpose, paid)
            paid = 0
            with self.lock:
                answer, problem = self._once(call)
                left = self._left
            failure = self._failure(call, answer, problem, left)
            if failure is None:
                return None if answer is None or self._missing(answer) else answer.body
            if wait_s is None or type(failure) is not RetryLater:
                raise failure from None
            self._sleep(wait_s)
        raise AssertionError("unreachable: the last try returns or raises")

    def _pay_to_ask(self, call: Call, purpose: Purpose, paid: int) -> None:
        waited_s, cost = 0.0, call.cost - paid
        while cost and (wait_s := self._calls.take(purpose, cost)):
            if waited_s + wait_s > self._patience_s:
                raise Throttled(f"{self.exchange.id} {call.path}: the budget of requests is used up", wait_s)
            self._sleep(wait_s)
            waited_s += wait_s

    def _failure(self, call: Call, answer: Answer | None, problem: Exception | None, left: bool) -> FloorError | None:
        told = self._told(call, answer, problem)
        if answer is None:
            return RetryLater(told) if left else Misconfigured(told)
        if self._missing(answer):
            return None
        no = self._no(answer)
        if no is not None:
            return self._heed(no, answer) or (Misconfigured(told) if no is base.PERMISSION else RetryLater(told))
        if problem is not None or not _fine(answer):
            return RetryLater(told)
        return None

    # --- one request -----------------------------------------------------------------------------------------------

    def _once(self, call: Call) -> tuple[Answer | None, Exception | None]:
        self._left, self._answer, self._call = False, None, call
        with self._with_options(call):
            try:
                self.exchange.request(call.path, list(call.api), call.method, dict(call.params))
            except Exception as problem:
                return self._answer, problem
        return self._answer, None

    @contextmanager
    def _with_options(self, call: Call) -> Iterator[None]:
        options = self.exchange.options
        before = {name: options.get(name) for name in call.options}
        options.update(call.options)
        try:
            yield
        finally:
            options.update(before)

    def _tie_in(self) -> None:
        """Listens in: on what is signed, on what goes out, and on what comes back."""
        exchange, clock = self.exchange, self._clock
        exchange.milliseconds = lambda: (self._call.signed_ms if self._call else 0) or clock.known_ms()
        exchange.seconds = lambda: exchange.milliseconds() // 1000
        sign, fetch, heard = exchange.sign, exchange.fetch, exchange.on_rest_response

        def signed(*args: Any, **more: Any) -> Any:
            request = sign(*args, **more)
            if self._call is not None and self._call.headers:
                request["headers"] = {**(request["headers"] or {}), **self._call.headers}
            return request

        def fetched(*args: Any, **more: Any) -> Any:
            self._left = True
            return fetch(*args, **more)

        def responded(status: int, reason: str, url: str, method: str, headers: Any, body: str, *rest: Any) -> Any:
            told = redact(body)  # an answer that repeats what it was asked with must not bring a key into a document
            self._answer = Answer(status, parsed(told), {name.lower(): value for name, value in headers.items()})
            return heard(status, reason, url, method, headers, told, *rest)

        exchange.sign, exchange.fetch, exchange.on_rest_response = signed, fetched, responded

    # --- what it means ---------------------------------------------------------------------------------------------

    def _no(self, answer: Answer) -> No | None:
        """What nobody can read says no to nothing; its status may."""
        no = None
        with suppress(*UNREADABLE):
            no = self._dialect.refusal(answer)
        return no or (base.THROTTLED if answer.status == 429 else None)

    def _missing(self, answer: Answer) -> bool:
        with suppress(*UNREADABLE):
            return self._dialect.missing(answer)
        return False

    def _heed(self, no: No, answer: Answer | None) -> Throttled | None:
        """Draws the consequences for the next request; the error to raise where patience is asked for."""
        if no in _STALE:
            self._clock.forget()
        if no is not base.THROTTLED:
            return None
        wait_s = _patience_s(answer)
        for budget in {id(self._calls): self._calls, id(self._orders): self._orders}.values():
            budget.close(wait_s)
        return Throttled(f"{self.exchange.id} asks for patience", wait_s)

    def _told(self, call: Call, answer: Answer | None, problem: Exception | None) -> str:
        """In words, without a secret, an address's query or a signature."""
        if answer is not None:
            said = f"HTTP {answer.status}: {answer.body if answer.body is not None else 'no JSON'}"
        else:
            said = "no answer" if problem is None else f"{type(problem).__name__}: {problem}"
        return clean(f"{self.exchange.id} {call.method} {call.path}: {said}")


def _unheard(told: str, problem: Exception | None, left: bool) -> FloorError:
    """Of a request that was sent, or not, and not answered."""
    if problem is not None and not left:
        return Misconfigured(told)
    if problem is not None and never_left(problem):
        return base.refused(base.No("unreachable", True), told)
    return OutcomeUnknown(told)


def never_left(problem: BaseException) -> bool:
    """Could no connection be made, so that not a byte was sent?"""
    seen: list[BaseException] = []
    waiting: list[Any] = [problem]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, BaseException) or one in seen:
            continue
        if isinstance(one, _NEVER_LEFT):
            return True
        seen.append(one)
        waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return False


def _fine(answer: Answer) -> bool:
    """A redirect's page is no answer either, whatever stands on it."""
    return answer.status < 300 and isinstance(answer.body, (dict, list))


def _patience_s(answer: Answer | None) -> float:
    """What it asks for, where that is a time that somebody could wait: nothing shuts us out for longer than an hour."""
    if answer is not None:
        with suppress(KeyError, ValueError):
            asked_s = float(answer.headers["retry-after"])
            return asked_s if 0 <= asked_s <= LONGEST_PATIENCE_S else DEFAULT_PATIENCE_S
    return DEFAULT_PATIENCE_S
