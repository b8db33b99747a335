"""What the commands of `fluxfloor cerebro` are given: policies, changes to them, weights in force."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fluxfloor.contracts.allocation import AllocationPolicy
from fluxfloor.errors import Misconfigured


def mapping(path: Path | None) -> dict[str, Any]:
    """A YAML (or JSON) file of keys and values; nothing without a file."""
    import yaml

    if path is None:
        return {}
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as problem:
        raise Misconfigured(f"{path} is no YAML: {problem}") from problem
    if found is not None and not isinstance(found, dict):
        raise Misconfigured(f"{path}: expected keys and values, such as `objective: min_cvar`")
    return {str(name): value for name, value in (found or {}).items()}


def changes_of(given: list[str]) -> dict[str, Any]:
    """Of NAME=VALUE, the value as YAML has it."""
    import yaml

    changes = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals:
            raise Misconfigured(f"--set {one}: write NAME=VALUE, such as --set min_days=60")
        changes[name.strip()] = yaml.safe_load(value)
    return changes


def policy_of(asked: dict[str, Any], source: str) -> AllocationPolicy:
    """Raises Misconfigured with each key that is wrong, and what would be right."""
    unknown = sorted(set(asked) - set(AllocationPolicy.model_fields))
    if unknown:
        known = ", ".join(AllocationPolicy.model_fields)
        raise Misconfigured(f"{source}: {', '.join(unknown)} is no key of a policy; there are {known}")
    try:
        return AllocationPolicy.model_validate(asked)
    except ValidationError as problem:
        wrong = [
            ": ".join([*(str(part) for part in one["loc"]), one["msg"].removeprefix("Value error, ")])
            for one in problem.errors()
        ]
        raise Misconfigured(f"{source}: {'; '.join(wrong)}") from problem


def weights_of(path: Path) -> dict[str, float]:
    """By strategy."""
    try:
        return {name: float(value) for name, value in mapping(path).items()}
    except (TypeError, ValueError) as problem:
        raise Misconfigured(f"{path}: weights are numbers by strategy, such as `trend: 0.2`") from problem
