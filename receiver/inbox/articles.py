"""The catalogue in the box: every article as it was listed from when on, and operators' mappings.

An article that changes gets a new row, valid from the sync that found it: an order of New Year's
Eve, processed a day later, is taxed as of the evening.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import astuple
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    delete,
    func,
    select,
    update,
)

from receiver.articles import Article, Chosen, Match, Price
from receiver.inbox.records import ms
from receiver.inbox.sql import chunks, insert_many, one_of, padded, rows, run, upsert
from receiver.inbox.tables import among, article_mappings, articles, catalogues, jobs

COLUMNS = (
    "pos",
    "id",
    "valid_from",
    "name",
    "external_reference",
    "material_number",
    "prices",
)
BY_OPERATORS = ""  # in place of a POS
AWAITED = "article"
"""How what a held job awaits begins: any change of a catalogue lets it look again."""


# What an order needs


@cache
def newest(match: Match, count: int) -> Select[Any]:
    """The articles of that time called by so many names; of one not listed yet, its first row."""
    inner = articles.alias("inner")
    within = inner.c.pos == articles.c.pos, inner.c.id == articles.c.id
    then = select(func.max(inner.c.valid_from)).where(
        *within, inner.c.valid_from <= bindparam("at")
    )
    first = select(func.min(inner.c.valid_from)).where(*within)
    column: ColumnElement[str] = articles.c[match]
    return (
        select(column.label("called"), *(articles.c[name] for name in COLUMNS[1:]))
        .where(
            articles.c.pos == bindparam("of"),
            one_of(column, "called", count),
            articles.c.valid_from == func.coalesce(then.scalar_subquery(), first.scalar_subquery()),
            articles.c.prices != "",
        )
        .order_by(articles.c.id)
    )


def find(
    connection: Connection, pos: str, called: str, match: Sequence[Match], at: datetime
) -> Article | None:
    """The one called so, as of `at`."""
    return find_all(connection, pos, [called], match, at).get(called)


def find_all(
    connection: Connection, pos: str, called: Collection[str], match: Sequence[Match], at: datetime
) -> dict[str, Article]:
    """By what they are called: each by the first of `match` that finds one, as of `at`; of several
    the one with the least id."""
    found: dict[str, Article] = {}
    for what in match:
        for names in chunks([name for name in called if name not in found]):
            asked = padded("called", names)
            query = newest(what, len(asked))
            for name, *row in rows(connection, query, of=pos, at=ms(at), **asked):
                found.setdefault(name, article(row))
    return found


def article(row: Sequence[Any]) -> Article:
    number, _, name, external, material, prices = row
    return Article(number, name, external, material, tuple(Price(*p) for p in json.loads(prices)))


SYNCED_AT = select(catalogues.c.synced_at).where(catalogues.c.pos == bindparam("of"))
VERSION = select(func.coalesce(func.sum(catalogues.c.version), 0))


def is_synced(connection: Connection, pos: str) -> bool:
    return rows(connection, SYNCED_AT, of=pos) not in ([], [(None,)])


def version(connection: Connection) -> int:
    """Differs from what it was before when any catalogue or mapping has changed."""
    return int(rows(connection, VERSION)[0][0])


@cache
def mappings(count: int) -> Select[Any]:
    chosen = article_mappings.c
    query = select(chosen.reference, chosen.article, chosen.channel)
    return query.where(
        chosen.connection == bindparam("of"), one_of(chosen.reference, "called", count)
    )


def mapped(connection: Connection, name: str, called: Iterable[str]) -> dict[str, Chosen]:
    """What operators mapped these references of a connection to."""
    found: dict[str, Chosen] = {}
    for names in chunks(list(called)):
        asked = padded("called", names)
        for reference, *chosen in rows(connection, mappings(len(asked)), of=name, **asked):
            found[reference] = Chosen(*chosen)
    return found


# Syncing


def current(connection: Connection, pos: str) -> dict[str, Article]:
    """Every article as listed last, those no longer listed left out."""
    query = select(*(articles.c[name] for name in COLUMNS[1:])).where(articles.c.pos == pos)
    latest = {row[0]: row for row in connection.execute(query.order_by(articles.c.valid_from))}
    return {key: article(row) for key, row in latest.items() if row[5]}


def store(connection: Connection, pos: str, found: Iterable[Article], now: datetime) -> None:
    """New or changed ones."""
    insert_many(
        connection,
        articles,
        COLUMNS,
        [
            (
                pos,
                one.id,
                ms(now),
                one.name,
                one.external_reference,
                one.material_number,
                json.dumps([astuple(price) for price in one.prices]),
            )
            for one in found
        ],
        "ON CONFLICT (pos, id, valid_from) DO NOTHING",
    )


def drop(connection: Connection, pos: str, gone: Collection[str], now: datetime) -> None:
    """No longer listed from now on."""
    values = [(pos, one, ms(now), "", None, None, "") for one in gone]
    tail = "ON CONFLICT (pos, id, valid_from) DO NOTHING"
    insert_many(connection, articles, COLUMNS, values, tail)


def synced(
    connection: Connection,
    pos: str,
    count: int,
    channels: Mapping[int, str],
    now: datetime,
) -> int:
    """The sync is complete; how many orders look again."""
    row = {"synced_at": ms(now), "tried_at": ms(now), "problem": None, "articles": count}
    touch(connection, pos, {**row, "channels": json.dumps(channels)})
    return release(connection, now)


def failed(connection: Connection, pos: str, problem: str, now: datetime) -> None:
    """The last good catalogue stays."""
    touch(connection, pos, {"tried_at": ms(now), "problem": problem}, changed=False)


def touch(
    connection: Connection, pos: str, values: Mapping[str, Any], *, changed: bool = True
) -> None:
    of = catalogues.c.pos == pos
    insert_many(
        connection, catalogues, ("pos", "version"), [(pos, 0)], "ON CONFLICT (pos) DO NOTHING"
    )
    more = {"version": catalogues.c.version + 1} if changed else {}
    if values or more:
        connection.execute(update(catalogues).where(of).values({**values, **more}))


def claim_sync(connection: Connection, pos: str, tried_at: int, now: datetime) -> bool:
    """Whether the sync that is due is ours: of several workers one does it."""
    mine = catalogues.c.pos == pos, catalogues.c.tried_at == tried_at
    return connection.execute(update(catalogues).where(*mine).values(tried_at=ms(now))).rowcount > 0


def overview(connection: Connection) -> dict[str, dict[str, Any]]:
    """What is known of each POS' catalogue, by POS."""
    found = connection.execute(select(catalogues).where(catalogues.c.pos != BY_OPERATORS))
    return {row["pos"]: dict(row) for row in found.mappings()}


