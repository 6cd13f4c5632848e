"""The receivers as an operator runs them, on a platform that starts again what died."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx

from tests.bench.processes import without_settings
from tests.chaos.senders import new_client
from tests.processes import ROOT, free_port
from tests.running import eventually

RESTART_SECONDS = 0.3  # from a death to the next start
READY_SECONDS = 60.0
STOP_SECONDS = 30.0  # the receiver promises 25


@dataclass(slots=True)
class Member:
    """One process, however often it was started."""

    name: str
    words: Sequence[str]
    settings: Mapping[str, str]
    log: Path
    port: int = 0
    ahead: float = 0.0  # seconds by which its clock is wrong
    process: asyncio.subprocess.Process | None = None
    leaving: bool = False
    starts: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def keep_up(self) -> None:
        while not self.leaving:
            self.process = await self.start()
            self.starts += 1
            if self.ahead:
                self.turn(self.ahead)
            await self.process.wait()
            await asyncio.sleep(RESTART_SECONDS)

    async def start(self) -> asyncio.subprocess.Process:
        with self.log.open("ab") as out:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "tests.chaos.process", *self.words),
                cwd=ROOT,
                env={**without_settings(), **self.settings, "PORT": str(self.port or 1)},
                stdin=asyncio.subprocess.PIPE,
                stdout=out,
                stderr=out,
            )

    def turn(self, ahead: float) -> None:
        """Its clock, and that of those who follow it."""
        self.ahead = ahead
        if self.process and self.process.stdin:
            self.process.stdin.write(f"{ahead}\n".encode())

    def kill(self) -> bool:
        """Outright. False where it is just being started again."""
        return self.signal(signal.SIGKILL)

    def signal(self, number: signal.Signals) -> bool:
        if self.process is None or self.process.returncode is not None:
            return False
        self.process.send_signal(number)
        return True

    async def leave(self) -> bool:
        """As a platform ends it; whether it ended in time, and well."""
        self.leaving = True
        if self.process is None or self.process.returncode is not None:
            return True
        self.process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                return await self.process.wait() == 0
        except TimeoutError:
            return False


@dataclass(slots=True)
class Fleet:
    webs: Sequence[Member]
    workers: Sequence[Member]  # where one process does both, it is here and there
    kills: int = 0
    running: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def members(self) -> Sequence[Member]:
        return list({member.name: member for member in (*self.webs, *self.workers)}.values())

    def kill(self, among: Sequence[Member], chance: random.Random) -> None:
        self.kills += chance.choice(among).kill()

    async def ready(self) -> None:
        """Once every web says so."""
        async with new_client() as client:
            for web in self.webs:
                await eventually(partial(is_ready, client, web), bool, READY_SECONDS)

    async def leave(self) -> list[str]:
        """Who did not end as it should."""
        ended = await asyncio.gather(*(member.leave() for member in self.members))
        return [m.name for m, well in zip(self.members, ended, strict=True) if not well]


async def is_ready(client: httpx.AsyncClient, web: Member) -> bool:
    try:
        return (await client.get(f"{web.url}/readyz")).is_success
    except httpx.HTTPError:
        return False


@asynccontextmanager
async def started(
    parts: Mapping[str, Sequence[str]], settings: Mapping[str, str], folder: Path
) -> AsyncIterator[Fleet]:
    """`parts` are the commands by the names of the processes. Whatever is left is killed."""
    members = [
        Member(
            name, words, settings, folder / f"{name}.log", free_port() if "serve" in words else 0
        )
        for name, words in parts.items()
    ]
    fleet = Fleet(
        webs=[member for member in members if member.port],
        workers=[member for member in members if "--no-worker" not in member.words],
    )
    fleet.running = [asyncio.create_task(member.keep_up()) for member in members]
    try:
        yield fleet
    finally:
        for task in fleet.running:
            task.cancel()
        await asyncio.gather(*fleet.running, return_exceptions=True)
        for member in members:
            if member.kill() and member.process:
                await member.process.wait()
