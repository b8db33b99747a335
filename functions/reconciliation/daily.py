"""What is done once a day: old trades to files, ended months closed, a unit's value at the day's end."""

from __future__ import annotations

import logging

from fluxfloor.contracts.facts import Fact
from fluxfloor.errors import FloorError, RetryLater
from fluxfloor.runtime.context import Context

from functions.reconciliation import archiving, capital, owing

log = logging.getLogger("fluxfloor.reconciliation")


def run(context: Context, fact: Fact) -> None:
    """One part that fails keeps no other from being done."""
    problems: list[Exception] = []
    for part in (owing.close_months, capital.value_units, archiving.archive):
        try:
            part(context, fact)
        except FloorError as problem:
            log.warning("%s: %s", part.__name__, problem, extra={"stage": context.stage})
            problems.append(problem)
    fatal = next((problem for problem in problems if not isinstance(problem, RetryLater)), None)
    if problems:
        raise fatal or RetryLater(str(problems[0]))
