"""Telegram: the Bot API's sendMessage, in its HTML markup."""

from __future__ import annotations

import re

from fluxfloor.adapters.channels.web import post
from fluxfloor.errors import Misconfigured
from fluxfloor.ports import Message

BASE_URL = "https://api.telegram.org"
_TOKEN = re.compile(r"[0-9A-Za-z:_-]+")


class TelegramMessenger:
    """`token` is the bot's, as BotFather gives it; `chat_id` a number or "@channel"."""

    def __init__(self, token: str, chat_id: str, base_url: str = "") -> None:
        if not _TOKEN.fullmatch(token):
            raise Misconfigured("telegram: the secret does not look like a bot token")
        self._url = f"{(base_url or BASE_URL).rstrip('/')}/bot{token}/sendMessage"
        self._chat_id = chat_id

    def __repr__(self) -> str:
        return "TelegramMessenger()"

    def send(self, message: Message) -> None:
        payload = {
            "chat_id": self._chat_id, "text": message.body, "parse_mode": "HTML",
            "link_preview_options": {"is_disabled": True},
        }  # fmt: skip
        post("telegram", self._url, payload)
