"""An HTTP server on loopback that keeps what it was sent and answers as it is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Answer:
    """`delay_s` is how long it keeps the caller waiting; `echo` puts what it was sent into the answer."""

    status: int = 200
    body: bytes = b'{"ok":true}'
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    echo: bool = False


@dataclass(frozen=True)
class Posted:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        found: dict[str, object] = orjson.loads(self.body)
        return found


class WebServer:
    """Answers with `answers` in turn, then with the last of them for ever; `answers` may be changed at any time."""

    def __init__(self, *answers: Answer) -> None:
        self.answers: list[Answer] = list(answers) or [Answer()]
        self.posted: list[Posted] = []
        self.on_post: Callable[[Posted], None] | None = None
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                posted = Posted(self.path, dict(self.headers), self.rfile.read(int(self.headers["Content-Length"])))
                answer = server._take(posted)
                time.sleep(answer.delay_s)
                body = answer.body + (f"{posted.path} {posted.headers}".encode() if answer.echo else b"")
                self.send_response(answer.status)
                for name, value in {**answer.headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """A caller that hangs up early is no news."""

        self._server = Server((HOST, 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def _take(self, posted: Posted) -> Answer:
        self.posted.append(posted)
        if self.on_post is not None:
            self.on_post(posted)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
