"""What reaches a handler has been read strictly, and every refusal names field and fix."""

from __future__ import annotations

import pytest
from fluxfloor.webapi.http import Call
from fluxfloor.webapi.problems import ApiError
from fluxfloor.webapi.routes import Table
from fluxfloor.webapi.strict_json import parse_object
from hypothesis import given
from hypothesis import strategies as st


def refused(raw: bytes) -> str:
    with pytest.raises(ApiError) as caught:
        parse_object(raw)
    assert caught.value.problem.status == 400
    assert caught.value.problem.errors[0].fix
    return caught.value.problem.detail


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"{", b"[]", b'"text"', b"null", b'{"a": NaN}', b'{"a": Infinity}', b"{'a': 1}", b'{"a": 1,}',
        b'{"a": "\\ud800"}', b'{"a": "\xff"}', b"\xef\xbb\xbf{}", b'{"a": 01}', b"{} {}",
        b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", b'{"a":' * 40 + b"1" + b"}" * 40,
    ],
)  # fmt: skip
def test_what_is_not_one_flat_json_object_is_refused(raw: bytes) -> None:
    refused(raw)


def test_a_name_that_stands_twice_is_refused_and_named() -> None:
    assert "scope" in refused(b'{"scope": "floor", "scope": "main"}')


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(raw: bytes) -> None:
    try:
        parsed = parse_object(raw)
    except ApiError:
        return
    assert isinstance(parsed, dict)


def table() -> Table:
    made = Table()
    made.get("/v1/things/{id}", "One", None)(lambda context, asked: None)
    made.write("PUT", "/v1/things/{id}", "Set", None)(lambda context, asked: None)
    made.get("/files/*", "A file", None)(lambda context, asked: None)
    return made


def test_a_path_finds_its_route_and_its_parameters() -> None:
    route, path = table().match("GET", "/v1/things/execution:a1")
    assert (route.does, path) == ("One", {"id": "execution:a1"})
    assert table().match("HEAD", "/files/exports/2026/a.csv")[1] == {"rest": "exports/2026/a.csv"}


@pytest.mark.parametrize(
    "path", ["/", "/v1/things", "/v1/things/", "/v1/things/a/b", "/v1/things/%00", "/v1/things/ä", "/v1/things/a b"]
)
def test_an_address_that_is_none_is_a_404(path: str) -> None:
    with pytest.raises(ApiError) as caught:
        table().match("GET", path)
    assert caught.value.problem.status == 404


def test_a_method_that_is_not_taken_is_told_which_are() -> None:
    with pytest.raises(ApiError) as caught:
        table().match("POST", "/v1/things/a")
    assert (caught.value.problem.status, caught.value.headers) == (405, {"Allow": "GET, HEAD, PUT"})


def test_a_call_is_plain() -> None:
    assert Call("GET", "/").headers == {}
