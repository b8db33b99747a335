"""The channels of the settings: who wants to hear of what, and one invocation's open messengers."""

from __future__ import annotations

from fluxfloor.adapters.channels import open_messenger
from fluxfloor.contracts.events import Severity
from fluxfloor.contracts.views import AlertRecord
from fluxfloor.errors import Misconfigured
from fluxfloor.ports import Message, Messenger, Secrets
from fluxfloor.reporting import telling
from fluxfloor.reporting.markup import render
from fluxfloor.reporting.notices import Words
from fluxfloor.runtime.logging import redact
from fluxfloor.runtime.settings import Channel, Settings


def channels_of(settings: Settings) -> dict[str, Channel]:
    return dict(zip(telling.names([channel.kind for channel in settings.alerts]), settings.alerts, strict=True))


def interested(settings: Settings, severity: Severity) -> tuple[str, ...]:
    named = channels_of(settings).items()
    return telling.interested(((name, channel.min_severity) for name, channel in named), severity)


class Outlets:
    """Opened when first needed, so that a notice for one channel asks for no other's secret. A channel that has failed
    in this invocation is `down` for the rest of it: a dead host costs a sweep one time-out, not one per notice."""

    def __init__(self, settings: Settings, secrets: Secrets) -> None:
        self._channels = channels_of(settings)
        self._secrets = secrets
        self._open: dict[str, Messenger] = {}
        self.down: set[str] = set()

    def send(self, name: str, record: AlertRecord) -> None:
        """Raises what Messenger.send does; Misconfigured too where the channel is no longer in the settings."""
        if name not in self._channels:
            raise Misconfigured(f"channel {name} is not in the settings")
        if name not in self._open:
            self._open[name] = self._opened(self._channels[name])
        self._open[name].send(_message(self._channels[name].kind, name, record))

    def _opened(self, channel: Channel) -> Messenger:
        secret = self._secrets.get(channel.secret_name) if channel.secret_name else ""
        return open_messenger(secret=secret, **channel.model_dump(exclude={"secret_name", "min_severity"}))


def without_secrets(words: Words) -> Words:
    """A stage's own words may quote what went wrong somewhere: no secret this process has read gets out with them."""
    return Words(redact(words.title), redact(words.text))


def _message(kind: str, name: str, record: AlertRecord) -> Message:
    words = without_secrets(telling.words_for(record, name))
    subject, body = render(kind, record.severity, words)
    part = f"{record.id}.{name}.{record.folded if name in record.sent else 0}"
    return Message(part, record.severity, subject, body, record.ts_event_ms)
