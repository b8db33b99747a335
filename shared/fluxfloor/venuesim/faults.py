"""What goes wrong, and when: the venue's bad days, told as data.

A fault strikes calls by name, for one account or all, either the next `count` of them or each with a probability drawn
from the seed. Names are the core's (`place`, `cancel`, `order`, `open_orders`, `closed_orders`, `fills`, `ledger`,
`balances`, `transfers`, `ticker`, `depth`, `bars`, `trades`, `markets`, `time`, `status`), or the façade's own endpoint
("AddOrder"); "*" is every call.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from random import Random

from fluxfloor.venuesim.orders import Fill, Order
from fluxfloor.venuesim.venue import Mischief


class FaultKind(StrEnum):
    # on the way
    LOST = "lost"  # never arrives; the client hears nothing
    UNANSWERED = "unanswered"  # arrives and acts; the client hears nothing
    LATE = "late"  # arrives `delay_ms` later; the client hears nothing
    SLOW = "slow"  # answered after `hang_ms`
    # at the door
    RATE_LIMITED = "rate_limited"  # 429, with Retry-After where the venue sends one
    SERVER_ERROR = "server_error"  # `status` and a web page; has not acted
    SERVER_ERROR_AFTER = "server_error_after"  # the same, but it has
    UNAVAILABLE = "unavailable"
    INVALID_NONCE = "invalid_nonce"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    MIN_NOTIONAL = "min_notional"
    # inside; these strike orders and fills, whatever call made them
    HIDE_ORDER = "hide_order"  # no look-up shows it for `delay_ms`
    HIDE_FILL = "hide_fill"  # listings lack it for `delay_ms`; the order and the balance have it
    REPEAT_FILL = "repeat_fill"  # listings show it twice
    PARTIAL_FILL = "partial_fill"  # only `share` of what is left fills; the rest waits for the next quote


ON_THE_WAY = frozenset({FaultKind.LOST, FaultKind.UNANSWERED, FaultKind.LATE, FaultKind.SLOW})
INSIDE = frozenset({FaultKind.HIDE_ORDER, FaultKind.HIDE_FILL, FaultKind.REPEAT_FILL, FaultKind.PARTIAL_FILL})


@dataclass(slots=True)
class Fault:
    """With a `count`, the next so many; without, each with `probability` until it is taken away."""

    kind: FaultKind
    calls: tuple[str, ...] = ("*",)
    account: str = "*"
    count: int | None = 1
    probability: float = 1.0
    delay_ms: int = 0
    hang_ms: int = 0  # how long the client waits before the connection is cut; 0: it is cut at once
    status: int = 502
    retry_after_s: int = 0
    share: Decimal = Decimal("0.5")

    def concerns(self, names: tuple[str, ...], account: str) -> bool:
        return self.account in ("*", account) and ("*" in self.calls or any(name in self.calls for name in names))


class Faults(Mischief):
    """All faults in force. `struck` remembers each that struck, for whoever asks what happened."""

    def __init__(self, seed: int = 0) -> None:
        self._random = Random(seed)
        self.waiting: list[Fault] = []
        self.struck: list[tuple[FaultKind, str, str]] = []  # (kind, account, call or "order 7")

    def add(self, *faults: Fault) -> None:
        self.waiting.extend(faults)

    def clear(self) -> None:
        self.waiting.clear()

    def strike(self, names: tuple[str, ...], account: str) -> Fault | None:
        """The fault that this call meets on its way or at the door, if any."""
        for fault in self.waiting:
            if fault.kind not in INSIDE and fault.concerns(names, account) and self._happens(fault):
                self.struck.append((fault.kind, account, names[0]))
                return fault
        return None

    # --- inside the venue ------------------------------------------------------------------------------------------

    def placed(self, order: Order) -> None:
        fault = self._inside(FaultKind.HIDE_ORDER, order.account, f"order {order.number}")
        if fault is not None:
            order.visible_ms = order.created_ms + fault.delay_ms

    def filled(self, account: str, fill: Fill) -> None:
        hidden = self._inside(FaultKind.HIDE_FILL, account, f"fill {fill.number}")
        if hidden is not None:
            fill.visible_ms = fill.ts_ms + hidden.delay_ms
        if self._inside(FaultKind.REPEAT_FILL, account, f"fill {fill.number}") is not None:
            fill.shown = 2

    def share(self, order: Order) -> Decimal:
        fault = self._inside(FaultKind.PARTIAL_FILL, order.account, f"order {order.number}")
        return Decimal(1) if fault is None else fault.share

    def _inside(self, kind: FaultKind, account: str, what: str) -> Fault | None:
        for fault in self.waiting:
            if fault.kind is kind and fault.account in ("*", account) and self._happens(fault):
                self.struck.append((kind, account, what))
                return fault
        return None

    def _happens(self, fault: Fault) -> bool:
        if fault.probability < 1 and self._random.random() >= fault.probability:
            return False
        if fault.count is not None:
            fault.count -= 1
            if fault.count <= 0:
                self.waiting.remove(fault)
        return True
