"""Blobs as files, with generations, and links that this process signs itself."""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from fluxfloor.errors import Conflict, Misconfigured
from fluxfloor.ports import Blob, Clock


class FileBlobs:
    """`base_url` is where `verify` and `get` are served; the key never leaves this object."""

    def __init__(self, root: Path, signing_key: bytes, base_url: str, clock: Clock) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._root = root
        self._key = signing_key
        self._base_url = base_url.rstrip("/")
        self._clock = clock
        self._lock = threading.Lock()

    def put(self, name: str, data: bytes, content_type: str, if_generation: int | None = None) -> int:
        path = self._path(name)
        with self._lock:
            current = self._generation(path)
            if if_generation is not None and current != if_generation:
                raise Conflict(f"blob {name} is at generation {current}, not {if_generation}")
            path.parent.mkdir(parents=True, exist_ok=True)
            scratch = path.with_name(f".{path.name}.new")
            scratch.write_bytes(data)
            os.replace(scratch, path)
            generation = current + 1
            self._mark(path).write_text(f"{generation} {content_type}")
        return generation

    def get(self, name: str) -> Blob | None:
        path = self._path(name)
        with self._lock:
            if not path.is_file():
                return None
            return Blob(name, path.read_bytes(), self._generation(path))

    def list(self, prefix: str) -> list[str]:
        found = (path.relative_to(self._root).as_posix() for path in self._root.rglob("*") if path.is_file())
        return sorted(
            name for name in found if name.startswith(prefix) and not PurePosixPath(name).name.startswith(".")
        )

    def delete(self, name: str) -> None:
        path = self._path(name)
        with self._lock:
            path.unlink(missing_ok=True)
            self._mark(path).unlink(missing_ok=True)

    def link(self, name: str, expires_s: int) -> str:
        expires = self._clock.now_ms() // 1000 + expires_s
        return f"{self._base_url}/{quote(name)}?expires={expires}&signature={self._sign(name, expires)}"

    def verify(self, name: str, expires: int, signature: str) -> bool:
        """Is this a link we signed, and still good?"""
        genuine = hmac.compare_digest(self._sign(name, expires), signature)
        return genuine and expires >= self._clock.now_ms() // 1000

    def _sign(self, name: str, expires: int) -> str:
        return hmac.new(self._key, f"{name}\n{expires}".encode(), hashlib.sha256).hexdigest()

    def _path(self, name: str) -> Path:
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or any(part in ("..", ".") or part.startswith(".") for part in parts):
            raise Misconfigured(f"{name!r} is not a blob name")
        return self._root.joinpath(*parts)

    @staticmethod
    def _mark(path: Path) -> Path:
        return path.with_name(f".{path.name}.meta")

    def _generation(self, path: Path) -> int:
        mark = self._mark(path)
        return int(mark.read_text().split(" ", 1)[0]) if mark.is_file() and path.is_file() else 0
