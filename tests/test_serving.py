"""Apps on a real socket, inside the running loop, and what a dropped call looks like there."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from receiver.serving import DROP, serving

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


async def hello(_: Request) -> Response:
    return PlainTextResponse("hello")


def app(**options: object) -> Starlette:
    return Starlette(routes=[Route("/", hello)], **options)  # type: ignore[arg-type]


async def test_serves_on_a_free_loopback_port() -> None:
    async with serving(app()) as one, serving(app()) as two, httpx.AsyncClient() as client:
        assert one != two
        assert one.startswith("http://127.0.0.1:")
        assert (await client.get(one)).text == (await client.get(two)).text == "hello"


async def test_the_port_is_free_again() -> None:
    async with serving(app()) as url, httpx.AsyncClient() as client:
        await client.get(url)
    async with serving(app(), port=httpx.URL(url).port or 0) as again:
        assert again == url


async def test_a_taken_port_is_an_error() -> None:
    async with serving(app()) as url:
        with pytest.raises(OSError, match="in use"):
            await serving(app(), port=httpx.URL(url).port or 0).__aenter__()


async def test_leaves_signals_alone() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    async with serving(app()):
        assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before


async def test_lifespan_is_run() -> None:
    steps: list[str] = []

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        steps.append("up")
        yield
        steps.append("down")

    async with serving(app(lifespan=lifespan)):
        assert steps == ["up"]
    assert steps == ["up", "down"]


async def test_a_lifespan_that_fails_is_an_error() -> None:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        raise ValueError
        yield

    with pytest.raises(RuntimeError, match="did not start"):
        async with serving(app(lifespan=lifespan)):
            pass


async def test_a_call_under_way_does_not_keep_it_up() -> None:
    entered = asyncio.Event()

    async def endless(_: Request) -> Response:
        entered.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with httpx.AsyncClient() as client:
        async with serving(Starlette(routes=[Route("/", endless)])) as url:
            call = asyncio.create_task(client.get(url))
            await entered.wait()
        assert (await call).status_code == 500


async def test_an_error_in_the_block_comes_through() -> None:
    with pytest.raises(LookupError):
        async with serving(app()):
            raise LookupError


async def test_drop_resets_before_a_single_byte() -> None:
    async def dropping(scope: Scope, receive: Receive, _: Send) -> None:
        if scope["type"] == "http":
            await receive()
            scope["extensions"][DROP]["now"]()
            assert (await receive())["type"] == "http.disconnect"

    async with serving(dropping) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(url).port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        with pytest.raises(ConnectionResetError):
            await reader.read(1)
        writer.close()
        async with httpx.AsyncClient() as client:
            with pytest.raises(httpx.ReadError):
                await client.post(url, json={})


async def test_nothing_is_logged(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(_: Request) -> Response:
        raise LookupError

    async with (
        serving(Starlette(routes=[Route("/", broken)])) as url,
        httpx.AsyncClient() as client,
    ):
        assert (await client.get(url)).status_code == 500
    assert capfd.readouterr() == ("", "")
    assert [r for r in caplog.records if r.name.startswith("uvicorn")] == []
