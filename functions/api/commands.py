"""The commands of a chat, by name: what each reads, does and answers, within the one commit of its update."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import TYPE_CHECKING

from fluxfloor.contracts.execution import Order
from fluxfloor.contracts.orders import ChangeKind
from fluxfloor.contracts.policy import FLOOR, Halt
from fluxfloor.contracts.state import RiskBook
from fluxfloor.contracts.views import AccountView, StageHealth, TelegramWish
from fluxfloor.ports import Query
from fluxfloor.reporting import control_words as words
from fluxfloor.reporting.notices import Words
from fluxfloor.topology import STAGES
from fluxfloor.webapi import audit
from fluxfloor.webapi.problems import refusal
from fluxfloor.webapi.sessions import KEY_SECRET
from fluxfloor.webapi.telegram import Command

from functions.api import acts, gather, shown
from functions.api.desk import desk_of
from functions.api.trading import books

if TYPE_CHECKING:
    from fluxfloor.runtime.context import Context
    from fluxfloor.runtime.work import Work

BY_CHAT = "by chat"
LATE_MS = 120_000  # a command that took so long to arrive may no longer be meant; a stop always is
MAX_TRIES = 3
MANY = 200
Run = Callable[["Context", "Work", Command], Words]


def run(context: Context, work: Work, command: Command) -> Words:
    """Raises ApiError for what can't be done."""
    found = COMMANDS.get(command.name)
    if found is None:
        return Words("Unknown command", f"There is no /{command.name}.\n{words.help_words().text}")
    late_s = (work.now_ms - command.sent_ms) // 1_000
    if late_s * 1_000 > LATE_MS and command.name not in AT_ANY_TIME:
        raise refusal(409, f"this was sent {late_s} s ago", "date", "send it again if it is still meant")
    return found(context, work, command)


# --- looking -----------------------------------------------------------------------------------------------------


def status(context: Context, work: Work, _: Command) -> Words:
    store = context.ports.store
    found = {book.id: book for book in books(work)}
    health = gather.by_id(store, StageHealth, list(STAGES)).values()
    return words.status(
        gather.all_of(store, Halt, gather.HALTS), _views(context), found, len(_open_orders(context)),
        gather.unacknowledged(store), health, shown.warnings(context),
    )  # fmt: skip


def balance(context: Context, _work: Work, _: Command) -> Words:
    return words.balance(_views(context))


def positions(context: Context, work: Work, _: Command) -> Words:
    found = books(work)
    sizes = gather.lot_sizes(context, {item.instrument_id for book in found for item in book.positions.values()})
    return words.positions(found, sizes)


def orders(context: Context, _work: Work, _: Command) -> Words:
    found = _open_orders(context)
    return words.orders(found, gather.lot_sizes(context, {order.intent.instrument_id for order in found}))


def help_(_context: Context, _work: Work, _: Command) -> Words:
    return words.help_words()


def _views(context: Context) -> list[AccountView]:
    return sorted(gather.all_of(context.ports.store, AccountView, gather.ACCOUNTS), key=lambda view: view.id)


def _open_orders(context: Context) -> list[Order]:
    """Those that execution's sweep follows, oldest first; what has ended and is only looked at once more is none."""
    found = context.ports.store.query(Query(Order.collection, (("open", "==", True),), limit=MANY))
    made = [Order.decode(item.data) for item in found if item.data is not None]
    return sorted((item for item in made if not item.state.terminal), key=lambda item: item.intent.requested_ms)


# --- acting ------------------------------------------------------------------------------------------------------


def stop(context: Context, work: Work, command: Command) -> Words:
    scope, reason = _scoped(context, command)
    halt = acts.halt(work, command.actor, scope, reason or BY_CHAT, flatten=False)
    return Words(f"{scope} is halted", f"{halt.reason}\nEntries stay stopped until somebody resumes; exits go on.")


def flatten(context: Context, work: Work, command: Command) -> Words:
    scope, reason = _scoped(context, command)
    halt = acts.halt(work, command.actor, scope, reason or BY_CHAT, flatten=True)
    return Words(f"{scope} is halted and is being closed", halt.reason)


def resume(context: Context, work: Work, command: Command) -> Words:
    scope, reason = _scoped(context, command)
    if len(reason) < 3:
        raise refusal(422, "a resume needs a reason", "reason", "send /resume floor what was found")
    was = acts.resume(work, command.actor, scope, reason)
    return Words(f"{scope} is resumed", f"It was halted by {was.raised_by}: {was.reason}")


def exit_(_context: Context, work: Work, command: Command) -> Words:
    """`/exit all`, or by whatever names: each has to fit."""
    if not command.args:
        raise refusal(422, "out of what?", "args", "send /exit all, or a strategy, a symbol or a portfolio")
    found = _slots(books(work), () if _is_all(command) else command.args)
    if not found:
        raise refusal(422, "nothing of this is held or on its way in", "args", "send /positions for what is")
    signals = acts.exit_slots(work, command.actor, found, BY_CHAT)
    return Words("Leaving", "\n".join(f"{item.strategy_id} {item.leg.instrument_id}" for item in signals))


