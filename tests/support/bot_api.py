"""Telegram's Bot API in small, on loopback: people write, the bot answers. It keeps updates until they are asked for,
or brings them to the address that setWebhook named, with the secret in the header, and again until they are taken."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

HOST = "127.0.0.1"
NOW_S = 1_790_000_000


class BotApi:
    """`sent` is what people can read: (chat, text without markup). So many sends as `fail_sends` are a 500."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.sent: list[tuple[int, str]] = []
        self.updates: list[dict[str, Any]] = []
        self.hook: dict[str, Any] = {}
        self.fail_sends = 0
        self.date_s = NOW_S
        self._next = 1_000
        self._news = threading.Condition()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
                status, answer = api._answer(self.path, body)
                raw = orjson.dumps(answer)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: object) -> None: ...

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """A caller that hangs up early is no news."""

        self._server = Server((HOST, 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._server.server_port}"

    # --- people --------------------------------------------------------------------------------------------------

    def write(self, text: str, /, user: int = 7, to: int | None = None, **more: Any) -> dict[str, Any]:
        """Somebody writes to the bot: the update as Telegram would make it."""
        self._next += 1
        update = {
            "update_id": self._next,
            "message": {
                "message_id": self._next, "date": self.date_s, "text": text,
                "from": {"id": user, "is_bot": False, "first_name": "Ada"},
                "chat": {"id": user if to is None else to, "type": "private"},
                "entities": [{"type": "bot_command", "offset": 0, "length": 5}], **more,
            },
        }  # fmt: skip
        with self._news:
            self.updates.append(update)
            self._news.notify_all()
        return update

    def deliver(self) -> list[int]:
        """Brings every update to the hook, again and again until it is taken; returns the statuses it was met with."""
        met = []
        while self.updates:
            update = self.updates[0]
            for _ in range(10):
                met.append(self.bring(update))
                if met[-1] == 200:
                    break
            self.updates.pop(0)
        return met

    def bring(self, update: dict[str, Any], secret: str | None = None) -> int:
        headers = {"Content-Type": "application/json"}
        given = self.hook.get("secret_token") if secret is None else secret
        if given:
            headers["X-Telegram-Bot-Api-Secret-Token"] = str(given)
        request = urllib.request.Request(self.hook["url"], orjson.dumps(update), headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as problem:
            return problem.code

    def texts(self, chat: int = 7) -> list[str]:
        return [text for to, text in self.sent if to == chat]

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    # --- the bot -------------------------------------------------------------------------------------------------

    def _answer(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        token, _, method = path.removeprefix("/bot").partition("/")
        if token != self.token:
            return 401, {"ok": False, "error_code": 401, "description": "Unauthorized"}
        made: tuple[int, dict[str, Any]] = getattr(self, f"_{method}")(body)
        return made

    def _sendMessage(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:  # noqa: N802
        if self.fail_sends:
            self.fail_sends -= 1
            return 500, {"ok": False}
        self.sent.append((int(body["chat_id"]), _read(body["text"])))
        return 200, {"ok": True, "result": {"message_id": len(self.sent)}}

    def _getUpdates(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:  # noqa: N802
        if self.hook.get("url"):
            return 409, {"ok": False, "error_code": 409, "description": "Conflict: a webhook is active"}
        with self._news:
            self.updates = [item for item in self.updates if item["update_id"] >= body["offset"]]
            if not self.updates:
                self._news.wait(min(float(body["timeout"]), 2.0))
            return 200, {"ok": True, "result": self.updates[: body["limit"]]}

    def _setWebhook(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:  # noqa: N802
        self.hook = body
        return 200, {"ok": True, "result": True}

    def _deleteWebhook(self, _: dict[str, Any]) -> tuple[int, dict[str, Any]]:  # noqa: N802
        self.hook = {}
        return 200, {"ok": True, "result": True}


class _Text(HTMLParser):
    """Telegram takes only these tags, closed and in order; anything else is a 400 there, and fails the test here."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.open = "", []  # type: ignore[var-annotated]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ("b", "i", "code", "pre"), tag
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def _read(html: str) -> str:
    parser = _Text()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser.text
