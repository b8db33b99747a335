"""JSON read strictly: UTF-8 only, no repeated names, no NaN, no numbers or nesting beyond reason."""

from __future__ import annotations

import json
from typing import Any

import orjson

from fluxfloor.webapi.problems import refusal

MAX_DEPTH = 32


def parse_object(raw: bytes) -> dict[str, Any]:
    """A JSON object. Raises ApiError 400 that says what is wrong and where."""
    try:
        orjson.loads(raw)  # strict about encoding, surrogates, NaN; it lets repeated names through
        value = json.loads(raw, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as problem:
        raise refusal(400, f"the body is not JSON: {str(problem)[:200]}", "body", "send one JSON object") from None
    if not isinstance(value, dict):
        raise refusal(400, "the body is not a JSON object", "body", "send one JSON object: {…}")
    if _depth(value) > MAX_DEPTH:
        raise refusal(400, f"the body nests deeper than {MAX_DEPTH}", "body", "send a flatter object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the name {name[:60]!r} stands in it twice")
        found[name] = value
    return found


def _depth(value: Any) -> int:
    """Level by level, because a hostile body must not decide how deep we recurse."""
    level, depth = [value], 0
    while level:
        depth += 1
        level = [
            child
            for item in level
            if isinstance(item, (dict, list))
            for child in (item.values() if isinstance(item, dict) else item)
        ]
    return depth
