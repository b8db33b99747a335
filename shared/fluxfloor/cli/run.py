"""`fluxfloor run`: the whole floor in this process, on the market as it is now."""

from __future__ import annotations

import secrets as randomness
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from fluxfloor.cli import show


def run(
    settings: Annotated[Path | None, typer.Option(help="A settings file; see shared/floor.example.toml.")] = None,
    directory: Annotated[Path, typer.Option(help="Where state, blobs and secrets are kept.")] = Path(
        ".fluxfloor/floor"
    ),
    port: Annotated[int, typer.Option(help="Where the page and the webhooks are served.")] = 8080,
) -> None:
    """Run every stage in this process on the wall's clock: the exchange's public data, paper fills."""
    from fluxfloor.cli.demo import serve
    from fluxfloor.local.floor import Floor
    from fluxfloor.runtime import logging as logs
    from fluxfloor.runtime.clock import SystemClock
    from fluxfloor.runtime.settings import load
    from fluxfloor.webapi.settled import apply_settings

    loaded = load(settings, {"api": {"public_url": f"http://127.0.0.1:{port}"}})
    logs.configure(loaded.log_level, mode=loaded.mode)
    make_secrets(directory / "secrets", tuple(loaded.senders))
    if loaded.telegram.enabled:
        _make(directory / "secrets", loaded.telegram.webhook_secret_name, lambda: randomness.token_urlsafe(24))
    floor = Floor(directory, loaded, SystemClock())
    apply_settings(floor.context("api"))
    for stage, job in (("market", "catalog"), ("market", "pull"), ("reconciliation", "sweep")):
        show.errors.print(f"{stage}: {job} …")
        floor.tick(stage, job)
    floor.drain()
    serve(floor, port)


def make_secrets(folder: Path, senders: tuple[str, ...]) -> None:
    """Makes what is missing, readable by its owner only; what is there is kept."""
    from fluxfloor.webapi.passwords import hash_password, new_password

    password = _make(folder, "api-admin-password", new_password)
    _make(folder, "api-admin-password-hash", lambda: hash_password(password))
    _make(folder, "api-session-key", lambda: randomness.token_hex(32))
    for sender in senders:
        _make(folder, f"sender-{sender}", lambda: randomness.token_urlsafe(24))


def _make(folder: Path, name: str, value: Callable[[], str]) -> str:
    path = folder / name
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(value())
    return path.read_text()
