"""Reading the catalogues, and looking into them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.progress import Progress

from receiver import catalogue
from receiver.articles import Article
from receiver.cli.articles.named import one_pos
from receiver.cli.explain import FAILED, complain
from receiver.cli.setup import box, run, settings
from receiver.cli.shown import Json, console, local, money, print_json, print_table
from receiver.http import Http
from receiver.inbox import articles, open_inbox
from receiver.pipeline.tools import now
from receiver.settings import Settings
from receiver.settings.model import Pos

COLUMNS = ("id", "name", "external reference", "material number", "prices")


def sync(
    names: Annotated[list[str] | None, typer.Argument(metavar="POS", help="All without.")] = None,
    as_json: Json = False,
) -> None:
    """Read the catalogue of each POS; orders held for want of an article look again."""
    found = settings()
    chosen = [one_pos(found, name) for name in names or found.pos]
    with box():
        pass  # says at once when there is none
    counts = run(sync_all(found, chosen))
    if as_json:
        print_json([{"pos": name, "articles": count} for name, count in counts.items()])
    for name, count in counts.items():
        if isinstance(count, str):
            complain(count)
        elif not as_json:
            typer.echo(f"{name}: {count} articles")
    if any(isinstance(count, str) for count in counts.values()):
        raise typer.Exit(FAILED)


async def sync_all(found: Settings, chosen: Sequence[Pos]) -> dict[str, int | str]:
    """How many articles each has, or why that is not known."""
    inbox, http = await open_inbox(found.database_url), Http()
    counts: dict[str, int | str] = {}
    try:
        with Progress(console=console(to_stderr=True), transient=True) as progress:
            for pos in chosen:
                task = progress.add_task(pos.name, total=None)
                try:
                    counts[pos.name] = await catalogue.sync(
                        pos,
                        http,
                        inbox,
                        now(),
                        lambda count, task=task: progress.update(task, completed=count),  # type: ignore[misc]
                    )
                except catalogue.SyncFailed as error:
                    counts[pos.name] = str(error)
    finally:
        await http.close()
        await inbox.close()
    return counts


def list_(
    text: Annotated[str, typer.Argument(help="Part of a name, id or reference.")] = "",
    pos: Annotated[str | None, typer.Option("--pos", help="This one only.")] = None,
    as_json: Json = False,
) -> None:
    """What each POS has, and when that was read."""
    found = settings()
    with box() as opened:
        overview = articles.overview(opened)
        listed = {
            name: matching(articles.current(opened, name), text)
            for name in ([one_pos(found, pos).name] if pos else found.pos)
        }
    if as_json:
        print_json({name: [as_row(one) for one in ones] for name, ones in listed.items()})
        return
    for name, ones in listed.items():
        state = overview.get(name, {})
        typer.echo(f"{name}: {state_of(state)}", err=True)
        print_table(COLUMNS, [cells(one) for one in ones])


def state_of(state: Mapping[str, Any]) -> str:
    if not state.get("synced_at"):
        read = "never read: run receiver articles sync"
    else:
        read = f"{state['articles']} articles, read {local(state['synced_at'])}"
    return f"{read}; last try failed: {state['problem']}" if state.get("problem") else read


def matching(found: Mapping[str, Article], text: str) -> list[Article]:
    wanted = text.casefold()
    return [one for one in found.values() if wanted in " ".join(words(one)).casefold()]


def words(one: Article) -> Sequence[str]:
    return [one.id, one.name, one.external_reference or "", one.material_number or ""]


def cells(one: Article) -> Sequence[object]:
    prices = (f"{price.channel}: {money(price.cents)}" for price in one.prices)
    return (*words(one), ", ".join(prices))


def as_row(one: Article) -> dict[str, object]:
    names = ("id", "name", "external_reference", "material_number")
    prices = [
        {
            "channel": p.channel,
            "price": p.cents,
            "tax_rate_id": p.tax_rate_id,
            "tax_rate": p.tax_rate,
        }
        for p in one.prices
    ]
    return {**{name: getattr(one, name) for name in names}, "prices": prices}
