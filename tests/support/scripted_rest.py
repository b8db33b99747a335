"""An HTTP server on loopback that answers every method as it is told, and counts what it was asked."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Say:
    """One answer: a document, or `raw` as it is. `cut` hangs up instead; `wait_s` comes before either."""

    document: Any = None
    status: int = 200
    raw: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    wait_s: float = 0.0
    cut: bool = False
    echo: bool = False  # puts the request's own headers into a refusal's message


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


class ScriptedRest:
    """`with ScriptedRest() as server: server.say("GET /v2/clock", Say(…))`. Answers of one request are used up first
    in, first out, and the last one stays. What nothing is said of is a 404 without a word."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._answers: dict[str, deque[Say]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> ScriptedRest:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def say(self, request: str, *answers: Say) -> None:
        self._answers[request] = deque(answers)

    def count(self, method: str, path: str = "") -> int:
        return sum(one.method == method and one.path.startswith(path) for one in self.asked)

    def answer(self, asked: Asked) -> Say:
        self.asked.append(asked)
        waiting = self._answers.get(f"{asked.method} {asked.path}")
        if not waiting:
            return Say(status=404, raw=b"")
        return waiting.popleft() if len(waiting) > 1 else waiting[0]


def _handler(server: ScriptedRest) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answered(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), dict(self.headers), body)
            say = server.answer(asked)
            time.sleep(say.wait_s)
            if say.cut:
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            with suppress(ConnectionError):
                self._send(say)

        def _send(self, say: Say) -> None:
            document = {"code": 1, "message": f"you sent {dict(self.headers)}"} if say.echo else say.document
            raw = say.raw if say.raw is not None else json.dumps(document).encode()
            self.send_response(say.status)
            for name, value in {"Content-Length": str(len(raw)), **say.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_DELETE = _answered  # noqa: N815

        def log_message(self, *_: object) -> None: ...

    return Handler
