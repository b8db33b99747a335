"""OpenAPI 3.1, made from the route table and the models: what is served is what is written down."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from fluxfloor.webapi.http import JSON
from fluxfloor.webapi.problems import PROBLEM_JSON, TITLES, Problem
from fluxfloor.webapi.routes import ID_PATTERN, KEY_HEADER, KEY_PATTERN, Nothing, Route, Table

REF = "#/components/schemas/{model}"


def document(table: Table, title: str, version: str, about: str) -> dict[str, Any]:
    routes = [route for route in table.routes if route.path.startswith("/v1/")]
    schemas, defined = _schemas(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in sorted(routes, key=lambda route: (route.path, route.method)):
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": about, "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {
            "schemas": defined,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "the token that POST /v1/session gives"}
            },
        },
    }


def _schemas(routes: list[Route]) -> tuple[dict[Any, Any], dict[str, Any]]:
    wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [(Problem, "serialization")]
    for route in routes:
        wanted += [(model, "validation") for model in (route.query, route.body) if model not in (None, Nothing)]
        wanted += [(route.answer, "serialization")] if route.answer else []
    found, defined = models_json_schema(
        sorted(set(wanted), key=lambda item: (item[0].__name__, item[1])), ref_template=REF
    )
    return dict(found), defined.get("$defs", {})


def _operation(route: Route, schemas: dict[Any, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": route.does,
        "operationId": f"{route.method.lower()}_{'_'.join(_words(route.path))}",
        "tags": [_words(route.path)[0]],
        "parameters": [*_path_parameters(route), *_query_parameters(route), *_key_parameter(route)],
        "responses": _responses(route, schemas),
        "security": [] if route.public else [{"bearer": []}],
    }
    if route.body is not None:
        schema = schemas[route.body, "validation"]
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": schema}}}
    return operation


def _words(path: str) -> list[str]:
    return [part.strip("{}") for part in path.split("/")[2:]]


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    schema = {"type": "string", "pattern": ID_PATTERN}
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name in route.parameters]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    fields = route.query.model_json_schema(mode="validation", ref_template=REF)
    required = fields.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _without_null(schema)}
        for name, schema in fields.get("properties", {}).items()
    ]


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """In a query, what is not sent is absent; there is no null."""
    choices = [choice for choice in schema.get("anyOf", []) if choice.get("type") != "null"]
    kept = {name: value for name, value in schema.items() if name not in ("anyOf", "default", "title")}
    return {**choices[0], **kept} if len(choices) == 1 else {**schema}


def _key_parameter(route: Route) -> list[dict[str, Any]]:
    if not route.needs_key:
        return []
    does = "New for every change, the same for its repeats: a repeat is told the first answer."
    schema = {"type": "string", "pattern": KEY_PATTERN}
    return [{"name": KEY_HEADER, "in": "header", "required": True, "description": does, "schema": schema}]


def _responses(route: Route, schemas: dict[Any, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {str(route.status): {"description": route.does}}
    if route.answer is not None:
        content = {JSON: {"schema": schemas[route.answer, "serialization"]}}
        responses[str(route.status)]["content"] = content
    if route.method == "GET" and route.answer is not None:
        responses["304"] = {"description": "The caller already has it (If-None-Match)"}
    for status in sorted(_possible_problems(route)):
        schema = schemas[Problem, "serialization"]
        responses[str(status)] = {"description": TITLES[status], "content": {PROBLEM_JSON: {"schema": schema}}}
    return responses


def _possible_problems(route: Route) -> set[int]:
    found = {405, 503, *route.problems}
    if not route.public:
        found.add(401)
    if route.parameters:
        found.add(404)
    if route.query is not Nothing or route.needs_key or route.method not in ("GET", "HEAD"):
        found.add(422)
    if route.body is not None:
        found |= {400, 411, 413, 415}
    if route.needs_key:
        found |= {403, 409}
    return found
