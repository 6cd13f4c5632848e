"""Orders that never reached us: platforms that list orders are asked for them.

What is found becomes a delivery like any other, of the order that its webhook would have brought,
and goes through the same line. It carries no signature: it is as genuine as the answer to our own
call is, so it never passes through the web side.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from adapters.api import Ask, Found, Listing, Told
from adapters.contract import Delivery, Unreadable
from receiver import log, metrics
from receiver.errors import Held, Refused, Unavailable
from receiver.inbox import Inbox, keep, seen
from receiver.inbox.records import Incoming, StoreUnavailable, storable
from receiver.oktopos import order_id
from receiver.platforms import Platforms
from receiver.settings.model import ANY_STORE, Connection

MARK = "reconciled:"  # begins the delivery id of what was found, before the platform's order id
LOOK_BACK = timedelta(hours=24)
OVERLAP = timedelta(minutes=5)  # clocks differ, and an order is older than its delivery
MOST_CALLS = 500  # for one store
MOST_SECONDS = 300.0  # the same
TRIES = (30.0, 120.0, 600.0, 1800.0)  # seconds between them
LOOK_SECONDS = 15.0  # how often it is asked whether the store answers

logger = log.logger()


@dataclass(slots=True, kw_only=True)
class Report:
    """What a connection was asked for, and what came of it."""

    connection: str
    since: datetime
    listed: int = 0
    kept: list[str] = field(default_factory=list)  # the platform's order ids
    over: list[str] = field(default_factory=list)  # unknown here, but nothing for the kitchen
    failed: list[str] = field(default_factory=list)  # why, by store
    again: bool = False  # it may go well a little later

    @property
    def known(self) -> int:
        return self.listed - len(self.kept) - len(self.over)


Progress = Callable[[Report], None]


def nobody(_: Report) -> None:
    pass


def hindrance(connection: Connection) -> str | None:
    """Why it cannot be asked, with the remedy."""
    api = connection.adapter.api
    if api is None or api.listing is None:
        return f"{connection.adapter.intermediary} documents no call that lists orders"
    missing = [name for name in api.listing.needs if not getattr(connection, name)]
    if missing:
        return f"set connections.{connection.name}.{' and '.join(missing)}"
    return None


@dataclass(frozen=True, slots=True)
class Reconciler:
    inbox: Inbox
    platforms: Platforms

    async def ask(
        self, connection: Connection, since: datetime, progress: Progress = nobody
    ) -> Report:
        """Every store of the connection, one after the other; one that fails spoils no other."""
        report = Report(connection=connection.name, since=since)
        if why := hindrance(connection):
            report.failed.append(why)
            return report
        try:
            places = await self.places(connection)
        except StoreUnavailable as error:
            fail(report, "", error)
            return report
        if not places:
            report.failed.append(
                f"name its stores below connections.{connection.name}.stores:"
                " none is known yet by an order"
            )
        for place in places:
            try:
                async with asyncio.timeout(MOST_SECONDS):
                    await self.list_all(
                        connection, self.asking(connection, place, since), report, progress
                    )
            except (
                Unavailable,
                Refused,
                Held,
                Unreadable,
                StoreUnavailable,
                TimeoutError,
            ) as error:
                fail(report, place, error)
        note(report)
        return report

    async def places(self, connection: Connection) -> Sequence[str]:
        """What is listed apart: the stores that are set up, and those that sent something."""
        place = listing_of(connection).place
        if place is None:
            return [""]
        latest = await self.inbox.read(partial(seen.latest, name=connection.name))
        stores = [(store, b"") for store in connection.stores if store != ANY_STORE]
        stores += [(connection.adapter.identify(one).store_id or "", one.body) for one in latest]
        found = (place(store or None, body) for store, body in stores)
        return list(dict.fromkeys(filter(None, found)))

    def asking(self, connection: Connection, place: str, since: datetime) -> Ask:
        url = self.platforms.base(connection)
        return Ask(place, since, self.platforms.clock(), connection.credentials, url)

    async def list_all(
        self, connection: Connection, ask: Ask, report: Report, progress: Progress
    ) -> None:
        """Page by page. Raises Unavailable, Refused, Held, Unreadable, StoreUnavailable."""
        listing = listing_of(connection)
        waiting, asked = deque([listing.list_orders(ask)]), set[str]()
        while waiting:
            path = waiting.popleft()
            if path in asked:  # a cursor that leads back
                continue
            if len(asked) >= MOST_CALLS:
                raise Refused(f"more than {MOST_CALLS} pages: ask for a shorter time")
            asked.add(path)
            reply = await self.platforms.exchange(connection, "GET", path)
            page = listing.listed(ask, Told(path, reply.headers, reply.body))
            waiting.extend(page.then)
            await self.take(connection, ask, path, page.found, report)
            progress(report)

    async def take(
        self,
        connection: Connection,
        ask: Ask,
        path: str,
        found: Sequence[Found],
        report: Report,
    ) -> None:
        """Keeps what is neither known nor over."""
        told = [(incoming(connection, ask, path, one), one.over) for one in found]
        listed = [(one, over) for one, over in told if one]
        report.listed += len(listed)
        if len(listed) < len(told):
            report.failed.append(f"{path}: an order without an id")
        known = await self.inbox.read(
            partial(
                seen.known,
                name=connection.name,
                order_ids=[one.queue for one, _ in listed],
                delivery_ids=[one.delivery_id for one, _ in listed],
            )
        )
        for one, over in listed:
            if one.queue in known or one.delivery_id in known:
                continue
            if over:
                report.over.append(one.delivery_id.removeprefix(MARK))
            elif await self.inbox.keep(one):
                report.kept.append(one.delivery_id.removeprefix(MARK))
                metrics.arrived.labels(connection.name, "reconciled").inc()


def listing_of(connection: Connection) -> Listing:
    api = connection.adapter.api
    if api is None or api.listing is None:
        raise Held(f"{connection.adapter.slug} lists no orders")
    return api.listing


def incoming(connection: Connection, ask: Ask, path: str, found: Found) -> Incoming | None:
    """As the web side would keep the webhook, but under an id of the order's own."""
    delivery = Delivery(
        method=seen.LISTED,
        url=ask.url + path,
        path=found.path,
        headers=dict(found.headers),
        body=found.body,
        received_at=ask.now,
    )
    identity = connection.adapter.identify(delivery)
    if not identity.order_id:
        return None
    ordered = storable(identity.order_id)
    return keep.incoming(
        delivery,
        connection=connection.name,
        delivery_id=MARK + ordered,
        queue=order_id(connection.name, ordered),
        pos=connection.pos_name(identity.store_id),
        overtakes=identity.overtakes,
    )


