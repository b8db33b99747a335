"""A canary for a secret: put everywhere a secret may come from, and looked for everywhere something is kept."""

from __future__ import annotations

import base64
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from fluxfloor.contracts.events import AccountUpdated
from fluxfloor.contracts.facts import Fact
from fluxfloor.contracts.signals import Signal
from fluxfloor.errors import InvariantBroken, Misconfigured, Poison
from fluxfloor.ports import Delivery
from fluxfloor.runtime import logging as logs
from fluxfloor.runtime.runner import Outcome
from fluxfloor.runtime.stage import Handler
from werkzeug.wrappers import Response

from tests.support.runtime_lab import heard
from tests.support.trading_floor import SECRET, TradingFloor, entry

CANARY = SECRET
WRONG = "qzx-nearly-the-secret-0451"


@pytest.fixture
def trading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TradingFloor]:
    monkeypatch.setattr(logs, "_spellings", ())
    trading = TradingFloor(tmp_path)
    yield trading
    trading.close()


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What the process would write, at its most talkative."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure("DEBUG", stream)
    yield stream
    root.handlers[:], root.level = before, level


def kept(directory: Path) -> str:
    """Every byte of every file of the floor but its secrets, and what is base64 in it."""
    raw = b"\n".join(
        path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file() and "secrets" not in path.parts
    )
    return raw.decode("latin-1")


def decoded(trading: TradingFloor) -> str:
    """What lies base64 in the quarantine."""
    rows = [row for database in ("mode", "edge") for row in trading.rows("quarantine", database)]
    return "\n".join(base64.b64decode(row["data"]).decode() for row in rows)


def told(response: Response) -> str:
    return f"{response.get_data(as_text=True)}\n{response.headers}"


def send_everything(trading: TradingFloor) -> list[Response]:
    """Right and wrong secrets in every place that a sender could think of."""
    bodies: list[bytes | dict[str, object]] = [
        entry("a"), entry("b", strategy=f"my {CANARY} strategy"), entry("c", comment=f"pass {CANARY}"),
        entry("d", ticker=CANARY), entry("e", action=CANARY), entry("f", price=CANARY), entry("g", extra={CANARY: 1}),
        {**entry("h"), "secret": WRONG}, {**entry("i"), "passphrase": CANARY},
        json.dumps(entry("j")).encode()[:-1], b'{"secret": "' + CANARY.encode() + b'", "id": ',
        f"secret={CANARY}\nsymbol=BTCUSDT\naction=buy".encode(), f"{CANARY}".encode(), b"\xff" + CANARY.encode(),
        json.dumps(entry("k")).replace("c", "\\u0063").encode(),
    ]  # fmt: skip
    answers = [trading.send(body) for body in bodies]
    for headers in (
        {"X-Fluxfloor-Secret": CANARY}, {"Authorization": f"Bearer {CANARY}"}, {"X-Fluxfloor-Signature": CANARY},
        {"Content-Type": CANARY}, {"X-Forwarded-For": CANARY}, {"User-Agent": CANARY}, {"Cookie": f"a={CANARY}"},
    ):  # fmt: skip
        answers.append(trading.send({**entry("l"), "secret": ""}, headers=headers))
        answers.append(trading.send(entry("m"), headers=headers))
    paths = (f"prober?secret={CANARY}", f"prober?x={CANARY}", CANARY, f"{CANARY}?key={WRONG}")
    return answers + [trading.send(entry("n"), sender=path) for path in paths]


def test_no_webhook_leaves_its_secret_anywhere(tmp_path: Path, trading: TradingFloor, logged: io.StringIO) -> None:
    answers = send_everything(trading)
    trading.later(3_000)
    trading.floor.tick("execution", "sweep")
    assert {answer.status_code for answer in answers} >= {200, 400, 401, 404, 422}
    assert not [answer for answer in answers if answer.status_code >= 500]
    for name, text in (
        ("answers", "\n".join(map(told, answers))), ("files", kept(tmp_path)), ("log", logged.getvalue()),
        ("quarantine", decoded(trading)),
    ):  # fmt: skip
        assert CANARY not in text, name
        assert WRONG not in text, name
    assert len(trading.rows("journal", "edge")) > 10  # there was something to look through


@pytest.mark.parametrize("kind", [Poison, InvariantBroken, Misconfigured, ValueError])
def test_an_error_that_carries_a_secret_is_kept_without_it(
    tmp_path: Path, trading: TradingFloor, logged: io.StringIO, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    trading.send()  # the secret has been read, and the logger knows it

    def fail(_event: object, _work: object) -> None:
        raise kind(f"401 from https://x/?key={CANARY}")

    runner = trading.floor.runners["cerebro"]
    monkeypatch.setitem(runner.stage.handlers, AccountUpdated, Handler(fail))
    fact = heard()
    delivery = Delivery("s", fact.data().replace(b'"mark"', f'"{CANARY}"'.encode()), fact.attributes(), "m", 15)
    assert runner.handle(delivery) is Outcome.ACK
    trading.later(1_000)
    assert "401 from" in trading.rows("quarantine")[0]["error"]
    for text in (kept(tmp_path), logged.getvalue(), decoded(trading)):
        assert CANARY not in text
    assert logs.MASK in decoded(trading)


def test_a_missing_secret_is_named_and_nobody_is_told_its_neighbours(
    tmp_path: Path, trading: TradingFloor, logged: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> str:
        raise Misconfigured(f"secret {name} has no version; {CANARY} is another's")

    trading.send()
    monkeypatch.setattr(trading.floor.secrets, "get", missing)
    answer = trading.send()
    assert answer.status_code == 503
    assert CANARY not in told(answer) + logged.getvalue() + kept(tmp_path)


def test_the_canary_would_be_found(tmp_path: Path, trading: TradingFloor) -> None:
    """The search itself: a floor that did keep the secret would be caught."""

    def leak(_event: object, work: object) -> None:
        work.answer({"leaked": CANARY})  # type: ignore[attr-defined]

    fact = Fact.first("leak", heard().event, trading.clock.now_ms())
    trading.floor.context("cerebro").step(fact, leak)
    assert CANARY in kept(tmp_path)


def test_signals_carry_no_field_for_a_secret() -> None:
    assert not [name for name in Signal.model_fields if "secret" in name or "token" in name]
