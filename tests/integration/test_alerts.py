"""The alerts stage on the embedded backend, with its real channels on loopback servers."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fluxfloor.contracts.events import Severity
from fluxfloor.contracts.execution import Order
from fluxfloor.contracts.facts import decode
from fluxfloor.contracts.orders import OrderState
from fluxfloor.contracts.views import AlertRecord
from fluxfloor.errors import RetryLater
from fluxfloor.local.floor import Floor
from fluxfloor.ports import Commit, Query, Ref
from fluxfloor.reporting.telling import MAX_TRIES, WINDOW_MS
from fluxfloor.runtime.clock import VirtualClock
from fluxfloor.runtime.settings import Channel, Settings

from tests.support.reports import AT_MS, export, fill, order, report, risk, stated
from tests.support.smtp_server import SmtpServer
from tests.support.web_server import Answer, WebServer

SECRETS = {
    "alerts-telegram": "123456:qzxcanary-token",
    "alerts-slack": "https://hooks.slack.com/services/T0/B0/qzxcanarywebhook",
}
QUARTER_MS = 900_000


class House:
    """The stage with a Telegram, a Slack and a mail server beside it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.telegram, self.slack, self.mail = WebServer(), WebServer(), SmtpServer()
        self.clock = VirtualClock(AT_MS)
        self.channels: tuple[Channel, ...] = (
            Channel(kind="log"),
            Channel(kind="telegram", secret_name="alerts-telegram", chat_id="1", base_url=self.telegram.url),
            Channel(kind="slack", secret_name="alerts-slack", base_url=self.slack.url),
            Channel(
                kind="email", host="127.0.0.1", port=self.mail.port, sender="floor@example.org", to="a@example.org"
            ),
        )
        self.floor = self.open()

    def open(self, **options: object) -> Floor:
        settings = Settings(alerts=self.channels)
        self.floor = Floor(self.directory, settings, self.clock, secret_defaults=SECRETS, stages=("alerts",), **options)  # type: ignore[arg-type]
        return self.floor

    def tell(self, *events: object) -> None:
        """Publishes each as a fact of its own, now."""
        now_ms = self.clock.now_ms()
        self.floor.bus.publish([stated(event, now_ms, str(place)) for place, event in enumerate(events)])  # type: ignore[arg-type]

    def run(self, for_ms: int = 300_000) -> None:
        """Handles what is due within that time, redeliveries included."""
        until_ms = self.clock.now_ms() + for_ms
        self.floor.drain(until_ms)
        self.clock.advance_to(until_ms)

    def sweep(self) -> None:
        """As the schedule would, a quarter of an hour on."""
        self.clock.advance_to(self.clock.now_ms() + QUARTER_MS)
        self.floor.tick("alerts", "sweep")

    def records(self) -> list[AlertRecord]:
        found = self.floor.store.query(Query(AlertRecord.collection, limit=1_000))
        return [AlertRecord.decode(item.data or {}) for item in found]

    def texts(self, server: WebServer) -> list[str]:
        return [str(posted.json["text"]) for posted in server.posted]

    def close(self) -> None:
        for part in (self.floor, self.telegram, self.slack, self.mail):
            part.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    opened = House(tmp_path)
    yield opened
    opened.close()


