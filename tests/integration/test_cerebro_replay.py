"""A played floor's journal, decided again: the same comes of it, and another version's answers are the shadow's."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fluxfloor.cli.main import app
from fluxfloor.contracts.policy import Policy
from fluxfloor.contracts.state import TradeRow
from fluxfloor.contracts.views import ShadowDecision
from fluxfloor.errors import Misconfigured
from fluxfloor.local import audit, demo
from fluxfloor.local.redeciding import redecide
from fluxfloor.local.replay import Replay
from fluxfloor.local.valuing import Worth
from fluxfloor.ports import Ref
from fluxfloor.runtime.settings import Settings
from typer.testing import CliRunner

DAYS, WARM_UP_BARS = 25, 130
TIGHT = {"position_cap": "0.02"}
WIDE = {"position_cap": "0.3", "exposure_cap": "0.9", "max_open_positions": 9, "slippage_share": 1, "cvar_cap": 1}


def settings() -> Settings:
    """The demo's, with two versions beside, of which one shadows."""
    plain = demo.demo_settings("EUR/USD", "1h", 8080, {"slippage_bps": "1", "fee": "0.0002"})
    main = {
        "limits": {"max_book_age_ms": 10**12}, "versions": {"tight": {"limits": TIGHT}, "wide": {"limits": WIDE}},
        "shadow": "wide",
    }  # fmt: skip
    return Settings.model_validate({**plain.model_dump(), "portfolios": {"main": main}})


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("replay") / "floor"


@pytest.fixture(scope="module")
def played(directory: Path) -> Replay:
    bars, lines = demo.sample()
    chosen = settings()
    rules = demo.instrument_of(
        "EUR/USD", bars, chosen.market.exchange, chosen.paper.fee, Decimal("0.00001"), Decimal("0.01")
    )
    replay = demo.open_recorded(directory, chosen, rules, "1h", bars, lines, "sample")
    kept = replay.recording.bars[: WARM_UP_BARS + DAYS * 24]
    hooks = tuple(hook for hook in replay.recording.webhooks if hook.at_ms < kept[-1, 0])
    replay.recording = replace(replay.recording, bars=kept, webhooks=hooks)
    counts = replay.run()
    assert counts["trades"] > 5
    assert counts["decisions"]["refused"]
    return replay


def shadows(replay: Replay) -> list[ShadowDecision]:
    rows = audit.rows(replay.floor.ports.store, ShadowDecision.collection)
    return sorted((ShadowDecision.decode(row) for row in rows), key=lambda found: found.id)


def test_under_its_own_policy_every_step_states_the_same_facts_again(played: Replay) -> None:
    found = redecide(played.floor.ports.store, played.floor.settings)
    assert (found.differing, found.left_out, found.notes) == ([], [], set())
    steps = [step for step in audit.rows(played.floor.ports.store, "journal") if step["stage"] == "cerebro"]
    assert found.steps == found.identical == len(steps) > 100
    assert found.decisions == sum(fact["type"] == "decisions.made.v1" for step in steps for fact in step["facts"])
    assert found.shadows == []


def test_a_decision_that_was_meddled_with_is_found(played: Replay) -> None:
    store = played.floor.ports.store
    row = next(
        row for row in audit.rows(store, "journal")
        for fact in row["facts"]
        if fact["type"] == "decisions.made.v1" and fact["data"]["decision"]["verdict"] == "accepted"
    )  # fmt: skip
    ref = Ref("journal", f"cerebro:{row['event_id']}")
    forged = json.loads(json.dumps(row["facts"]))
    decision = next(fact for fact in forged if fact["type"] == "decisions.made.v1")["data"]["decision"]
    decision["lots"] += 1
    store.patch(ref, {"facts": forged})
    try:
        (found,) = redecide(store, played.floor.settings).differing
    finally:
        store.patch(ref, {"facts": row["facts"]})
    assert found["step"] == ref.id
    assert found["fields"] == {"decision.lots": f"{decision['lots']} → {decision['lots'] - 1}"}


