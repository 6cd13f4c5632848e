"""Mapping what platforms call a dish to the till's articles: one click, and what waited goes on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote

from sqlalchemy import Connection as Box
from starlette.exceptions import HTTPException
from starlette.responses import Response

from receiver import catalogue
from receiver.articles import Chosen
from receiver.console.parts import HOME, Asked, Console, missing, number
from receiver.inbox import articles
from receiver.inbox.nearest import nearest
from receiver.settings.model import Connection

ROWS = 50
MOST_FOUND = 15
LARGEST_CHANNEL = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Mapped:
    """A page of an operator's mappings of one connection."""

    chosen: Mapping[str, Chosen]
    older: str | None  # the last reference, where there are more


async def list_(asked: Asked) -> Response:
    read = await asked.console.read(articles.overview)
    settings = asked.console.settings
    return asked.page(
        "articles.html", connections=settings.connections, every_pos=settings.pos, read=read
    )


async def of_connection(asked: Asked) -> Response:
    connection = connection_of(asked)
    after = asked.query.get("after", "")
    found = await asked.console.read(partial(page, name=connection.name, after=after))
    return asked.page("mappings.html", connection=connection, mapped=found)


def page(box: Box, name: str, after: str) -> Mapped:
    found = articles.chosen(box, name, after=after, limit=ROWS + 1)
    shown = dict(list(found.items())[:ROWS])
    return Mapped(shown, list(shown)[-1] if len(found) > ROWS else None)


async def choose(asked: Asked) -> Response:
    """The articles that one reference may be, by its name or by what is looked for."""
    connection = connection_of(asked)
    reference = asked.query.get("reference", "")
    look_for = asked.query.get("find", "").strip() or reference
    if not reference:
        raise HTTPException(400, "No reference was named.")
    console = asked.console
    every_pos = pos_of(console, connection, None)
    look = partial(
        nearest, every_pos=every_pos, dishes=[look_for], now=console.clock(), limit=MOST_FOUND
    )
    (near,) = await console.read(look)
    return asked.page(
        "choose.html",
        connection=connection,
        reference=reference,
        find=look_for,
        near=near,
        job_id=number(asked.query.get("job")),
    )


async def map_(asked: Asked) -> Response:
    """Maps a reference, or takes its mapping away where no article is named."""
    connection, form = connection_of(asked), asked.form
    reference, article = form.get("reference", ""), form.get("article", "").strip()
    job_id = number(form.get("job"))
    place = f"{HOME}/deliveries/{job_id}" if job_id else f"{HOME}/articles/{quote(connection.name)}"
    if not reference:
        raise HTTPException(400, "No reference was named.")
    one = Chosen(article, channel_of(form)) if article else None
    work = partial(
        catalogue.choose,
        connection=connection,
        reference=reference,
        one=one,
        now=asked.console.clock(),
    )
    try:
        count = await asked.console.write(work)
    except catalogue.CannotMap as error:
        return asked.back(place, f"Nothing was changed: {error}.")
    text = f"{reference} is {f'article {article}' if one else 'not mapped any more'}."
    text += f" {count} held orders look again." if count else ""
    return asked.done(
        place, text, "map", connection=connection.name, reference=reference, article=article
    )


def channel_of(form: Mapping[str, str]) -> int | None:
    text = form.get("channel", "").strip()
    channel = number(text)
    if text and (channel is None or channel > LARGEST_CHANNEL):
        raise HTTPException(400, "The channel is not a number.")
    return channel


def connection_of(asked: Asked) -> Connection:
    found: Connection = asked.console.settings.connections.get(asked.path["name"]) or missing()
    return found


def pos_of(console: Console, connection: Connection, name: str | None) -> Collection[str]:
    """Whose articles count: the order's POS, or any of the connection's."""
    return (
        [name] if name and name in console.settings.pos else sorted(set(connection.stores.values()))
    )
