"""All that goes wrong, by name, and what each stands for. Each ends by itself in some seconds."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import httpx

from tests.chaos import disk
from tests.chaos.engines import Postgresql, Sqlite
from tests.chaos.fleet import Fleet

EVERY = 1.3  # seconds from one fault to the next, about
JUMPS = (-300.0, -70.0, 45.0, 200.0, 400.0)  # seconds


AWAY = (0.0, 0.5, 2.0)  # seconds that a database is away
LONG_AWAY = 14.0  # longer than a worker may be unheard of
FROZEN = {Sqlite.name: 2.0, Postgresql.name: 17.0}  # seconds; after 16 the others take over


@dataclass(frozen=True, slots=True)
class Stage:
    """Where it is played: all that can be hurt."""

    engine: Sqlite | Postgresql
    fleet: Fleet
    till: httpx.AsyncClient
    platform: httpx.AsyncClient  # Uber's API


Play: TypeAlias = Callable[[Stage, random.Random], Awaitable[None]]


async def kill_web(stage: Stage, chance: random.Random) -> None:
    """Out of memory, or a host that dies: between a commit and its answer, perhaps."""
    stage.fleet.kill(stage.fleet.webs, chance)


async def kill_worker(stage: Stage, chance: random.Random) -> None:
    """The same between a call to the till and writing down that it was made."""
    stage.fleet.kill(stage.fleet.workers, chance)


async def kill_all(stage: Stage, _: random.Random) -> None:
    """A machine loses its power."""
    for member in stage.fleet.members:
        stage.fleet.kills += member.kill()


async def freeze_worker(stage: Stage, chance: random.Random) -> None:
    """A virtual machine is moved: to the others it seems dead, and then it goes on as if nothing
    had been."""
    worker = chance.choice(stage.fleet.workers)
    process = worker.process
    worker.signal(signal.SIGSTOP)
    await asyncio.sleep(FROZEN[stage.engine.name])
    if process is worker.process:
        worker.signal(signal.SIGCONT)


async def clock_jumps(stage: Stage, chance: random.Random) -> None:
    """NTP corrects a clock that was wrong by minutes, one way and back the other."""
    ahead = chance.choice(JUMPS)
    for member in stage.fleet.members:
        member.turn(ahead)
    await asyncio.sleep(chance.uniform(1, 4))
    for member in stage.fleet.members:
        member.turn(0.0)


async def disk_full(stage: Stage, chance: random.Random) -> None:
    """Somebody's log fills the volume that the database is on."""
    if stage.engine.full is None:
        return
    await asyncio.to_thread(disk.fill, stage.engine.full)
    await asyncio.sleep(chance.uniform(0.5, 2.5))
    disk.empty(stage.engine.full)
    if isinstance(stage.engine, Postgresql):
        async with stage.engine.busy:
            await stage.engine.up()  # it gives up where its log cannot grow


async def hold_lock(stage: Stage, chance: random.Random) -> None:
    """A backup, or an operator's hand in the file."""
    if isinstance(stage.engine, Sqlite):
        await stage.engine.hold(chance.choice((0.5, 2.0, 4.0)))


async def restart_database(stage: Stage, chance: random.Random) -> None:
    """Maintenance, or a failover: by the book or by a crash."""
    if isinstance(stage.engine, Postgresql):
        await stage.engine.restart(chance.choice(("fast", "immediate")), chance.choice(AWAY))


async def lose_database(stage: Stage, _: random.Random) -> None:
    """A failover that takes its time: no worker could be heard of, and all of them live."""
    if isinstance(stage.engine, Postgresql):
        await stage.engine.restart("immediate", LONG_AWAY)


async def cut_connections(stage: Stage, _: random.Random) -> None:
    """A firewall or a pool forgets them, in the midst of a transaction or of its commit."""
    if isinstance(stage.engine, Postgresql):
        await stage.engine.cut()