def test_a_risk_reaches_every_channel_once_in_its_own_markup(house: House, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        house.tell(risk(severity=Severity.CRITICAL, message="books < venue"))
        house.run()
    alarm = f"alarm {house.records()[0].id[:8]}"
    assert house.texts(house.telegram) == [f"<b>CRITICAL: Books mismatch: paper-main</b>\nbooks &lt; venue\n{alarm}"]
    assert house.texts(house.slack) == [f"*CRITICAL: Books mismatch: paper-main*\nbooks &lt; venue\n{alarm}"]
    assert [mail["Subject"] for mail in house.mail.mails] == ["[fluxfloor] CRITICAL: Books mismatch: paper-main"]
    assert [entry.levelname for entry in caplog.records if entry.name == "fluxfloor.notices"] == ["CRITICAL"]
    (record,) = house.records()
    assert (record.sent, record.open, record.attempts) == (("log", "telegram", "slack", "email"), False, 4)


def test_a_filled_order_is_told_with_all_its_fills(house: House) -> None:
    done = order(OrderState.FILLED, fill("t1", "64200.2", "0.004", "0.67"), fill("t2", "64215.05", "0.008", "1.3346"))
    house.floor.store.commit(Commit(creates={Ref(Order.collection, done.id): done.encode()}))
    house.tell(report(OrderState.OPEN), report(OrderState.PARTIALLY_FILLED, 400), report(OrderState.FILLED, 1_200))
    house.run()
    assert house.texts(house.slack) == [
        "*Order filled*\nBUY 0.012 BTC/USDT filled at 64,210.10 (fee 2.00 USDT), trend\norder intent-1"
    ]


def test_a_channel_is_told_only_what_is_grave_enough_for_it(house: House) -> None:
    house.channels = tuple(
        channel.model_copy(update={"min_severity": "critical"}) if channel.kind == "telegram" else channel
        for channel in house.channels
    )
    house.open()
    house.tell(export(), risk(severity=Severity.CRITICAL))
    house.run()
    assert len(house.telegram.posted) == 1
    assert len(house.slack.posted) == 2


def test_a_repeated_delivery_tells_nobody_twice(house: House) -> None:
    fact = stated(risk())
    house.floor.bus.publish([fact, fact])
    house.run()
    house.floor.bus.publish([fact])
    house.run()
    assert len(house.slack.posted) == 1
    assert house.records()[0].folded == 0


def test_identical_notices_are_told_once_and_then_counted(house: House) -> None:
    for _ in range(5):
        house.tell(risk())
        house.run(60_000)
    assert len(house.slack.posted) == 1
    house.sweep()
    house.sweep()
    assert house.texts(house.slack)[1:] == [
        "*Warning: Books mismatch: paper-main*\n4 more like this since 14:13:20 UTC"
    ]
    house.tell(risk())
    house.run()
    assert house.texts(house.slack)[2].endswith("books differ from the venue")
    assert not any(record.open for record in house.records())


def test_after_the_window_an_identical_notice_is_news_again(house: House) -> None:
    house.tell(risk())
    house.run(WINDOW_MS)
    house.tell(risk())
    house.run()
    assert len(house.slack.posted) == 2


def test_a_channel_that_is_down_is_retried_and_the_others_do_not_wait(house: House) -> None:
    house.slack.answers = [Answer(503), Answer(503), Answer(503), Answer()]
    house.tell(risk())
    house.run(1)
    assert (len(house.telegram.posted), len(house.mail.mails)) == (1, 1)
    assert house.records()[0].waiting["slack"].error == "slack answered 503"
    house.run(60_000)
    assert len(house.slack.posted) == 4
    assert (len(house.telegram.posted), len(house.mail.mails)) == (1, 1)
    assert house.floor.undelivered() == 0


def test_patience_that_a_channel_asks_for_is_kept(house: House) -> None:
    house.telegram.answers = [Answer(429, b'{"ok":false,"parameters":{"retry_after":400}}'), Answer()]
    house.tell(risk())
    house.run()
    assert house.floor.undelivered() == 0
    assert len(house.telegram.posted) == 1
    house.sweep()
    assert len(house.telegram.posted) == 2
    assert not house.records()[0].open


def test_a_channel_that_never_comes_back_is_given_up_loudly(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.slack.answers = [Answer(500)]
    house.tell(risk())
    house.run()
    for _ in range(30):
        house.sweep()
    (record,) = house.records()
    assert (record.given_up, record.open) == (("slack",), False)
    assert len(house.slack.posted) == MAX_TRIES
    assert [entry.getMessage() for entry in caplog.records if entry.levelno == logging.ERROR] == [
        "gave up: slack answered 500"
    ]
    assert house.floor.undelivered() == 0


def test_a_message_that_a_channel_will_never_take_is_not_sent_again(house: House) -> None:
    house.telegram.answers = [Answer(400)]
    house.tell(risk())
    house.run()
    house.sweep()
    assert len(house.telegram.posted) == 1
    assert house.records()[0].given_up == ("telegram",)


def test_a_dead_channel_costs_a_sweep_one_try_and_is_caught_up_when_it_is_back(house: House) -> None:
    house.slack.answers = [Answer(500)]
    house.tell(*(risk(scope=f"account-{number}") for number in range(20)))
    house.run()
    before = len(house.slack.posted)
    house.sweep()
    assert len(house.slack.posted) == before + 1
    house.slack.answers = [Answer()]
    house.sweep()
    house.sweep()
    assert not any(record.open for record in house.records())


def test_a_secret_that_is_missing_stops_only_its_own_channel(house: House) -> None:
    house.channels = (*house.channels[:2], house.channels[2].model_copy(update={"secret_name": "alerts-absent"}))
    house.open()
    house.tell(risk())
    house.run(1)
    (record,) = house.records()
    assert record.sent == ("log", "telegram")
    assert "alerts-absent" in record.waiting["slack"].error


@pytest.mark.parametrize("died", ["before the sending", "after the sending"])
def test_a_crash_between_commit_and_mark_still_tells_everybody(house: House, died: str) -> None:
    def crash(posted: object) -> None:
        raise KeyboardInterrupt

    runner = house.floor.runners["alerts"]
    step = runner.step
    calls: list[object] = []

    def dying(fact, *how):  # type: ignore[no-untyped-def]
        calls.append(fact)
        if died == "after the sending" and len(calls) == 3:
            raise KeyboardInterrupt
        return step(fact, *how)

    runner.step = dying  # type: ignore[method-assign]
    if died == "before the sending":
        runner.ports.secrets.get = crash  # type: ignore[method-assign]
    house.tell(risk())
    with pytest.raises(KeyboardInterrupt):
        house.run()
    assert house.records()[0].open
    house.open()
    house.run()
    (record,) = house.records()
    assert set(record.sent) == {"log", "telegram", "slack", "email"}
    assert len(house.telegram.posted) == (2 if died == "after the sending" else 1)
    assert len(house.slack.posted) == len(house.mail.mails) == 1


def test_a_notice_whose_delivery_was_lost_is_told_by_the_sweep(house: House) -> None:
    house.tell(risk())
    (due,) = house.floor.due()
    runner = house.floor.runners["alerts"]
    fact = decode(due.delivery.data, due.delivery.attributes)
    runner.step(fact, runner.stage.handlers[type(fact.event)].decide)
    house.floor.bus.ack(due.source)  # type: ignore[arg-type]
    assert house.slack.posted == []
    house.sweep()
    assert len(house.slack.posted) == 1


def test_a_mark_that_lost_its_answer_tells_nobody_twice(house: House) -> None:
    store = house.floor.store
    commit, calls = store.commit, []

    def answerless(wanted: Commit) -> None:
        commit(wanted)
        calls.append(wanted)
        if len(calls) == 2:
            raise RetryLater("no answer")

    store.commit = answerless  # type: ignore[method-assign]
    house.tell(risk())
    house.run()
    assert set(house.records()[0].sent) == {"log", "telegram", "slack", "email"}
    assert len(house.telegram.posted) == len(house.slack.posted) == len(house.mail.mails) == 1


def test_two_tellers_at_once_leave_one_true_record(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.telegram.answers = [Answer(), Answer(500)]  # the sweep inside is taken, the call around it is not

    def meanwhile(_posted: object) -> None:
        house.telegram.on_post = None
        house.floor.tick("alerts", "sweep")

    house.telegram.on_post = meanwhile
    house.tell(risk())
    house.run()
    (record,) = house.records()
    assert (sorted(record.sent), record.open) == (["email", "log", "slack", "telegram"], False)
    assert len(house.telegram.posted) == 2
    assert [entry.getMessage() for entry in caplog.records if entry.levelno >= logging.ERROR] == []


def test_no_secret_reaches_a_log_a_document_or_a_text(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.telegram.answers = [Answer(500, echo=True), Answer(401, echo=True), Answer(400, echo=True)]
    house.slack.answers = [Answer(500, echo=True), Answer(404, echo=True), Answer()]
    with caplog.at_level(logging.DEBUG):
        house.tell(risk())
        house.run()
        house.sweep()
        leaked = f"the venue said: {SECRETS['alerts-slack']}"
        house.tell(risk(kind="leaky", message=leaked, severity=Severity.CRITICAL))
        house.run()
    written = b"".join(path.read_bytes() for path in house.directory.rglob("*") if path.name.startswith("paper.db"))
    assert b"slack answered" in written
    told = "".join(house.texts(house.slack) + house.texts(house.telegram)) + "".join(map(str, house.mail.mails))
    assert "Leaky" in told
    assert "qzxcanary" not in told
    assert "qzxcanary" not in caplog.text
    assert b"qzxcanary" not in written


def test_opaque_ids_stand_where_a_channel_is_named(house: House) -> None:
    house.slack.answers = [Answer(500)]
    house.tell(risk())
    house.run(1)
    assert "example.org" not in house.records()[0].model_dump_json()


def count(calls: list[str], store: object, name: str) -> Callable[..., object]:
    inner = getattr(store, name)

    def counted(*values: object) -> object:
        calls.append(name)
        return inner(*values)

    return counted


def test_a_fact_that_nobody_reads_costs_one_commit(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    for name in ("read", "commit", "query", "patch"):
        monkeypatch.setattr(house.floor.store, name, count(calls, house.floor.store, name))
    house.tell(report(OrderState.OPEN))
    house.run(1)
    assert calls == ["commit"]


def test_a_notice_for_one_channel_costs_two_commits_and_three_reads(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.channels = house.channels[:1]
    house.open()
    calls: list[str] = []
    for name in ("read", "commit", "query", "patch"):
        monkeypatch.setattr(house.floor.store, name, count(calls, house.floor.store, name))
    house.tell(risk())
    house.run(1)
    assert calls == ["read", "commit", "read", "read", "commit"]


def test_the_stage_starts_without_numbers_and_without_an_http_client() -> None:
    heavy = ("numpy", "numba", "pyarrow", "pandas", "scipy", "ccxt", "httpx")
    code = f"import sys, functions.alerts.main; print([name for name in {heavy} if name in sys.modules])"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": "shared:."},
        cwd=Path(__file__).parents[2],
    )
    assert ran.stdout.strip() == "[]"
