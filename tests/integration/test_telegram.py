"""Commands from Telegram, over its Bot API on loopback: who is obeyed, what is done, and that it is done once."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from fluxfloor.adapters.channels.telegram import TelegramUpdates
from fluxfloor.cli.main import app
from fluxfloor.contracts.execution import Order
from fluxfloor.contracts.policy import Halt
from fluxfloor.contracts.state import RiskBook
from fluxfloor.contracts.views import AlertAck, AlertRecord, AuditRecord
from fluxfloor.errors import Misconfigured, Poison
from fluxfloor.local.chaos import scenario
from fluxfloor.local.demo import DEMO_SECRET, demo_settings, open_recorded
from fluxfloor.local.listening import Listener
from fluxfloor.ports import Query
from fluxfloor.runtime.settings import Settings
from typer.testing import CliRunner

from tests.support.api_floor import NOW_MS, SETTINGS, ApiFloor, served
from tests.support.bot_api import BotApi

TOKEN, SECRET = "123456:qzxcanary-bot-token", "qzxcanary-hook-secret"
ADA, EVE = 7, 666


class Chat:
    """A floor with a bot in front of it, at the address that the hook names."""

    def __init__(self, directory: Path, **telegram: Any) -> None:
        self.bot = BotApi(TOKEN)
        self.bot.date_s = NOW_MS // 1_000
        wanted = {"enabled": True, "allowed_users": [ADA], "base_url": self.bot.url, **telegram}
        self.house = ApiFloor(directory, Settings.model_validate({**SETTINGS, "telegram": wanted}))
        self.house.floor.secrets._inner._defaults.update(  # type: ignore[attr-defined]
            {"alerts-telegram": TOKEN, "api-telegram": SECRET}
        )
        self._open = ExitStack()
        base = self._open.enter_context(served(self.house))
        TelegramUpdates(TOKEN, self.bot.url).hook(f"{base}/telegram", SECRET)

    def say(self, text: str, /, user: int = ADA, **more: Any) -> str:
        """Writes, has it brought, and reads what the bot said last."""
        before = len(self.bot.sent)
        self.bot.write(text, user, **more)
        assert set(self.bot.deliver()) <= {200, 503}
        return self.bot.sent[-1][1] if len(self.bot.sent) > before else ""

    def halts(self) -> dict[str, Halt]:
        found = self.house.floor.store.query(Query(Halt.collection, limit=10))
        return {item.ref.id: Halt.decode(item.data or {}) for item in found}

    def audit(self) -> list[tuple[str, str, str]]:
        found = self.house.floor.store.query(Query(AuditRecord.collection, order_by="ts_event_ms", limit=500))
        made = sorted((AuditRecord.decode(item.data or {}) for item in found), key=lambda item: item.id)
        return [(item.actor, item.action, item.subject) for item in made if item.actor.startswith("telegram")]

    def close(self) -> None:
        self._open.close()
        self.house.close()
        self.bot.close()


@pytest.fixture
def chat(tmp_path: Path) -> Iterator[Chat]:
    made = Chat(tmp_path)
    yield made
    made.close()


def code_in(text: str) -> str:
    found = re.search(r"/confirm (\d{6})", text)
    assert found, text
    return found.group(1)


# --- who is obeyed -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", ["", "wrong", SECRET[:-1], f"{SECRET}x", "qzxcanäry"])
def test_who_does_not_know_the_hooks_secret_is_turned_away(chat: Chat, secret: str) -> None:
    body = json.dumps(chat.bot.write("/stop")).encode()
    headers = {"Content-Type": "application/json", "X-Telegram-Bot-Api-Secret-Token": secret}
    assert chat.house.ask("POST", "/telegram", body, token="", headers=headers).status == 401
    assert chat.halts() == {}
    assert chat.bot.sent == []


def test_a_stranger_is_met_with_silence_and_stands_in_the_audit_log_once_a_day(chat: Chat) -> None:
    for _ in range(3):
        assert chat.say("/stop", user=EVE) == ""
    assert chat.halts() == {}
    assert chat.bot.sent == []
    assert chat.audit() == [("telegram:666", "telegram.refused", "api")]


def test_a_floor_without_commands_has_no_such_address(tmp_path: Path) -> None:
    house = ApiFloor(tmp_path)
    assert house.ask("POST", "/telegram", {"update_id": 1}, token="").status == 404
    house.close()


def test_commands_for_nobody_are_a_mistake_in_the_settings() -> None:
    with pytest.raises(ValueError, match="allowed_users"):
        Settings.model_validate({"telegram": {"enabled": True}})


@pytest.mark.parametrize(
    "more",
    [
        {"forward_origin": {"type": "user"}}, {"forward_date": 1}, {"sender_chat": {"id": 1}}, {"via_bot": {"id": 2}},
        {"from": {"id": ADA, "is_bot": True}}, {"text": "stop"}, {"text": 7}, {"chat": None}, {"date": "now"},
        {"text": "/stop " + "x" * 500},
    ],
)  # fmt: skip
def test_what_is_not_a_persons_own_command_does_nothing(chat: Chat, more: dict[str, Any]) -> None:
    assert chat.say("/stop", **more) == ""
    assert chat.halts() == {}


# --- what is done ------------------------------------------------------------------------------------------------


def test_a_stop_is_durable_before_it_is_answered_and_says_by_whom_and_why(chat: Chat) -> None:
    assert "floor is halted" in chat.say("/stop floor a fill <nobody> knows")
    halt = chat.halts()["floor"]
    assert (halt.raised_by, halt.reason, halt.flatten) == ("telegram:7", "a fill <nobody> knows", False)
    assert chat.audit() == [("telegram:7", "halt.raised", "floor")]
    assert "HALTED floor: a fill <nobody> knows (by telegram:7" in chat.say("/status")


def test_a_repeated_update_acts_once_and_is_answered_again(chat: Chat) -> None:
    update = chat.bot.write("/stop main enough")
    chat.bot.deliver()
    chat.house.send("POST", "/v1/halts/main/resume", {"reason": "looked into it"})
    assert chat.bot.bring(update) == 200
    assert chat.halts() == {}
    assert chat.bot.texts() == [chat.bot.texts()[0]] * 2


def test_a_chat_that_can_not_be_answered_at_once_is_answered_by_the_repeat(chat: Chat) -> None:
    chat.bot.fail_sends = 2
    chat.bot.write("/stop")
    assert chat.bot.deliver() == [503, 503, 200]
    assert len(chat.bot.sent) == 1
    assert [action for _, action, _ in chat.audit()] == ["halt.raised"]


def test_a_resume_needs_a_reason_and_a_code(chat: Chat) -> None:
    chat.say("/stop")
    asked = chat.say("/resume floor it was a test")
    assert "floor" in chat.halts()
    assert "floor is resumed" in chat.say(f"/confirm {code_in(asked)}")
    assert chat.halts() == {}
    assert chat.audit()[-1] == ("telegram:7", "halt.lifted", "floor")
    chat.say("/stop")
    assert "needs a reason" in chat.say(f"/confirm {code_in(chat.say('/resume floor'))}")
    assert "floor" in chat.halts()


def test_a_code_is_good_once_for_a_minute_and_for_one_person(chat: Chat) -> None:
    chat.say("/stop")
    code = code_in(chat.say("/resume floor it was a test"))
    chat.house.clock.advance_to(chat.house.clock.now_ms() + 60_000)
    chat.bot.date_s += 60
    assert "too late" in chat.say(f"/confirm {code}")
    code = code_in(chat.say("/resume floor it was a test"))
    for _ in range(3):
        assert "Wrong code" in chat.say("/confirm 000000" if code != "000000" else "/confirm 111111")
    assert "too late" in chat.say(f"/confirm {code}")
    assert "floor" in chat.halts()
    code = code_in(chat.say("/resume floor it was a test"))
    chat.say(f"/confirm {code}")
    chat.say("/stop")
    assert "nothing waits" in chat.say(f"/confirm {code}")
    assert "floor" in chat.halts()


def test_another_persons_code_confirms_nothing(tmp_path: Path) -> None:
    chat = Chat(tmp_path, allowed_users=[ADA, 8])
    chat.say("/stop")
    code = code_in(chat.say("/resume floor it was a test"))
    assert "nothing waits" in chat.say(f"/confirm {code}", user=8)
    assert "nothing waits" in chat.say(f"/confirm {code}", to=99)
    assert "floor" in chat.halts()
    chat.close()


def test_a_command_that_comes_late_is_not_obeyed_but_a_stop_is(chat: Chat) -> None:
    chat.bot.date_s -= 600
    assert "sent 600 s ago" in chat.say("/resume floor it was a test")
    assert "sent 600 s ago" in chat.say("/exit all")
    assert "floor is halted" in chat.say("/stop")


def test_alarms_are_acknowledged_from_the_chat(chat: Chat) -> None:
    for name in ("a1b2c3d4", "ffff0000"):
        chat.house.put(AlertRecord(id=name, severity="critical", title=f"Books {name}", text="t", ts_event_ms=NOW_MS))
    assert "alarm a1b2c3d4: Books a1b2c3d4" in chat.say("/status")
    assert "Books a1b2c3d4" in chat.say("/ack a1b2")
    ack = chat.house.floor.context("api").read(AlertAck.key("a1b2c3d4"))
    assert ack is not None
    assert ack.by == "telegram:7"
    assert "Books ffff0000" in chat.say("/ack")
    assert "no alarm waits" in chat.say("/ack")


def test_what_can_not_be_done_says_why_and_how_to_do_it(chat: Chat) -> None:
    assert "There is no /fly" in chat.say("/fly")
    assert "there is no scope mars" in chat.say("/stop mars")
    assert "no open order begins so" in chat.say("/cancel abcd")
    assert "out of what?" in chat.say("/exit")
    assert "nothing of this is held" in chat.say("/exit BTC/USDT")
    assert "No account has been marked yet." in chat.say("/balance")
    assert "Nothing is open." in chat.say("/positions@FluxfloorBot")
    assert "No order is open." in chat.say("/orders")
    assert "/confirm <code>" in chat.say("/help")
    assert chat.audit() == []


def test_a_refused_command_stays_refused_when_its_update_comes_again(chat: Chat) -> None:
    update = chat.bot.write("/ack")
    chat.bot.deliver()
    chat.house.put(AlertRecord(id="later", severity="critical", title="T", text="t", ts_event_ms=NOW_MS))
    chat.bot.bring(update)
    assert chat.house.floor.context("api").read(AlertAck.key("later")) is None


# --- on a floor that holds something -----------------------------------------------------------------------------


@pytest.fixture
def trading(tmp_path: Path) -> Iterator[tuple[Any, Callable[[str], str], BotApi]]:
    """A floor with one position, its bot, and a person who speaks with it by long polling's own path."""
    bot = BotApi(TOKEN)
    given = scenario.make(Random(3), 0, bars=4)
    wanted = {"enabled": True, "allowed_users": (ADA,), "base_url": bot.url}
    base = demo_settings("BTC/USDT", "15m", port=8080)
    telegram = base.telegram.model_copy(update=wanted)
    settings = base.model_copy(update={"strategies": {}, "telegram": telegram})
    hook = {"secret": DEMO_SECRET, "id": "one", "ticker": "BTCUSDT", "action": "buy", "stopLoss": 1}
    line = json.dumps({"body": json.dumps(hook), "at": given.begin_ms + 60_000, "sender": "demo"})
    bars = np.array(given.bars)
    played = open_recorded(tmp_path / "floor", settings, scenario.INSTRUMENT, "15m", bars, line, "hooks")
    played.run()
    floor = played.floor
    for name, value in (("alerts-telegram", TOKEN), ("api-telegram", SECRET)):
        (tmp_path / "floor" / "secrets" / name).write_text(value)
    listener = Listener(floor, wait_s=0)

    def say(text: str) -> str:
        bot.date_s = floor.clock.now_ms() // 1_000
        bot.write(text)
        listener._hear()
        floor.drain(until_ms=floor.clock.now_ms() + 30_000)
        return bot.texts()[-1]

    yield floor, say, bot
    played.close()
    bot.close()


