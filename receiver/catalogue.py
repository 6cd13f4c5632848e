"""The till's own articles: read from OktoPOS every six hours, looked up for each order.

Where a POS has never been synced, the platform's POS reference is taken as the article's id; the
first `receiver articles sync` ends that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection as Database

from adapters.contract import Order
from receiver import log, oktopos
from receiver.articles import Chosen, Known, every_line, references
from receiver.errors import Refused, Unavailable
from receiver.http import Http
from receiver.inbox import Inbox, articles
from receiver.inbox.records import moment
from receiver.settings.model import Connection, Pos

EVERY = timedelta(hours=6)
AFTER_FAILURE = timedelta(minutes=15)
MOST_PAGES = 1_000  # a list that has no end is not understood

logger = log.logger()


class SyncFailed(Exception):
    """The last good catalogue stays; the text says why."""


class CannotMap(Exception):
    """The text says why, and what to do."""


def known(box: Database, *, order: Order, connection: Connection, pos: Pos, at: datetime) -> Known:
    """What was known at that time of the articles this order needs."""
    lines = list(every_line(order.lines))
    called = {reference for line in lines for reference in references(line)}
    version = articles.version(box)
    chosen = articles.mapped(box, connection.name, called) if version else {}
    if not articles.is_synced(box, pos.name):
        return Known(version=version, chosen=chosen)
    ids = {one.article for one in chosen.values()}
    ids |= {connection.articles[name] for name in called & connection.articles.keys()}
    ids |= {*pos.fee_articles.values(), *pos.fallback_articles.values()}
    called_there = {line.pos_ref for line in lines if line.pos_ref}
    return Known(
        synced=True,
        version=version,
        chosen=chosen,
        matched=articles.find_all(box, pos.name, called_there, pos.match, at),
        listed=articles.find_all(box, pos.name, ids, ("id",), at),
    )


def choose(
    box: Database, connection: Connection, reference: str, one: Chosen | None, now: datetime
) -> int:
    """Maps a platform's reference, or takes its mapping away; how many orders look again.

    Raises CannotMap.
    """
    demand_free(connection, reference)
    if one and (problem := unknown(box, connection, one.article, now)):
        raise CannotMap(problem)
    return articles.choose(box, connection.name, {reference: one}, now)


def demand_free(connection: Connection, reference: str) -> None:
    """Raises CannotMap where the set-up maps it."""
    if reference in connection.articles:
        where = f"connections.{connection.name}.articles"
        raise CannotMap(f"{reference} is mapped by {where}: change it there")


def unknown(box: Database, connection: Connection, article: str, now: datetime) -> str | None:
    """What is wrong with it; nothing where no catalogue was ever read."""
    names = sorted(set(connection.stores.values()))
    read = [name for name in names if articles.is_synced(box, name)]
    if not read or any(articles.find(box, name, article, ("id",), now) for name in read):
        return None
    return f"article {article} is not in the catalogue of {', '.join(read)}"


async def sync(
    pos: Pos,
    http: Http,
    inbox: Inbox,
    now: datetime,
    tell: Callable[[int], None] = lambda _: None,
) -> int:
    """Reads the whole catalogue of a POS; how many articles it has. `tell` hears of each page.

    Raises SyncFailed, noted beside the last good catalogue, and StoreUnavailable.
    """
    try:
        return await read_all(pos, http, inbox, now, tell)
    except (Refused, Unavailable, SyncFailed) as error:
        await inbox.write(partial(articles.failed, pos=pos.name, problem=str(error), now=now))
        raise SyncFailed(f"pos.{pos.name}: {error}") from None


async def read_all(
    pos: Pos, http: Http, inbox: Inbox, now: datetime, tell: Callable[[int], None]
) -> int:
    before = await inbox.read(partial(articles.current, pos=pos.name))
    channels = await oktopos.list_channels(http, pos)
    listed: set[str] = set()
    for page in range(1, MOST_PAGES + 1):
        part = await oktopos.list_articles(http, pos, page)
        fresh = [article for article in part if article.id not in listed]
        listed |= {article.id for article in fresh}
        changed = [article for article in fresh if before.get(article.id) != article]
        await inbox.write(partial(articles.store, pos=pos.name, found=changed, now=now))
        tell(len(listed))
        if len(part) < oktopos.PAGE_SIZE or not fresh:
            break
    if before and not listed:
        raise SyncFailed("OktoPOS lists no article any more: the last catalogue is kept")
    gone = before.keys() - listed
    await inbox.write(partial(articles.drop, pos=pos.name, gone=gone, now=now))
    await inbox.write(
        partial(articles.synced, pos=pos.name, count=len(listed), channels=channels, now=now)
    )
    return len(listed)


async def keep_up(
    every_pos: Sequence[Pos], http: Http, inbox: Inbox, clock: Callable[[], datetime]
) -> None:
    """Syncs again what was synced once and is six hours old."""
    overview = await inbox.read(articles.overview)
    for pos in every_pos:
        state, now = overview.get(pos.name, {}), clock()
        if not is_due(state, now):
            continue
        mine = partial(articles.claim_sync, pos=pos.name, tried_at=state["tried_at"], now=now)
        if not await inbox.write(mine):
            continue
        try:
            count = await sync(pos, http, inbox, now)
            logger.info("articles_synced", pos=pos.name, articles=count)
        except SyncFailed as error:
            logger.warning("articles_not_synced", pos=pos.name, reason=str(error))


def is_due(state: Mapping[str, Any], now: datetime) -> bool:
    """What was never synced is not begun by itself: until then a reference is the article."""
    if not state.get("synced_at"):
        return False
    return now - moment(state["tried_at"]) >= (AFTER_FAILURE if state["problem"] else EVERY)