async def till_slow(stage: Stage, chance: random.Random) -> None:
    """A till under load."""
    await till(stage, "slow", chance.randint(5, 20), seconds=chance.choice((0.5, 1.5)))


async def till_refuses(stage: Stage, chance: random.Random) -> None:
    """It is being updated: its proxy answers."""
    await till(stage, "fail", chance.randint(2, 7), status=503, envelope=False)


async def till_errs(stage: Stage, chance: random.Random) -> None:
    """It answers itself, that something is wrong."""
    await till(stage, "fail", chance.randint(2, 7), status=500, envelope=True)


async def till_forbids(stage: Stage, _: random.Random) -> None:
    """Its key is being changed."""
    await till(stage, "forbid", 1)


async def till_postpones(stage: Stage, chance: random.Random) -> None:
    """Too many calls."""
    await till(stage, "retry_after", chance.randint(1, 4), seconds=1)


async def till_drops(stage: Stage, chance: random.Random) -> None:
    """The connection breaks before anything was done."""
    await till(stage, "drop", chance.randint(2, 6))


async def till_drops_after(stage: Stage, chance: random.Random) -> None:
    """It breaks after the till did as told: who sent does not know."""
    await till(stage, "drop_after", chance.randint(2, 6))


async def till_babbles(stage: Stage, chance: random.Random) -> None:
    """Some proxy puts a page before what the till did."""
    await till(stage, "garbage", chance.randint(1, 4))


async def till(stage: Stage, kind: str, times: int, **more: Any) -> None:
    await stage.till.post("/_sandbox/faults", json={"kind": kind, "times": times, **more})


async def platform_fails(stage: Stage, chance: random.Random) -> None:
    """Uber's API is away while orders must be fetched there."""
    kind = chance.choice(("fail", "drop", "slow"))
    said = {"kind": kind, "times": chance.randint(2, 8), "seconds": 1}
    await stage.platform.post("_sandbox/faults", json=said)


OF_ANY: Sequence[Play] = (
    kill_web,
    kill_worker,
    kill_all,
    freeze_worker,
    clock_jumps,
    disk_full,
    till_slow,
    till_refuses,
    till_errs,
    till_forbids,
    till_postpones,
    till_drops,
    till_drops_after,
    till_babbles,
    platform_fails,
)
FAULTS: Mapping[str, Sequence[Play]] = {
    Sqlite.name: (*OF_ANY, hold_lock),
    Postgresql.name: (*OF_ANY, restart_database, lose_database, cut_connections),
}
OFTEN: Sequence[Play] = (kill_web, kill_worker, till_drops_after, restart_database, cut_connections)
LONG: Sequence[Play] = (freeze_worker, lose_database)
LONG_ENOUGH = 20.0  # seconds in which there is time for them
EARLY = 0.4  # of the time: so that they are over with it


class Moment(NamedTuple):
    at: float  # seconds from the start
    play: Play
    seed: str


def schedule(engine: str, seed: int, seconds: float) -> list[Moment]:
    """Each fault once if there is time, then any but the long ones; some of them more often."""
    chance = random.Random(f"{seed} faults {engine}")
    known = [play for play in FAULTS[engine] if seconds >= LONG_ENOUGH or play not in LONG]
    count = max(int(seconds / EVERY), 1)
    drawn = chance.sample(known, min(count, len(known)))
    often = [play for play in (*known, *OFTEN, *OFTEN) if play in known and play not in LONG]
    drawn += chance.choices(often, k=count - len(drawn))
    chance.shuffle(drawn)
    return list(placed(drawn, seed, seconds, chance))


def placed(
    drawn: Sequence[Play], seed: int, seconds: float, chance: random.Random
) -> Iterator[Moment]:
    share = seconds / len(drawn)
    for place, play in enumerate(drawn):
        at = share * (place + chance.random()) * (EARLY if play in LONG else 1)
        yield Moment(at, play, f"{seed} {place} {play.__name__}")
