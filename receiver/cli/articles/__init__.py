"""`articles`: the till's catalogue, and which platform reference is which of its articles."""

from __future__ import annotations

import typer

from receiver.cli.articles import files, listing, mapping

app = typer.Typer(help="The till's articles, and mapping to them.", no_args_is_help=True)
for name, command in (
    ("sync", listing.sync),
    ("list", listing.list_),
    ("map", mapping.map_),
    ("export", files.export),
    ("import", files.import_),
):
    app.command(name)(command)
