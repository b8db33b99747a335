"""Whatever a venue answers, or whoever answers in its place: an order is placed at most once, only a clear no is taken
for one, and no secret gets out.

Each adapter runs with its real client before a loopback server that draws its answers from hypothesis: true ones,
mangled ones, any JSON, half JSON, web pages, bytes, wrong encodings, any status, cut lines.

    python -m tests.property.test_venue_replies [examples]

tries that many of each adapter's calls, and prints what was served and what came of it as one JSON object.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from fluxfloor.contracts.orders import Fill, OrderState, Side
from fluxfloor.errors import Misconfigured, OutcomeUnknown, RetryLater, Throttled, VenueRefused
from fluxfloor.ports import VenueBooks, VenueOrder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.hostile_rest import CUT, ENCODED, GONE, HALF, JSON, MANGLED, NO_HTTP, RAW, TRUE, Reply
from tests.support.hostile_room import KEY, SECRET, VENUES, HostileRoom, hostile_room

EXAMPLES = 40
OK = (200, 200, 200, 201, 202, 204, 206)
STATUSES = (*OK, 301, 302, 307, 308, 400, 401, 403, 404, 408, 409, 418, 422, 425, 429, 451, 500, 502, 503, 504, 520)
COUNTED: dict[str, Counter[str]] = {name: Counter() for name in VENUES}  # what was served, and what came of it

# --- what may come back --------------------------------------------------------------------------------------------

WORDS = (
    "error", "code", "msg", "message", "result", "data", "retCode", "retMsg", "orderId", "id", "status", "fills",
    "open", "closed", "txid", "list", "orders", "client_order_id", "balances", "results", "count", "trades",
)  # fmt: skip
values = st.sampled_from(
    [
        None, True, False, "", 0, -1, 1, 10**400, -(10**30), 1e308, float("nan"), float("inf"), -float("inf"), "NaN",
        "Infinity", "1e999999", "1e-999999", "0x10", "١٢", "-0", "0.1.2", "9" * 5_000, "\ud800", "\x00", [], {}, [[]],
        {"": None}, ["x"], GONE, GONE, KEY, SECRET, "2026-13-45T99:99:99Z", "99999-01-01T00:00:00Z", 253402300800000,
    ]
) | st.text(max_size=20)  # fmt: skip
documents = st.recursive(
    values.filter(lambda value: value != GONE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=8,
)
PAGES = (
    b"", b" ", b"{", b"[", b"null", b"nul", b"true", b'"', b"<html><body>502 Bad Gateway</body></html>",
    b"\xff\xfe{\x00}\x00",
    b"\x1f\x8b\x08\x00garbage", b'{"a": 1}{"b": 2}', b"[" * 3_000, b'{"a":' * 3_000, b"NaN", b"-", b"1e999999999",
    b"9" * 10_000, b"{'a': 1}", b"\xef\xbb\xbf{}", b'{"error": ["\xff"]}', b"OK", SECRET.encode(), KEY.encode(),
)  # fmt: skip
headers = st.lists(
    st.sampled_from(
        [
            ("Retry-After", "inf"), ("Retry-After", "nan"), ("Retry-After", "-5"), ("Retry-After", "1e300"),
            ("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT"), ("Retry-After", KEY), ("X-RateLimit-Reset", "1e300"),
            ("X-RateLimit-Reset", "nan"), ("Content-Type", "text/html; charset=utf-16"), ("Content-Type", "x"),
            ("Location", "/v2/orders"), ("Location", "http://127.0.0.1:9/"), ("Set-Cookie", "a=b"),
            ("Content-Type", "application/json; charset=nonsense"),
        ]
    ),
    max_size=2,
).map(tuple)  # fmt: skip


def _reply(kind: str, **more: Any) -> st.SearchStrategy[Reply]:
    return st.builds(Reply, st.just(kind), acts=st.booleans(), headers=headers, **more)


anything = st.sampled_from(STATUSES)
unreadable = st.one_of(
    _reply(RAW, status=anything, value=st.sampled_from(PAGES) | st.binary(max_size=30)),
    _reply(CUT), _reply(HALF, status=anything), _reply(NO_HTTP), _reply(ENCODED, status=anything),
)  # fmt: skip
mangled = _reply(MANGLED, status=st.sampled_from(OK), at=st.integers(0, 200), value=values)
replies = st.one_of(
    unreadable, unreadable, mangled, mangled, mangled, _reply(MANGLED, status=anything, at=st.integers(0, 200),
    value=values), _reply(JSON, status=anything, value=documents), st.just(Reply(TRUE)),
)  # fmt: skip

# --- what an adapter may make of it --------------------------------------------------------------------------------


def tried(room: HostileRoom, call: Any, *may_raise: type[Exception]) -> Any:
    """What it returns or raises, which must be of these, and carries no key either way."""
    came: Any
    try:
        came = call()
    except may_raise as problem:
        came = problem
    name = type(came).__name__
    COUNTED[room.name][name] += 1
    assert room.leaks(came, vars(came) if isinstance(came, Exception) else "") == []
    return came


def sound(order: VenueOrder) -> bool:
    """As the port has it: texts are texts, numbers are finite, and a state is one of ours."""
    return (
        isinstance(order.venue_order_id, str)
        and order.venue_order_id != ""
        and isinstance(order.state, OrderState)
        and isinstance(order.reason, str)
        and isinstance(order.symbol, str)
        and all(isinstance(fill, Fill) for fill in order.fills)
        and (order.filled is None or (isinstance(order.filled, Decimal) and order.filled.is_finite()))
        and (order.side is None or isinstance(order.side, Side))
    )


def refusable(room: HostileRoom, status: int, kind: str) -> bool:
    """May this answer to something that was sent be a no? A page that nobody at the venue wrote may only be one where
    its status alone says so: 429, and at Coinbase that the key may not."""
    if kind in (TRUE, JSON, MANGLED) and 400 <= status < 500:
        return True
    return status == 429 or (room.name == "coinbase" and status in (401, 403)) or kind == TRUE


def place(room: HostileRoom, answers: list[Reply]) -> None:
    venue, wish = room.adapter(), room.placement("7f" * 16)
    room.server.tell(*answers)
    came = tried(room, lambda: venue.place(wish), VenueRefused, OutcomeUnknown)
    sent = room.placements()
    assert len(sent) <= 1, "it was sent twice"
    if isinstance(came, VenueRefused) and sent:
        assert refusable(room, sent[0].status, sent[0].reply.kind), f"{came} was taken for a no"
    if isinstance(came, VenueOrder):
        assert sent
        assert sent[0].reply.readable
        assert sent[0].status < 300
        assert sound(came)
        assert came.client_order_id == wish.client_order_id


def find(room: HostileRoom, answers: list[Reply]) -> None:
    venue = room.adapter()
    room.server.tell(*answers)
    came = tried(room, lambda: venue.find("7f" * 16, room.rules, room.clock.now_ms()), RetryLater, Misconfigured)
    assert len(room.placements()) == 0
    if came is None:
        assert room.server.served[-1].reply.readable, "absence was read out of what nobody can read"
    assert came is None or isinstance(came, Exception) or sound(came)


def cancel(room: HostileRoom, answers: list[Reply]) -> None:
    venue = room.adapter()
    order = VenueOrder("7f" * 16, "OABCDE-FGHIJ-KLMNOP" if room.name == "kraken" else "7", OrderState.OPEN)
    room.server.tell(*answers)
    came = tried(room, lambda: venue.cancel(order, room.rules), VenueRefused, Throttled, OutcomeUnknown)
    assert len(room.server.served) <= 1, "it was sent twice"
    if isinstance(came, VenueRefused) and room.server.served:
        answer = room.server.served[0]
        mangled_no = answer.reply.kind == MANGLED  # the venue has no such order
        assert mangled_no or refusable(room, answer.status, answer.reply.kind)


def books(room: HostileRoom, answers: list[Reply]) -> None:
    venue = room.adapter()
    room.server.tell(*answers)
    came = tried(room, lambda: venue.books(room.clock.now_ms() - 86_400_000), RetryLater, Misconfigured)
    if isinstance(came, VenueBooks):
        assert all(amount.is_finite() for amount in came.balances.values())
        assert all(change.is_finite() for fill in came.fills for change in fill.moves.values())
        assert all(sound(order) for order in came.orders or ())


def quote(room: HostileRoom, answers: list[Reply]) -> None:
    venue = room.adapter()
    room.server.tell(*answers)
    came = tried(room, lambda: venue.quote(room.rules), RetryLater, Misconfigured)
    if came is not None and not isinstance(came, Exception):
        assert 0 < came.bid <= came.ask
        assert came.ask.is_finite()


def clock(room: HostileRoom, answers: list[Reply]) -> None:
    venue = room.adapter()
    room.later(3_600_000)
    room.server.tell(*answers)
    came = tried(room, venue.clock_offset_ms, RetryLater, Misconfigured)
    assert isinstance(came, (int, Exception))


CALLS = {"place": place, "find": find, "cancel": cancel, "books": books, "quote": quote, "clock": clock}
WEIGHTS = ("place", "place", "place", "find", "find", "cancel", "books", "quote", "clock")


def play(name: str, examples: int) -> None:
    with hostile_room(name) as room:

        @settings(
            max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(st.sampled_from(WEIGHTS), st.lists(replies, min_size=1, max_size=12))
        def once(call: str, answers: list[Reply]) -> None:
            room.log.seek(0)
            room.log.truncate()
            COUNTED[name]["examples"] += 1
            CALLS[call](room, answers)

        try:
            once()
        finally:
            COUNTED[name].update({f"served {kind}": count for kind, count in room.server.kinds.items()})


@pytest.mark.parametrize("name", VENUES)
def test_no_answer_makes_an_adapter_break_its_word(name: str) -> None:
    play(name, EXAMPLES)


def main(examples: int = 1_000) -> int:
    for name in VENUES:
        play(name, examples)
    served = sum(count for counts in COUNTED.values() for kind, count in counts.items() if kind.startswith("served"))
    print(json.dumps({"hostile_replies": served, **{name: dict(counts) for name, counts in COUNTED.items()}}))
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
