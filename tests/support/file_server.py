"""Serves FileBlobs' links over loopback HTTP, as the api stage does."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from fluxfloor.adapters.embedded.blobs import FileBlobs

HOST = "127.0.0.1"


class FileServer:
    blobs: FileBlobs

    def __init__(self) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                data = outer.read(self.path)
                self.send_response(403 if data is None else 200)
                self.end_headers()
                self.wfile.write(data or b"")

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.url = f"http://{HOST}:{self._server.server_port}"

    def read(self, path: str) -> bytes | None:
        parts = urlsplit(path)
        query = parse_qs(parts.query)
        name = unquote(parts.path).lstrip("/")
        if not self.blobs.verify(name, int(query["expires"][0]), query["signature"][0]):
            return None
        blob = self.blobs.get(name)
        return None if blob is None else blob.data

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
