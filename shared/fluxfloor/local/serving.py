"""Serves an embedded floor over HTTP on this machine: webhooks go to ingestion, everything else to the api; and asks
Telegram for commands where the settings want that."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Request
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from fluxfloor.local.floor import Floor, respond
from fluxfloor.local.listening import Listener

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = logging.getLogger("fluxfloor.local")
IDLE_S = 0.05  # how long the loop rests when nothing is due
SLICE = 100  # deliveries before schedules have their turn: a backlog must not keep quotes from being pulled


class Quiet(WSGIRequestHandler):
    """No line per request: the stages' own logs say what matters."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        log.debug("%s %s", self.requestline, code)


class LocalServer:
    """The floor's loop and its HTTP side, each in a thread of its own, until `stop`."""

    def __init__(self, floor: Floor, host: str = "127.0.0.1", port: int = 0) -> None:
        self._floor = floor
        self._stopping = threading.Event()
        self._listener = Listener(floor) if floor.settings.telegram.enabled else None
        self._server: BaseWSGIServer = make_server(host, port, self._application, threaded=True, request_handler=Quiet)
        self.port = int(self._server.server_port)
        self._threads = [
            threading.Thread(target=self._server.serve_forever, name="http", daemon=True),
            threading.Thread(target=self._loop, name="floor", daemon=True),
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()
        if self._listener is not None:
            self._listener.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._listener is not None:
            self._listener.stop()
        self._server.shutdown()
        for thread in self._threads:
            thread.join(timeout=10)

    def _application(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        stage = "ingestion" if str(environ.get("PATH_INFO", "")).startswith("/webhooks/") else "api"
        environ["HTTP_X_FORWARDED_FOR"] = environ.get("REMOTE_ADDR", "")
        return respond(self._floor.runners[stage], Request(environ))(environ, start_response)

    def _loop(self) -> None:
        """One bad turn must not stop the floor: it is logged, and the next turn begins."""
        while not self._stopping.is_set():
            try:
                busy = self._floor.run_schedules() + self._floor.drain(most=SLICE)
            except Exception:
                log.exception("the floor's loop failed")
                busy = 0
            if not busy:
                self._stopping.wait(IDLE_S)
