"""Whether a venue's clock and ours agree. Placements are stamped with the venue's, so they go on; but one of the two is
wrong, and what is as old as a limit allows is judged by ours."""

from __future__ import annotations

from fluxfloor.contracts.events import RiskRaised, ScheduleTicked, Severity
from fluxfloor.contracts.venues import MAX_CLOCK_OFFSET_MS
from fluxfloor.runtime.context import Context
from fluxfloor.runtime.work import Work

HOUR_MS = 3_600_000


def compare_clocks(context: Context, account_id: str) -> None:
    """Told once an hour while they differ."""
    setting = context.settings.accounts[account_id]
    offset_ms = context.ports.venue(account_id).clock_offset_ms()
    if abs(offset_ms) <= MAX_CLOCK_OFFSET_MS:
        return
    way = "ahead of" if offset_ms > 0 else "behind"
    message = f"{setting.venue}'s clock is {abs(offset_ms) / 1000:.1f} s {way} this machine's: one of them is wrong"
    hour_ms = context.now_ms // HOUR_MS * HOUR_MS

    def tell(_: ScheduleTicked, work: Work) -> None:
        work.emit(
            RiskRaised(
                kind="clock_off", scope=setting.portfolio, severity=Severity.WARNING, message=message,
                details={"account": account_id, "offset_ms": str(offset_ms)}, ts_event_ms=work.now_ms,
            )
        )  # fmt: skip

    tick = ScheduleTicked(stage="reconciliation", job="clock", scheduled_ms=hour_ms)
    context.step(context.cause(tick, account_id, "clock", hour_ms), tell)
