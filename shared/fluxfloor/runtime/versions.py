"""What a step was decided with: the package's version, and a digest of its kernels' source where they are present."""

from __future__ import annotations

from functools import cache
from hashlib import blake2b
from pathlib import Path

import fluxfloor


@cache
def code_versions() -> dict[str, str]:
    return {"code": fluxfloor.__version__, "kernels": source_digest("kernels")}


def source_digest(package: str) -> str:
    """A short digest over a package's source files, by name and content."""
    state = blake2b(digest_size=6)
    for path in sorted((Path(fluxfloor.__file__).parent / package).glob("*.py")):
        state.update(path.name.encode())
        state.update(path.read_bytes())
    return state.hexdigest()
