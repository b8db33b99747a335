"""What is served as it lies: the page, its assets, and files that the embedded floor's own signed links lead to."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import orjson
from fluxfloor.errors import Misconfigured
from fluxfloor.webapi.http import Reply
from fluxfloor.webapi.problems import refusal
from fluxfloor.webapi.routes import Asked, Nothing

from functions.api import answers, shown

if TYPE_CHECKING:
    from fluxfloor.runtime.context import Context

STATIC = Path(__file__).parent / "static"
CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".csv": "text/csv; charset=utf-8",
    ".parquet": "application/vnd.apache.parquet",
}
LINK_EXPIRES_S = 600
_files = {path.name: path.read_bytes() for path in sorted(STATIC.iterdir())}


@runtime_checkable
class SelfServed(Protocol):
    """Blobs whose links lead back to us: on Google they lead to Cloud Storage, and nothing is served here."""

    def verify(self, name: str, expires: int, signature: str) -> bool: ...


def page(_context: Context, _: Asked[Nothing, Nothing]) -> Reply:
    return _file("index.html")


def asset(_context: Context, asked: Asked[Nothing, Nothing]) -> Reply:
    name = asked.path["name"]
    if name not in _files or name == "index.html":
        raise refusal(404, "there is no such file", "path.name", "see the page for what it needs")
    return _file(name)


def _file(name: str) -> Reply:
    return Reply(200, _files[name], CONTENT_TYPES[Path(name).suffix])


def openapi(_context: Context, _: Asked[Nothing, Nothing]) -> Reply:
    from functions.api.table import described

    return Reply(200, orjson.dumps(described()))


def export_file(context: Context, asked: Asked[Nothing, Nothing]) -> Reply:
    """Leads to a signed link, made now."""
    record = shown.export_record(context, asked.path["id"])
    return _led(context, record.files, asked.path["format"], "path.format")


def simulation_file(context: Context, asked: Asked[Nothing, Nothing]) -> Reply:
    record = shown.simulation_record(context, asked.path["id"])
    return _led(context, record.files, asked.path["file"], "path.file")


def _led(context: Context, files: dict[str, str], wanted: str, field: str) -> Reply:
    name = files.get(wanted)
    if name is None:
        fix = f"take one of {', '.join(files)}" if files else "wait until it is done"
        raise refusal(404, "there is no such file here", field, fix)
    link = context.ports.blobs.link(name, LINK_EXPIRES_S)
    return Reply(303, headers={"Location": link, "Cache-Control": "no-store"})


def blob(context: Context, asked: Asked[answers.FileQuery, Nothing]) -> Reply:
    """A file under a link that this floor has signed. The signature is the permission; nobody has to be logged in."""
    name, blobs = asked.path["rest"], context.ports.blobs
    genuine = isinstance(blobs, SelfServed) and _verified(blobs, name, asked.query)
    found = blobs.get(name) if genuine else None
    if found is None:
        raise refusal(404, "this link is not, or no longer, good", "query.signature", "ask for a new link")
    path = PurePosixPath(name)
    headers = {"Content-Disposition": f'attachment; filename="{_plain(path.name)}"', "Cache-Control": "no-store"}
    return Reply(200, found.data, CONTENT_TYPES.get(path.suffix, "application/octet-stream"), headers)


def _verified(blobs: SelfServed, name: str, query: answers.FileQuery) -> bool:
    try:
        return blobs.verify(name, query.expires, query.signature)
    except (Misconfigured, TypeError):  # not a blob's name; a signature that is not even ASCII
        return False


def _plain(name: str) -> str:
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "_" for letter in name)
