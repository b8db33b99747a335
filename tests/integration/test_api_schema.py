"""The API against its own description: whatever is sent, the answer is one that OpenAPI names, and never a 5xx."""

from __future__ import annotations

from collections.abc import Iterator

import flask
import pytest
import schemathesis
from fluxfloor.local.floor import respond
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import one_of
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.specs.openapi.schemas import OpenApiSchema
from werkzeug.wrappers import Request, Response

from functions.api.table import described
from tests.support.api_floor import ApiFloor
from tests.support.floor_story import fill_floor

OPERATIONS = [(path, method) for path, methods in described()["paths"].items() for method in methods]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiFloor]:
    made = ApiFloor(tmp_path_factory.mktemp("floor"))
    fill_floor(made)
    yield made
    made.close()


@pytest.fixture(scope="module")
def schema(house: ApiFloor) -> OpenApiSchema:
    @Request.application
    def app(request: Request) -> Response:
        return respond(house.floor.runners["api"], flask.Request(request.environ))

    return schemathesis.openapi.from_wsgi("/v1/openapi.json", app)


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=lambda value: value)
def test_every_answer_is_one_that_the_description_names(
    house: ApiFloor, schema: OpenApiSchema, path: str, method: str
) -> None:
    operation = schema[path][method]
    cases = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]
    # What a change may be about (a scope, a preset) is not all in the description: it may refuse what looks right.
    excluded = [] if method == "get" else [CHECKS.get_one("positive_data_acceptance")]

    @settings(
        max_examples=25, deadline=None, database=None, derandomize=True, phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=one_of(cases))
    def check(case: schemathesis.Case) -> None:
        headers = {"Authorization": f"Bearer {house.token}", "Accept-Encoding": "identity"}
        case.call_and_validate(headers=headers, excluded_checks=excluded)

    check()
