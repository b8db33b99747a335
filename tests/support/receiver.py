"""A stage's front door on loopback: reads pushes as a deployed stage does and answers as it would."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from fluxfloor.adapters.google.push import delivery_from_push
from fluxfloor.ports import Delivery
from fluxfloor.topology import INTERNAL_PATH

HOST = "127.0.0.1"


class Receiver:
    """`take(stage, delivery)` says whether to ack; its url is the stage's name."""

    def __init__(self, take: Callable[[str, Delivery], bool]) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                acked = take(
                    self.path.removesuffix(INTERNAL_PATH).strip("/"), delivery_from_push(body, dict(self.headers))
                )
                self.send_response(204 if acked else 500)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def url(self, stage: str) -> str:
        return f"http://{HOST}:{self._server.server_port}/{stage}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
