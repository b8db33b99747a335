"""The route table: every address, what it takes, what it answers. Serving and OpenAPI both read it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel

from fluxfloor.contracts.base import Model
from fluxfloor.webapi.http import Call
from fluxfloor.webapi.problems import refusal
from fluxfloor.webapi.sessions import Session

if TYPE_CHECKING:
    from fluxfloor.runtime.context import Context

PARAMETER = re.compile(r"\{(\w+)\}")
ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.:|@+-]{0,159}$"
KEY_PATTERN = r"^[A-Za-z0-9_-]{8,64}$"
KEY_HEADER = "Idempotency-Key"


class Nothing(Model):
    """No query parameters, or no body."""


Q = TypeVar("Q", bound=BaseModel)
B = TypeVar("B", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Asked(Generic[Q, B]):
    """A request that has been read and checked. `key` is the Idempotency-Key of a write."""

    call: Call
    path: dict[str, str]
    query: Q
    body: B
    session: Session | None
    key: str = ""

    @property
    def actor(self) -> str:
        return self.session.user if self.session else ""


Handler = Callable[["Context", Any], Any]


@dataclass(frozen=True, slots=True)
class Route:
    """`answer` is None where the handler makes its own Reply (a redirect, a file)."""

    method: str
    path: str
    does: str
    handler: Handler
    answer: type[BaseModel] | None
    query: type[BaseModel] = Nothing
    body: type[BaseModel] | None = None
    status: int = 200
    public: bool = False
    needs_key: bool = False
    raw: bool = False  # the handler reads the body itself: it is another party's, and not ours to be strict about
    problems: tuple[int, ...] = ()

    @property
    def parameters(self) -> list[str]:
        return PARAMETER.findall(self.path)


class Table:
    """Routes by address."""

    def __init__(self) -> None:
        self.routes: list[Route] = []
        self._patterns: dict[str, re.Pattern[str]] = {}

    def get(self, path: str, does: str, answer: type[BaseModel] | None, **more: Any) -> Callable[[Handler], Handler]:
        return self._add("GET", path, does, answer, more)

    def write(
        self, method: str, path: str, does: str, answer: type[BaseModel] | None, **more: Any
    ) -> Callable[[Handler], Handler]:
        """A change. It needs an Idempotency-Key unless `needs_key=False`."""
        return self._add(method, path, does, answer, {"needs_key": True, **more})

    def _add(
        self, method: str, path: str, does: str, answer: type[BaseModel] | None, more: dict[str, Any]
    ) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            self.routes.append(Route(method, path, does, handler, answer, **more))
            self._patterns[path] = _pattern(path)
            return handler

        return register

    def match(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route of a request and its path parameters. Raises ApiError 404 or 405."""
        for template, pattern in self._patterns.items():
            found = pattern.fullmatch(path)
            if found is not None:
                return self._by_method(method, template), _checked(found.groupdict())
        raise refusal(404, "no such address", "path", "see /v1/openapi.json for the addresses there are")

    def _by_method(self, method: str, template: str) -> Route:
        routes = {route.method: route for route in self.routes if route.path == template}
        found = routes.get("GET" if method == "HEAD" else method)
        if found is None:
            allowed = sorted({*routes, *(["HEAD"] if "GET" in routes else [])})
            fix = f"use {' or '.join(allowed)}"
            raise refusal(405, f"{method} is not taken here", "method", fix, {"Allow": ", ".join(allowed)})
        return found


def _pattern(path: str) -> re.Pattern[str]:
    """`{name}` is one segment; a path that ends in "/*" takes the rest as `rest`."""
    base, rest = (path[:-2], r"/(?P<rest>.+)") if path.endswith("/*") else (path, "")
    return re.compile(PARAMETER.sub(r"(?P<\1>[^/]+)", base) + rest)


def _checked(parameters: dict[str, str]) -> dict[str, str]:
    for name, value in parameters.items():
        if name != "rest" and not re.fullmatch(ID_PATTERN, value):
            raise refusal(404, f"{name} can't be the id of anything", f"path.{name}", f"send one like {ID_PATTERN}")
    return parameters
