"""`python -m tests.bench.servers bare|till PORT`: what the receiver is compared with and talks to.

Both run just as the receiver's own web side does.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from receiver.serve import server
from receiver.settings.model import Settings


async def ready(_: Request) -> Response:
    return Response()


async def read_and_answer(request: Request) -> Response:
    await request.body()
    return Response()


def bare() -> Starlette:
    """The least that any receiver must do."""
    return Starlette(
        routes=[
            Route("/readyz", ready),
            Route("/webhooks/{connection}", read_and_answer, methods=["POST"]),
        ]
    )


def till() -> Starlette:
    """A POS that answers at once, and remembers when it got which order."""
    created: dict[str, float] = {}

    async def create(request: Request) -> Response:
        order = json.loads(await request.body())
        created[order["orderId"]] = time.time()
        return JSONResponse({"internalId": 10_000 + len(created)})

    async def show(_: Request) -> Response:
        return JSONResponse(created)

    async def count(_: Request) -> Response:
        return JSONResponse(len(created))

    return Starlette(
        routes=[
            Route("/readyz", ready),
            Route("/v1/order/create", create, methods=["POST"]),
            Route("/created", show),
            Route("/count", count),
        ]
    )


APPS = {"bare": bare, "till": till}


def settings(port: int) -> Settings:
    return Settings(
        database_url="",
        host="127.0.0.1",
        port=port,
        public_url="",
        log_level="warning",
        log_format="json",
        secret_key=(),
        metrics_token=None,
        console_password=None,
        retention_days=1,
        max_body_bytes=1,
        pos={},
        connections={},
    )


if __name__ == "__main__":
    app = APPS[sys.argv[1]]()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server(app, settings(int(sys.argv[2]))).serve())
