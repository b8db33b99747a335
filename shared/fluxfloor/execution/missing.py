"""An order that the venue does not show: what may be concluded from that, and when."""

from __future__ import annotations

from enum import Enum

from fluxfloor.contracts.execution import Order
from fluxfloor.contracts.orders import OrderState, Purpose
from fluxfloor.contracts.venues import Capabilities
from fluxfloor.execution import plans

MIN_LOOKUPS = 2  # negative look-ups, the last of them after the grace, before an order counts as not there
BURN_TRIES = 8  # placements under the id of a lost one, before a person is asked why the venue takes none of them


class Next(Enum):
    """What to do about it."""

    WAIT = "wait"
    RESEND = "resend"
    GIVE_UP = "give_up"
    ASK_A_PERSON = "ask_a_person"


def next_of_missing(order: Order, capabilities: Capabilities, asked_ms: int) -> Next:
    """A placement counts as not there only once it can't arrive any more and would be seen if it had. `asked_ms`: when
    the venue was asked, which may be long before anything is concluded from its answer.

    | the venue's promise                    | what closes a position         | entry        |
    |----------------------------------------|--------------------------------|--------------|
    | drops placements that come too late    | sent again, under a new id     | given up     |
    | only never takes a client id twice     | sent again, under the same id  | a person     |
    | neither                                | a person                       | a person     |

    What was to be cancelled anyway, or of which no more is wanted, is given up where it is proved not to be there.
    Where only ids are for ever, a stop is sent again all the same, and then cancelled: once its id is used up, the lost
    one can't come to life any more. A venue that refuses to take it, time and again, leaves that to a person too.
    """
    if asked_ms < settled_ms(order, capabilities) or order.looked_up < MIN_LOOKUPS:
        return Next.WAIT
    if order.state in (OrderState.OPEN, OrderState.PARTIALLY_FILLED):
        return Next.ASK_A_PERSON  # it was there: that it can't be seen now is no proof of its end
    wanted = order.left > 0 and order.intent.purpose is not Purpose.ENTRY and not plans.ends_it(order)
    if capabilities.placement_expiry_ms:
        return Next.RESEND if wanted else Next.GIVE_UP
    burns = capabilities.permanent_client_ids and (wanted or bool(order.intent.protects))
    spent = order.burning and order.tries >= BURN_TRIES
    return Next.RESEND if burns and not spent else Next.ASK_A_PERSON


def settled_ms(order: Order, capabilities: Capabilities) -> int:
    """When a placement that did arrive would be visible for certain."""
    return order.expires_at_venue_ms + capabilities.clock_error_ms + capabilities.read_lag_ms
