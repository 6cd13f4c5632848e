"""The loop right of the bar: claim, process, settle; and drain.

Everything it knows is in the box, so it may be killed at any moment: what it had claimed is taken
up again by the next worker, marked as perhaps sent.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from receiver import log, metrics
from receiver.http import MayNot, may_send
from receiver.inbox import claim, clock, lease
from receiver.inbox.dialect import only_worker
from receiver.inbox.records import (
    Attempt,
    Ending,
    Job,
    PosState,
    Settlement,
    State,
    StoreUnavailable,
)
from receiver.oktopos import KEY_REJECTED
from receiver.pipeline import process, ready
from receiver.pipeline.deadlines import watched
from receiver.pipeline.settled import report
from receiver.pipeline.tools import Tools

AT_ONCE = 512
LOW = claim.PER_LANE // 2  # a lane with no more than that under way may take more
SOON_SECONDS = 0.01  # from a look that found something to the next; then twice as long each time
IDLE_SECONDS = 0.25  # and never longer
HEARTBEAT_SECONDS = 4.0
DRAIN_SECONDS = 18.0
STORE_DOWN_SECONDS = 1.0
NEVER_YET = datetime.max.replace(tzinfo=UTC)
SET_BACK = timedelta(seconds=5)  # a clock that is corrected by less is waited for
COURTESY = timedelta(seconds=5)  # a job that has waited longer lets no more deliveries go first

logger = log.logger()


@dataclass(slots=True)
class Worker:
    tools: Tools
    name: str = field(default_factory=lambda: secrets.token_hex(8))
    running: dict[asyncio.Task[None], Job] = field(default_factory=dict)
    lanes: Counter[str] = field(default_factory=Counter)  # how many of them go where
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    unlock: Callable[[], None] | None = None
    pause: float = SOON_SECONDS
    certain: bool = True  # that `running` is all we have
    life: lease.Lease = field(default_factory=lease.Lease)
    latest: datetime = NEVER_YET  # who knows what clock was here before us

    async def run(self) -> None:
        """Until drained. A database that is away is waited for."""
        self.unlock = only_worker(self.tools.inbox.url)
        beside = [asyncio.create_task(self.beat())]
        for pos in ready.asked(self.tools.settings):
            asking = ready.keep_asking(pos, self.name, self.tools, self.draining.is_set)
            beside.append(asyncio.create_task(asking))
        try:
            await self.work()
            await self.drain()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            with suppress(StoreUnavailable):
                await self.tools.inbox.write(partial(lease.leave, worker=self.name))
            if self.unlock:
                self.unlock()

    def stop(self) -> None:
        """Claims nothing more; what is under way is settled or given back."""
        self.draining.set()
        self.tools.inbox.arrived.set()

    async def work(self) -> None:
        """Claims whenever it is told that something may run, else as soon as a look finds it:
        what another process kept or settled is told by nobody."""
        arrived = self.tools.inbox.arrived
        while not await self.take_up() and not self.draining.is_set():
            await asyncio.sleep(STORE_DOWN_SECONDS)  # unheard of, its work would be taken away
        arrived.set()
        while not self.draining.is_set():
            told = arrived.is_set()
            arrived.clear()
            try:
                await self.heed_clock()
                claimed = await self.claim() if told or await self.look() else []
            except StoreUnavailable as error:
                logger.error("store_unavailable", reason=str(error))
                self.certain = False
                arrived.set()
                await asyncio.sleep(STORE_DOWN_SECONDS)
                continue
            for job in claimed:
                self.start(job)
                self.pause = SOON_SECONDS
                await asyncio.sleep(0)  # one a turn: between them the web side has its own
                if self.latest - job.since < COURTESY:
                    await self.tools.inbox.give_way()
            if claimed:
                await asyncio.sleep(SOON_SECONDS)  # what comes meanwhile is claimed together
            else:
                await self.rest()

    async def heed_clock(self) -> None:
        """Set back, perhaps before we began: what was put off by it must not wait that long."""
        now = self.tools.clock()
        if now < self.latest - SET_BACK:
            count = await self.tools.inbox.write(partial(clock.set_back, now=now))
            if count:
                logger.warning("clock_set_back", jobs=count)
                self.tools.inbox.arrived.set()
        self.latest = now

    async def rest(self) -> None:
        """Until something arrives, or may run now, or it is time to look again."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.pause):
                await self.tools.inbox.arrived.wait()
        self.pause = min(2 * self.pause, IDLE_SECONDS)

    async def look(self) -> bool:
        """Whether claiming would find something: one read, while an idle claim would write."""
        return len(self.running) < AT_ONCE and await self.tools.inbox.read(
            partial(claim.anything, now=self.tools.clock(), under_way=dict(self.lanes))
        )

    async def claim(self) -> list[Job]:
        free = AT_ONCE - len(self.running)
        if free <= 0:
            return []
        if not self.certain:
            await self.make_certain()
        claimed, paused = await self.tools.inbox.write(
            partial(
                claim.claim,
                worker=self.name,
                limit=free,
                now=self.tools.clock(),
                under_way=dict(self.lanes),
            )
        )
        self.note_paused(paused)
        return claimed

    async def make_certain(self) -> None:
        """A claim whose answer was lost may have been committed: what we have and do not know of
        would be running for ever."""
        known = [job.id for job in self.running.values()]
        await self.tools.inbox.write(partial(lease.disown, worker=self.name, but=known))
        self.certain = True

    def note_paused(self, paused: dict[str, PosState]) -> None:
        for name in self.tools.settings.pos.keys() | self.tools.paused.keys() | paused.keys():
            metrics.paused.labels(name).set(name in paused)
        for name in paused.keys() - self.tools.paused.keys():
            rejected = KEY_REJECTED in (paused[name].reason or "")
            logger.error("pos_paused", pos=name, **({"reason": KEY_REJECTED} if rejected else {}))
        for name in self.tools.paused.keys() - paused.keys():
            logger.warning("pos_open_again", pos=name)
        self.tools.paused = paused

    def start(self, job: Job) -> None:
        task = asyncio.create_task(self.see_through(job))
        self.running[task] = job
        self.lanes[job.lane] += 1
        task.add_done_callback(self.forget)

    def forget(self, task: asyncio.Task[None]) -> None:
        lane = self.running.pop(task).lane
        self.lanes[lane] -= 1
        if self.lanes[lane] == LOW:
            self.tools.inbox.arrived.set()
        if not self.lanes[lane]:
            del self.lanes[lane]

    async def see_through(self, job: Job) -> None:
        """One job from its claim to its settlement, whatever happens on the way."""
        may_send.set(self.may_send)
        try:
            await self.settle(job, await process(job, self.tools))
        except (StoreUnavailable, MayNot) as error:
            await self.settle(job, self.unsettled(job, str(error)))
        except Exception:
            logger.exception("bug", connection=job.connection, job=job.id)
            await self.settle(job, self.unsettled(job, "an error of ours, see the log"))

    def may_send(self) -> bool:
        """Not once another worker may have our jobs."""
        return self.unlock is not None or self.life.holds()

    def unsettled(self, job: Job, reason: str) -> Settlement:
        """Later: whether anything was sent is not known."""
        failures, now = job.failures + 1, self.tools.clock()
        end = Settlement(
            state=State.WAITING,
            reason=reason,
            due_at=now + timedelta(seconds=2.0 ** min(failures, 9)),
            failures=failures,
            sent=True,
            attempts=(Attempt("error", reason),),
        )
        return watched(end, job.deadline, job.alarm_at, now, at_risk=job.at_risk)

    async def settle(self, job: Job, settlement: Settlement) -> None:
        """Written, however long the database takes: until then the job stays ours."""
        made = self.tools.clock()
        while True:
            now = self.tools.clock()
            end = clock.followed(settlement, made, now)
            try:
                settled = await self.tools.inbox.settle(Ending(job, end, now))
                break
            except StoreUnavailable as error:
                logger.error("store_unavailable", job=job.id, reason=str(error))
                await asyncio.sleep(STORE_DOWN_SECONDS)
        if settled.more or settlement.state is State.READY:
            self.tools.inbox.arrived.set()
        report(job, settlement, settled, now)

    async def beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            await self.take_up()

    async def take_up(self) -> bool:
        """Says that we live; work of a worker that does not comes back into its queue. False
        when the database does not answer."""
        beat = lease.Beat(time.monotonic(), self.tools.clock())
        alone, judges = self.unlock is not None, self.life.judges(beat)
        alive = partial(lease.heartbeat, worker=self.name, alone=alone, judges=judges, now=beat.now)
        try:
            count = await self.tools.inbox.write(alive)
            self.life.heard(beat)
            self.note_paused(await self.tools.inbox.read(claim.paused_pos))
        except StoreUnavailable as error:
            logger.error("store_unavailable", reason=str(error))
            return False
        if count:
            logger.warning("taken_up", jobs=count)
            self.tools.inbox.arrived.set()
        return True

    async def drain(self) -> None:
        """What is under way is settled; what does not end in time is given back."""
        if self.running:
            await asyncio.wait([*self.running], timeout=DRAIN_SECONDS)
        left = list(self.running.items())
        for task, _ in left:
            task.cancel()
        await asyncio.gather(*(task for task, _ in left), return_exceptions=True)
        for _, job in left:
            await self.tools.inbox.write(partial(lease.release, job=job, sent=True))
