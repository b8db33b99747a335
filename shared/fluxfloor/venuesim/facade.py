"""What a façade is: one venue's REST spoken over the core. See the package's docstring for how to add one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol
from urllib.parse import parse_qsl

from fluxfloor.venuesim.faults import Faults
from fluxfloor.venuesim.gateway import Gateway
from fluxfloor.venuesim.keys import KeyRing
from fluxfloor.venuesim.venue import Venue


@dataclass(frozen=True, slots=True)
class Request:
    """As it came over the wire. `path` has no query; header names are lower-case."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def params(self) -> dict[str, str]:
        """Of the query and of a form or JSON body; the body wins."""
        found = dict(parse_qsl(self.query, keep_blank_values=True))
        text = self.body.decode("utf-8", "replace")
        if text.lstrip().startswith("{"):
            return found | {name: value if isinstance(value, str) else json.dumps(value) for name, value in
                            json.loads(text).items()}  # fmt: skip
        return found | dict(parse_qsl(text, keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Response:
    body: Any  # JSON values, or a str that is sent as it is
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Desk:
    """What every façade works with: the core, the way to it, and the keys."""

    venue: Venue
    faults: Faults
    gateway: Gateway
    keys: KeyRing

    @classmethod
    def of(cls, venue: Venue, faults: Faults | None = None) -> Desk:
        """Faults are those given, and from now on the ones inside the venue too."""
        faults = faults or Faults()
        venue.mischief = faults
        return cls(venue, faults, Gateway(venue, faults), KeyRing())


class Facade(Protocol):
    """Answers every request of its venue, refusals in the venue's own words. NoAnswer and Broken pass through to the
    server. It is called by one thread at a time."""

    name: ClassVar[str]

    def handle(self, request: Request) -> Response: ...
