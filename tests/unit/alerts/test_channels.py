"""The real clients against loopback servers: what is sent, and what every kind of answer becomes."""

from __future__ import annotations

import logging
import ssl
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from fluxfloor.adapters.channels import open_messenger, smtp, web
from fluxfloor.adapters.channels.smtp import SmtpMessenger
from fluxfloor.errors import FloorError, Misconfigured, Poison, RetryLater, Throttled
from fluxfloor.ports import Message

from tests.support.reports import AT_MS
from tests.support.smtp_server import SmtpServer, own_certificate
from tests.support.web_server import Answer, WebServer

CANARY = "qzxcanary"
TOKEN = "123456:qzxcanary-token_secret"
WEBHOOK = "https://hooks.slack.com/services/T000/B000/qzxcanarywebhook"
PASSWORD = "qzxcanary password"
MESSAGE = Message("a1.x.0", "critical", "[fluxfloor] Mismatch", "<b>Mismatch</b>\nthey differ", AT_MS)


@pytest.fixture
def server() -> Iterator[WebServer]:
    opened = WebServer()
    yield opened
    opened.close()


@pytest.fixture
def mail_server() -> Iterator[SmtpServer]:
    opened = SmtpServer()
    yield opened
    opened.close()


@pytest.fixture
def tls_server(tmp_path: Path) -> Iterator[tuple[SmtpServer, ssl.SSLContext]]:
    of_server, of_client = own_certificate(tmp_path)
    opened = SmtpServer(of_server)
    yield opened, of_client
    opened.close()


def telegram(server: WebServer) -> None:
    open_messenger("telegram", TOKEN, chat_id="-100200", base_url=server.url).send(MESSAGE)


def slack(server: WebServer) -> None:
    open_messenger("slack", WEBHOOK, base_url=server.url).send(MESSAGE)


def mailer(port: int, user: str = "", tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> SmtpMessenger:
    return SmtpMessenger(host, port, "floor@example.org", "a@example.org, b@example.org", user, PASSWORD, tls)


# --- what is sent ------------------------------------------------------------------------------------------------


def test_telegram_is_sent_one_html_message_to_its_chat(server: WebServer) -> None:
    telegram(server)
    (posted,) = server.posted
    assert posted.path == f"/bot{TOKEN}/sendMessage"
    assert posted.json == {
        "chat_id": "-100200", "text": MESSAGE.body, "parse_mode": "HTML", "link_preview_options": {"is_disabled": True},
    }  # fmt: skip


def test_slack_is_sent_one_text_to_the_webhooks_path(server: WebServer) -> None:
    slack(server)
    (posted,) = server.posted
    assert posted.path == "/services/T000/B000/qzxcanarywebhook"
    assert posted.json == {"text": MESSAGE.body, "unfurl_links": False, "unfurl_media": False}


def test_an_email_goes_to_all_and_has_the_same_id_on_every_try(mail_server: SmtpServer) -> None:
    for _ in range(2):
        mailer(mail_server.port).send(MESSAGE)
    first, second = mail_server.mails
    assert first["Subject"] == "[fluxfloor] Mismatch"
    assert first["To"] == "a@example.org, b@example.org"
    assert first["Message-ID"] == second["Message-ID"] == "<a1.x.0@example.org>"
    assert first.get_content().splitlines() == MESSAGE.body.splitlines()


def test_starttls_is_used_when_it_is_offered_and_login_comes_after_it(
    tls_server: tuple[SmtpServer, ssl.SSLContext],
) -> None:
    server, trust = tls_server
    mailer(server.port, user="floor", tls=trust).send(MESSAGE)
    (session,) = server.sessions
    assert session.encrypted
    assert session.login == ("floor", PASSWORD)
    assert session.commands.index("STARTTLS") < session.commands.index("AUTH")
    assert len(server.mails) == 1


def test_a_certificate_that_nobody_vouches_for_ends_it_before_the_login(
    tls_server: tuple[SmtpServer, ssl.SSLContext],
) -> None:
    server, _ = tls_server
    with pytest.raises(Misconfigured, match="SSLCertVerificationError"):
        mailer(server.port, user="floor").send(MESSAGE)
    assert server.sessions[0].login is None


def test_a_password_is_not_sent_in_the_clear(mail_server: SmtpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    mail_server.open_login = True
    monkeypatch.setattr(smtp, "LOOPBACK", frozenset())
    with pytest.raises(Misconfigured, match="STARTTLS"):
        mailer(mail_server.port, user="floor").send(MESSAGE)
    assert mail_server.sessions[0].login is None


# --- what answers become -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("send", [telegram, slack])
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Poison), (401, Misconfigured), (403, Misconfigured), (404, Misconfigured), (408, RetryLater),
        (413, Poison), (429, Throttled), (500, RetryLater), (503, RetryLater), (302, RetryLater),
    ],
)  # fmt: skip
def test_an_answer_says_by_its_status_what_becomes_of_the_message(
    server: WebServer, send, status: int, error: type[FloorError]
) -> None:
    server.answers = [Answer(status, headers={"Location": "/elsewhere"} if status == 302 else {})]
    with pytest.raises(error) as caught:
        send(server)
    assert type(caught.value) is error
    assert len(server.posted) == 1