# Mapping by hand


def chosen(
    connection: Connection, name: str, *, after: str = "", limit: int | None = None
) -> dict[str, Chosen]:
    """What operators mapped for a connection, by reference: all, or so many after one."""
    mine = article_mappings.c.connection == name, article_mappings.c.reference > after
    query = select(article_mappings).where(*mine).order_by(article_mappings.c.reference)
    found = connection.execute(query.limit(limit)).mappings()
    return {row["reference"]: Chosen(row["article"], row["channel"]) for row in found}


def choose(
    connection: Connection, name: str, mapped: Mapping[str, Chosen | None], now: datetime
) -> int:
    """Maps references, or takes their mappings away (None); how many orders look again."""
    for reference, one in mapped.items():
        if one is None:
            mine = article_mappings.c.connection == name, article_mappings.c.reference == reference
            connection.execute(delete(article_mappings).where(*mine))
        else:
            row = {"connection": name, "reference": reference}
            upsert(
                connection,
                article_mappings,
                {**row, "article": one.article, "channel": one.channel},
            )
    touch(connection, BY_OPERATORS, {})
    return release(connection, now)


RELEASE = (
    update(jobs)
    .where(among(jobs.c.state, "held"), jobs.c.awaits == AWAITED)
    .values(state="ready", due_at=bindparam("now"), awaits=None, updated_at=bindparam("now"))
)


def release(connection: Connection, now: datetime) -> int:
    """Whatever was held for want of an article looks again; it is held again if in vain."""
    return run(connection, RELEASE, now=ms(now))
