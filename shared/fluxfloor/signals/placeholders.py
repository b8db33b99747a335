"""Templates that were sent as they are: `{{close}}` where a price should stand."""

from __future__ import annotations

import re

from fluxfloor.signals.refusals import Refused

_PLACEHOLDER = re.compile(r"\{\{([^{}]{1,80})\}\}")


def first_placeholder(text: str) -> str:
    """The name inside the first `{{...}}`, "" when there is none."""
    found = _PLACEHOLDER.search(text)
    return found.group(1).strip() if found else ""


def line_of(text: str) -> int:
    """The line of the first placeholder, counted from 1."""
    found = _PLACEHOLDER.search(text)
    return text.count("\n", 0, found.start() if found else 0) + 1


def unfilled(name: str, field: str) -> Refused:
    """TradingView leaves a placeholder as it is when the alert has no such value; say which alert would have it."""
    fill = "TradingView fills it when the alert fires; if you send the body yourself, put the value there."
    if name.startswith("strategy."):
        fill = "TradingView fills {{strategy.…}} only in an alert made on a strategy, not on an indicator or a price."
    elif name.startswith("plot"):
        fill = "TradingView fills {{plot…}} only in an alert on an indicator that has such a plot."
    return Refused("unfilled_placeholder", f"The placeholder {{{{{name}}}}} was not filled in.", field=field, fix=fill)
