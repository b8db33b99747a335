"""`fluxfloor telegram`: tells Telegram where a deployed floor takes commands, or that nobody takes them there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fluxfloor.cli import show

if TYPE_CHECKING:
    from fluxfloor.adapters.channels.telegram import TelegramUpdates
    from fluxfloor.ports import Secrets
    from fluxfloor.runtime.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Where Telegram brings people's commands.")
SettingsFile = Annotated[Path, typer.Option("--settings", help="The floor's settings file.")]
Folder = Annotated[Path, typer.Option(help="Where the embedded floor keeps its secrets.")]


@app.command()
def hook(settings: SettingsFile, directory: Folder = Path(".fluxfloor/floor")) -> None:
    """Commands go to [api].public_url from now on. The bot can't be asked for them any more."""
    loaded, secrets = _opened(settings, directory)
    address = f"{loaded.api.public_url.rstrip('/')}/telegram"
    _updates(loaded, secrets).hook(address, secrets.get(loaded.telegram.webhook_secret_name))
    show.console.print(f"Telegram brings commands to {address}", soft_wrap=True)


@app.command()
def unhook(settings: SettingsFile, directory: Folder = Path(".fluxfloor/floor")) -> None:
    """Commands wait at Telegram until somebody asks for them, as `fluxfloor run` does."""
    loaded, secrets = _opened(settings, directory)
    _updates(loaded, secrets).unhook()
    show.console.print("Telegram keeps commands until it is asked for them")


def _opened(path: Path, directory: Path) -> tuple[Settings, Secrets]:
    from fluxfloor.runtime.settings import load

    loaded = load(path)
    if loaded.backend == "google":
        from fluxfloor.adapters.google.secrets import SecretManagerSecrets

        return loaded, SecretManagerSecrets.connect(loaded.google.project)
    from fluxfloor.adapters.embedded.secrets import FileSecrets

    return loaded, FileSecrets(directory / "secrets")


def _updates(settings: Settings, secrets: Secrets) -> TelegramUpdates:
    from fluxfloor.adapters.channels.telegram import TelegramUpdates

    return TelegramUpdates(secrets.get(settings.telegram.secret_name), settings.telegram.base_url)
