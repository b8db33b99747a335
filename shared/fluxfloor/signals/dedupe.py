"""Which webhook is this? The same one, sent again, must get the same id, and no two different ones may share it.

1. The sender's own id, where there is one; with the symbol and action beside it, because an id that is filled from
   "{{strategy.order.id}}-{{timenow}}" is the same on two charts of one strategy.
2. Else what an order of a strategy is known by: strategy, order, action, symbol, contracts, position, and the time of
   the alert. {{timenow}} has a resolution of a second, so the time alone would not do.
3. Else the body. When it carries a time of its own, for ever. When it carries none, the very same bytes are sent for
   every signal ("buy BTC" fires again next week), so they count as a repeat only within WINDOW_MS: TradingView sends
   again after 5 s, at most three times.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fluxfloor.contracts.ids import digest
from fluxfloor.signals.draft import Identity

WINDOW_MS: Final = 30_000


def event_ids(sender_id: str, identities: Sequence[Identity], body: str, now_ms: int) -> tuple[str, ...]:
    """This webhook's id first. Any further id, if it was decided before, makes this webhook a repeat of that one.

    `body` is the redacted text, so that no digest of a secret is ever stored.
    """
    unique = list(dict.fromkeys(identities))
    if all(one.id for one in unique):
        return (_named("id", sender_id, [(one.id, one.symbol, one.action, one.position) for one in unique]),)
    if all(one.sent_ms is not None and one.action and (one.order_id or one.strategy) for one in unique):
        return (_named("order", sender_id, [_order_key(one) for one in unique]),)
    if any(one.sent_ms is not None for one in unique):
        return (_named("body", sender_id, [(body,)]),)
    # The window after this one too: while this request was on its way its repeat may have overtaken it.
    window = now_ms // WINDOW_MS
    return tuple(_named("window", sender_id, [(body, str(at))]) for at in (window, window - 1, window + 1))


def _order_key(one: Identity) -> tuple[str, ...]:
    return one.strategy, one.order_id, one.action, one.symbol, one.quantity, one.position, str(one.sent_ms)


def _named(basis: str, sender_id: str, keys: list[tuple[str, ...]]) -> str:
    return digest("webhook", basis, sender_id, *(digest(*key) for key in keys))