def test_a_version_decides_in_the_replay_what_it_decided_in_the_shadow(played: Replay) -> None:
    """Nothing tells them apart but their name, and that the journal is a day's work later."""
    live = shadows(played)
    assert len(live) == redecide(played.floor.ports.store, played.floor.settings).decisions
    again = redecide(played.floor.ports.store, played.floor.settings, "wide").shadows
    assert [told(row) for row in sorted(again, key=lambda row: row.id)] == [told(row) for row in live]
    assert any(row.active.lots == 0 and row.shadow is not None and row.shadow.lots for row in live)


def told(row: ShadowDecision) -> dict[str, Any]:
    plain = row.model_dump()
    assert plain["shadow"] is not None
    return {**plain, "shadow": {**plain["shadow"], "version": "wide"}}


def test_another_size_would_have_earned_in_proportion(played: Replay, directory: Path) -> None:
    store = played.floor.ports.store
    found = redecide(store, played.floor.settings, TIGHT)
    compared = Worth(store, directory, played.floor.settings, 10**13).compared(found.shadows)
    trades = [TradeRow.decode(row).trade for row in audit.rows(store, TradeRow.collection)]
    smaller = [item for item in compared.differences if item.basis == "trades" and item.active.lots]
    assert len(smaller) >= compared.kinds["smaller"] > 3
    for item in smaller:
        assert item.shadow is not None
        profit = sum(trade.profit for trade in trades if trade.entry_signal_id == item.signal_id)
        assert item.earned == profit
        assert item.would_have_earned == pytest.approx(profit * item.shadow.lots / item.active.lots)
    assert compared.gained == compared.would_have_earned - compared.earned


def test_the_policy_is_the_one_that_was_obeyed_at_the_time(played: Replay) -> None:
    """A person who tightens the limits today changes nothing of what was decided yesterday."""
    store = played.floor.ports.store
    ref = Ref(Policy.collection, "main")
    (now,) = store.read([ref])
    assert now.data is not None
    store.patch(ref, {"version": now.data["version"] + 1, "limits": {**now.data["limits"], "position_cap": "0.001"}})
    try:
        assert redecide(store, played.floor.settings).differing == []
    finally:
        store.patch(ref, now.data)


def test_a_version_that_nobody_has_is_refused(played: Replay) -> None:
    with pytest.raises(Misconfigured, match="standard, tight, wide"):
        redecide(played.floor.ports.store, played.floor.settings, "wild")


# --- from the command line ---------------------------------------------------------------------------------------


def run(directory: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    called = CliRunner().invoke(app, ["cerebro", *arguments, "--directory", str(directory), "--json"])
    assert called.exception is None or isinstance(called.exception, SystemExit), called.exception
    return called.exit_code, json.loads(called.stdout.splitlines()[-1])


def test_the_console_replays_and_compares(played: Replay, directory: Path, tmp_path: Path) -> None:
    limits = tmp_path / "limits.yaml"
    limits.write_text("position_cap: 0.02\n")
    code, found = run(directory, "replay", "--limits", str(limits))
    assert (code, found["differing"], found["left_out"]) == (0, [], [])
    assert found["steps"] == found["identical"]
    assert found["compared"]["differed"] > 3
    first = found["compared"]["differences"][0]["ts_event_ms"]
    assert run(directory, "replay", "--version", "tight")[1]["compared"] == found["compared"]
    assert run(directory, "replay")[1]["compared"] is None
    later = run(directory, "replay", "--version", "tight", "--from", "2017-01-20")[1]["compared"]
    assert later["decided"] < found["compared"]["decided"]
    assert all(item["ts_event_ms"] >= first for item in later["differences"])


def test_the_console_compares_a_shadow_and_values_what_only_it_would_take(played: Replay, directory: Path) -> None:
    code, found = run(directory, "shadow")
    assert code == 0
    compared = found["compared"]
    assert compared["decided"] == len(shadows(played))
    untraded = [item for item in compared["differences"] if item["basis"] == "bars"]
    assert untraded
    assert all(item["note"].startswith(("out at", "still open")) and item["earned"] == "0" for item in untraded)
    assert Decimal(compared["gained"]) == Decimal(compared["would_have_earned"]) - Decimal(compared["earned"])
