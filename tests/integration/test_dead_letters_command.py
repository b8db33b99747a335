"""`fluxfloor dead-letters` on an embedded floor's folder, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fluxfloor.adapters.embedded.bus import EmbeddedBus, Route
from fluxfloor.cli.main import app
from fluxfloor.contracts.facts import Fact
from fluxfloor.errors import Misconfigured
from fluxfloor.runtime.clock import SystemClock
from typer.testing import CliRunner, Result

from tests.support.facts import risk, update

ROUTES = (
    Route("alerts", "risks.raised", max_attempts=1),
    Route("cerebro", "accounts.updated", ordered=True, max_attempts=1),
)


@pytest.fixture(autouse=True)
def _no_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)


def call(*words: object) -> Result:
    return CliRunner().invoke(app, ["dead-letters", *(str(word) for word in words)])


def given_up(directory: Path, *facts: Fact) -> EmbeddedBus:
    """A floor's bus where each was tried once, and once was all."""
    bus = EmbeddedBus(directory / "bus.db", SystemClock(), ROUTES)
    bus.publish(facts)
    while found := bus.due():
        bus.nack(found[0])
    return bus


def test_they_are_listed_by_stage_and_left_alone(tmp_path: Path) -> None:
    fact = update("a", 1)
    bus = given_up(tmp_path, fact, risk("r"))
    done = call("--directory", tmp_path)
    assert done.exit_code == 0, done.output
    assert "alerts  1 dead letter\n" in done.output
    assert f"accounts.updated.v1  {fact.event_id}  key a  1 attempts  cerebro--accounts.updated" in done.output
    assert "2 seen, 2 can be put back" in done.output
    (record,) = json.loads(call("--directory", tmp_path, "--stage", "cerebro", "--json").stdout)
    assert (record["event_id"], record["ordering_key"], record["put_back"]) == (fact.event_id, "a", False)
    assert (bus.dead_letters(), bus.due()) == (2, [])


def test_one_stage_s_are_due_again_in_their_order_and_from_the_first_attempt(tmp_path: Path) -> None:
    bus = given_up(tmp_path, *(update("a", version) for version in range(3)), risk("r"))
    done = call("--directory", tmp_path, "--stage", "cerebro", "--put-back")
    assert done.exit_code == 0, done.output
    assert "3 seen, 3 put back" in done.output
    taken = []
    while found := bus.due():
        taken.append(found[0].delivery)
        bus.ack(found[0])
    assert [(delivery.attributes, delivery.attempt) for delivery in taken] == [
        (update("a", version).attributes(), 1) for version in range(3)
    ]
    assert bus.dead_letters() == 1


def test_what_stays_is_said_and_is_no_success(tmp_path: Path) -> None:
    bus = given_up(tmp_path, risk("r"))
    bus._database.connection.execute("UPDATE messages SET data = 'no json'")
    done = call("--directory", tmp_path, "--put-back")
    assert done.exit_code == 1
    assert "stays: not a risks.raised.v1" in done.output
    assert "1 seen, 0 put back" in done.output
    assert bus.dead_letters() == 1


def test_more_than_was_asked_for_is_told(tmp_path: Path) -> None:
    given_up(tmp_path, risk("one"), risk("two"))
    assert "there may be more of alerts" in call("--directory", tmp_path, "--most", "1").output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "name a floor"),
        (("--project", "p", "--directory", "d"), "name one of them"),
        (("--directory", "d", "--stage", "nobody"), "'nobody' is none of"),
    ],
)
def test_it_wants_one_floor_and_a_stage_that_hears(words: tuple[str, ...], told: str) -> None:
    done = call(*words)
    assert done.exit_code == 2
    assert told in " ".join(done.output.replace("│", " ").split())


def test_a_folder_without_a_floor_is_not_made_one(tmp_path: Path) -> None:
    assert isinstance(call("--directory", tmp_path).exception, Misconfigured)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_named_counts_more_than_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "somewhere")
    given_up(tmp_path, risk("r"))
    assert call("--directory", tmp_path).exit_code == 0
