"""What all messages and documents share: frozen pydantic models, canonical decimals, UTC milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

MAX_EXPONENT = 18  # digits on either side of the point; no venue quotes beyond, and it bounds hostile input


def canonical(value: Decimal) -> str:
    """The one spelling of a number in the store and on the wire: no exponent, no trailing zeros, no -0."""
    if not value:
        return "0"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


Number = Annotated[
    Decimal,
    Field(max_digits=2 * MAX_EXPONENT, decimal_places=MAX_EXPONENT, allow_inf_nan=False),
    PlainSerializer(canonical, return_type=str, when_used="json"),
]
"""An exact number: a price, a quantity, money. Crosses every boundary as a canonical string."""
Positive = Annotated[Number, Field(gt=0)]
NonNegative = Annotated[Number, Field(ge=0)]
UtcMs = Annotated[int, Field(ge=0, lt=32_503_680_000_000)]
"""Milliseconds since 1970-01-01 UTC, before the year 3000."""
Ident = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:/@+-]*$")]
"""An id that is safe in a path, a topic key, a log line and a file name."""


class Model(BaseModel):
    """Immutable, closed (an unknown field is an error), and never NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)


class Event(Model):
    """A fact that a stage states. `type` is `<topic>.v<N>`; a subscriber reads versions N and N-1."""

    type: ClassVar[str]

    @classmethod
    def topic(cls) -> str:
        return cls.type.rsplit(".v", 1)[0]

    def key(self) -> str:
        """What the bus orders by. Correctness never depends on it; a shorter queue at the book does."""
        raise NotImplementedError

    def subjects(self) -> tuple[str, ...]:
        """Ids that somebody may ask "why" about."""
        return ()

    def attributes(self) -> dict[str, str]:
        """What a subscription may filter by."""
        return {}


class Document(Model):
    """State with one writing stage. `version` rises with every write and is verified by every commit that read it."""

    collection: ClassVar[str]
    owner: ClassVar[str]  # the one stage that writes it; "*" for halts, which any stage may create
    database: ClassVar[str] = "mode"  # "mode": the paper or the live database; "edge": what faces the internet
    witnesses: ClassVar[tuple[str, ...]] = ()  # stages whose steps keep it as they read it: nothing tells it later

    id: str
    version: int = 0

    @classmethod
    def key(cls, id: str) -> Key[Self]:
        return Key(cls, id)

    @classmethod
    def decode(cls, data: dict[str, Any]) -> Self:
        """From the store. Fields of a newer writer are dropped at every depth, so that a rollback can read them."""
        return cls.model_validate(data, extra="ignore")

    def encode(self) -> dict[str, Any]:
        return self.model_dump(mode="json")


D = TypeVar("D", bound=Document)


@dataclass(frozen=True, slots=True)
class Key(Generic[D]):
    """Which document, and what it decodes to."""

    kind: type[D]
    id: str
