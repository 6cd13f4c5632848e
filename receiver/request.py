"""Reading a request within limits: the headers that count, and a body of a bounded size."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from starlette.types import Receive, Scope


class TooLarge(Exception):
    """The body is longer than MAX_BODY_BYTES."""


class Left(Exception):
    """The sender hung up before the body was whole."""


class Turn:
    """`with patience.turn():` raises TimeoutError when what is in it takes too long."""

    __slots__ = ("ends", "over", "task")

    def __init__(self, ends: float, loop: asyncio.AbstractEventLoop) -> None:
        self.ends = ends
        self.over = False
        self.task: asyncio.Task[object] | None = asyncio.current_task(loop)  # None once it is done

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        task, self.task = self.task, None
        if self.over and task and not task.uncancel() and kind is asyncio.CancelledError:
            raise TimeoutError  # unless somebody else wants it ended, too


@dataclass(slots=True)
class Patience:
    """The same number of seconds for each, and up to a tenth more.

    As asyncio.timeout, for a sixth of its cost: every delivery passes here. One timer looks after
    all of them; as all have the same time, they end in the order they came in.
    """

    seconds: float
    turns: deque[Turn] = field(default_factory=deque)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)

    def turn(self) -> Turn:
        turn = Turn(self.loop.time() + self.seconds, self.loop)
        if not self.turns:
            self.loop.call_later(self.seconds / 10, self.look)
        self.turns.append(turn)
        return turn

    def look(self) -> None:
        now = self.loop.time()
        while self.turns and (self.turns[0].task is None or self.turns[0].ends <= now):
            turn = self.turns.popleft()
            if turn.task:
                turn.over = turn.task.cancel()
        if self.turns:
            self.loop.call_later(self.seconds / 10, self.look)


OURS = frozenset({"content-type", "content-length", "content-encoding"})


@cache
def wanted(names: frozenset[str]) -> Mapping[bytes, str]:
    """The headers an adapter reads and those we do, by how they come."""
    return {name.encode("latin-1"): name for name in names | OURS}


def read_headers(scope: Scope, names: Mapping[bytes, str]) -> dict[str, str]:
    """Only those; repeated ones joined."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        if name := names.get(raw_name):
            value = raw_value.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


async def read_body(headers: dict[str, str], receive: Receive, limit: int) -> bytes:
    """Raises TooLarge and Left."""
    length = headers.pop("content-length", "0")
    if length.isascii() and length.isdigit() and int(length[:20]) > limit:
        raise TooLarge
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Left
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise TooLarge
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)
