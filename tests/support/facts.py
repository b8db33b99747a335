"""Small facts for tests of what carries them."""

from __future__ import annotations

from decimal import Decimal

from fluxfloor.contracts.events import AccountUpdated, RiskRaised, Severity
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.ids import digest

AT_MS = 1_790_000_000_000


def risk(message: str, scope: str = "floor") -> Fact:
    """On a topic that nobody reads in order."""
    event = RiskRaised(kind="test", scope=scope, severity=Severity.INFO, message=message, ts_event_ms=AT_MS)
    return Fact.first(digest("risk", message, scope), event, AT_MS)


def update(account: str, version: int) -> Fact:
    """On a topic that Cerebro reads in order, by account."""
    money = Decimal("10000.00000001")
    event = AccountUpdated(
        account_id=account, portfolio_id="main", currency="USDT", cash=money, equity=money, realised=Decimal(0),
        unrealised=Decimal(0), fees=Decimal(0), cause="mark", account_version=version, ts_event_ms=AT_MS,
    )  # fmt: skip
    return Fact.first(digest("update", account, version), event, AT_MS)
