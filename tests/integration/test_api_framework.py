"""The api as functions-framework serves it: its own routes and its reading of bodies must not get in the way."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import functions_framework
import pytest
from werkzeug.test import Client, EnvironBuilder, run_wsgi_app

from tests.support.api_floor import KEY, PASSWORD, ApiFloor

ENTRY = """
from tests.integration import test_api_framework as here
from fluxfloor.runtime.context import Context
from functions.api.main import respond

def main(request):
    return respond(Context(here.HOUSES[0].floor.runners["api"]), request)
"""
HOUSES: list[ApiFloor] = []


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setitem(sys.modules, "tests.integration.test_api_framework", sys.modules[__name__])
    source = tmp_path / "main.py"
    source.write_text(dedent(ENTRY))
    HOUSES.append(ApiFloor(tmp_path / "floor"))
    yield Client(functions_framework.create_app("main", str(source)))
    HOUSES.pop().close()


def test_the_page_its_assets_and_the_api_are_all_reached(client: Client) -> None:
    assert client.get("/").status_code == 200
    assert client.get("/assets/page.css").headers["Content-Type"] == "text/css; charset=utf-8"
    assert client.get("/v1/openapi.json").json["openapi"] == "3.1.0"  # type: ignore[index]
    assert client.get("/v1/overview").status_code == 401


def test_a_login_keeps_its_cookie_and_may_write(client: Client) -> None:
    assert client.post("/v1/session", json={"user": "admin", "password": PASSWORD}).status_code == 200
    assert client.get("/v1/overview").status_code == 200
    halt = {"scope": "floor", "reason": "by cookie"}
    assert client.post("/v1/halts", json=halt, headers={"Idempotency-Key": "from-a-browser"}).status_code == 200
    assert client.delete("/v1/session").status_code == 204
    assert client.get("/v1/overview").status_code == 401


def test_a_body_that_is_too_long_or_of_no_stated_length_is_refused_unread(client: Client) -> None:
    headers = {"Authorization": f"Bearer {HOUSES[0].token}", "Idempotency-Key": "a-long-body"}
    long = client.post("/v1/halts", data=b"x" * 100_000, headers=headers, content_type="application/json")
    assert long.status_code == 413
    chunked = EnvironBuilder("/v1/halts", method="POST", headers=headers, content_type="application/json").get_environ()
    chunked.update({"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": io.BytesIO(b"{}")})
    chunked["wsgi.input_terminated"] = True
    chunked.pop("CONTENT_LENGTH", None)
    _, status, _ = run_wsgi_app(client.application, chunked)
    assert status.startswith("411")


def test_neither_secret_is_ever_told(client: Client) -> None:
    for path in ("/", "/v1/openapi.json", "/v1/nothing", "/login?ticket=x"):
        assert KEY.encode() not in client.get(path).data
