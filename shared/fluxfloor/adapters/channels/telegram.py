"""Telegram: the Bot API's sendMessage, in its HTML markup; and its updates, asked for or sent to an address of ours.

https://core.telegram.org/bots/api
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from fluxfloor.adapters.channels.web import call, post
from fluxfloor.errors import Misconfigured
from fluxfloor.ports import Message

BASE_URL = "https://api.telegram.org"
AT_ONCE = 20
MAX_UPDATES_BYTES = 2_000_000
_TOKEN = re.compile(r"[0-9A-Za-z:_-]+")


class TelegramMessenger:
    """`token` is the bot's, as BotFather gives it; `chat_id` a number or "@channel"."""

    def __init__(self, token: str, chat_id: str, base_url: str = "") -> None:
        self._url = _url(token, base_url, "sendMessage")
        self._chat_id = chat_id

    def __repr__(self) -> str:
        return "TelegramMessenger()"

    def send(self, message: Message) -> None:
        payload = {
            "chat_id": self._chat_id, "text": message.body, "parse_mode": "HTML",
            "link_preview_options": {"is_disabled": True},
        }  # fmt: skip
        post("telegram", self._url, payload)


class TelegramUpdates:
    """What people write to the bot. Telegram either sends it to an address, or is asked for it; never both."""

    def __init__(self, token: str, base_url: str = "") -> None:
        self._token, self._base_url = token, base_url
        self._method("getMe")  # a token that is none is said so now

    def __repr__(self) -> str:
        return "TelegramUpdates()"

    def after(self, update_id: int, wait_s: int) -> list[tuple[int, bytes]]:
        """Updates that are newer than this one, oldest first, as (id, JSON); those up to it are forgotten by Telegram.
        Waits up to `wait_s` for the first."""
        asked = {"offset": update_id + 1, "timeout": wait_s, "limit": AT_ONCE, "allowed_updates": ["message"]}
        answer = call("telegram", self._method("getUpdates"), asked, wait_s, MAX_UPDATES_BYTES)
        found = answer.get("result") if isinstance(answer, dict) else None
        updates = [item for item in found or [] if isinstance(item, dict) and isinstance(item.get("update_id"), int)]
        return sorted((item["update_id"], orjson.dumps(item)) for item in updates)

    def hook(self, url: str, secret: str) -> None:
        """From now on they are POSTed to this address, with the secret in a header."""
        wish: dict[str, Any] = {"url": url, "secret_token": secret, "allowed_updates": ["message"]}
        post("telegram", self._method("setWebhook"), wish)

    def unhook(self) -> None:
        post("telegram", self._method("deleteWebhook"), {})

    def _method(self, name: str) -> str:
        return _url(self._token, self._base_url, name)


def _url(token: str, base_url: str, method: str) -> str:
    if not _TOKEN.fullmatch(token):
        raise Misconfigured("telegram: the secret does not look like a bot token")
    return f"{(base_url or BASE_URL).rstrip('/')}/bot{token}/{method}"
