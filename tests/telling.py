"""A platform that is told of orders: what it heard, and what it answers, as a test wants it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from receiver.serving import serving
from tests.plain import PLAIN
from tests.running import Json, Line, eventually, line

TEN_MINUTES = replace(PLAIN, deadline=timedelta(minutes=10))


@dataclass(slots=True)
class Platform:
    """Answers 204; `answers` are given first, one after the other, or for ever with `stuck`."""

    url: str = ""
    heard: list[tuple[str, Json]] = field(default_factory=list)  # path and body of what it took
    tries: int = 0
    answers: list[Response] = field(default_factory=list)
    stuck: Response | None = None

    async def told(self, *paths: str) -> None:
        """Once it has heard just these, in whatever order."""

        async def seen() -> list[str]:
            return sorted(path for path, _ in self.heard)

        await eventually(seen, lambda found: found == sorted(paths))

    async def tried(self, times: int) -> None:
        async def seen() -> int:
            return self.tries

        await eventually(seen, lambda found: found == times)

    async def take(self, request: Request) -> Response:
        body = await request.body()
        if "oauth" in request.url.path:
            return JSONResponse({"access_token": "t", "expires_in": 360_000})
        self.tries += 1
        answer = self.stuck or (self.answers.pop(0) if self.answers else Response(status_code=204))
        if answer.status_code < 300:
            self.heard.append((request.url.path, json.loads(body or b"{}")))
        return Response(answer.body, answer.status_code, media_type="application/json")


def saying(status: int, **body: Any) -> Response:
    return JSONResponse(body, status)


@asynccontextmanager
async def told(database: str, **more: Any) -> AsyncIterator[tuple[Line, Platform]]:
    """A line to a platform that waits ten minutes for an order to be accepted."""
    platform = Platform()
    app = Starlette(
        routes=[Route("/{path:path}", platform.take, methods=["GET", "POST", "PUT", "PATCH"])]
    )
    async with serving(app) as url:
        platform.url = url
        connection: Json = {
            "adapter": TEN_MINUTES,
            "accept": "on_pos",
            "api_url": url,
            "token_url": f"{url}/oauth/token",
            **more.pop("connection", {}),
        }
        async with line(database, connection=connection, **more) as run:
            yield run, platform
