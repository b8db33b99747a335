"""A loopback server between an adapter and its venue that answers with whatever it is told to: the venue's own answer,
a mangled one, somebody else's page, half of it, or nothing. Whether the venue had acted by then is another matter.
"""

from __future__ import annotations

import copy
import json
import socket
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from fluxfloor.venuesim.facade import Request, Response

GONE = "(gone)"  # as a mangled value: the field is left out
TRUE, MANGLED, JSON, RAW, CUT, HALF, NO_HTTP, ENCODED = (
    "true", "mangled", "json", "raw", "cut", "half", "no http", "encoded",
)  # fmt: skip


@dataclass(frozen=True)
class Reply:
    """What one request gets. `acts`: the venue takes the request before anything comes back.

    true: its own answer · mangled: the same, with `value` in the place of the field number `at` (any) · json, raw:
    `value` · cut: the line is cut instead · half: cut within the answer · no http: bytes that are no answer ·
    encoded: compressed, it says, and is not.
    """

    kind: str = TRUE
    acts: bool = True
    status: int = 200
    at: int = 0
    value: Any = None
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def readable(self) -> bool:
        """Could it be taken for the venue's own?"""
        return self.kind in (TRUE, MANGLED, JSON)


@dataclass
class Served:
    request: Request
    reply: Reply
    status: int


Venue = Callable[[Request], Response]


class HostileRest:
    """`replies` are used up first in, first out; after them the venue answers for itself. `quiet(request)` says which
    requests always get a true answer (metadata, say)."""

    def __init__(self, venue: Venue, quiet: Callable[[Request], bool] = lambda request: False) -> None:
        self.venue, self.quiet = venue, quiet
        self.fitting: Callable[[Request, Reply], Reply] = lambda request, reply: reply  # the last word on a reply
        self.replies: deque[Reply] = deque()
        self.served: list[Served] = []
        self.kinds: Counter[str] = Counter()  # of all that was ever served
        self.lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> HostileRest:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def tell(self, *replies: Reply) -> None:
        self.replies = deque(replies)
        self.served = []

    def answer(self, request: Request) -> tuple[Reply, Response]:
        with self.lock:
            loud = bool(self.replies) and not self.quiet(request)
            reply = self.fitting(request, self.replies.popleft()) if loud else Reply()
            response = self.venue(request) if reply.acts else Response({}, 200)
            status = response.status if reply.kind == TRUE and reply.status == 200 else reply.status
            self.served.append(Served(request, reply, status))
            if loud:
                self.kinds[reply.kind] += 1
            return reply, Response(response.body, status, response.headers)


def body_of(reply: Reply, response: Response) -> bytes:
    if reply.kind == RAW:
        return bytes(reply.value)
    if reply.kind == JSON:
        return json.dumps(reply.value).encode()
    told = response.body
    if reply.kind == MANGLED and isinstance(told, (dict, list)):
        told = mangled(told, reply.at, reply.value)
    return (told if isinstance(told, str) else json.dumps(told)).encode("utf-8", "surrogatepass")


def mangled(document: Any, at: int, value: Any) -> Any:
    made = copy.deepcopy(document)
    places = list(_places(made))
    if not places:
        return value
    holder, key = places[at % len(places)]
    if value == GONE:
        del holder[key]
    else:
        holder[key] = value
    return made


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    keys = document.keys() if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else ()
    for key in list(keys):
        yield document, key
        yield from _places(document[key])


def _headers(reply: Reply, response: Response, length: int) -> dict[str, str]:
    names = {"Content-Type": "application/json", **response.headers, **dict(reply.headers)}
    if reply.kind == ENCODED:
        names["Content-Encoding"] = "gzip"
    return {**names, "Content-Length": str(length)}


def _handler(server: HostileRest) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _answered(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply, response = server.answer(Request(self.command, parts.path, parts.query, headers, body))
            with suppress(OSError):
                self._send(reply, response)

        def _send(self, reply: Reply, response: Response) -> None:
            body = body_of(reply, response)
            if reply.kind in (CUT, NO_HTTP):
                self.wfile.write(b"\x00\xff not HTTP at all\r\n\r\n" if reply.kind == NO_HTTP else b"")
                self._cut()
                return
            self.send_response(response.status)
            for name, value in _headers(reply, response, len(body)).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if reply.kind == HALF else body)
            if reply.kind == HALF:
                self._cut()

        def _cut(self) -> None:
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True

        def handle(self) -> None:
            with suppress(OSError):
                super().handle()

        do_GET = do_POST = do_DELETE = _answered  # noqa: N815

        def log_message(self, *_: object) -> None: ...

    return Handler
