"""Telegram's updates as commands: what of the Bot API's JSON is read, and what of it counts.

https://core.telegram.org/bots/api#update. Anything may stand in an update; only a person's own message of now, in words
that begin with "/", is a command. Channel posts, edited and forwarded messages, and anonymous senders are none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import orjson

SECRET_HEADER: Final = "x-telegram-bot-api-secret-token"
MAX_TEXT: Final = 400  # characters of a command: more is no command
MAX_ID: Final = 2**53
_NAME: Final = re.compile(r"/([A-Za-z_]{1,32})(?:@\w{1,64})?")


@dataclass(frozen=True, slots=True)
class Command:
    """`name` is in lower case and without its slash; `sent_ms` is Telegram's time of it (whole seconds)."""

    update_id: int
    user_id: int
    chat_id: int
    sent_ms: int
    name: str
    args: tuple[str, ...]

    @property
    def actor(self) -> str:
        """As the audit log and the facts name who it was: an opaque number, never a name."""
        return f"telegram:{self.user_id}"

    @property
    def said(self) -> str:
        return " ".join((f"/{self.name}", *self.args))


def read(body: bytes) -> Command | None:
    """None for everything that is no command. Never raises."""
    try:
        update = orjson.loads(body)
    except ValueError:
        return None
    message = _part(update, "message")
    if any(name in message for name in ("forward_origin", "forward_date", "sender_chat", "via_bot")):
        return None
    sender, chat, text = _part(message, "from"), _part(message, "chat"), message.get("text")
    numbers = [_number(update, "update_id"), _number(sender, "id"), _number(chat, "id"), _number(message, "date")]
    if sender.get("is_bot") is True or not isinstance(text, str) or None in numbers:
        return None
    return _command(text, *[number for number in numbers if number is not None])


def _command(text: str, update_id: int, user_id: int, chat_id: int, date_s: int) -> Command | None:
    words = text[: MAX_TEXT + 1].split()
    named = _NAME.fullmatch(words[0]) if words and len(text) <= MAX_TEXT else None
    if named is None:
        return None
    return Command(update_id, user_id, chat_id, date_s * 1_000, named.group(1).lower(), tuple(words[1:]))


def _part(value: Any, name: str) -> dict[str, Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _number(value: Any, name: str) -> int | None:
    found = value.get(name) if isinstance(value, dict) else None
    whole = isinstance(found, int) and not isinstance(found, bool) and abs(found) < MAX_ID
    return found if whole else None
