"""Notices as lines of the floor's own log, where alert policies of the cloud can see them."""

from __future__ import annotations

import logging

from fluxfloor.ports import Message

LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "critical": logging.CRITICAL}

log = logging.getLogger("fluxfloor.notices")


class LogMessenger:
    def send(self, message: Message) -> None:
        log.log(LEVELS[message.severity], "%s", message.body, extra={"notice": message.message_id})
