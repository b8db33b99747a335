"""A notice in the markup of one channel: one row per kind of channel, with its escapes and its limits.

Lengths are counted as the channel counts them, after escaping, so that a cut never falls into an entity or a tag.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fluxfloor.contracts.events import Severity
from fluxfloor.reporting.notices import Words

ELLIPSIS = "…"
_PREFIX = {Severity.INFO: "", Severity.WARNING: "Warning: ", Severity.CRITICAL: "CRITICAL: "}


@dataclass(frozen=True, slots=True)
class Markup:
    """`limit` bounds the body, `subject_limit` the subject (0: the channel has none, the title stands in the body)."""

    limit: int
    escape: Callable[[str], str]
    strong: tuple[str, str] = ("", "")
    subject_limit: int = 0
    length: Callable[[str], int] = len


def render(kind: str, severity: str, words: Words) -> tuple[str, str]:
    """Subject and body for a channel of this kind."""
    markup = MARKUPS[kind]
    title = _PREFIX[Severity(severity)] + words.title
    if markup.subject_limit:
        return fit(f"[fluxfloor] {title}", markup.subject_limit, markup), fit(words.text, markup.limit, markup)
    before, after = markup.strong
    frame = markup.length(f"{before}{after}\n")
    head = fit(title, markup.limit - frame, markup)
    rest = markup.limit - frame - markup.length(head)
    return "", f"{before}{head}{after}\n{fit(words.text, rest, markup)}"


def fit(text: str, limit: int, markup: Markup) -> str:
    """Escaped, and cut at a whole character with an ellipsis where it would be too long."""
    escaped = markup.escape(text)
    if markup.length(escaped) <= limit:
        return escaped
    kept, left = [], limit - markup.length(ELLIPSIS)
    for sign in text:
        piece = markup.escape(sign)
        left -= markup.length(piece)
        if left < 0:
            break
        kept.append(piece)
    return "".join(kept) + ELLIPSIS if limit > 0 else ""


def _angles(text: str) -> str:
    """What Telegram's HTML and Slack's mrkdwn both want escaped, and no more."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _as_it_is(text: str) -> str:
    return text


def _utf16(text: str) -> int:
    """Telegram counts UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


MARKUPS: dict[str, Markup] = {
    "log": Markup(limit=8_000, escape=_as_it_is),
    "telegram": Markup(limit=4_096, escape=_angles, strong=("<b>", "</b>"), length=_utf16),
    "slack": Markup(limit=4_000, escape=_angles, strong=("*", "*")),
    "webhook": Markup(limit=8_000, escape=_as_it_is, subject_limit=130),  # the shortest that a pager takes
    "email": Markup(limit=100_000, escape=_as_it_is, subject_limit=200),
}
