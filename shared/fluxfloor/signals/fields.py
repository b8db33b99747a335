"""A body's fields, found under any of their spellings, and remembered once read.

Senders write `order_action`, `orderAction`, `strategy-order-action` or nest `{"strategy": {"order": {"action": …}}}`.
All of these are one name here: the path's letters and digits, small. What nobody read is left over: third-party formats
keep it as a note, the standard format refuses it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from fluxfloor.contracts.base import canonical
from fluxfloor.signals.numbers import number_of, time_of
from fluxfloor.signals.parse import Json
from fluxfloor.signals.placeholders import first_placeholder, unfilled
from fluxfloor.signals.redact import canonical_name
from fluxfloor.signals.refusals import Refused
from fluxfloor.signals.words import canonical_word

_WRAPPERS: Final = frozenset({"data", "payload", "alert", "webhook"})  # names that say nothing about what is in them
_BLANK: Final = frozenset({"", "null", "none", "undefined", "n/a"})
_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0"})


@dataclass(frozen=True, slots=True)
class Found:
    """A value and where it stands in the body."""

    path: str
    value: Json


class Fields:
    """One object of the body, flat. `path` is where the object itself stands ("signals[1]")."""

    def __init__(self, document: dict[str, Json], path: str = "") -> None:
        self.path = path
        self._found: dict[str, Found] = {}
        self._read: set[str] = set()
        for name, found in _leaves(document, path, ""):
            self._add(name, found)

    def _add(self, name: str, found: Found) -> None:
        """Two spellings of one name must agree; a blank one counts for nothing."""
        other = self._found.get(name)
        if other is None or _is_blank(other.value):
            self._found[name] = found
        elif not _is_blank(found.value) and str(found.value) != str(other.value):
            raise contradiction(other, found)

    def at(self, name: str) -> str:
        """Where a field of this object stands, for messages."""
        return f"{self.path}.{name}" if self.path else name

    def has(self, *names: str) -> bool:
        return any(name in self._found and not _is_blank(self._found[name].value) for name in names)

    def find(self, *names: str) -> Found | None:
        """The first of these names that holds something. Raises Refused when that is an unfilled placeholder."""
        self._read.update(names)
        found = next((self._found[name] for name in names if self.has(name)), None)
        if found is not None and isinstance(found.value, str) and (name := first_placeholder(found.value)):
            raise unfilled(name, found.path)
        return found

    def agreed(self, *names: str, same: Callable[[str], str] = canonical_word) -> Found | None:
        """The same, for what decides a trade: when several of the names are there they must mean the same."""
        all_found = [found for name in names if (found := self.find(name)) is not None]
        meanings = [same(_text(found)) for found in all_found]
        for found, meaning in zip(all_found, meanings, strict=True):
            if meaning != meanings[0]:
                raise contradiction(all_found[0], found)
        return all_found[0] if all_found else None

    def text(self, *names: str, limit: int = 256) -> str:
        """ "" when there is none. Raises Refused for a list or an object, and when longer than `limit`."""
        found = self.find(*names)
        if found is None:
            return ""
        text = _text(found)
        if len(text) > limit:
            fix = f"Send at most {limit} characters."
            raise Refused("invalid_field", f"{found.path} is too long.", field=found.path, fix=fix)
        return text

    def note(self, *names: str, limit: int = 256) -> str:
        """A text nobody decides by: cut when too long, dropped when it is an unfilled placeholder."""
        for name in names:
            self._read.add(name)
            found = self._found.get(name)
            if found and isinstance(found.value, str) and found.value.strip() and not first_placeholder(found.value):
                return " ".join(found.value.split())[:limit]
        return ""

    def number(self, *names: str) -> Decimal | None:
        found = self.find(*names)
        return None if found is None else number_of(found.value, found.path)

    def not_negative(self, *names: str) -> Decimal | None:
        value = self.number(*names)
        if value is not None and value < 0:
            path = self.path_of(*names)
            raise Refused("invalid_field", f"{path} is negative.", field=path, fix="Send a number from 0 up.")
        return value

    def positive(self, *names: str) -> Decimal | None:
        value = self.number(*names)
        if value is not None and value <= 0:
            path = self.path_of(*names)
            fix = "Send a number above 0, or leave the field out and the floor sizes the trade."
            raise Refused("invalid_field", f"{path} is not above 0.", field=path, fix=fix)
        return value

    def price(self, *names: str) -> Decimal | None:
        """A positive price. 0 means none, as scripts write it."""
        return self.not_negative(*names) or None

    def flag(self, *names: str) -> bool | None:
        found = self.find(*names)
        if found is None or isinstance(found.value, bool):
            return None if found is None else bool(found.value)
        word = str(found.value).strip().lower()
        if word not in _TRUE | _FALSE:
            fix = "Send true or false."
            raise Refused("invalid_field", f"{found.path} is neither true nor false.", field=found.path, fix=fix)
        return word in _TRUE

    def time_ms(self, *names: str) -> int | None:
        found = self.find(*names)
        return None if found is None else time_of(found.value, found.path)

    def refuse(self, names: tuple[str, ...], reason: str, fix: str) -> None:
        """Raises Refused for any of these names: they ask for something that must not be dropped in silence."""
        for name in names:
            if self.has(name) and not _is_off(self._found[name].value):
                path = self._found[name].path
                raise Refused("unsupported_field", f"{path} {reason}", field=path, fix=fix)

    def path_of(self, *names: str) -> str:
        return next((self._found[name].path for name in names if self.has(name)), self.at(names[0]))

    def read(self, *names: str) -> None:
        """Counts these as read: they are known and need nothing done."""
        self._read.update(names)

    def was_read(self, name: str) -> bool:
        return name in self._read

    def kept(self, *names: str) -> dict[str, str | int | bool]:
        """Fields the floor has no use for, as they were sent and by the name they were sent under."""
        self._read.update(names)
        found = [self._found[name] for name in names if self.has(name)]
        return {one.path.rpartition(".")[2]: note for one in found if (note := as_note(one.value)) is not None}

    def left_over(self) -> dict[str, Found]:
        """What nobody asked for, by name."""
        return {name: found for name, found in self._found.items() if name not in self._read}

    def forget(self, name: str) -> None:
        """As if it had not been sent: it has been understood as something else."""
        self._found.pop(name, None)


def names_in(document: dict[str, Json]) -> set[str]:
    """The names of everything in an object that holds something. Never raises."""
    return {name for name, found in _leaves(document, "", "") if not _is_blank(found.value)}


def as_note(value: Json) -> str | int | bool | None:
    """A value for the explanation, which holds no lists: they are only counted."""
    if isinstance(value, list | dict):
        return f"[{len(value)}]"
    return canonical(value) if isinstance(value, Decimal) else value


def missing(path: str, what: str, fix: str) -> Refused:
    return Refused("missing_field", f"The signal does not say {what}.", field=path, fix=fix)


def contradiction(one: Found, other: Found) -> Refused:
    return Refused(
        "contradiction",
        f"{one.path} and {other.path} say different things.",
        field=other.path,
        fix="Send one of them, or the same in both.",
    )


def _leaves(document: dict[str, Json], path: str, prefix: str) -> Iterator[tuple[str, Found]]:
    """Every value that is not an object, under its joined name. Lists stay whole: only formats know what is in them."""
    for name, value in document.items():
        here, own = (f"{path}.{name}" if path else name), canonical_name(name)
        if isinstance(value, dict):
            yield from _leaves(value, here, prefix if own in _WRAPPERS else prefix + own)
        else:
            yield prefix + own, Found(here, value)


def _is_blank(value: Json) -> bool:
    return value is None or (isinstance(value, str) and value.strip().lower() in _BLANK)


def _is_off(value: Json) -> bool:
    """False, zero, an empty list: written out, and asking for nothing."""
    return not value or (isinstance(value, str) and value.strip().lower() in _FALSE | {"0.0"})


def _text(found: Found) -> str:
    if isinstance(found.value, str):
        return " ".join(found.value.split())
    if isinstance(found.value, bool | list | dict) or found.value is None:
        raise Refused("invalid_field", f"{found.path} must be a text.", field=found.path, fix="Send a text.")
    return str(found.value)
