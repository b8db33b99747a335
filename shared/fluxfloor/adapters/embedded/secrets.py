"""Secrets from a directory of files or from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from fluxfloor.errors import Misconfigured


class FileSecrets:
    """`<directory>/<name>` first, then the variable FLUXFLOOR_SECRET_<NAME>, then what was given in `defaults`."""

    def __init__(self, directory: Path, defaults: Mapping[str, str] | None = None) -> None:
        self._directory = directory
        self._defaults = dict(defaults or {})

    def get(self, name: str) -> str:
        if not name.replace("-", "").replace("_", "").isalnum():
            raise Misconfigured(f"{name!r} is not a secret's name: letters, digits, - and _ only")
        path = self._directory / name
        if path.is_file():
            return path.read_text().strip()
        variable = "FLUXFLOOR_SECRET_" + name.upper().replace("-", "_")
        if variable in os.environ:
            return os.environ[variable]
        if name in self._defaults:
            return self._defaults[name]
        raise Misconfigured(f"secret {name!r} is missing: write it to {path} or set {variable}")

    def __repr__(self) -> str:
        return f"FileSecrets({str(self._directory)!r})"
