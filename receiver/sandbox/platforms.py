"""A stand-in for a platform's API: takes what the platform's pages document, and nothing else.

It hands out tokens, certificates and the bodies it was given, lists no orders until it is told
some, and notes whatever it was asked and what was wrong with that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.api import Api, Credentials, OAuth
from receiver.sandbox.app import METHODS, utc_now
from receiver.sandbox.envelope import Refused
from receiver.sandbox.faults import Dropped, Planned, afterwards, take
from receiver.sandbox.grants import Grants, granted
from receiver.sandbox.operations import checked, json_object
from receiver.sandbox.shapes import Made, Verdict, judged

TOKEN = "token"  # noqa: S105  a call of every platform that has such


class Mishap(Planned):
    kind: Literal["fail", "slow", "drop", "drop_after", "garbage"]
    body: Any = None  # of `fail`, as JSON
    headers: dict[str, str] = Field(default_factory=dict)


class Kept(BaseModel):
    """What a GET of `path`, with its query or whatever its query, is answered."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    path: str
    body: Any
    headers: dict[str, str] = Field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Platform:
    api: Api
    known: Credentials
    now: Callable[[], datetime]
    grants: Grants
    bodies: Mapping[str, bytes]  # by path, of whoever set it up
    certificates: Mapping[str, bytes]  # by path: anyone may see them
    answers: dict[str, Response] = field(default_factory=dict)  # by path, perhaps with query
    faults: Sequence[Mishap] = ()
    calls: list[dict[str, Any]] = field(default_factory=list)


def create_platform(
    api: Api,
    known: Credentials = Credentials(),  # noqa: B008  a tuple
    bodies: Mapping[str, bytes] | None = None,
    *,
    certificates: Mapping[str, bytes] | None = None,
    refresh_token: str | None = None,
    now: Callable[[], datetime] = utc_now,
) -> Starlette:
    """An API at the address it is served at, for a client that is `known`.

    Below `/_sandbox` for whoever plays with it: GET `calls`; POST `faults` and `answers`.
    """
    platform = Platform(
        api=api,
        known=known,
        now=now,
        grants=Grants(refresh_token),
        bodies={} if bodies is None else bodies,
        certificates={} if certificates is None else certificates,
    )

    def route(
        method: str, path: str, answer: Callable[[Platform, Request], Awaitable[Response]]
    ) -> Route:
        return Route(path, partial(answer, platform), methods=[method])

    return Starlette(
        routes=[
            route("GET", "/_sandbox/calls", show_calls),
            route("DELETE", "/_sandbox/calls", clear_calls),
            route("POST", "/_sandbox/faults", add_fault),
            route("DELETE", "/_sandbox/faults", clear_faults),
            route("POST", "/_sandbox/answers", add_answer),
            Route("/{path:path}", partial(call, platform), methods=METHODS),
        ],
        exception_handlers={Refused: refused},
    )


async def refused(_: Request, error: Exception) -> Response:
    """Of what is asked below `/_sandbox`."""
    texts = error.texts if isinstance(error, Refused) else ()
    return JSONResponse({"error": "; ".join(texts)}, 400)


async def show_calls(platform: Platform, _: Request) -> Response:
    return JSONResponse(platform.calls)


async def clear_calls(platform: Platform, _: Request) -> Response:
    platform.calls.clear()
    return Response(status_code=204)


async def add_fault(platform: Platform, request: Request) -> Response:
    mishap = checked(Mishap, json_object(await request.body()))
    platform.faults = (*platform.faults, mishap)
    return JSONResponse([queued.model_dump() for queued in platform.faults])


async def clear_faults(platform: Platform, _: Request) -> Response:
    platform.faults = ()
    return Response(status_code=204)


async def add_answer(platform: Platform, request: Request) -> Response:
    kept = checked(Kept, json_object(await request.body()))
    platform.answers[kept.path] = JSONResponse(kept.body, headers=kept.headers)
    return Response(status_code=204)


