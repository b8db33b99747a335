"""A pager, or anything else that takes JSON: one POST in the shape that its receiver knows.

plain      severity, summary, text, dedup_key, link, ts_event_ms; the secret, if any, is the Bearer token
pagerduty  Events API v2 (developer.pagerduty.com/docs/events-api-v2/trigger-events); the secret is the routing key
opsgenie   Alert API (docs.opsgenie.com/docs/alert-api#create-alert); the secret is the API key
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from fluxfloor.adapters.channels.web import post
from fluxfloor.errors import Misconfigured
from fluxfloor.ports import Message

SOURCE: Final = "fluxfloor"
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
PRIORITIES: Final = {"critical": "P1", "warning": "P3", "info": "P5"}
Made = tuple[dict[str, Any], dict[str, str]]


class WebhookMessenger:
    """`url` is https, or on this machine; `secret` may be empty in the plain shape alone."""

    def __init__(self, url: str, shape: str, secret: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" and (parts.scheme != "http" or parts.hostname not in LOOPBACK):
            raise Misconfigured("webhook: url must be an https address")
        if shape not in SHAPES:
            raise Misconfigured(f"webhook: shape must be one of {', '.join(SHAPES)}")
        if shape != "plain" and not secret:
            raise Misconfigured(f"webhook: {shape} needs a key: setting secret_name is empty")
        self._url, self._made, self._secret = url, SHAPES[shape], secret

    def __repr__(self) -> str:
        return "WebhookMessenger()"

    def send(self, message: Message) -> None:
        payload, headers = self._made(message, self._secret)
        post("webhook", self._url, payload, headers)


def _plain(message: Message, secret: str) -> Made:
    payload = {
        "severity": message.severity, "summary": message.subject, "text": message.body, "dedup_key": message.thread,
        "link": message.link, "ts_event_ms": message.ts_event_ms,
    }  # fmt: skip
    return payload, {"Authorization": f"Bearer {secret}"} if secret else {}


def _pagerduty(message: Message, secret: str) -> Made:
    about = {"summary": message.subject, "source": SOURCE, "severity": message.severity}
    payload: dict[str, Any] = {
        "routing_key": secret, "event_action": "trigger", "dedup_key": message.thread[:255],
        "payload": {**about, "custom_details": {"text": message.body}}, "client": SOURCE,
    }  # fmt: skip
    if message.link:
        payload |= {"client_url": message.link, "links": [{"href": message.link, "text": "The floor"}]}
    return payload, {}


def _opsgenie(message: Message, secret: str) -> Made:
    payload = {
        "message": message.subject, "alias": message.thread[:512], "description": message.body, "source": SOURCE,
        "priority": PRIORITIES[message.severity], "details": {"link": message.link},
    }  # fmt: skip
    return payload, {"Authorization": f"GenieKey {secret}"}


SHAPES: Final[dict[str, Callable[[Message, str], Made]]] = {
    "plain": _plain,
    "pagerduty": _pagerduty,
    "opsgenie": _opsgenie,
}
