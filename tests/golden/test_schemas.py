"""What the outside relies on is current, and what once went over the wire can still be read."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import orjson
import pytest
from fluxfloor.contracts.events import EVENTS
from fluxfloor.contracts.facts import decode

from schemas.generate import EXAMPLES, HERE, stale

NAMES = sorted(path.stem for path in EXAMPLES.glob("*.json"))


def example(name: str) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads((EXAMPLES / f"{name}.json").read_bytes())
    return found


def test_generated_schemas_are_current() -> None:
    assert stale() == []


def test_every_event_version_has_a_golden_example() -> None:
    assert set(EVENTS) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_example_still_decodes_and_keeps_all_it_says(name: str) -> None:
    told = example(name)
    fact = decode(orjson.dumps(told["data"]), told["attributes"])
    assert fact.type == name
    assert kept(told["data"], orjson.loads(fact.data()))
    assert kept(told["attributes"], fact.attributes())


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_a_golden_example_fits_its_schema(name: str) -> None:
    schema = orjson.loads((HERE / "events" / f"{name}.json").read_bytes())
    jsonschema_rs.validate(schema, example(name)["data"])


def kept(before: Any, after: Any) -> bool:
    """Everything of `before` is in `after`; a later version may say more."""
    if isinstance(before, dict):
        return isinstance(after, dict) and all(name in after and kept(before[name], after[name]) for name in before)
    if isinstance(before, list):
        return isinstance(after, list) and len(before) == len(after) and all(map(kept, before, after))
    return bool(before == after)
