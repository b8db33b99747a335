"""The channels of the settings: who wants to hear of what, and one invocation's open messengers."""

from __future__ import annotations

from fluxfloor.adapters.channels import open_messenger
from fluxfloor.contracts.events import Severity
from fluxfloor.contracts.ids import digest
from fluxfloor.contracts.views import AlertRecord
from fluxfloor.errors import Misconfigured
from fluxfloor.ports import Message, Messenger, Secrets
from fluxfloor.reporting import telling
from fluxfloor.reporting.markup import render
from fluxfloor.reporting.notices import Words
from fluxfloor.runtime.logging import redact
from fluxfloor.runtime.settings import Channel, Settings

NOT_THE_SENDERS = {"secret_name", "min_severity", "escalation_after_min", "repeat_min"}


def channels_of(settings: Settings) -> dict[str, Channel]:
    return dict(zip(telling.names([channel.kind for channel in settings.alerts]), settings.alerts, strict=True))


def interested(settings: Settings, severity: Severity) -> tuple[str, ...]:
    """Those that wait hear of alarms alone."""
    named = channels_of(settings).items()
    least = ((name, "critical" if channel.wait_ms else channel.min_severity) for name, channel in named)
    return telling.interested(least, severity)


def waits(settings: Settings) -> dict[str, int]:
    """How long (ms) each channel leaves an alarm to the others."""
    return {name: channel.wait_ms for name, channel in channels_of(settings).items()}


class Outlets:
    """Opened when first needed, so that a notice for one channel asks for no other's secret. A channel that has failed
    in this invocation is `down` for the rest of it: a dead host costs a sweep one time-out, not one per notice."""

    def __init__(self, settings: Settings, secrets: Secrets) -> None:
        self._channels = channels_of(settings)
        self._settings = settings
        self._secrets = secrets
        self._open: dict[str, Messenger] = {}
        self.down: set[str] = set()

    def send(self, name: str, record: AlertRecord) -> None:
        """Raises what Messenger.send does; Misconfigured too where the channel is no longer in the settings."""
        if name not in self._channels:
            raise Misconfigured(f"channel {name} is not in the settings")
        if name not in self._open:
            self._open[name] = self._opened(self._channels[name])
        self._open[name].send(_message(self._settings, self._channels[name].kind, name, record))

    def again_ms(self, name: str, record: AlertRecord) -> int:
        """After how long this channel is told of it again while nobody acknowledges; 0: never."""
        channel = self._channels.get(name)
        return channel.again_ms if channel is not None and record.severity == Severity.CRITICAL else 0

    def _opened(self, channel: Channel) -> Messenger:
        secret = self._secrets.get(channel.secret_name) if channel.secret_name else ""
        return open_messenger(secret=secret, **channel.model_dump(exclude=NOT_THE_SENDERS))


def without_secrets(words: Words) -> Words:
    """A stage's own words may quote what went wrong somewhere: no secret this process has read gets out with them."""
    return Words(redact(words.title), redact(words.text))


def _message(settings: Settings, kind: str, name: str, record: AlertRecord) -> Message:
    words = without_secrets(telling.words_for(record, name))
    if record.severity == Severity.CRITICAL:
        words = Words(words.title, f"{words.text}\nalarm {record.id[: telling.SHORT]}")
    if settings.mode == "live":
        words = Words(f"LIVE: {words.title}", words.text)
    subject, body = render(kind, record.severity, words)
    again = record.paged.get(name, 0) or (record.folded if name in record.sent else 0)
    link, thread = f"{settings.api.public_url}/#alarms", digest("thread", settings.mode, record.thread)
    return Message(
        f"{record.id}.{name}.{again}", record.severity, subject, body, record.ts_event_ms, thread=thread, link=link
    )
