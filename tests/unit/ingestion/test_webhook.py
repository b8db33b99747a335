"""POST /webhooks/<sender>: what is answered, what is kept, and what is sent on."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Request
from fluxfloor.contracts.state import Sender
from fluxfloor.errors import CommitUnknown, Conflict, Misconfigured, RetryLater
from fluxfloor.ports import Ref
from fluxfloor.signals.parse import MAX_BODY_BYTES
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Response

from functions.ingestion import webhook
from tests.support.runtime_lab import raising
from tests.support.trading_floor import SECRET, SENDER, entry
from tests.support.webhook_door import Door

DUPLICATE = "duplicate"


def problem(answer: Response) -> dict[str, object]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    told: dict[str, object] = json.loads(answer.get_data())
    assert told["status"] == answer.status_code
    return told


def repeated(answer: Response) -> bool:
    return answer.headers.get("Fluxfloor-Webhook") == DUPLICATE


# --- accepted ----------------------------------------------------------------------------------------------------


def test_an_accepted_webhook_is_answered_with_how_it_was_understood(door: Door) -> None:
    answer = door.send()
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    told = json.loads(answer.get_data())
    assert told["signals"][0]["action"] == "ENTRY"
    assert told["signals"][0]["instrument_id"] == "kraken:BTC/USDT"
    (kept,) = door.kept
    assert (kept["event_id"], kept["answer"]) == (told["event_id"], told)
    assert door.signals == [told["signals"][0]["signal_id"]]


def test_what_arrived_is_kept_without_its_secret(door: Door) -> None:
    door.send(comment="keep me")
    (kept,) = door.kept
    assert "keep me" in kept["evidence"]["body"]
    assert SECRET not in json.dumps(kept)
    assert kept["evidence"]["address"] == "203.0.113.9"


def test_a_repeat_is_told_the_same_and_sent_on_once(door: Door) -> None:
    answers = [door.send() for _ in range(4)]
    assert {answer.get_data() for answer in answers} == {answers[0].get_data()}
    assert [repeated(answer) for answer in answers] == [False, True, True, True]
    assert len(door.kept) == len(door.signals) == 1


def test_another_webhook_is_another_signal(door: Door) -> None:
    door.send(id="a")
    door.send(id="b")
    assert len(set(door.signals)) == 2


def test_a_repeat_that_comes_too_late_to_be_taken_gets_its_first_answer(door: Door) -> None:
    body = entry(timestamp=door.clock.now_ms() // 1000)
    first = door.send(body)
    door.later(3_600_000)
    late = door.send(body)
    assert (late.status_code, late.get_data(), repeated(late)) == (200, first.get_data(), True)
    assert problem(door.send({**body, "id": "never-seen"}))["code"] == "stale"


def test_the_same_bytes_without_id_or_time_are_a_repeat_for_a_while_and_then_news(door: Door) -> None:
    plain = {name: value for name, value in entry().items() if name != "id"}
    answers = []
    for wait_ms in (0, 5_000, 5_000, 5_000, 90_000):
        door.later(wait_ms)
        answers.append(door.send(plain))
    assert [repeated(answer) for answer in answers] == [False, True, True, True, False]
    assert len(door.kept) == 2


@pytest.mark.parametrize("overtaken", [False, True])
def test_a_repeat_in_the_next_window_meets_the_first_even_while_it_is_on_its_way(door: Door, overtaken: bool) -> None:
    """The first is read just before a window of thirty seconds ends, and commits after or before its repeat did."""
    plain = {name: value for name, value in entry().items() if name != "id"}
    door.clock.advance_to(door.clock.now_ms() // 30_000 * 30_000 + 29_999)
    answers: list[Response] = []

    def meanwhile() -> None:
        door.clock.advance_to(door.clock.now_ms() + 5_000)
        answers.append(door.send(plain))

    if overtaken:
        door.store.committing.before = [meanwhile]
    else:
        door.store.committing.after = [meanwhile]
    answers.append(door.send(plain))
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].get_data() == answers[1].get_data()
    assert len(door.kept) == len(set(door.signals)) == 1


def test_a_request_that_was_held_up_is_still_told_from_its_repeats(door: Door) -> None:
    plain = {name: value for name, value in entry().items() if name != "id"}
    answers: list[Response] = []

    def meanwhile() -> None:
        door.clock.advance_to(door.clock.now_ms() + 8_000)
        answers.append(door.send(plain))
        door.clock.advance_to(door.clock.now_ms() + 600_000)

    door.store.reading.before = [meanwhile]
    answers.append(door.send(plain))
    assert {answer.get_data() for answer in answers} == {answers[0].get_data()}
    assert len(door.kept) == 1


def test_of_many_threads_with_one_webhook_one_is_taken_and_all_are_told_the_same(door: Door) -> None:
    gate = threading.Barrier(8)

    def send(name: str) -> Response:
        gate.wait()
        return door.send(id=name)

    for turn in range(5):
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(send, [f"turn-{turn}"] * 8))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.get_data() for answer in answers}) == 1
    assert len(door.kept) == len(set(door.signals)) == 5


# --- refused -----------------------------------------------------------------------------------------------------


def test_a_wrong_secret_and_an_unknown_sender_look_alike_but_for_the_status(door: Door) -> None:
    known, unknown = door.send({**entry(), "secret": "wrong"}), door.send(sender="nobody1")
    assert (known.status_code, unknown.status_code) == (401, 404)
    assert len(known.get_data()) == len(unknown.get_data())
    assert dict(known.headers) == dict(unknown.headers)
    assert (door.kept, door.refused) == ([], [])


@pytest.mark.parametrize("path", ["", "a/b", "../etc/passwd", "a" * 129, "%00", "ünknown", "a b"])
def test_a_path_that_is_no_sender_is_an_unknown_one(door: Door, path: str) -> None:
    assert door.send(sender=path).status_code == 404


def test_a_sender_that_was_switched_off_is_unknown_within_a_minute(door: Door) -> None:
    door.send()
    door.floor.store.patch(Ref(Sender.collection, SENDER, "edge"), {"enabled": False})
    door.later(60_000)
    assert door.send(id="later").status_code == 404


def test_what_cannot_be_traded_names_field_and_fix_and_is_kept_with_its_reason(door: Door) -> None:
    answer = door.send(ticker="NOPEUSDT")
    told = problem(answer)
    assert (answer.status_code, told["code"], told["field"]) == (422, "unknown_instrument", "ticker")
    assert told["fix"]
    (evidence,) = door.refused
    assert evidence["refused"]["code"] == "unknown_instrument"
    assert "NOPEUSDT" in evidence["body"]
    assert SECRET not in json.dumps(evidence)
    assert door.signals == []


def test_a_refusal_that_cannot_be_kept_is_asked_for_again(door: Door) -> None:
    door.store.committing.before = [raising(CommitUnknown("no answer"))]
    assert door.send(ticker="NOPEUSDT").status_code == 503
    assert door.send(ticker="NOPEUSDT").status_code == 422


def test_other_methods_and_paths_are_told_what_is_wrong(door: Door) -> None:
    floor = door.floor
    assert floor.request("ingestion", "GET", "/healthz").status_code == 200
    assert problem(floor.request("ingestion", "GET", "/elsewhere"))["status"] == 404
    wrong = floor.request("ingestion", "PUT", f"/webhooks/{SENDER}")
    assert (wrong.status_code, wrong.headers["Allow"]) == (405, "POST")


# --- how much and how often --------------------------------------------------------------------------------------


class Endless:
    """A body that never ends, a little at a time; counts what was taken of it."""

    def __init__(self, most: int) -> None:
        self.most, self.taken, self.asked = most, 0, 0

    def read(self, size: int = -1) -> bytes:
        assert size >= 0, "the whole body was asked for"
        self.asked = max(self.asked, self.taken + size)
        chunk = b" " * min(size, self.most)
        self.taken += len(chunk)
        return chunk

    def readline(self, size: int = -1) -> bytes:
        return self.read(size)


def ask(door: Door, stream: Endless, length: int | None) -> tuple[bytes, int, dict[str, str]]:
    environ = EnvironBuilder(method="POST", path=f"/webhooks/{SENDER}").get_environ()
    environ["wsgi.input"] = stream
    environ.pop("CONTENT_LENGTH", None)
    if length is None:
        environ["wsgi.input_terminated"] = True
    else:
        environ["CONTENT_LENGTH"] = str(length)
    return webhook.respond(door.floor.context("ingestion"), Request(environ))


def test_a_body_that_says_it_is_too_long_is_not_read_at_all(door: Door) -> None:
    stream = Endless(10)
    assert ask(door, stream, MAX_BODY_BYTES + 1)[1] == 413
    assert stream.taken == 0


@pytest.mark.parametrize("most", [1_000, 10**9])
def test_a_body_without_a_length_is_read_one_byte_beyond_the_cap_and_no_further(door: Door, most: int) -> None:
    stream = Endless(most)
    body, status, _ = ask(door, stream, None)
    assert status == 413
    assert json.loads(body)["code"] == "body_too_large"
    assert stream.asked <= MAX_BODY_BYTES + 1


def test_a_body_in_small_pieces_is_read_whole(door: Door) -> None:
    raw = json.dumps(entry()).encode()

    class Dripping(Endless):
        def read(self, size: int = -1) -> bytes:
            chunk = raw[self.taken : self.taken + min(size, 7)]
            self.taken += len(chunk)
            return chunk

    assert ask(door, Dripping(7), None)[1] == 200


def test_a_body_as_long_as_allowed_is_taken(door: Door) -> None:
    body = json.dumps(entry(comment="")).encode()
    padded = body[:-2] + b"x" * (MAX_BODY_BYTES - len(body)) + body[-2:]
    assert len(padded) == MAX_BODY_BYTES
    assert door.send(padded).status_code != 413
    assert door.send(padded + b" ").status_code == 413


def test_a_sender_that_sends_too_often_is_told_when_to_come_again(door: Door) -> None:
    door.add_sender("slow", "slow-secret-1", rate_per_minute=2, default_expected_alpha="0.05")
    answers = [door.send({**entry(f"r{n}"), "secret": "slow-secret-1"}, sender="slow") for n in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    assert int(answers[3].headers["Retry-After"]) == 30
    assert door.send().status_code == 200  # another sender is not held back
    again = door.send({**entry("r0"), "secret": "slow-secret-1"}, sender="slow")
    assert (again.status_code, repeated(again)) == (200, True)  # nor is a repeat
    door.later(30_000)
    assert door.send({**entry("r2"), "secret": "slow-secret-1"}, sender="slow").status_code == 200


def test_strangers_are_limited_by_their_address_and_nobody_else_is(door: Door) -> None:
    answers = [door.send({**entry(), "secret": "guess"}).status_code for _ in range(webhook.STRANGERS_PER_MINUTE + 1)]
    assert set(answers[:-1]) == {401}
    assert answers[-1] == 429
    elsewhere = {"X-Forwarded-For": "198.51.100.1"}
    assert door.send({**entry(), "secret": "guess"}, headers=elsewhere).status_code == 401
    assert door.send().status_code == 200
    assert door.refused == []


def test_what_stands_before_the_last_address_was_written_by_the_caller(door: Door) -> None:
    door.add_sender("listed", "listed-secret-1", allowed_ips=("203.0.113.0/24",), default_expected_alpha="0.05")
    body = {**entry(), "secret": "listed-secret-1"}
    assert door.send(body, "listed", {"X-Forwarded-For": "203.0.113.5, 198.51.100.1"}).status_code == 401
    assert door.send(body, "listed", {"X-Forwarded-For": "198.51.100.1, 203.0.113.5"}).status_code == 200


# --- when it goes wrong ------------------------------------------------------------------------------------------


def test_what_could_not_be_kept_is_asked_for_again_and_then_taken_once(door: Door) -> None:
    door.store.committing.before = [raising(CommitUnknown("no answer"))]
    first = door.send()
    assert (first.status_code, first.headers["Retry-After"]) == (503, "5")
    assert problem(first)["code"] == "commit_unknown"
    assert door.kept == []
    second, third = door.send(), door.send()
    assert (second.status_code, repeated(second), repeated(third)) == (200, False, True)
    assert len(door.kept) == len(door.signals) == 1


def test_a_lost_answer_from_the_store_is_found_out_and_answered_200(door: Door) -> None:
    door.store.committing.after = [raising(CommitUnknown("no answer"))]
    answer = door.send()
    assert answer.status_code == 200
    assert door.send().get_data() == answer.get_data()
    assert len(door.kept) == len(door.signals) == 1


@pytest.mark.parametrize("trouble", [RetryLater("no bus"), Misconfigured("no topic"), ValueError("a bug")])
def test_what_was_kept_and_not_sent_on_is_answered_200_and_sent_by_the_relay(door: Door, trouble: Exception) -> None:
    door.bus.publishing.before = [raising(trouble)]
    answer = door.send()
    assert answer.status_code == 200
    assert door.signals == []
    door.relay()
    assert door.signals == [json.loads(answer.get_data())["signals"][0]["signal_id"]]


def test_what_was_sent_and_not_marked_is_answered_200(door: Door) -> None:
    door.store.patching.before = [raising(RetryLater("no answer"))]
    assert door.send().status_code == 200
    door.relay()
    assert len(set(door.signals)) == 1


def test_a_store_that_is_down_is_said_to_be_and_nothing_is_lost(door: Door) -> None:
    door.store.reading.always = door.store.committing.always = raising(RetryLater("down"))
    answer = door.send()
    assert (answer.status_code, problem(answer)["code"]) == (503, "retry_later")
    door.store.reading.always = door.store.committing.always = None
    assert door.send().status_code == 200
    assert len(door.signals) == 1


def test_a_conflict_that_never_ends_is_asked_for_again(door: Door) -> None:
    door.store.committing.always = raising(Conflict("somebody was faster"))
    assert door.send().status_code == 503


def test_a_bug_of_ours_is_answered_in_json_and_asked_for_again(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(webhook, "standardise", broken)
    answer = door.send()
    assert (answer.status_code, problem(answer)["code"]) == (503, "unavailable")
    assert "a bug" not in answer.get_data(as_text=True)


def test_a_restart_forgets_no_webhook(door: Door) -> None:
    first = door.send()
    door.floor.restart("ingestion")
    assert door.send().get_data() == first.get_data()
    assert len(door.kept) == 1
