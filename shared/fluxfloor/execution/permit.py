"""May this floor open positions with money? On paper always; live only once its paper period is proved."""

from __future__ import annotations

from fluxfloor.contracts.paper import Criteria
from fluxfloor.contracts.views import PaperRecord

REFUSED = "paper period"


def refused(record: PaperRecord | None, criteria: Criteria) -> str:
    """Why a live entry is not sent; empty where it may go. A record that was judged by other criteria is none."""
    if not criteria.days:
        return ""
    if record is None or record.asked != criteria.mark:
        return f"{REFUSED}: it has not been judged yet"
    return "" if record.satisfied else f"{REFUSED}: {'; '.join(record.missing)}"[:500]