def book(floor: Any) -> RiskBook:
    found = floor.context("cerebro").read(RiskBook.key("main"))
    assert found is not None
    return found  # type: ignore[no-any-return]


def test_one_position_is_left_from_the_chat_while_entries_are_halted(trading: Any) -> None:
    floor, say, _ = trading
    assert book(floor).positions
    assert "BTC at" in say("/positions")
    assert "paper-main: equity" in say("/balance")
    say("/stop floor enough")
    assert "Leaving" in say("/exit BTC/USDT")
    assert (book(floor).positions, book(floor).reservations) == ({}, {})
    exits = [Order.decode(item.data or {}) for item in floor.store.query(Query("orders", limit=10))]
    assert [item.intent.tag for item in exits if item.intent.purpose == "exit"] == ["forced"]


def test_leaving_everything_asks_for_a_code_first(trading: Any) -> None:
    floor, say, bot = trading
    asked = say("/exit all")
    assert book(floor).positions
    assert "Leaving" in say(f"/confirm {code_in(asked)}")
    assert book(floor).positions == {}
    assert len(bot.sent) == 2


def test_flattening_from_the_chat_halts_and_closes(trading: Any) -> None:
    floor, say, _ = trading
    assert "is being closed" in say(f"/confirm {code_in(say('/flatten main too hot'))}")
    assert book(floor).positions == {}
    halt = floor.context("api").read(Halt.key("main"))
    assert (halt.flatten, halt.reason, halt.raised_by) == (True, "too hot", "telegram:7")


