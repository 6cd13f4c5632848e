"""The load generator: HTTP/1.1 over raw sockets, so lean that the server is what is measured."""

from __future__ import annotations

import asyncio
import gc
import time
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, cast

import uvloop

from tests.bench.deliveries import Request, requests

CONNECTIONS = 64
WARM_UP = 1_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Load:
    """What a round of requests came to. Times in seconds."""

    took: float
    waits: Sequence[float] = field(repr=False)  # sorted, one for each answer
    statuses: Mapping[bytes, int]
    acknowledged: Mapping[str, float] = field(repr=False)  # order id -> Unix time

    @property
    def rate(self) -> float:
        return len(self.waits) / self.took

    def percentile(self, share: float) -> float:
        return self.waits[int(share * (len(self.waits) - 1))]


class Tally:
    """Where the connections write down what they see."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.statuses: Counter[bytes] = Counter()
        self.acknowledged: dict[str, float] = {}

    def note(self, request: Request, wait: float, status: bytes) -> None:
        self.waits.append(wait)
        self.statuses[status] += 1
        self.acknowledged[request.order_id] = time.time()

    def load(self, took: float) -> Load:
        return Load(took, sorted(self.waits), dict(self.statuses), self.acknowledged)


class Caller(asyncio.Protocol):
    """One connection kept alive. Tells `free` whenever it may send the next request."""

    def __init__(self, tally: Tally, free: Callable[[Caller], None]) -> None:
        self.tally = tally
        self.free = free
        self.answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance

    def send(self, request: Request, due: float) -> None:
        self.request, self.due = request, due
        self.transport.write(request.raw)

    def data_received(self, data: bytes) -> None:
        self.answer += data
        if is_whole(self.answer):
            self.tally.note(self.request, time.perf_counter() - self.due, self.answer[9:12])
            self.answer = b""
            self.free(self)


def is_whole(answer: bytes) -> bool:
    head, blank, body = answer.partition(b"\r\n\r\n")
    if not blank:
        return False
    length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
    return len(body) >= int(length)


async def flood(port: int, tally: Tally, todo: Iterator[Request], connections: int) -> None:
    """Each connection sends the next request as soon as it is answered."""
    done = asyncio.Event()
    busy = connections

    def go_on(caller: Caller) -> None:
        nonlocal busy
        if request := next(todo, None):
            caller.send(request, time.perf_counter())
        else:
            busy -= 1
            if not busy:
                done.set()

    callers = await connected(port, tally, go_on, connections)
    for caller in callers:
        go_on(caller)
    await done.wait()
    hang_up(callers)


async def paced(port: int, tally: Tally, todo: Sequence[Request], rate: float) -> None:
    """So many a second, whether they are answered or not; what waits for a connection waits."""
    idle: deque[Caller] = deque()
    waiting: deque[tuple[Request, float]] = deque()

    def go_on(caller: Caller) -> None:
        if waiting:
            caller.send(*waiting.popleft())
        else:
            idle.append(caller)

    callers = await connected(port, tally, go_on, CONNECTIONS)
    idle.extend(callers)
    start = time.perf_counter()
    for number, request in enumerate(todo):
        await asyncio.sleep(max(0.0, start + number / rate - time.perf_counter()))
        waiting.append((request, time.perf_counter()))
        if idle:
            go_on(idle.popleft())
    while len(idle) < len(callers):
        await asyncio.sleep(0.01)
    hang_up(callers)


async def connected(
    port: int, tally: Tally, free: Callable[[Caller], None], count: int
) -> list[Caller]:
    loop = asyncio.get_running_loop()
    return [
        (await loop.create_connection(lambda: Caller(tally, free), "127.0.0.1", port))[1]
        for _ in range(count)
    ]


def hang_up(callers: Sequence[Caller]) -> None:
    for caller in callers:
        caller.transport.close()


async def timed(going: Coroutine[None, None, None], tally: Tally) -> Load:
    gc.freeze()
    gc.disable()
    start = time.perf_counter()
    await going
    return tally.load(time.perf_counter() - start)


def run(going: Coroutine[None, None, T]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(going)


def take_turns(
    ports: Sequence[int], rounds: int, count: int, connections: int = CONNECTIONS
) -> list[list[Load]]:
    """The same requests to one port after the other, round after round; loads by port."""
    for port in ports:
        flood_once(port, requests(WARM_UP), connections)
    loads: list[list[Load]] = [[] for _ in ports]
    for _ in range(rounds):
        todo = requests(count)
        for port, found in zip(ports, loads, strict=True):
            found.append(flood_once(port, todo, connections))
    return loads


def flood_once(port: int, todo: Sequence[Request], connections: int = CONNECTIONS) -> Load:
    tally = Tally()
    return run(timed(flood(port, tally, iter(todo), connections), tally))


def flood_with(port: int, count: int) -> Load:
    return flood_once(port, requests(count))


def pace(port: int, count: int, rate: float) -> Load:
    tally = Tally()
    todo = requests(count)
    return run(timed(paced(port, tally, todo, rate), tally))
