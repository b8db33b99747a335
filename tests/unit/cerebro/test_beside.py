"""A shadow decides every signal on the book that the active version decides on, and nothing comes of it."""

from __future__ import annotations

from typing import Any

import pytest
from fluxfloor.cerebro.beside import shadow_of, shadowed
from fluxfloor.contracts.journal import JOURNAL
from fluxfloor.contracts.policy import Limits, Policy
from fluxfloor.contracts.signals import Action, Direction
from fluxfloor.contracts.views import ShadowDecision
from fluxfloor.errors import RetryLater
from fluxfloor.local import audit

from tests.support.cerebro_room import CerebroRoom
from tests.support.desk import RULES, decide, policy, signal

WIDE = {"position_cap": "0.9", "exposure_cap": "0.9", "risk_per_trade": "0.5", "max_open_positions": 50}
NONE: dict[str, Any] = {"risk_per_trade": "0"}


def under(shadow: str | None, limits: dict[str, Any]) -> Policy:
    standard = policy()
    other = Limits.model_validate({**standard.limits.model_dump(), **limits})
    return standard.model_copy(update={"versions": {"standard": standard.limits, "other": other}, "shadow": shadow})


def played(directory, shadow: str | None, limits: dict[str, Any]) -> CerebroRoom:
    """Two entries of which one is refused, and an exit."""
    room = CerebroRoom(directory, under=under(shadow, limits))
    room.score(signal())
    room.score(signal(name="again"))
    room.score(signal(Action.EXIT, Direction.FLAT, name="out"))
    return room


def shadows(room: CerebroRoom) -> list[ShadowDecision]:
    rows = audit.rows(room.floor.store, ShadowDecision.collection)
    return sorted((ShadowDecision.decode(row) for row in rows), key=lambda found: found.ts_event_ms)


@pytest.mark.parametrize("limits", [WIDE, NONE], ids=["wider", "nothing at all"])
def test_a_shadow_changes_nothing_that_is_decided_reserved_or_asked_for(tmp_path, limits):
    alone, beside = played(tmp_path / "alone", None, limits), played(tmp_path / "beside", "other", limits)
    assert (alone.book, alone.decisions(), alone.orders()) == (beside.book, beside.decisions(), beside.orders())
    facts = [[step["facts"] for step in audit.rows(room.floor.store, JOURNAL)] for room in (alone, beside)]
    assert facts[0] == facts[1]
    assert len(shadows(beside)) == len(beside.decisions()) == 3
    assert shadows(alone) == []
    assert beside.floor.bus.undelivered() == alone.floor.bus.undelivered()


def test_it_is_kept_with_what_the_active_version_made_of_the_same_signal(tmp_path):
    room = played(tmp_path, "other", WIDE)
    first = shadows(room)[0]
    decision = room.decisions()[0]
    assert (first.id, first.signal_id, first.active.lots) == (decision.decision_id, "s1", decision.lots)
    assert (first.active.version, first.active.binding) == ("standard", "position_cap")
    assert first.shadow is not None
    assert first.decision is not None
    assert (first.shadow.version, first.shadow.lots) == ("other", first.decision.lots)
    assert first.shadow.lots > decision.lots
    assert first.stop_price == 49_000
    assert first.decision.book_version == decision.book_version


def test_a_shadow_that_allows_nothing_still_leaves_what_the_floor_holds(tmp_path):
    refused, _, left = shadows(played(tmp_path, "other", NONE))
    assert refused.shadow is not None
    assert refused.shadow.reason == "risk_per_trade"
    assert left.shadow is not None
    assert left.shadow.reason == left.active.reason


def test_a_shadow_that_fails_says_so_and_stops_nobody():
    def fails(_: Policy) -> Any:
        raise RetryLater("not yet")

    known = under("other", WIDE)
    found = shadowed(known, decide(signal(), under=known), fails, RULES)
    assert found is not None
    assert (found.shadow, found.failed) == (None, "RetryLater: not yet")


def test_without_a_shadow_or_with_one_that_is_gone_nothing_is_decided_twice():
    assert shadow_of(None) is None
    assert shadow_of(under(None, WIDE)) is None
    assert shadow_of(under("gone", WIDE)) is None
    other = shadow_of(under("other", WIDE))
    assert other is not None
    assert (other.active, str(other.limits.position_cap)) == ("other", "0.9")
