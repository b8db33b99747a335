"""Problem+JSON (RFC 9457): every error names what is wrong, the field it is about, and how to mend it."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from fluxfloor.contracts.base import Model
from fluxfloor.webapi.http import Reply

PROBLEM_JSON = "application/problem+json"

TITLES = {
    400: "The request can't be read",
    401: "Please log in",
    403: "Not allowed",
    404: "There is no such thing",
    405: "This address does not take that method",
    409: "It is not as you last saw it",
    411: "The length of the body is missing",
    413: "The body is too large",
    415: "Only JSON is taken here",
    422: "The request can't be accepted",
    429: "Too many attempts",
    500: "A fault of ours",
    503: "Try again in a moment",
}


class FieldProblem(Model):
    """`field` is a path into the body, or "query.limit", "header.Idempotency-Key", "path.id"."""

    field: str
    problem: str
    fix: str


class Problem(Model):
    """RFC 9457, with one entry in `errors` for every field that has to change."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: tuple[FieldProblem, ...] = ()


class ApiError(Exception):
    """Ends a request with a Problem."""

    def __init__(self, problem: Problem, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(problem.detail)
        self.problem = problem
        self.headers = dict(headers or {})

    def reply(self) -> Reply:
        body = self.problem.model_dump_json().encode()
        return Reply(self.problem.status, body, PROBLEM_JSON, dict(self.headers))


def refusal(
    status: int, detail: str, field: str = "", fix: str = "", headers: Mapping[str, str] | None = None
) -> ApiError:
    """An error about one field, or about the request as a whole."""
    errors = (FieldProblem(field=field, problem=detail, fix=fix),) if field else ()
    return ApiError(Problem(title=TITLES[status], status=status, detail=detail, errors=errors), headers)


def invalid(problem: ValidationError, where: str, known: tuple[str, ...] = ()) -> ApiError:
    """What pydantic found, in words: one entry a field. `where` is "query", "path" or "" for the body."""
    errors = tuple(
        FieldProblem(
            field=".".join(str(part) for part in ((where, *error["loc"]) if where else error["loc"])) or "body",
            problem=error["msg"],
            fix=_fix(error["type"], error.get("ctx", {}), known),
        )
        for error in problem.errors(include_url=False, include_input=False)
    )
    detail = "; ".join(f"{error.field}: {error.problem}" for error in errors)[:1000]
    return ApiError(Problem(title=TITLES[422], status=422, detail=detail, errors=errors))


def _fix(kind: str, context: Mapping[str, object], known: tuple[str, ...]) -> str:
    if kind == "missing":
        return "send this field"
    if kind == "extra_forbidden":
        return f"leave it out; known fields: {', '.join(known)}" if known else "leave it out"
    if "expected" in context:
        return f"send {context['expected']}"
    bounds = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}
    named = [f"{words} {context[name]}" for name, words in bounds.items() if name in context]
    return f"send {' and '.join(named)}" if named else "send a value of the type that /v1/openapi.json names"
