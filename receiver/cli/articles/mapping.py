"""Mapping one reference by hand."""

from __future__ import annotations

import difflib
import re
from typing import Annotated

import typer
from sqlalchemy import Connection as Database

from receiver.articles import Chosen
from receiver.cli.articles.named import one_connection
from receiver.cli.explain import Failure
from receiver.cli.setup import box, settings
from receiver.inbox import articles, search
from receiver.pipeline.tools import now
from receiver.settings.model import Connection

NEAREST = 5

Name = Annotated[str, typer.Argument(help="As in the settings: connections.<name>.")]


def map_(
    name: Name,
    reference: Annotated[str, typer.Argument(help="What the platform calls it.")],
    article: Annotated[str | None, typer.Argument(help="OktoPOS' id of the article.")] = None,
    channel: Annotated[int | None, typer.Option(help="Its distribution channel.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the mapping away.")] = False,
) -> None:
    """Map a platform's reference to an article; without one, show the nearest names."""
    connection = one_connection(settings(), name)
    if reference in connection.articles:
        raise Failure(f"{reference} is mapped by connections.{name}.articles: change it there")
    if article is None and not remove:
        suggest(connection, reference)
        return
    one = None if article is None else Chosen(article, channel)
    with box(writes=True) as opened:
        if one:
            problem = unknown(opened, connection, one.article)
            if problem:
                raise Failure(problem)
        count = articles.choose(opened, name, {reference: one}, now())
    typer.echo(f"{name}: {reference} -> {article or 'nothing'}; {count} held orders look again")


def suggest(connection: Connection, reference: str) -> None:
    """By the name under which it is held, where it is; else by the reference itself."""
    with box() as opened:
        held = search.listing(opened, states=("held",), text=f"({reference})", limit=1)
        known = {
            one.name: one.id
            for pos in sorted(set(connection.stores.values()))
            for one in articles.current(opened, pos).values()
        }
    called = re.search(rf'"([^"]+)" \({re.escape(reference)}\)', held[0]["reason"] if held else "")
    name = called[1] if called else reference
    close = difflib.get_close_matches(name, known, NEAREST, 0.3)
    near = ", ".join(f"{one} ({known[one]})" for one in close)
    raise Failure(f"name an article; the nearest to {name}: {near or 'see receiver articles list'}")


def unknown(opened: Database, connection: Connection, article: str) -> str | None:
    """What is wrong with it; nothing where no catalogue was ever read."""
    names = sorted(set(connection.stores.values()))
    read = [name for name in names if articles.is_synced(opened, name)]
    if not read or any(articles.find(opened, name, article, ("id",), now()) for name in read):
        return None
    return f"article {article} is not in the catalogue of {', '.join(read)}"
