"""A small SMTP server on loopback: enough of RFC 5321 for smtplib, with STARTTLS and AUTH PLAIN when told to."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import socketserver
import ssl
import threading
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

HOST = "127.0.0.1"


@dataclass
class Session:
    """What one client did."""

    encrypted: bool = False
    login: tuple[str, str] | None = None
    commands: list[str] = field(default_factory=list)


class SmtpServer:
    """`replies` overrides the reply to a verb, such as {"RCPT": "450 later"}; `tls` makes it offer STARTTLS, and AUTH
    only after it unless `open_login`."""

    def __init__(self, tls: ssl.SSLContext | None = None, open_login: bool = False) -> None:
        self.replies: dict[str, str] = {}
        self.mails: list[EmailMessage] = []
        self.sessions: list[Session] = []
        self.tls = tls
        self.open_login = open_login
        owner = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                _Conversation(owner, self).run()

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, request: object, client_address: object) -> None: ...

        self._server = Server((HOST, 0), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Conversation:
    def __init__(self, owner: SmtpServer, handler: socketserver.StreamRequestHandler) -> None:
        self._owner = owner
        self._socket = handler.request
        self._lines = self._socket.makefile("rb")
        self._session = Session()
        owner.sessions.append(self._session)

    def run(self) -> None:
        self._say("220 loopback")
        while line := self._lines.readline().decode().strip():
            verb = line.split(" ", 1)[0].upper()
            self._session.commands.append(verb)
            reply = self._owner.replies.get(verb) or self._reply(verb, line)
            self._say(reply)
            if verb == "STARTTLS" and reply.startswith("220"):
                self._encrypt()
            elif verb == "DATA" and reply.startswith("354"):
                self._take_mail()
            elif verb == "QUIT":
                return

    def _reply(self, verb: str, line: str) -> str:
        if verb == "EHLO":
            return "\r\n".join([*(f"250-{feature}" for feature in self._features()), "250 8BITMIME"])
        if verb == "AUTH":
            return self._login(line)
        return {"STARTTLS": "220 go on", "DATA": "354 go on", "QUIT": "221 bye"}.get(verb, "250 ok")

    def _features(self) -> list[str]:
        offered = ["loopback"]
        if self._owner.tls is not None and not self._session.encrypted:
            offered.append("STARTTLS")
        if self._session.encrypted or self._owner.open_login:
            offered.append("AUTH PLAIN")
        return offered

    def _login(self, line: str) -> str:
        _, user, password = base64.b64decode(line.split(" ")[2]).decode().split("\0")
        self._session.login = (user, password)
        return "235 ok"

    def _encrypt(self) -> None:
        assert self._owner.tls is not None
        self._socket = self._owner.tls.wrap_socket(self._socket, server_side=True)
        self._lines = self._socket.makefile("rb")
        self._session.encrypted = True

    def _take_mail(self) -> None:
        lines = []
        while (line := self._lines.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        reply = self._owner.replies.get("CONTENT", "250 taken")
        if reply.startswith("250"):
            self._owner.mails.append(message_from_bytes(b"".join(lines), policy=policy.default))  # type: ignore[arg-type]
        self._say(reply)

    def _say(self, reply: str) -> None:
        self._socket.sendall(f"{reply}\r\n".encode())


def own_certificate(directory: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server on 127.0.0.1 and of a client that trusts it and nobody else."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = directory / "loopback.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + certificate.public_bytes(pem))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cafile=str(path))
