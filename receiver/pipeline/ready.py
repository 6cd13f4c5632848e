"""What the till says is ready: each platform told once, however often the till is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

from adapters.contract import Told
from adapters.contract import nothing as tells_nothing
from receiver import log, oktopos
from receiver.errors import Refused, Unavailable
from receiver.inbox import polls, search, verdicts
from receiver.inbox.records import PosVerdict, StoreUnavailable
from receiver.pipeline.orders import tellable
from receiver.pipeline.tools import Tools
from receiver.settings.model import Pos, Settings

POLL_SECONDS = 1.0  # how closely the time of a question is kept
NO_SUCH_QUESTION = timedelta(minutes=10)

logger = log.logger()


def asked(settings: Settings) -> list[Pos]:
    """Every POS that has orders whose platform may want to know."""
    wanted = {
        pos
        for each in settings.connections.values()
        if each.adapter.answer is not tells_nothing and each.answers
        for pos in each.stores.values()
    }
    return [pos for name, pos in settings.pos.items() if name in wanted and pos.ready_every]


async def keep_asking(pos: Pos, worker: str, tools: Tools, draining: Callable[[], bool]) -> None:
    """Now and then, if that is ours to do; at once where the clock was set back."""
    every = rest = timedelta(seconds=pos.ready_every)
    last = tools.clock()
    while True:
        await asyncio.sleep(POLL_SECONDS)
        now = tools.clock()
        if draining() or last <= now < last + rest:
            continue
        last = now
        rest = every if await ask(pos, worker, tools) else every + NO_SUCH_QUESTION


async def ask(pos: Pos, worker: str, tools: Tools) -> bool:
    """False where the POS knows no such question."""
    try:
        if told := await look(pos, worker, tools):
            logger.info("ready", pos=pos.name, orders=told)
            tools.inbox.arrived.set()
    except StoreUnavailable as error:
        logger.error("store_unavailable", reason=str(error))
    except Refused as error:
        logger.error("ready_refused", pos=pos.name, reason=str(error))
        return False
    except Exception:
        logger.exception("bug", pos=pos.name)
    return True


async def look(pos: Pos, worker: str, tools: Tools) -> int:
    """Asks once, if it is ours to ask; how many orders were news. Nothing is written without any.

    Raises Refused where the POS knows no such question, and StoreUnavailable.
    """
    turn = await tools.inbox.read(lambda box: polls.turn(box, pos.name, worker))
    if turn.paused or not (turn.ours or await take(pos, worker, tools)):
        return 0
    try:
        found = await oktopos.ready(tools.http, pos)
    except Unavailable as error:
        await judge(PosVerdict(pos.name, str(error), error.key_rejected), tools)
        return 0
    except Refused:
        await judge(PosVerdict(pos.name), tools)
        raise
    if turn.failing:
        await judge(PosVerdict(pos.name), tools)
    return await tell(pos, found, tools)


async def take(pos: Pos, worker: str, tools: Tools) -> bool:
    return await tools.inbox.write(lambda box: polls.take(box, pos.name, worker))


async def judge(verdict: PosVerdict, tools: Tools) -> None:
    now = tools.clock()
    await tools.inbox.write(lambda box: verdicts.judge(box, verdict, now))


async def tell(pos: Pos, order_ids: Sequence[str], tools: Tools) -> int:
    news = await tools.inbox.read(lambda box: search.untold(box, pos.name, order_ids))
    if not news:
        return 0
    now = tools.clock()
    ready = [(order, await tellable(order, Told("ready", now), tools)) for order in news]
    return await tools.inbox.write(partial(polls.tell, ready=ready, now=now))
