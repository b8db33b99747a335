"""Slack: an incoming webhook, whose address is the secret."""

from __future__ import annotations

from urllib.parse import urlsplit

from fluxfloor.adapters.channels.web import post
from fluxfloor.errors import Misconfigured
from fluxfloor.ports import Message


class SlackMessenger:
    """`address` is the webhook's, https only; `base_url` puts another host before its path."""

    def __init__(self, address: str, base_url: str = "") -> None:
        parts = urlsplit(address)
        if parts.scheme != "https" or not parts.path.strip("/"):
            raise Misconfigured("slack: the secret must be the webhook's https address")
        self._url = f"{base_url.rstrip('/')}{parts.path}" if base_url else address

    def __repr__(self) -> str:
        return "SlackMessenger()"

    def send(self, message: Message) -> None:
        post("slack", self._url, {"text": message.body, "unfurl_links": False, "unfurl_media": False})
