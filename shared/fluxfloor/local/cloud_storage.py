"""Cloud Storage on loopback: gcp-storage-emulator, with the two parts of it that the floor relies on and it leaves out.

Added: `ifGenerationMatch` on uploads of one request is honoured (412), and downloads name their generation. Still not
as in production: a signed link's signature and expiry are not checked, and old generations are not kept.
"""

from __future__ import annotations

import re
import threading
from functools import partial
from http.server import HTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from gcp_storage_emulator.exceptions import NotFound
from gcp_storage_emulator.handlers import buckets
from gcp_storage_emulator.server import RequestHandler
from gcp_storage_emulator.storage import Storage

HOST = "127.0.0.1"
_DOWNLOAD = re.compile(r"/download/storage/v1/b/([^/]+)/o/(.+)")


class _PreconditionBroken(Exception):
    pass


class _Storage(Storage):  # type: ignore[misc]
    """Checks the generation that the request under way asks for. The server takes one request at a time."""

    required_generation: int | None = None

    def generation(self, bucket: str, name: str) -> int:
        try:
            return int(self.get_file_obj(bucket, name)["generation"])
        except NotFound:
            return 0

    def create_file(self, bucket_name: str, file_name: str, *rest: Any) -> None:
        if self.required_generation not in (None, self.generation(bucket_name, file_name)):
            raise _PreconditionBroken
        super().create_file(bucket_name, file_name, *rest)


class _Handler(RequestHandler):  # type: ignore[misc]
    storage: _Storage

    def do_POST(self) -> None:  # noqa: N802
        required = parse_qs(urlsplit(self.path).query).get("ifGenerationMatch")
        self.storage.required_generation = int(required[0]) if required else None
        try:
            super().do_POST()
        except _PreconditionBroken:
            self.send_error(412)

    def end_headers(self) -> None:
        found = _DOWNLOAD.fullmatch(urlsplit(self.path).path)
        if found:
            self.send_header("X-Goog-Generation", str(self.storage.generation(found[1], unquote(found[2]))))
        super().end_headers()


class CloudStorageServer:
    """Keeps everything in memory. `url` is for STORAGE_EMULATOR_HOST."""

    def __init__(self, bucket: str) -> None:
        storage = _Storage(use_memory_fs=True)
        buckets.create_bucket(bucket, storage)
        self._server = HTTPServer((HOST, 0), partial(_Handler, storage))
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="cloud-storage", daemon=True
        )
        self._thread.start()
        self.url = f"http://{HOST}:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
