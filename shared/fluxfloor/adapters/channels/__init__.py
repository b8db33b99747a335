"""Channels to people: the floor's log, Telegram, Slack, e-mail, a pager. Each sends one message, once, and says what
went wrong without ever naming an address or a secret."""

from __future__ import annotations

from fluxfloor.errors import Misconfigured
from fluxfloor.ports import Messenger


def open_messenger(
    kind: str,
    secret: str,
    *,
    chat_id: str = "",
    to: str = "",
    sender: str = "",
    host: str = "",
    port: int = 587,
    user: str = "",
    base_url: str = "",
    url: str = "",
    shape: str = "plain",
) -> Messenger:
    """The channel of that kind, addressed. Raises Misconfigured, naming the setting that is missing."""
    # What a channel needs is imported with it: a floor that only logs starts without an HTTP client.
    if kind == "log":
        from fluxfloor.adapters.channels.log import LogMessenger

        return LogMessenger()
    if kind == "telegram":
        from fluxfloor.adapters.channels.telegram import TelegramMessenger

        return TelegramMessenger(_given("secret_name", secret), _given("chat_id", chat_id), base_url)
    if kind == "slack":
        from fluxfloor.adapters.channels.slack import SlackMessenger

        return SlackMessenger(_given("secret_name", secret), base_url)
    if kind == "email":
        from fluxfloor.adapters.channels.smtp import SmtpMessenger

        return SmtpMessenger(_given("host", host), port, _given("sender", sender), _given("to", to), user, secret)
    if kind == "webhook":
        from fluxfloor.adapters.channels.webhook import WebhookMessenger

        return WebhookMessenger(_given("url", url), shape, secret)
    raise Misconfigured(f"no channel of kind {kind!r}")


def _given(setting: str, value: str) -> str:
    if not value:
        raise Misconfigured(f"setting {setting} is empty")
    return value