# --- asking Telegram ---------------------------------------------------------------------------------------------


def test_a_laptop_asks_for_commands_and_obeys_them(tmp_path: Path) -> None:
    bot = BotApi(TOKEN)
    wanted = {"enabled": True, "allowed_users": [ADA], "base_url": bot.url}
    house = ApiFloor(tmp_path, Settings.model_validate({**SETTINGS, "telegram": wanted}))
    house.floor.secrets._inner._defaults.update({"alerts-telegram": TOKEN, "api-telegram": SECRET})  # type: ignore[attr-defined]
    bot.date_s = NOW_MS // 1_000
    listener = Listener(house.floor, wait_s=1)
    listener.start()
    bot.write("/stop floor from afar")
    bot.write("no command")
    until = time.monotonic() + 10
    while (not bot.sent or bot.updates) and time.monotonic() < until:
        time.sleep(0.02)
    listener.stop()
    assert "floor is halted" in bot.texts()[0]
    assert [item["reason"] for item in house.get("/v1/halts").json["items"]] == ["from afar"]
    assert bot.updates == []  # taken, and told so
    house.close()
    bot.close()


def test_a_bot_with_a_hook_can_not_be_asked(chat: Chat) -> None:
    updates = TelegramUpdates(TOKEN, chat.bot.url)
    with pytest.raises(Poison, match="409"):
        updates.after(0, 0)
    updates.unhook()
    chat.bot.write("/help")
    ((update_id, body),) = updates.after(0, 0)
    assert json.loads(body)["update_id"] == update_id
    assert updates.after(update_id, 0) == []


