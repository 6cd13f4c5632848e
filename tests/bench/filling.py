"""A box as it is after a month at work: filled through its own tables, as fast as they take it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from sqlalchemy import Connection, Engine, Table, func, select

from adapters.deliveroo import GUID
from receiver.inbox.dialect import cursor, open_engine, renumber
from receiver.inbox.records import lane, ms
from receiver.inbox.tables import NEVER, attempts, deliveries, jobs, order_references, orders
from receiver.oktopos import order_id
from tests.bench.deliveries import CONNECTION, POS, incoming

LOT = 5_000  # deliveries a transaction
MONTH = timedelta(days=30)
FIGURES = '{"turnover": {"7.00": 3720, "19.00": 1640}, "fees": {}, "discounts": {}, "tips": {}}'
ANSWER = '{"internalId": 10001}'

DELIVERY = ("id", "connection", "delivery_id", "method", "url", "path", "headers", "body")
JOB = ("id", "delivery", "connection", "queue", "overtakes", "pos", "lane", "state", "due_at")
ORDER = ("order_id", "connection", "pos", "platform_id", "state", "internal_id", "display_id")
COLUMNS: Mapping[Table, Sequence[str]] = {
    deliveries: (*DELIVERY, "received_at"),
    jobs: (*JOB, "since", "fence", "sent", "updated_at", "deadline", "ended_at"),
    attempts: ("id", "job", "at", "outcome", "detail", "answer"),
    orders: (*ORDER, "total", "tip", "created_at", "figures", "delivery"),
    order_references: ("reference", "order_id"),
}

Row = tuple[object, ...]
Tell = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """So many deliveries that are done, and after them jobs in `state`: in so many `queues`, or
    each in its own, of so many tills."""

    kept: int = 0
    open: int = 0
    queues: int = 0
    tills: int = 1
    state: str = "ready"

    @property
    def rows(self) -> int:
        return self.kept + self.open


@dataclass(frozen=True, slots=True)
class One:
    """A delivery to be, and where it goes."""

    row: int
    number: str  # the platform's, in hex
    at: int
    till: int
    queue: str
    state: str

    @property
    def order_id(self) -> str:
        return named(self.number)


class Copies:
    """Deliveries like one that is signed: only numbers differ, and nobody verifies them again."""

    def __init__(self) -> None:
        (self.like,) = incoming(1)
        self.number: str = json.loads(self.like.headers)[GUID]

    def rows(self, one: One) -> Iterator[tuple[Table, Row]]:
        """Of each table, what there is of such a delivery by now."""
        like, pos = self.like, till(one.till)
        body = like.body.replace(self.number.encode(), one.number.encode())
        headers = like.headers.replace(self.number, one.number)
        called = like.delivery_id.replace(self.number, one.number)
        came = (one.row, like.connection, called, like.method, like.url, like.path)
        yield deliveries, (*came, headers, body, one.at)
        goes = (one.queue, False, pos, lane(like.connection, pos), one.state)
        tried = one.state != "ready"
        ended = one.at if one.state == "done" else None
        times = (one.at, one.at, int(tried), False, one.at, NEVER, ended)
        yield jobs, (one.row, one.row, like.connection, *goes, *times)
        if one.state == "done":
            yield from self.outcome(one, pos)

    def outcome(self, one: One, pos: str) -> Iterator[tuple[Table, Row]]:
        name, called, known = one.order_id, one.number[:4], f"de:{one.number}"
        order = (name, self.like.connection, pos, known, "created", one.row, called)
        yield attempts, (one.row, one.row, one.at, "created", name, ANSWER)
        yield orders, (*order, 5_360, 0, one.at, FIGURES, one.row)
        for reference in (name, known, called):
            yield order_references, (reference, name)


def till(number: int) -> str:
    return f"{POS.name}{number or ''}"


def named(number: str) -> str:
    """The order as the till knows it."""
    return order_id(CONNECTION.name, f"de:{number}")


def sequence(content: Content, first: int) -> Iterator[One]:
    """Of the last month. The numbers are the same each time, and in no order, as platforms' are."""
    chance = random.Random(first)
    ends = datetime.now(UTC)
    begins, step = ms(ends - MONTH), MONTH / timedelta(milliseconds=1) / content.rows
    for place in range(content.rows):
        number = f"{chance.getrandbits(128):032x}"
        state = "done" if place < content.kept else content.state
        which = chance.randrange(content.queues) if content.queues else place
        alone = state == "done" or not content.queues
        queue = named(number) if alone else f"queue {first} {which}"
        goes = which % content.tills
        yield One(first + place, number, begins + int(step * place), goes, queue, state)


def fill(url: str, content: Content, tell: Tell = lambda _: None) -> None:
    """Beside whatever is in it. `tell` hears how many deliveries are there by now."""
    engine = open_engine(url, writes=True)
    with engine.begin() as connection:
        (last,) = connection.execute(select(func.coalesce(func.max(deliveries.c.id), 0))).one()
    fast(engine)
    copies, todo = Copies(), sequence(content, last + 1)
    done = 0
    while lot := list(islice(todo, LOT)):
        with engine.begin() as connection:
            put_all(connection, copies, lot)
            for table in COLUMNS:
                renumber(connection, table)
        done += len(lot)
        tell(done)
    engine.dispose()


def fast(engine: Engine) -> None:
    """A box that is lost while it is filled is filled again."""
    if engine.dialect.name == "sqlite":
        with closing(engine.raw_connection()) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("PRAGMA wal_autocheckpoint = 2000")


def put_all(connection: Connection, copies: Copies, lot: Sequence[One]) -> None:
    found: dict[Table, list[Row]] = {table: [] for table in COLUMNS}
    for one in lot:
        for table, row in copies.rows(one):
            found[table].append(row)
    for table, rows in found.items():
        put(connection, table, rows)


def put(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    names, place = COLUMNS[table], cursor(connection)
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(names))
        place.executemany(f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})", rows)
        return
    with place.copy(f"COPY {table.name} ({', '.join(names)}) FROM STDIN") as into:
        for row in rows:
            into.write_row(row)


def settle_down(url: str) -> None:
    """As it would stand after a while: on disk, and vacuumed by PostgreSQL itself."""
    engine = open_engine(url, writes=True)
    statements = {
        "sqlite": ["PRAGMA wal_checkpoint(TRUNCATE)"],
        "postgresql": ["VACUUM ANALYZE", "CHECKPOINT"],
    }
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execution_options(isolation_level="AUTOCOMMIT")
        for statement in statements[engine.dialect.name]:
            cursor(connection).execute(statement)
    engine.dispose()
