"""How results are shown: a table for people, JSON for programs, both on standard output."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from receiver.inbox.records import moment

Json = Annotated[bool, typer.Option("--json", help="For programs: JSON on standard output.")]
JobIds = Annotated[
    list[int], typer.Argument(min=1, max=2**63 - 1, metavar="ID", help="As in the list.")
]
PIPE_WIDTH = 200  # columns, where no terminal says how wide it is
TIMES = ("received_at", "due_at", "since", "updated_at", "probe_at", "purged_at", "at")


def console(*, to_stderr: bool = False) -> Console:
    stream = sys.stderr if to_stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else PIPE_WIDTH, highlight=False)


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Callable[[int, int | None], None]]:
    """A bar on a terminal; it hears how much is done, and of how much where that has changed."""
    shown = console(to_stderr=True)
    with Progress(console=shown, transient=True, disable=not shown.is_terminal) as bar:
        task = bar.add_task(what, total=total)

        def tell(done: int, of: int | None) -> None:
            bar.update(task, completed=done, total=of)

        yield tell


def print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    console().print(table)


def plain(value: object) -> str:
    """As text that cannot steer a terminal: much of what is shown others have written."""
    text = "" if value is None else str(value)
    return "".join(
        sign if sign.isprintable() or sign in "\n\t" else "\N{REPLACEMENT CHARACTER}"
        for sign in text
    )


def with_times(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with its milliseconds as ISO times in UTC."""
    return {key: utc(value) if key in TIMES else value for key, value in row.items()}


def utc(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else moment(milliseconds).isoformat()


def local(milliseconds: int | None) -> str:
    """ISO, in this machine's time zone, to the second."""
    if milliseconds is None:
        return ""
    return moment(milliseconds).astimezone().isoformat(" ", timespec="seconds")


def money(cents: int | None) -> str:
    return "" if cents is None else f"{cents // 100}.{cents % 100:02d}"


def counted(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"
