"""A gRPC server on loopback that the real Google clients talk to, for services that have no emulator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import grpc

HOST = "127.0.0.1"
Unary = Callable[[Any, grpc.ServicerContext], Any]


class LoopbackServer:
    """Serves `service` (its full protobuf name); each method is (function, request class, response class)."""

    def __init__(self, service: str, methods: Mapping[str, tuple[Unary, Any, Any]]) -> None:
        self._server = grpc.server(ThreadPoolExecutor(max_workers=4, thread_name_prefix=service))
        handlers = {name: _handler(*method) for name, method in methods.items()}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        self.host = f"{HOST}:{self._server.add_insecure_port(f'{HOST}:0')}"
        self._server.start()

    def stop(self) -> None:
        self._server.stop(grace=0).wait()


def refuse(context: grpc.ServicerContext, code: grpc.StatusCode, details: str) -> NoReturn:
    """Ends the call with an error."""
    context.abort(code, details)
    raise AssertionError("abort always raises")


def _handler(function: Unary, request: Any, response: Any) -> Any:
    return grpc.unary_unary_rpc_method_handler(
        function, request_deserializer=request.deserialize, response_serializer=response.serialize
    )
