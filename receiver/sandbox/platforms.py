"""A stand-in for a platform's API: hands out tokens, thin deliveries' bodies and certificates,
notes answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

TOKEN = {"access_token": "sandbox-token", "expires_in": 3600, "token_type": "Bearer"}


BEARER = {"authorization": "Bearer "}
NOBODY_S: Mapping[str, bytes] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Platform:
    bodies: Mapping[str, bytes]  # by path, without query
    proof: Mapping[str, str]  # headers a call must have, and how they begin
    certificates: Mapping[str, bytes]  # by path: anyone may see them
    calls: list[dict[str, Any]] = field(default_factory=list)


def create_platform_api(
    bodies: Mapping[str, bytes],
    proof: Mapping[str, str] = BEARER,
    certificates: Mapping[str, bytes] = NOBODY_S,
) -> Starlette:
    """POST any `.../oauth.../token`: a token. GET a path of `certificates`. With headers as in
    `proof`: GET a path of `bodies`, and POST, PATCH, PUT anything (204). GET `/_sandbox/calls`
    lists what was asked, tokens left out."""
    platform = Platform(bodies, proof, certificates)
    return Starlette(
        routes=[
            Route("/_sandbox/calls", partial(show_calls, platform)),
            Route("/{path:path}", partial(call, platform), methods=["GET", "POST", "PATCH", "PUT"]),
        ]
    )


async def show_calls(platform: Platform, _: Request) -> Response:
    return JSONResponse(platform.calls)


async def call(platform: Platform, request: Request) -> Response:
    body = await request.body()
    path = request.url.path
    if is_token_address(request.method, path):
        answer: Response = JSONResponse(TOKEN)
        body = b""  # a client's secret
    elif request.method == "GET" and path in platform.certificates:
        answer = Response(platform.certificates[path], media_type="application/x-pem-file")
    elif not is_proven(request, platform.proof):
        answer = JSONResponse({"error": "unauthorized"}, 401)
    elif request.method != "GET":
        answer = Response(status_code=204)
    elif path in platform.bodies:
        answer = Response(platform.bodies[path], media_type="application/json")
    else:
        answer = JSONResponse({"error": "not found"}, 404)
    entry = {
        "method": request.method,
        "path": path,
        "query": request.url.query,
        "status": answer.status_code,
        "body": body.decode("utf-8", "replace"),
    }
    platform.calls.append(entry)
    return answer


def is_proven(request: Request, proof: Mapping[str, str]) -> bool:
    return all(
        (text := request.headers.get(name)) and text.startswith(prefix)
        for name, prefix in proof.items()
    )


def is_token_address(method: str, path: str) -> bool:
    return method == "POST" and "/oauth" in path and path.endswith("/token")