def _slots(found: list[RiskBook], names: tuple[str, ...]) -> list[acts.Slot]:
    return [slot for slot in acts.slots(found) if all(name in (*slot, slot[2].partition(":")[2]) for name in names)]


def _is_all(command: Command) -> bool:
    return tuple(arg.lower() for arg in command.args) == ("all",)


def cancel(context: Context, work: Work, command: Command) -> Words:
    order = _order(context, command)
    acts.change_order(work, command.actor, order, ChangeKind.CANCEL, BY_CHAT)
    return Words("It is being taken back", f"order {order.id}")


def reload(context: Context, work: Work, command: Command) -> Words:
    order = _order(context, command)
    acts.change_order(work, command.actor, order, ChangeKind.LOOK, BY_CHAT)
    return Words("The venue is being asked", f"order {order.id}")


def _order(context: Context, command: Command) -> Order:
    """By the beginning of its id."""
    start = command.args[0] if command.args else ""
    found = [item for item in _open_orders(context) if len(start) >= 4 and item.id.startswith(start)]
    if len(found) != 1:
        problem = "several orders begin so" if found else "no open order begins so"
        raise refusal(404, problem, "args", "send the beginning of an id as /orders shows it")
    return found[0]


def ack(context: Context, work: Work, command: Command) -> Words:
    """The one that begins so, or all that wait."""
    start = command.args[0] if command.args else ""
    found = [item for item in gather.unacknowledged(context.ports.store) if item.id.startswith(start)]
    if not found:
        raise refusal(404, "no alarm that waits begins so" if start else "no alarm waits", "args", "send /status")
    for record in found:
        acts.acknowledge(work, command.actor, record, BY_CHAT)
    return Words("You have it", "\n".join(record.title for record in found))


def _scoped(context: Context, command: Command) -> tuple[str, str]:
    """What it is for, and the rest as the reason. Nothing named: the whole floor."""
    known = shown.scopes(context)
    scope, *rest = command.args or (FLOOR,)
    if scope not in known:
        fix = f"send /{command.name}, one of {', '.join(known)}, and then the reason"
        raise refusal(422, f"there is no scope {scope[:40]}", "args", fix)
    return scope, " ".join(rest)[:300]


# --- what is asked twice -----------------------------------------------------------------------------------------


def asking(command_: Run, asks: Callable[[Command], bool] = lambda _: True) -> Run:
    """What is dangerous waits for a code, for so long as the settings say."""

    def ask(context: Context, work: Work, command: Command) -> Words:
        if not asks(command):
            return command_(context, work, command)
        lasts_s = context.settings.telegram.confirm_s
        key = TelegramWish.key(str(command.user_id))
        work.read(key)
        code = code_of(context, command)
        work.write(
            TelegramWish(
                id=key.id, chat_id=command.chat_id, name=command.name, args=command.args, code=code,
                expires_ms=work.now_ms + lasts_s * 1_000,
            )
        )  # fmt: skip
        return Words("Are you sure?", f"{command.said}\nSend /confirm {code} within {lasts_s} s.")

    return ask


def code_of(context: Context, command: Command) -> str:
    """Six digits that nobody else can tell, the same whenever this update is looked at."""
    key = desk_of(context).gate.secret(KEY_SECRET).encode()
    said = f"telegram|{command.update_id}|{command.user_id}|{command.chat_id}|{command.said}".encode()
    return f"{int.from_bytes(hmac.digest(key, said, 'sha256')[:8], 'big') % 1_000_000:06d}"


def confirm(context: Context, work: Work, command: Command) -> Words:
    """In the same chat, by the same person, in time; three wrong codes and it has to be asked for again."""
    (wish,) = work.read(TelegramWish.key(str(command.user_id)))
    if wish is None or wish.chat_id != command.chat_id or work.now_ms >= wish.expires_ms:
        raise refusal(409, "nothing waits for a code, or it is too late", "args", "send the command again")
    code = command.args[0] if command.args else ""
    if not hmac.compare_digest(code.encode("utf-8", "replace"), wish.code.encode()):
        tries = wish.tries + 1
        work.write(wish.model_copy(update={"tries": tries, "expires_ms": 0 if tries >= MAX_TRIES else wish.expires_ms}))
        audit.record(work, command.actor, "telegram.wrong_code", "api", said=f"/{wish.name}", tries=tries)
        return Words("Wrong code", "Nothing was done.")
    work.delete(wish)
    meant = Command(command.update_id, command.user_id, command.chat_id, command.sent_ms, wish.name, wish.args)
    return DANGEROUS[wish.name](context, work, meant)


DANGEROUS: dict[str, Run] = {"exit": exit_, "flatten": flatten, "resume": resume}
COMMANDS: dict[str, Run] = {
    "start": help_, "help": help_, "status": status, "balance": balance, "positions": positions, "orders": orders,
    "stop": stop, "halt": stop, "flatten": asking(flatten), "exit": asking(exit_, _is_all), "cancel": cancel,
    "reload": reload, "look": reload, "resume": asking(resume), "ack": ack, "confirm": confirm,
}  # fmt: skip
AT_ANY_TIME = frozenset(COMMANDS) - {"flatten", "exit", "cancel", "resume", "confirm"}
