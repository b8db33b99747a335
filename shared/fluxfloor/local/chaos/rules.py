"""The nine invariants by number and name. Whatever breaks one says so under its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

NAMES = {
    1: "at most one live venue order per intent",
    2: "our fills are the venue's",
    3: "the books add up",
    4: "never more out than in",
    5: "no entry leaves after the kill switch",
    6: "no decision beyond a limit",
    7: "every accepted webhook ends once, with a reason",
    8: "every unknown order settles or calls a person",
    9: "no fact is left undelivered",
}


def broken(number: int, text: str) -> str:
    return f"{number} {NAMES[number]}: {text}"


def counted(violations: Iterable[str]) -> dict[str, int]:
    """How often each was broken, all of them named."""
    found = Counter(text.partition(":")[0] for text in violations)
    return {f"{number} {name}": found[f"{number} {name}"] for number, name in NAMES.items()}
