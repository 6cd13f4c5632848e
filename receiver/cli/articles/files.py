"""Mappings as CSV, out and in."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection as Database

from receiver.articles import Chosen
from receiver.catalogue import unknown
from receiver.cli.explain import Failure, complain
from receiver.cli.setup import box, settings
from receiver.cli.shown import Json, print_json
from receiver.inbox import articles
from receiver.pipeline.tools import now
from receiver.settings import Settings

FIELDS = ("connection", "reference", "article", "channel")


def export(
    name: Annotated[str | None, typer.Argument(help="This connection only.")] = None,
    as_json: Json = False,
) -> None:
    """All mappings as CSV on standard output: connection, reference, article, channel."""
    found = settings()
    with box() as opened:
        rows = [
            {"connection": one, "reference": reference, "article": c.article, "channel": c.channel}
            for one in ([name] if name else found.connections)
            for reference, c in articles.chosen(opened, one).items()
        ]
    if as_json:
        print_json(rows)
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    typer.echo(text.getvalue(), nl=False)


@dataclass(frozen=True, slots=True)
class Row:
    line: int
    connection: str
    reference: str
    chosen: Chosen | None  # an empty article takes the mapping away


def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would change.")
    ] = False,
) -> None:
    """Mappings from such a CSV; nothing is changed while any row does not fit."""
    found = settings()
    rows, problems = parsed(file, found)
    with box(writes=not dry_run) as opened:
        problems += [
            f"line {row.line}: {problem}"
            for row in rows
            if row.chosen
            and (
                problem := unknown(
                    opened, found.connections[row.connection], row.chosen.article, now()
                )
            )
        ]
        for problem in problems:
            complain(problem)
        if problems:
            raise Failure(f"{len(problems)} rows do not fit; nothing was changed")
        changes = differences(opened, rows)
        for change in changes:
            typer.echo(change)
        if not dry_run:
            count = sum(apply(opened, name, rows) for name in {row.connection for row in rows})
            typer.echo(f"{len(changes)} mappings changed; {count} held orders look again", err=True)


def parsed(file: Path, found: Settings) -> tuple[list[Row], list[str]]:
    try:
        reader = csv.DictReader(file.read_text("utf-8-sig").splitlines())
    except UnicodeDecodeError:
        raise Failure(f"{file} is not UTF-8 text") from None
    missing = {"connection", "reference", "article"} - set(reader.fieldnames or ())
    if missing:
        raise Failure(f"{file}: line 1: lacks the columns {', '.join(sorted(missing))}")
    rows: list[Row] = []
    problems: list[str] = []
    for fields in reader:
        try:
            rows.append(row(reader.line_num, fields, found))
        except ValueError as error:
            problems.append(f"line {reader.line_num}: {error}")
    return rows, problems


def row(line: int, fields: Mapping[str, str | None], found: Settings) -> Row:
    """Raises ValueError saying what does not fit."""
    name, reference, article, channel = ((fields.get(key) or "").strip() for key in FIELDS)
    if name not in found.connections:
        raise ValueError(f"there is no connection {name!r}")
    if not reference:
        raise ValueError("reference: missing")
    if reference in found.connections[name].articles:
        raise ValueError(f"{reference} is mapped by connections.{name}.articles")
    if channel and not channel.isdecimal():
        raise ValueError(f"channel: {channel!r} is not a number")
    one = Chosen(article, int(channel) if channel else None) if article else None
    return Row(line, name, reference, one)


def differences(opened: Database, rows: Sequence[Row]) -> list[str]:
    before = {name: articles.chosen(opened, name) for name in {row.connection for row in rows}}
    return [
        f"{row.connection}: {row.reference}: {shown(old)} -> {shown(row.chosen)}"
        for row in rows
        if (old := before[row.connection].get(row.reference)) != row.chosen
    ]


def shown(one: Chosen | None) -> str:
    if one is None:
        return "nothing"
    return one.article if one.channel is None else f"{one.article} in channel {one.channel}"


def apply(opened: Database, name: str, rows: Sequence[Row]) -> int:
    mine = {row.reference: row.chosen for row in rows if row.connection == name}
    return articles.choose(opened, name, mine, now())
