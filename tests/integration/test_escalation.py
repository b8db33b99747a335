"""An alarm that nobody acknowledges goes to the next level, again and again until somebody does, and not for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fluxfloor.contracts.events import RiskRaised, Severity
from fluxfloor.contracts.views import AlertAck, AlertRecord
from fluxfloor.local.floor import Floor
from fluxfloor.ports import Commit, Query, Ref
from fluxfloor.reporting.telling import MAX_PAGES
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.runtime.settings import Channel, Settings

from tests.support.reports import AT_MS, risk, stated
from tests.support.web_server import Answer, WebServer

MINUTE_MS = 60_000
SECRETS = {"alerts-telegram": "123456:qzxcanary-token", "alerts-pager": "qzxcanary-routing-key"}


class Night:
    """A chat that is told at once, and a pager behind it."""

    def __init__(self, directory: Path, **pager: object) -> None:
        self.chat, self.pager = WebServer(), WebServer()
        self.clock = VirtualClock(AT_MS)
        channels = (
            Channel(kind="telegram", secret_name="alerts-telegram", chat_id="1", base_url=self.chat.url),
            Channel.model_validate(
                {
                    "kind": "webhook", "shape": "pagerduty", "secret_name": "alerts-pager",
                    "url": f"{self.pager.url}/v2/enqueue", **pager,
                }
            ),
        )  # fmt: skip
        settings = Settings(alerts=channels)
        self.floor = Floor(directory, settings, self.clock, secret_defaults=SECRETS, stages=("alerts",))

    def tell(self, event: RiskRaised) -> None:
        self.floor.bus.publish([stated(event, self.clock.now_ms())])
        self.floor.drain()

    def later(self, minutes: float) -> None:
        until_ms = self.clock.now_ms() + int(minutes * MINUTE_MS)
        self.floor.drain(until_ms)
        self.clock.advance_to(until_ms)
        self.floor.drain()

    def record(self) -> AlertRecord:
        (found,) = self.floor.store.query(Query(AlertRecord.collection, limit=10))
        return AlertRecord.decode(found.data or {})

    def acknowledge(self) -> None:
        ack = AlertAck(id=self.record().id, by="admin", ts_event_ms=self.clock.now_ms())
        self.floor.store.commit(Commit(creates={Ref(ack.collection, ack.id): ack.encode()}))

    def close(self) -> None:
        for part in (self.floor, self.chat, self.pager):
            part.close()


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Callable[..., Night]]:
    made: list[Night] = []

    def begin(**pager: object) -> Night:
        made.append(Night(tmp_path / str(len(made)), **pager))
        return made[-1]

    yield begin
    for one in made:
        one.close()


ALARM = risk("margin_call", "main", Severity.CRITICAL, "92% of equity is bound as margin")


def test_nobody_is_paged_for_what_was_acknowledged_in_time(night: Callable[..., Night]) -> None:
    house = night()
    house.tell(ALARM)
    house.later(4.9)
    assert (len(house.chat.posted), len(house.pager.posted)) == (1, 0)
    house.acknowledge()
    house.later(60)
    assert house.pager.posted == []
    assert (house.record().acknowledged_by, house.record().open) == ("admin", False)


def test_an_alarm_is_paged_after_five_minutes_with_its_thread_and_link(night: Callable[..., Night]) -> None:
    house = night()
    house.tell(ALARM)
    house.later(5.1)
    (paged,) = house.pager.posted
    assert paged.path == "/v2/enqueue"
    body = paged.json
    assert body["routing_key"] == "qzxcanary-routing-key"
    assert body["event_action"] == "trigger"
    assert body["payload"] == {
        "summary": "[fluxfloor] CRITICAL: Margin call: main", "source": "fluxfloor", "severity": "critical",
        "custom_details": {"text": f"92% of equity is bound as margin\nalarm {house.record().id[:8]}"},
    }  # fmt: skip
    assert body["links"] == [{"href": "http://127.0.0.1:8080/#alarms", "text": "The floor"}]
    assert len(str(body["dedup_key"])) == 32


def test_it_is_paged_again_until_somebody_acknowledges(night: Callable[..., Night]) -> None:
    house = night(repeat_min=10)
    house.tell(ALARM)
    house.later(5.1)
    house.later(20)
    assert len(house.pager.posted) == 3
    assert "nobody has acknowledged it since 14:13:20 UTC" in str(house.pager.posted[-1].json)
    assert len({str(posted.json["dedup_key"]) for posted in house.pager.posted}) == 1
    house.acknowledge()
    house.later(120)
    assert len(house.pager.posted) == 3


def test_nobody_is_paged_for_ever(night: Callable[..., Night]) -> None:
    house = night(repeat_min=1)
    house.tell(ALARM)
    house.later(600)
    assert len(house.pager.posted) == MAX_PAGES
    assert not house.record().open


def test_a_pager_hears_of_alarms_alone(night: Callable[..., Night]) -> None:
    house = night(escalation_after_min=1)
    house.tell(risk(severity=Severity.WARNING))
    house.later(60)
    assert (len(house.chat.posted), house.pager.posted) == (1, [])


def test_a_pager_that_does_not_wait_is_called_at_once(night: Callable[..., Night]) -> None:
    house = night(escalation_after_min=0, min_severity="critical", repeat_min=0)
    house.tell(ALARM)
    assert len(house.pager.posted) == 1
    house.later(60)
    assert len(house.pager.posted) == 1


def test_a_pager_that_is_down_is_tried_again_and_holds_up_nobody(night: Callable[..., Night]) -> None:
    house = night()
    house.pager.answers = [Answer(503), Answer(503), Answer()]
    house.tell(ALARM)
    house.later(6)
    assert len(house.pager.posted) == 3
    assert house.record().sent == ("telegram", "webhook")


def test_a_lost_timer_is_made_up_for_by_the_sweep(night: Callable[..., Night]) -> None:
    house = night()
    house.tell(ALARM)
    for timer, _ in house.floor.timers.due(100):
        house.floor.timers.ack(timer)
    house.clock.advance_to(house.clock.now_ms() + 15 * MINUTE_MS)
    house.floor.tick("alerts", "sweep")
    assert len(house.pager.posted) == 1


def test_an_exit_that_fails_again_is_told_again_and_paged_once_it_is_grave(night: Callable[..., Night]) -> None:
    house = night(escalation_after_min=0, min_severity="critical")
    for tries, severity in ((1, Severity.WARNING), (2, Severity.WARNING), (3, Severity.CRITICAL)):
        details = {"intent": "i-1", "tries": str(tries)}
        house.tell(risk("exit_failing", "main", severity, f"tried {tries} times", details))
        house.later(0.5)
    assert len(house.chat.posted) == 3
    assert len(house.pager.posted) == 1
    house.tell(risk("exit_failing", "main", Severity.CRITICAL, "tried 4 times", {"intent": "i-1", "tries": "4"}))
    house.later(0.5)
    house.tell(risk("exit_failing", "main", Severity.CRITICAL, "tried 1 time", {"intent": "i-2", "tries": "1"}))
    house.later(0.5)
    keys = [str(posted.json["dedup_key"]) for posted in house.pager.posted]
    assert (keys[0] == keys[1], keys[1] == keys[2]) == (True, False)
