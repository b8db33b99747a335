"""Api: serves the page and the typed API; the only way a person changes anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxfloor.runtime.stage import Stage
from fluxfloor.webapi import flask_edge
from fluxfloor.webapi.serving import answer
from fluxfloor.wiring import serve

from functions.api.desk import desk_of
from functions.api.table import table

if TYPE_CHECKING:
    from flask import Request, Response
    from fluxfloor.runtime.context import Context

stage = Stage("api")


@stage.http
def respond(context: Context, request: Request) -> Response:
    desk = desk_of(context)
    call = flask_edge.call_of(request, behind_google=context.settings.backend == "google")
    reply = answer(table, desk.gate, context, call, desk.https)
    reply.headers["Fluxfloor-Mode"] = context.settings.mode
    return flask_edge.response_of(reply)


main = serve(stage)
