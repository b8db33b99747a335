"""Asks Telegram for commands, for a floor that has no address of its own, and hands them to the api stage as Telegram
would: the same request, the same check, the same claim."""

from __future__ import annotations

import logging
import threading

from fluxfloor.adapters.channels.telegram import TelegramUpdates
from fluxfloor.errors import FloorError
from fluxfloor.local.floor import Floor
from fluxfloor.webapi.telegram import SECRET_HEADER

WAIT_S = 20  # how long Telegram may hold an empty answer back
LONGEST_PAUSE_S = 60.0
MAX_TRIES = 8  # of one update: then it is left out, and the next ones are heard

log = logging.getLogger("fluxfloor.telegram")


class Listener:
    """Runs in a thread of its own until `stop`, which does not wait for an answer that Telegram holds back."""

    def __init__(self, floor: Floor, wait_s: int = WAIT_S) -> None:
        self._floor, self._wait_s = floor, wait_s
        self._stopping = threading.Event()
        self._heard = 0
        self._tries = 0
        self._thread = threading.Thread(target=self._listen, name="telegram", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()

    def _listen(self) -> None:
        pause_s = 1.0
        while not self._stopping.is_set():
            try:
                self._hear()
                pause_s = 1.0
            except FloorError as problem:
                log.warning("telegram is not heard: %s", problem, extra={"reason": problem.reason})
                self._stopping.wait(pause_s)
                pause_s = min(LONGEST_PAUSE_S, pause_s * 2)
            except Exception:
                log.exception("telegram is not heard")
                self._stopping.wait(LONGEST_PAUSE_S)

    def _hear(self) -> None:
        settings, secrets = self._floor.settings.telegram, self._floor.secrets
        updates = TelegramUpdates(secrets.get(settings.secret_name), settings.base_url)
        headers = {"Content-Type": "application/json", SECRET_HEADER: secrets.get(settings.webhook_secret_name)}
        for update_id, body in updates.after(self._heard, self._wait_s):
            if not self._taken(update_id, body, headers):
                self._stopping.wait(min(LONGEST_PAUSE_S, 2.0**self._tries))
                return

    def _taken(self, update_id: int, body: bytes, headers: dict[str, str]) -> bool:
        """False where it has to be brought again: the next question asks for it once more."""
        status = self._floor.request("api", "POST", "/telegram", body, headers).status_code
        self._tries += 1
        if status >= 500 and self._tries < MAX_TRIES:
            return False
        if status >= 400:
            log.error("an update was not taken: %d", status)
        self._heard, self._tries = update_id, 0
        return True
