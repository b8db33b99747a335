"""E-mail over SMTP: STARTTLS wherever it is offered, and no password without it."""

from __future__ import annotations

import logging
import smtplib
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from email.errors import MessageError
from email.message import EmailMessage
from email.utils import getaddresses, parseaddr

from fluxfloor.errors import Misconfigured, Poison, RetryLater
from fluxfloor.ports import Message

TIMEOUT_S = 8.0
IMPLICIT_TLS_PORT = 465
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

log = logging.getLogger("fluxfloor.channels")


class SmtpMessenger:
    """`to` may name several, separated by commas. `user` and `password` are left empty where the server asks for
    none. `tls` is for servers that the system's certificates do not vouch for."""

    def __init__(
        self, host: str, port: int, sender: str, to: str, user: str, password: str, tls: ssl.SSLContext | None = None
    ) -> None:
        self._host, self._port = host, port
        self._sender, self._to = sender, to
        self._user, self._password = user, password
        self._tls = tls
        addresses = [parseaddr(sender)[1], *(address for _, address in getaddresses([to]))]
        if not all("@" in address for address in addresses):
            raise Misconfigured("email: sender and to must be addresses")

    def __repr__(self) -> str:
        return "SmtpMessenger()"

    def send(self, message: Message) -> None:
        try:
            refused = self._deliver(self._mail(message))
        except smtplib.SMTPRecipientsRefused as problem:
            raise _judged([code for code, _ in problem.recipients.values()], "the recipients") from None
        except smtplib.SMTPSenderRefused as problem:
            raise _judged([problem.smtp_code], "the sender") from None
        except smtplib.SMTPDataError as problem:
            raise _data_error(problem.smtp_code) from None
        except smtplib.SMTPAuthenticationError as problem:
            raise Misconfigured(f"email: user and secret are not accepted ({problem.smtp_code})") from None
        except smtplib.SMTPNotSupportedError:
            raise Misconfigured("email: the server lacks what these settings need") from None
        except (ssl.SSLCertVerificationError, MessageError, ValueError) as problem:
            raise Misconfigured(f"email: {type(problem).__name__}") from None
        except (OSError, smtplib.SMTPException) as problem:
            raise RetryLater(f"email: {type(problem).__name__}") from None
        if refused:
            log.warning("email: %d of the recipients were refused", len(refused))

    def _deliver(self, mail: EmailMessage) -> dict[str, tuple[int, bytes]]:
        server = self._connect()
        try:
            self._secure(server)
            return server.send_message(mail)
        finally:
            # The message is taken or refused by now: how the server says good-bye must not change that.
            with suppress(OSError):
                server.quit()
            server.close()

    def _connect(self) -> smtplib.SMTP:
        # Named after the sender's domain: the default would look this machine's name up, and tell it.
        name = parseaddr(self._sender)[1].rpartition("@")[2]
        if self._port == IMPLICIT_TLS_PORT:
            return smtplib.SMTP_SSL(self._host, self._port, name, timeout=TIMEOUT_S, context=self._trust())
        return smtplib.SMTP(self._host, self._port, name, timeout=TIMEOUT_S)

    def _secure(self, server: smtplib.SMTP) -> None:
        server.ehlo()
        encrypted = self._port == IMPLICIT_TLS_PORT
        if not encrypted and server.has_extn("starttls"):
            server.starttls(context=self._trust())
            server.ehlo()
            encrypted = True
        if self._user:
            if not encrypted and self._host not in LOOPBACK:
                raise Misconfigured("email: the server offers no STARTTLS, and a password is not sent without it")
            server.login(self._user, self._password)

    def _trust(self) -> ssl.SSLContext:
        return self._tls or ssl.create_default_context()

    def _mail(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        mail["From"], mail["To"] = self._sender, self._to
        mail["Subject"] = message.subject
        mail["Date"] = datetime.fromtimestamp(message.ts_event_ms / 1_000, UTC)
        # The same on every try: mail programs show a repeated delivery once.
        mail["Message-ID"] = f"<{message.message_id}@{parseaddr(self._sender)[1].rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"
        if message.severity == "critical":
            mail["Importance"] = "high"
        mail.set_content(message.body)
        return mail


def _judged(codes: list[int], what: str) -> RetryLater | Misconfigured:
    """A 4xx may pass (greylisting); a 5xx about an address wants mending."""
    if any(code < 500 for code in codes):
        return RetryLater(f"email: {what} not taken now ({min(codes)})")
    return Misconfigured(f"email: {what} refused ({max(codes, default=0)})")


def _data_error(code: int) -> RetryLater | Poison:
    return RetryLater(f"email: not taken now ({code})") if code < 500 else Poison(f"email: message refused ({code})")
