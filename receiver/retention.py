"""What is kept no longer than it has to be: by age, beside the worker's work; and of one order.

The search waits for nobody, and each lot is one short write with a pause after it, so that what
arrives meanwhile is kept as fast as ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from receiver import log
from receiver.inbox import Inbox, purge
from receiver.inbox.quarantine import KEPT_FOR
from receiver.inbox.records import StoreUnavailable

EVERY = timedelta(hours=1)
LOOK_SECONDS = 60.0  # between looks whether it is due
PAUSE_SECONDS = 0.05  # after each write

logger = log.logger()


@dataclass(slots=True)
class Tally:
    """How many deliveries were purged, how many are still open; and dropped from quarantine."""

    purged: int = 0
    still_open: int = 0
    quarantine: int = 0


async def keep_up(inbox: Inbox, days: int, clock: Callable[[], datetime]) -> None:
    """Once an hour, in one of several workers."""
    while True:
        try:
            if await inbox.write(partial(purge.claim, now=clock(), every=EVERY)):
                report(await by_age(inbox, days, clock()))
        except StoreUnavailable as error:
            logger.error("store_unavailable", reason=str(error))
        except Exception:
            logger.exception("bug", task="retention")
        await asyncio.sleep(LOOK_SECONDS)


def report(done: Tally) -> None:
    if done.purged or done.quarantine:
        logger.info("purged", deliveries=done.purged, quarantine=done.quarantine)
    if done.still_open:
        logger.warning("not_purged", still_open=done.still_open)


async def by_age(
    inbox: Inbox,
    days: int,
    now: datetime,
    *,
    dry_run: bool = False,
    tell: Callable[[int], None] = lambda _: None,
) -> Tally:
    """All that is older than so many days. `tell` hears how many deliveries were looked at.

    Raises StoreUnavailable.
    """
    border, done = now - timedelta(days=days), Tally()
    after, looked = purge.FIRST, 0
    while found := await inbox.read(partial(purge.find, border=border, after=after)):
        ids = [one.id for one in found if one.ended]
        if ids and not dry_run:
            done.purged += await inbox.write(partial(purge.purge, ids=ids, now=now))
            await asyncio.sleep(PAUSE_SECONDS)
        else:
            done.purged += len(ids)
        looked += len(found)
        after = found[-1]
        tell(looked)
    done.still_open = looked - done.purged
    done.quarantine = await suspects(inbox, now - min(KEPT_FOR, timedelta(days=days)), dry_run)
    return done


async def suspects(inbox: Inbox, border: datetime, dry_run: bool) -> int:
    """Out of quarantine, whose own limit holds only where something comes in."""
    if dry_run:
        return await inbox.read(partial(purge.count_suspects, border=border))
    dropped = 0
    while some := await inbox.write(partial(purge.drop_suspects, border=border)):
        dropped += some
        await asyncio.sleep(PAUSE_SECONDS)
    return dropped