def fail(report: Report, place: str, error: Exception) -> None:
    why = str(error) or f"not done within {MOST_SECONDS:.0f} s"
    report.failed.append(f"{place}: {why}" if place else why)
    report.again |= isinstance(error, Unavailable | StoreUnavailable | TimeoutError)


def note(report: Report) -> None:
    level = logger.warning if report.over or report.failed else logger.info
    level(
        "reconciled",
        connection=report.connection,
        since=report.since.isoformat(timespec="seconds"),
        listed=report.listed,
        kept=len(report.kept),
        over=report.over,
        failed=report.failed,
    )


@dataclass(slots=True)
class Watch:
    """Asks by itself after an outage of ours: of the process, or of the database it keeps in."""

    connections: Sequence[Connection]
    inbox: Inbox
    platforms: Platforms
    since: datetime  # what came later is no sign that nothing was missed before

    async def run(self) -> None:
        """For ever."""
        pending: datetime | None = self.since
        worked = self.since
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    if pending:
                        for connection, since in await self.missed(pending):
                            group.create_task(self.catch_up(connection, since))
                        pending = None
                    else:
                        await self.inbox.read(seen.answers)
                    worked = self.platforms.clock()
                except StoreUnavailable:
                    pending = pending or worked
                await asyncio.sleep(LOOK_SECONDS)

    async def missed(self, before: datetime) -> list[tuple[Connection, datetime]]:
        """The connections that were silent for longer than their platform goes on sending, and
        since when. One that never had a delivery has missed none. Raises StoreUnavailable."""
        found = []
        now = self.platforms.clock()
        for connection in self.connections:
            if hindrance(connection):
                continue
            last = await self.inbox.read(partial(seen.last, name=connection.name, before=before))
            if last and now - last > listing_of(connection).repeats:
                found.append((connection, max(last - OVERLAP, now - LOOK_BACK)))
        return found

    async def catch_up(self, connection: Connection, since: datetime) -> None:
        reconciler = Reconciler(self.inbox, self.platforms)
        for wait in (*TRIES, None):
            report = await reconciler.ask(connection, since)
            if not report.again or wait is None:
                return
            await asyncio.sleep(wait)
