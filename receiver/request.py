"""Reading a request within limits: the headers that count, and a body of a bounded size."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import cast

from starlette.types import Receive, Scope


class TooLarge(Exception):
    """The body is longer than MAX_BODY_BYTES."""


class Left(Exception):
    """The sender hung up before the body was whole."""


class Patience:
    """`with Patience(seconds):` raises TimeoutError when what is in it takes longer.

    As asyncio.timeout, for a third of its cost: every delivery passes here.
    """

    __slots__ = ("over", "task", "timer")

    def __init__(self, seconds: float) -> None:
        self.over = False
        self.task = cast("asyncio.Task[object]", asyncio.current_task())
        self.timer = self.task.get_loop().call_later(seconds, self.end)

    def end(self) -> None:
        self.over = self.task.cancel()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.timer.cancel()
        if self.over and not self.task.uncancel() and kind is asyncio.CancelledError:
            raise TimeoutError  # unless somebody else wants it ended, too


OURS = frozenset({"content-type", "content-length", "content-encoding"})


@cache
def wanted(names: frozenset[str]) -> frozenset[bytes]:
    """The headers an adapter reads and those we do, as they come."""
    return frozenset(name.encode("latin-1") for name in names | OURS)


def read_headers(scope: Scope, names: frozenset[bytes]) -> dict[str, str]:
    """Only those; repeated ones joined."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        if raw_name in names:
            name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
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
