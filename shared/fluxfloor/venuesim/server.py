"""A façade on loopback: one thread a connection, one request at a time in the core."""

from __future__ import annotations

import json
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from fluxfloor.venuesim.control import Control
from fluxfloor.venuesim.facade import Desk, Facade, Request, Response
from fluxfloor.venuesim.refusals import Broken, NoAnswer

HOST = "127.0.0.1"


class VenueServer:
    """Serves the façade, and the simulator's own controls under /_sim/. Starts in a thread; port 0 takes a free one."""

    def __init__(self, desk: Desk, facade: Facade, host: str = HOST, port: int = 0) -> None:
        self.lock = threading.Lock()
        self._desk, self._facade = desk, facade
        self._control = Control(desk, facade.name, self.restart)
        self._connections: set[socket.socket] = set()
        self._mine = threading.local()  # the connection of whoever asks, which a restart spares until it has answered
        self._server = ThreadingHTTPServer((host, port), type("Handler", (_Handler,), {"venue": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True, name="venue")

    @property
    def base_url(self) -> str:
        return f"http://{self._server.server_address[0]!s}:{self._server.server_port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._cut_all()

    def restart(self) -> None:
        """Cuts every connection and forgets what is on its way; the venue's state stays."""
        self._desk.gateway.restart()
        self._cut_all()

    def answer(self, request: Request) -> tuple[Response, int]:
        """(response, how long to hold it back in ms). Raises NoAnswer."""
        with self.lock:
            if request.path.startswith("/_sim/"):
                return self._control.handle(request), 0
            self._desk.gateway.wait_ms = 0
            try:
                response = self._facade.handle(request)
            except Broken as broken:
                return Response(broken.body, broken.status, {"Content-Type": "text/html"}), 0
            except NoAnswer:
                raise
            except Exception:  # a bug of ours: the client sees a server that fails, whoever runs it sees why
                traceback.print_exc()
                return Response({"error": ["EGeneral:Internal error"]}, 500), 0
            return response, self._desk.gateway.wait_ms

    def opened(self, connection: socket.socket) -> None:
        self._mine.connection = connection
        self._connections.add(connection)

    def closed(self, connection: socket.socket) -> None:
        self._connections.discard(connection)

    def _cut_all(self) -> None:
        spared = getattr(self._mine, "connection", None)
        for connection in list(self._connections):
            if connection is not spared:
                cut(connection)


def cut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def serving(desk: Desk, facade: Facade, port: int = 0) -> Iterator[str]:
    """`with serving(desk, Kraken(desk)) as base_url: …`"""
    server = VenueServer(desk, facade, port=port)
    server.start()
    try:
        yield server.base_url
    finally:
        server.stop()


class _Handler(BaseHTTPRequestHandler):
    venue: VenueServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.venue.opened(self.connection)

    def finish(self) -> None:
        self.venue.closed(self.connection)
        with suppress(OSError):  # who was cut off has nothing to flush
            super().finish()

    def handle(self) -> None:
        with suppress(ConnectionError):
            super().handle()

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            response, wait_ms = self.venue.answer(Request(self.command, parts.path, parts.query, headers, body))
        except NoAnswer as silence:
            time.sleep(silence.hang_ms / 1000)
            self.close_connection = True
            cut(self.connection)
            return
        time.sleep(wait_ms / 1000)
        self._send(response)

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def _send(self, response: Response) -> None:
        text = isinstance(response.body, str)
        data = (response.body if text else json.dumps(response.body, separators=(",", ":"))).encode()
        self.send_response(response.status)
        for name, value in {"Content-Type": "application/json", **response.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self._headers_buffer: list[bytes]
        self._headers_buffer.append(b"\r\n" + data)  # one packet: headers alone would wait for an answer to them
        self.flush_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: /_sim/state says what happened."""
