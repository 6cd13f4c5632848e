"""One run on one engine: everything started, everything hurt, everything healed, and judged."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
from sqlalchemy.exc import OperationalError

from adapters import ADAPTERS
from receiver.cli.stand_ins import StandIn, stand_in, together
from receiver.sandbox import create_sandbox
from receiver.serving import serving
from tests.chaos import bodies, disk, engines, faults
from tests.chaos.engines import Postgresql, Sqlite
from tests.chaos.faults import Moment, Stage
from tests.chaos.fleet import started
from tests.chaos.history import History, dump, gathered, in_box
from tests.chaos.judge import OVER, Verdict, judge
from tests.chaos.plan import Life, lives
from tests.chaos.senders import Senders, new_client
from tests.running import NO_TLS

ORDERS_A_SECOND = 6.0
CALM_SECONDS = 52.0  # at most after the last fault, until all is acknowledged and the box is empty
FAULT_SECONDS = 60.0  # no fault takes longer
ANSWERING = ("deliveroo", "uber_eats")  # platforms that are told of their orders

ENGINES: Mapping[str, Callable[[Path], AbstractContextManager[Sqlite | Postgresql]]] = {
    "sqlite": engines.sqlite,
    "postgresql": engines.postgresql,
}


@dataclass(slots=True)
class Result:
    engine: str
    seed: int
    took: float = 0.0
    orders: int = 0
    sent: int = 0
    acknowledged: int = 0
    repeats: int = 0
    kills: int = 0
    restarts: int = 0
    fills: bool = False  # whether its disk can be filled
    faults: Counter[str] = field(default_factory=Counter)
    verdict: Verdict = field(default_factory=lambda: Verdict([], 0))
    folder: Path | None = None  # kept where it is red


@dataclass(frozen=True, slots=True)
class Scene:
    stage: Stage
    senders: Senders


async def run(
    engine: str, folder: Path, seconds: float, seed: int, patience: float = CALM_SECONDS
) -> Result:
    """Everything it leaves is in `folder`. `patience` is for the end, until all is settled."""
    began = time.monotonic()
    planned = lives(seed, seconds, int(seconds * ORDERS_A_SECOND), datetime.now(UTC))
    with ENGINES[engine](folder) as box:
        result = Result(box.name, seed, orders=len(planned))
        async with scene(box, planned, folder, seed) as played:
            await play(played, planned, seconds, patience, result)
            history = await gathered(
                planned, played.senders.tally, box.url, played.stage.till, ANSWERING
            )
            for name in await played.stage.fleet.leave():
                tell(f"{name} did not end as it should")
        result.verdict = judge(history)
        note(result, played, history, folder)
    result.took = time.monotonic() - began
    return result


async def play(
    scene: Scene, planned: Sequence[Life], seconds: float, patience: float, result: Result
) -> None:
    until = asyncio.get_running_loop().time() + seconds + patience
    sending = [asyncio.create_task(scene.senders.live(life)) for life in planned]
    await hurt(scene.stage, faults.schedule(result.engine, result.seed, seconds), result)
    await heal(scene.stage)
    await calm(sending, scene.stage.engine.url, until)


@asynccontextmanager
async def scene(
    box: Sqlite | Postgresql, planned: Sequence[Life], folder: Path, seed: int
) -> AsyncIterator[Scene]:
    """The till, the platforms' APIs and the senders are here, the receivers elsewhere."""
    apis = dict(stand_ins(planned))
    async with (
        serving(together(apis, create_sandbox())) as url,
        director(url) as till,
        director(f"{url}/uber_eats") as uber,
        new_client() as client,
        started(box.parts, settings(url, box.url, apis), folder) as fleet,
    ):
        tell(f"{box.name}: {len(fleet.members)} processes start")
        await fleet.ready()
        webs = [web.url for web in fleet.webs]
        yield Scene(Stage(box, fleet, till, uber), Senders(webs, seed, client))


def director(url: str) -> httpx.AsyncClient:
    """Each call on a connection of its own: a kept one may just be closed by the other side."""
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.AsyncClient(
        base_url=url, trust_env=False, verify=NO_TLS, timeout=30, limits=limits
    )


def stand_ins(planned: Sequence[Life]) -> Iterator[tuple[str, StandIn]]:
    fetched = {
        life.accepted.removesuffix("/accept"): bodies.uber_order(life.number, datetime.now(UTC))
        for life in planned
        if life.placed.platform == "uber_eats" and life.accepted
    }
    for platform in ANSWERING:
        made = stand_in(ADAPTERS[platform], "chaos", fetched)
        assert made is not None
        yield platform, made


def settings(till: str, database: str, apis: Mapping[str, StandIn]) -> Mapping[str, str]:
    """As an operator sets them, all by the environment."""
    found = {
        "DATABASE_URL": database.replace("+psycopg", ""),
        "HOST": "127.0.0.1",
        "SECRET_KEY": "k" * 32,
        "OKTOPOS_URL": f"{till}/v1",
        "OKTOPOS_API_KEY": "sandbox",
    }
    for api in apis.values():
        found |= api.variables(till)
    return found | {f"{name.upper()}_SECRETS": text for name, text in bodies.SECRETS.items()}


async def hurt(stage: Stage, moments: Sequence[Moment], result: Result) -> None:
    began = time.monotonic()

    async def one(moment: Moment) -> None:
        await asyncio.sleep(moment.at)
        name = moment.play.__name__
        tell(f"{time.monotonic() - began:6.1f} s {name}")
        async with asyncio.timeout(FAULT_SECONDS):
            await moment.play(stage, random.Random(moment.seed))
        result.faults[name] += 1

    async with asyncio.TaskGroup() as group:
        for moment in moments:
            group.create_task(one(moment))


async def heal(stage: Stage) -> None:
    """From here on nothing goes wrong any more."""
    tell("all is well again")
    await stage.till.delete("/_sandbox/faults")
    await stage.platform.delete("/_sandbox/faults")
    if stage.engine.full:
        disk.empty(stage.engine.full)
    for member in stage.fleet.members:
        if member.ahead:
            member.turn(0.0)
    if isinstance(stage.engine, Postgresql):
        await stage.engine.up()


async def calm(sending: Sequence[asyncio.Task[None]], url: str, until: float) -> None:
    """Until everything was acknowledged and the box is empty, or it will never be."""
    with suppress(TimeoutError):
        async with asyncio.timeout_at(until):
            await asyncio.gather(*sending)
            tell("all is acknowledged")
            while open_jobs(url):
                await asyncio.sleep(0.25)
            tell("the box is empty")
    for task in sending:
        task.cancel()
    await asyncio.gather(*sending, return_exceptions=True)


def open_jobs(url: str) -> int:
    with suppress(OperationalError):  # busy
        return sum(job.state not in OVER for job in in_box(url))
    return 1


def note(result: Result, played: Scene, history: History, folder: Path) -> None:
    tally, stage = played.senders.tally, played.stage
    result.sent, result.repeats = tally.sent, tally.repeats
    result.acknowledged = len(tally.acknowledged)
    result.kills, result.restarts = stage.fleet.kills, stage.engine.restarts
    result.fills = stage.engine.full is not None
    if not result.verdict.green:
        result.folder = folder
        for name, said in (("history", asdict(history)), ("box", dump(stage.engine.url))):
            (folder / f"{name}.json").write_text(json.dumps(said, indent=1, default=sorted))


def tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
