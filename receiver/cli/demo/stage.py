"""What the demo plays on: the receiver as it is, and stand-ins for everything around it."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from receiver.cli.demo.recordings import Recording
from receiver.cli.stand_ins import stand_in, together
from receiver.http import Http
from receiver.inbox import Inbox, open_inbox
from receiver.inbox.migrate import migrate
from receiver.sandbox import create_sandbox
from receiver.serve import create_tools, create_web, working
from receiver.serving import serving
from receiver.settings import Settings, load


@dataclass(frozen=True, slots=True)
class Stage:
    settings: Settings
    inbox: Inbox
    http: Http
    receiver: str  # addresses, without a slash
    till: str
    apis: Mapping[str, str]  # by platform
    certificates: dict[str, bytes]  # by path, to be had at each of them

    async def get(self, url: str) -> Any:
        return json.loads((await self.http.send("GET", url, headers={})).body)


@asynccontextmanager
async def set_up(shown: Sequence[Recording]) -> AsyncIterator[Stage]:
    """On free loopback ports, in a folder that goes with it, with secrets made for it."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="receiver-")))
        key = secrets.token_hex(16)
        certificates: dict[str, bytes] = {}
        till = await stack.enter_async_context(serving(create_sandbox(key)))
        seed = secrets.token_hex(32)
        bodies = {path: body for each in shown for path, body in each.bodies.items()}
        made = [stand_in(each.adapter, seed, bodies, certificates) for each in shown]
        platforms = {each.adapter.slug: each for each in made if each}
        base = await stack.enter_async_context(serving(together(platforms)))
        apis = {slug: f"{base}/{slug}" for slug in platforms}
        settings = configured(
            shown, folder, till, key, [each.variables(base) for each in platforms.values()]
        )
        migrate(settings.database_url)
        inbox = await open_inbox(settings.database_url)
        stack.push_async_callback(inbox.close)
        http = Http()
        stack.push_async_callback(http.close)
        app = create_web(settings, inbox, http)
        receiver = await stack.enter_async_context(serving(app, port=settings.port))
        await stack.enter_async_context(working(create_tools(settings, inbox)))
        yield Stage(settings, inbox, http, receiver, till, apis, certificates)


def configured(
    shown: Sequence[Recording],
    folder: Path,
    till: str,
    key: str,
    apis: Iterable[Mapping[str, str]],
) -> Settings:
    """As anyone would configure it: by variables, of this demo alone."""
    port = free_port()
    environ = {
        "DATABASE_URL": f"sqlite:///{folder / 'demo.db'}",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "SECRET_KEY": secrets.token_hex(32),
        "CONSOLE_PASSWORD": secrets.token_urlsafe(12),
        "OKTOPOS_URL": f"{till}/v1",
        "OKTOPOS_API_KEY": key,
        "OKTOPOS_UNKNOWN_ARTICLE": "name",
        "OKTOPOS_READY_EVERY": "1",
    }
    for recording in shown:
        prefix = recording.adapter.slug.upper()
        environ[f"{prefix}_SECRETS"] = secrets.token_hex(32)
        if recording.adapter.api:
            environ[f"{prefix}_API_KEY"] = secrets.token_hex(16)  # some prove deliveries by it
    for variables in apis:
        environ |= variables
    adapters = {recording.adapter.slug: recording.adapter for recording in shown}
    return load(environ, adapters, directory=folder)[0]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


async def until(look: Callable[[], Any], right: Callable[[Any], bool], patience: float) -> Any:
    """What `look` sees once it is right, or after so many seconds."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + patience
    while not right(seen := await look()) and loop.time() < ends:
        await asyncio.sleep(0.01)
    return seen
