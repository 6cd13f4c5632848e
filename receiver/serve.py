"""The process: web and worker in one event loop, from the first byte to the last settlement.

On SIGTERM and SIGINT the listener closes, answers in flight finish, the worker settles or gives
back what it holds, and the process ends within 25 seconds.
"""

from __future__ import annotations

import asyncio
import gc
import random
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from datetime import datetime

import uvicorn
from starlette.types import ASGIApp

from receiver import catalogue, console, log, retention
from receiver.http import Http
from receiver.inbox import Inbox, open_inbox
from receiver.inbox.dialect import sqlite_path
from receiver.inbox.migrate import migrate
from receiver.inbox.records import StoreUnavailable
from receiver.pipeline.tools import Tools, now
from receiver.platforms import Platforms
from receiver.protocol import Protocol
from receiver.reconcile import Watch
from receiver.serving import listening
from receiver.settings.model import Settings
from receiver.tokens import Tokens, vault
from receiver.web import create_app
from receiver.worker import Worker

DRAIN_SECONDS = 18  # for answers in flight, beside the worker's own
CATALOGUE_SECONDS = 60.0  # between looks whether a catalogue is due
BACKLOG = 2048
YOUNG = 20_000  # objects made and not yet gone before a look for cycles; Python's own is 700
SWITCH_SECONDS = 0.0005  # the box's thread waits for the loop no longer; Python's own is 5 ms
SIGNALS = (signal.SIGTERM, signal.SIGINT)

logger = log.logger()


class CannotListen(Exception):
    """HOST and PORT are not to be had; the text says why."""


class Server(uvicorn.Server):
    """uvicorn without signals of its own: the process has more to end than its listener."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def server(app: ASGIApp, settings: Settings) -> Server:
    return Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            http=Protocol,
            ws="none",
            lifespan="off",
            workers=1,  # uvicorn would read WEB_CONCURRENCY, which some platforms set
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=75,  # longer than a load balancer keeps an idle connection
            timeout_graceful_shutdown=DRAIN_SECONDS,
            backlog=BACKLOG,
        )
    )


def prepare(settings: Settings) -> None:
    """A SQLite file is migrated at the start; PostgreSQL by `receiver migrate`."""
    if sqlite_path(settings.database_url) is not None:
        migrate(settings.database_url)


def create_tools(settings: Settings, inbox: Inbox) -> Tools:
    http = Http()
    return Tools(
        settings=settings,
        inbox=inbox,
        http=http,
        platforms=Platforms(http, now, Tokens(vault(inbox, settings.secret_key))),
        chance=random.random,
    )


def create_web(
    settings: Settings, inbox: Inbox, http: Http, draining: Callable[[], bool] = lambda: False
) -> ASGIApp:
    """Deliveries, and beside them the operator's console."""
    return create_app(settings, inbox, draining, http, console.routes(settings, inbox, http))


@asynccontextmanager
async def working(
    tools: Tools, ended: Callable[[], None] = lambda: None, *, since: datetime | None = None
) -> AsyncIterator[Worker]:
    """A worker that runs beside what is done within, and is drained at the end.

    `ended` is called should it end by itself; its error is then raised when this is left. `since`
    is when the process began: what platforms sent in vain before that is asked for.
    """
    worker = Worker(tools)
    running = asyncio.create_task(worker.run(), name="worker")
    running.add_done_callback(lambda _: ended())
    purging = retention.keep_up(tools.inbox, tools.settings.retention_days, tools.clock)
    beside = [
        asyncio.create_task(keep_catalogues(tools), name="articles"),
        asyncio.create_task(purging, name="retention"),
    ]
    try:
        async with watching(tools, since or tools.clock()):
            yield worker
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        worker.stop()
        await running
        await tools.http.close()


@asynccontextmanager
async def watching(tools: Tools, since: datetime) -> AsyncIterator[None]:
    connections = tuple(tools.settings.connections.values())
    watch = Watch(connections, tools.inbox, tools.platforms, since)
    running = asyncio.create_task(watch.run(), name="watch")
    running.add_done_callback(ended_by_itself)
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def ended_by_itself(watch: asyncio.Task[None]) -> None:
    """It never does but by a bug, and the line goes on without it."""
    if not watch.cancelled() and (error := watch.exception()):
        logger.error("bug", task=watch.get_name(), exc_info=error)


async def keep_catalogues(tools: Tools) -> None:
    """Beside the worker: reading a whole catalogue must not delay an order."""
    while True:
        try:
            every_pos = [*tools.settings.pos.values()]
            await catalogue.keep_up(every_pos, tools.http, tools.inbox, tools.clock)
        except StoreUnavailable as error:
            logger.error("store_unavailable", reason=str(error))
        await asyncio.sleep(CATALOGUE_SECONDS)


async def serve(settings: Settings, *, web: bool, work: bool) -> None:
    """Until a signal comes. Raises CannotListen."""
    stopping = asyncio.Event()
    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    began = now()
    with listener(settings) if web else nullcontext() as address:
        inbox = await open_inbox(settings.database_url)
        gc.freeze()  # what is loaded by now stays for life: it is not walked over and over again
        gc.set_threshold(YOUNG)  # nor is each delivery, which leaves hardly a cycle behind
        sys.setswitchinterval(SWITCH_SECONDS)
        try:
            async with asyncio.TaskGroup() as group:
                if address:
                    group.create_task(listen(settings, inbox, stopping, address))
                if work:
                    group.create_task(work_until(settings, inbox, stopping, began))
        finally:
            await inbox.close()
    logger.info("stopped")


def listener(settings: Settings) -> socket.socket:
    """Raises CannotListen."""
    try:
        address = listening(settings.host, settings.port)
        address.listen(BACKLOG)
        return address
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CannotListen(f"{settings.host}:{settings.port}: {reason}") from None


async def listen(
    settings: Settings, inbox: Inbox, stopping: asyncio.Event, address: socket.socket
) -> None:
    http = Http()
    app = create_web(settings, inbox, http, stopping.is_set)
    port = address.getsockname()[1]
    logger.info("listening", host=settings.host, port=port, public_url=settings.public_url)
    web = server(app, settings)
    serving = asyncio.create_task(web.serve(sockets=[address]))
    await stopping.wait()
    logger.info("draining")
    web.should_exit = True
    await serving
    await http.close()


async def work_until(
    settings: Settings, inbox: Inbox, stopping: asyncio.Event, began: datetime
) -> None:
    async with working(create_tools(settings, inbox), stopping.set, since=began):
        await stopping.wait()
