"""An ASGI app on a real socket inside the running event loop: for the demo, the sandbox, tests."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

DROP = "receiver.drop"
"""The scope's extension that closes the connection at once, without a byte of an answer."""
NO_LINGER = struct.pack("ii", 1, 0)  # closing resets instead of saying goodbye
TICK = 0.002  # seconds
GRACE = 1.0  # seconds that calls under way are given when the app goes down


class DroppableProtocol(HttpToolsProtocol):
    """HTTP that an app may break off: uvicorn itself answers 500 for an app that says nothing."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {DROP: {"now": self.drop}}

    def drop(self) -> None:
        connection = self.transport.get_extra_info("socket")
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self.transport.abort()


class GuestServer(uvicorn.Server):
    """A server that is a guest in its process: no signals, no exit, no ticking."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()
        self.leaving = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit:  # the lifespan failed
            self.should_exit = True
        finally:
            self.up.set()

    async def main_loop(self) -> None:
        await self.leaving.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does it, without its fixed pauses."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                while self.server_state.connections or self.server_state.tasks:
                    await asyncio.sleep(TICK)
        left = list(self.server_state.tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self.lifespan.shutdown()


def guest_config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=DroppableProtocol,
        ws="none",
        workers=1,
        log_config=None,
        log_level=logging.CRITICAL,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
    )


def listening(host: str, port: int) -> socket.socket:
    """Says outright that it is TCP: else asyncio leaves Nagle's delay on, 40 ms for each answer."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


@asynccontextmanager
async def serving(app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """`app` at a free port (or at `port`), its lifespan run; gives its address without a slash.

    Raises OSError when the port is taken, RuntimeError when the app's lifespan does not start.
    """
    with listening(host, port) as listener:
        server = GuestServer(guest_config(app))
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await server.up.wait()
            if not server.started:
                raise RuntimeError("the app did not start")
            yield f"http://{host}:{listener.getsockname()[1]}"
        finally:
            server.leaving.set()
            await running
