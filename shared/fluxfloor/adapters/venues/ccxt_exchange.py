"""What every adapter over ccxt needs: the exchange opened without the other hundred, and its errors in our terms."""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from fluxfloor.errors import FloorError, Misconfigured, RetryLater, Throttled
from fluxfloor.runtime.logging import redact

R = TypeVar("R")

RETRY_AFTER_S = (1.0, 2.0, 4.0)
_THROTTLED = frozenset({"DDoSProtection", "RateLimitExceeded"})
_TRANSIENT = frozenset({"NetworkError", "OperationFailed"})
_MISCONFIGURED = frozenset(
    {"AuthenticationError", "ArgumentsRequired", "BadRequest", "NotSupported", "RestrictedLocation",
     "InvalidProxySettings"}
)  # fmt: skip
_NOT_ASKED = object()
LONGEST_TOLD = 300
_UNREADABLE = (AttributeError, IndexError, KeyError, TypeError, ValueError)


def open_exchange(
    exchange_id: str, *, base_url: str = "", timeout_ms: int = 10_000, rate_limit_ms: float | None = None,
    **settings: Any,
) -> Any:  # fmt: skip
    """ccxt's object for this exchange (synchronous, rate limit on), not yet connected to anything.

    base_url replaces scheme and host of every endpoint. Raises Misconfigured for an exchange ccxt does not know.
    """
    limits = {} if rate_limit_ms is None else {"rateLimit": rate_limit_ms}
    always = {"enableRateLimit": True, "enableLastJsonResponse": True, "timeout": timeout_ms}
    exchange = _exchange_class(exchange_id)({**always, **limits, **settings})
    if base_url:
        exchange.urls["api"] = _rebased(exchange.urls["api"], base_url.rstrip("/"))
    return exchange


def open_to_trade(
    exchange_id: str, *, base_url: str = "", sandbox: bool = False, timeout_ms: int = 10_000, **settings: Any
) -> Any:
    """The same for somebody who keeps count himself: no pause of ccxt's own, and no redirect is followed, which would
    send a placement twice. Raises Misconfigured for a sandbox that the exchange does not have, unless a base_url takes
    its place; and for one that is the exchange itself."""
    exchange = open_exchange(exchange_id, timeout_ms=timeout_ms, enableRateLimit=False, **settings)
    if sandbox and urlsplit(base_url).hostname in _hosts(exchange):
        raise Misconfigured(f"{base_url} is no place to practise: it is where {exchange_id} trades for real")
    if sandbox and not base_url:
        if not exchange.urls.get("test"):
            raise Misconfigured(
                f"{exchange_id} has no sandbox: set base_url to a place to practise, or sandbox = false"
            )
        exchange.set_sandbox_mode(True)
    if base_url:
        exchange.urls["api"] = _rebased(exchange.urls["api"], base_url.rstrip("/"))
    exchange.session.max_redirects = 0
    return exchange


def read(what: str, call: Callable[[], R], exchange: Any, sleep: Callable[[float], None]) -> R:
    """The answer of a read, asked again after 1, 2 and 4 s while the venue is out of reach. Never for a placement.

    Raises Throttled at once (asking again would prolong it), RetryLater after the last try, Misconfigured when no
    retry can help.
    """
    for wait_s in (*RETRY_AFTER_S, None):
        try:
            return _readable(call, exchange)
        except Exception as problem:
            failure = failure_of(what, problem, exchange)
            if failure is None:
                raise
            if wait_s is None or type(failure) is not RetryLater:
                raise failure from problem
        sleep(wait_s)
    raise AssertionError("unreachable: the last try returns or raises")


def _readable(call: Callable[[], R], exchange: Any) -> R:
    """The answer, unless it was no JSON: ccxt takes an outage's web page for an empty list of bars or markets."""
    exchange.last_json_response = _NOT_ASKED
    answer = call()
    if exchange.last_json_response is None:
        raise ValueError("it is not JSON")
    return answer


def failure_of(what: str, problem: Exception, exchange: Any) -> FloorError | None:
    """Ours for ccxt's; None for what is neither the venue's nor ccxt's."""
    kinds = {kind.__name__ for kind in type(problem).__mro__}
    told = f"{exchange.id} {what}: {type(problem).__name__}: {clean(str(problem))}"
    if kinds & _THROTTLED:
        return Throttled(told, _retry_after_s(exchange))
    if kinds & _MISCONFIGURED:
        return Misconfigured(f"{told} (check exchange, symbols and timeframes in [market])")
    if kinds & _TRANSIENT or "BaseError" in kinds:
        return RetryLater(told)
    if isinstance(problem, _UNREADABLE):  # an answer in a shape that ccxt did not expect: often an outage's web page
        return RetryLater(
            f"{exchange.id} {what}: the answer can't be read ({type(problem).__name__}: {clean(str(problem))})"
        )
    return None


def clean(text: str) -> str:
    """What may be told of a request: no known secret, no address's query, no signature, and not endlessly much."""
    return redact(re.sub(r"\?[^\s'\"]+", "", text))[:LONGEST_TOLD]


def parsed(body: str) -> Any:
    """The JSON in it, numbers with a point as text, so that they stay exact; None where it is none."""
    try:
        return json.loads(body, parse_float=str)
    except ValueError:
        return None


def _retry_after_s(exchange: Any) -> float | None:
    headers = getattr(exchange, "last_response_headers", None) or {}
    with suppress(KeyError, ValueError):
        return float(headers["Retry-After"])
    return None


def _hosts(exchange: Any) -> set[str]:
    """Where its API answers in earnest."""
    return {host.replace("{hostname}", str(exchange.hostname)) for host in _hosts_in(exchange.urls["api"])}


def _hosts_in(urls: Any) -> set[str]:
    if isinstance(urls, dict):
        return {host for url in urls.values() for host in _hosts_in(url)}
    return {urlsplit(str(urls)).netloc} - {""}


def _rebased(urls: Any, base_url: str) -> Any:
    if isinstance(urls, dict):
        return {name: _rebased(url, base_url) for name, url in urls.items()}
    parts = urlsplit(urls)
    if not parts.netloc:
        return urls
    base = urlsplit(base_url)
    return urlunsplit((base.scheme, base.netloc, base.path + parts.path, parts.query, ""))


def _exchange_class(exchange_id: str) -> Any:
    if re.fullmatch(r"[a-z][a-z0-9]*", exchange_id) and exchange_id not in ("abstract", "base", "pro", "test"):
        with suppress(ModuleNotFoundError):
            return getattr(_module(f"ccxt.{exchange_id}"), exchange_id)
    raise Misconfigured(f"ccxt has no exchange {exchange_id!r}; market.exchange takes ccxt's ids, like 'kraken'")


def _module(name: str) -> ModuleType:
    """A submodule of ccxt without running the package, which would import every exchange (0.13 s instead of 0.38 s).

    The bare package is only there while the submodule loads, so whoever imports ccxt later gets all of it, with the
    same classes.
    """
    if "ccxt" in sys.modules:
        return importlib.import_module(name)
    spec = importlib.util.find_spec("ccxt")
    if spec is None or spec.submodule_search_locations is None:
        raise Misconfigured("ccxt is not installed; install fluxfloor[core]")
    bare = ModuleType("ccxt")
    bare.__path__, bare.__spec__ = list(spec.submodule_search_locations), spec
    sys.modules["ccxt"] = bare
    try:
        return importlib.import_module(name)
    finally:
        sys.modules.pop("ccxt", None)
