"""Between Flask's request and response and ours: the only place of the HTTP layer that knows of either."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxfloor.webapi.http import MAX_BODY_BYTES, Call, Reply

if TYPE_CHECKING:
    from flask import Request, Response


def call_of(request: Request, behind_google: bool) -> Call:
    """Reads the body only if its stated length is within bounds; a longer one is left for the route to refuse."""
    length = request.content_length
    readable = length is not None and length <= MAX_BODY_BYTES
    return Call(
        method=request.method,
        path=request.path,
        query=tuple(request.args.items(multi=True)),
        headers={name.lower(): value for name, value in request.headers.items()},
        cookies=dict(request.cookies),
        body=request.get_data() if readable else b"",
        address=_address(request, behind_google),
    )


def _address(request: Request, behind_google: bool) -> str:
    """Google's front end appends the address it saw; whatever stands before it, the caller may have made up."""
    if behind_google:
        return request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    return request.remote_addr or ""


def response_of(reply: Reply) -> Response:
    from flask import Response

    response = Response(reply.body, status=reply.status, headers=reply.headers)
    if reply.status in (204, 304):
        response.headers.pop("Content-Type", None)
    else:
        response.headers["Content-Type"] = reply.content_type
    return response