def test_slacks_patience_is_in_a_header_and_telegrams_in_the_body(server: WebServer) -> None:
    server.answers = [
        Answer(429, headers={"Retry-After": "7"}),
        Answer(429, b'{"ok":false,"parameters":{"retry_after":31}}'),
        Answer(429, b"<html>", headers={"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}),
        Answer(429, headers={"Retry-After": "999999"}),
    ]
    found = []
    for send in (slack, telegram, slack, telegram):
        with pytest.raises(Throttled) as caught:
            send(server)
        found.append(caught.value.retry_after_s)
    assert found == [7.0, 31.0, None, web.LONGEST_PATIENCE_S]


def test_a_host_that_does_not_answer_in_time_is_tried_later(server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "TIMEOUT_S", 0.1)
    server.answers = [Answer(delay_s=0.5)]
    with pytest.raises(RetryLater, match="ReadTimeout"):
        slack(server)


def test_a_host_that_is_not_there_is_tried_later(server: WebServer) -> None:
    server.close()
    with pytest.raises(RetryLater, match="ConnectError"):
        slack(server)
    with pytest.raises(RetryLater, match="ConnectionRefusedError"):
        mailer(1).send(MESSAGE)


@pytest.mark.parametrize(
    ("verb", "reply", "error"),
    [
        ("RCPT", "450 greylisted", RetryLater), ("RCPT", "550 no such user", Misconfigured),
        ("MAIL", "451 later", RetryLater), ("MAIL", "553 not yours", Misconfigured),
        ("CONTENT", "452 full", RetryLater), ("CONTENT", "554 looks like spam", Poison),
    ],
)  # fmt: skip
def test_a_refused_mail_says_by_its_code_what_becomes_of_it(
    mail_server: SmtpServer, verb: str, reply: str, error: type[FloorError]
) -> None:
    mail_server.replies = {verb: reply}
    with pytest.raises(error) as caught:
        mailer(mail_server.port).send(MESSAGE)
    assert type(caught.value) is error


def test_a_mail_that_was_taken_stays_taken_however_the_server_says_goodbye(mail_server: SmtpServer) -> None:
    mail_server.replies = {"QUIT": "421 shutting down"}
    mailer(mail_server.port).send(MESSAGE)
    assert len(mail_server.mails) == 1


def test_a_wrong_password_wants_mending(tls_server: tuple[SmtpServer, ssl.SSLContext]) -> None:
    server, trust = tls_server
    server.replies = {"AUTH": "535 no"}
    with pytest.raises(Misconfigured, match="535"):
        mailer(server.port, user="floor", tls=trust).send(MESSAGE)


@pytest.mark.parametrize(
    ("kind", "settings", "setting"),
    [
        ("telegram", {"chat_id": "1"}, "secret_name"), ("slack", {}, "secret_name"),
        ("email", {"to": "a@b.c", "sender": "a@b.c"}, "host"), ("email", {"host": "h", "sender": "a@b.c"}, "to"),
        ("pigeon", {}, "pigeon"),
    ],
)  # fmt: skip
def test_a_channel_that_lacks_a_setting_names_it(kind: str, settings: dict[str, str], setting: str) -> None:
    with pytest.raises(Misconfigured, match=setting):
        open_messenger(kind, "", **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("address", ["http://hooks.slack.com/services/x", "https://hooks.slack.com/", "nonsense"])
def test_a_webhook_address_must_be_one(address: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        open_messenger("slack", address)
    assert address not in str(caught.value)


# --- nothing secret gets out -------------------------------------------------------------------------------------


def test_no_secret_is_in_any_error_or_log_even_where_the_server_echoes_it(
    server: WebServer, tls_server: tuple[SmtpServer, ssl.SSLContext], caplog: pytest.LogCaptureFixture
) -> None:
    mails, trust = tls_server
    mails.replies = {"AUTH": f"535 {PASSWORD} is wrong", "MAIL": f"554 {PASSWORD}"}
    told = []
    with caplog.at_level(logging.DEBUG):
        for status in (200, 302, 400, 401, 404, 429, 500):
            server.answers = [Answer(status, echo=True)]
            told += [_failure(lambda: telegram(server)), _failure(lambda: slack(server))]
        server.close()
        told += [_failure(lambda: telegram(server)), _failure(lambda: slack(server))]
        told.append(_failure(lambda: mailer(mails.port, user="floor", tls=trust).send(MESSAGE)))
        told.append(_failure(lambda: open_messenger("telegram", f"{CANARY}/../x?", chat_id="1")))
        told.append(_failure(lambda: open_messenger("slack", CANARY)))
        told += [repr(open_messenger("telegram", TOKEN, chat_id="1")), repr(open_messenger("slack", WEBHOOK))]
        told.append(repr(mailer(1)))
    assert sum("Error" in text or "Traceback" in text for text in told) >= 16
    assert CANARY not in "\n".join(told) + caplog.text


def _failure(act) -> str:
    try:
        act()
    except Exception as problem:
        return "".join(traceback.format_exception(problem))
    return ""


# --- pagers ------------------------------------------------------------------------------------------------------

PAGE = Message("a1.x.0", "critical", "CRITICAL: Mismatch", "they differ", AT_MS, thread="t-1", link="https://f/#alarms")


def page(server: WebServer, shape: str, secret: str = "qzxcanary-key") -> None:
    open_messenger("webhook", secret, url=f"{server.url}/in", shape=shape).send(PAGE)


def test_a_plain_page_carries_what_any_receiver_needs(server: WebServer) -> None:
    page(server, "plain")
    (posted,) = server.posted
    assert posted.headers["Authorization"] == "Bearer qzxcanary-key"
    assert posted.json == {
        "severity": "critical", "summary": "CRITICAL: Mismatch", "text": "they differ", "dedup_key": "t-1",
        "link": "https://f/#alarms", "ts_event_ms": AT_MS,
    }  # fmt: skip


def test_a_plain_page_needs_no_key(server: WebServer) -> None:
    page(server, "plain", secret="")
    assert "Authorization" not in server.posted[0].headers


def test_an_opsgenie_page_has_an_alias_and_a_priority(server: WebServer) -> None:
    page(server, "opsgenie")
    (posted,) = server.posted
    assert posted.headers["Authorization"] == "GenieKey qzxcanary-key"
    assert {name: posted.json[name] for name in ("message", "alias", "priority", "source")} == {
        "message": "CRITICAL: Mismatch", "alias": "t-1", "priority": "P1", "source": "fluxfloor",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("url", "shape", "secret"),
    [
        ("http://pager.example.org/in", "plain", ""), ("ftp://127.0.0.1/in", "plain", ""), ("", "plain", ""),
        ("https://x.example.org", "morse", "k"), ("https://x.example.org", "pagerduty", ""),
    ],
)  # fmt: skip
def test_a_pager_that_can_not_be_called_is_said_so_without_its_key(url: str, shape: str, secret: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        open_messenger("webhook", secret, url=url, shape=shape)
    assert CANARY not in str(caught.value)


def test_a_pagers_refusal_names_neither_key_nor_address(server: WebServer) -> None:
    server.answers = [Answer(400, echo=True)]
    with pytest.raises(Poison) as caught:
        page(server, "pagerduty")
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    assert str(caught.value) == "webhook answered 400: it does not take this message"