async def call(platform: Platform, request: Request) -> Response:
    made = await read(request)
    if made.method == "GET" and made.path in platform.certificates:
        return Response(platform.certificates[made.path], media_type="application/x-pem-file")
    oauth = platform.api.oauth if asks_for_token(platform.api, made) else None
    verdict = Verdict(None) if oauth else judged(made, platform.api.calls)
    name = TOKEN if oauth else verdict.expected.name if verdict.expected else None
    fault, platform.faults = take(platform.faults, name or "")
    wrong = list(verdict.wrong)
    if answer := instead(fault):
        pass
    elif oauth:
        answer, wrong = token(platform, oauth, made)
    else:
        wrong += [] if proven(platform, made) else ["proof: missing, or not ours"]
        answer = answered(platform, made, verdict, wrong)
    answer = afterwards(fault, answer)
    note(platform, made, answer, name, wrong)
    return answer


async def read(request: Request) -> Made:
    """Its path as it came, percent signs and all, below where the stand-in is mounted."""
    whole = request.scope["raw_path"].decode("latin-1")
    return Made(
        request.method,
        whole.removeprefix(request.scope.get("root_path", "")),
        request.url.query,
        dict(request.headers),
        await request.body(),
    )


def asks_for_token(api: Api, made: Made) -> bool:
    return bool(api.oauth) and (made.method, made.path) == ("POST", token_path(api))


def token_path(api: Api) -> str:
    return urlsplit(api.oauth.url).path if api.oauth else ""


def token(platform: Platform, oauth: OAuth, made: Made) -> tuple[Response, list[str]]:
    said, wrong = granted(platform.grants, oauth, platform.known, made)
    if not wrong:
        return JSONResponse(said), []
    return JSONResponse(said, 401 if said["error"] == "invalid_client" else 400), wrong


def proven(platform: Platform, made: Made) -> bool:
    """By a token that was handed out, or by the headers of a client that is known."""
    api = platform.api
    scheme, _, given = made.headers.get("authorization", "").partition(" ")
    if api.oauth and scheme == "Bearer" and platform.grants.lives(given):
        return True
    now = platform.now()
    if api.proven:
        return api.proven(made.headers, platform.known, now)
    own = api.headers(platform.known, now)
    return (bool(own) or not api.oauth) and own.items() <= made.headers.items()


def answered(platform: Platform, made: Made, verdict: Verdict, wrong: Sequence[str]) -> Response:
    expected = verdict.expected
    if wrong:
        status = 401 if wrong[-1].startswith("proof") else 400 if expected else 404
        return JSONResponse({"error": "; ".join(wrong)}, status)
    if made.method == "GET" and (there := what_is_there(platform, made)):
        return there
    if expected is None or (made.method == "GET" and expected.says is None):
        return JSONResponse({"error": "not found"}, 404)
    if expected.says is None:
        return Response(status_code=expected.status)
    return JSONResponse(expected.says, expected.status)


def what_is_there(platform: Platform, made: Made) -> Response | None:
    for target in (f"{made.path}?{made.query}", made.path):
        if target in platform.answers:
            return platform.answers[target]
    body = platform.bodies.get(unquote(made.path))
    return None if body is None else Response(body, media_type="application/json")


def instead(fault: Mishap | None) -> Response | None:
    """The answer of a fault that keeps a call from being performed."""
    match fault:
        case Mishap(kind="drop"):
            return Dropped()
        case Mishap(kind="fail"):
            return JSONResponse(fault.body, fault.status or 500, fault.headers)
    return None


def note(
    platform: Platform, made: Made, answer: Response, name: str | None, wrong: Sequence[str]
) -> None:
    entry = {
        "call": name,
        "method": made.method,
        "path": made.path,
        "query": made.query,
        "status": None if isinstance(answer, Dropped) else answer.status_code,
        "body": "" if name == TOKEN else made.body.decode("utf-8", "replace"),  # a client's secret
        "wrong": list(wrong),
        "at": platform.now().isoformat(),
    }
    platform.calls.append(entry)
