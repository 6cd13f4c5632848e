"""Mapping one reference by hand."""

from __future__ import annotations

from typing import Annotated, NoReturn

import typer

from receiver import catalogue
from receiver.articles import Chosen, missing
from receiver.cli.articles.named import one_connection
from receiver.cli.explain import Failure
from receiver.cli.setup import box, settings
from receiver.inbox import listing
from receiver.inbox.nearest import nearest
from receiver.pipeline.tools import now
from receiver.settings.model import Connection

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
    one = None if article is None else Chosen(article, channel)
    try:
        if one is None and not remove:
            catalogue.demand_free(connection, reference)
            suggest(connection, reference)
        with box(writes=True) as opened:
            count = catalogue.choose(opened, connection, reference, one, now())
    except catalogue.CannotMap as error:
        raise Failure(str(error)) from None
    typer.echo(f"{name}: {reference} -> {article or 'nothing'}; {count} held orders look again")


def suggest(connection: Connection, reference: str) -> NoReturn:
    """By the name under which it is held, where it is; else by the reference itself."""
    with box() as opened:
        held = listing.page(opened, states=("held",), text=f"({reference})", limit=1)
        named = missing(held[0]["reason"]) if held else []
        name = next((one.name for one in named if one.reference == reference), reference)
        (found,) = nearest(opened, sorted(set(connection.stores.values())), [name], now())
    close = dict.fromkeys(f"{one.article.name} ({one.article.id})" for one in found)
    near = ", ".join(close) or "see receiver articles list"
    raise Failure(f"name an article; the nearest to {name}: {near}")