def test_a_token_that_is_none_is_said_so_without_it() -> None:
    with pytest.raises(Misconfigured, match="does not look like") as caught:
        TelegramUpdates("qzxcanary not a token")
    assert "qzxcanary" not in str(caught.value)


def test_the_console_tells_telegram_where_commands_go(tmp_path: Path) -> None:
    bot = BotApi(TOKEN)
    (tmp_path / "floor.toml").write_text(
        f'[api]\npublic_url = "https://floor.example.org/"\n[telegram]\nbase_url = "{bot.url}"\n'
    )
    (tmp_path / "secrets").mkdir()
    for name, value in (("alerts-telegram", TOKEN), ("api-telegram", SECRET)):
        (tmp_path / "secrets" / name).write_text(value)
    given = ["--settings", str(tmp_path / "floor.toml"), "--directory", str(tmp_path)]
    told = CliRunner().invoke(app, ["telegram", "hook", *given])
    assert "https://floor.example.org/telegram" in told.output
    assert "qzxcanary" not in told.output
    assert bot.hook == {
        "url": "https://floor.example.org/telegram", "secret_token": SECRET, "allowed_updates": ["message"],
    }  # fmt: skip
    assert CliRunner().invoke(app, ["telegram", "unhook", *given]).exit_code == 0
    assert bot.hook == {}
    bot.close()
