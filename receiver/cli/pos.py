"""`pos`: which tills are open, and an operator's pause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from receiver.cli.explain import Failure
from receiver.cli.setup import box, settings
from receiver.cli.shown import Json, local, print_json, print_table, with_times
from receiver.inbox import by_hand, operate
from receiver.pipeline.tools import now

app = typer.Typer(help="Which POS are open, and pausing them.", no_args_is_help=True)

Name = Annotated[
    str, typer.Argument(help="pos.<name> in the settings, or default; a platform: @<connection>.")
]
COLUMNS = ("pos", "state", "failures", "reason", "next probe", "waiting")


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Every POS, and with an @ every platform that is told: open or paused, why, how many wait."""
    found = settings()
    with by_hand.opened(found.database_url) as opened:
        rows = operate.pos_overview(opened, operate.peers(found))
    if as_json:
        print_json([with_times(row) for row in rows])
    else:
        print_table(COLUMNS, [cells(row) for row in rows])


def cells(row: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        row["pos"],
        operate.OPEN_OR_NOT[row["paused"]],
        row["failures"],
        row["reason"],
        local(row["probe_at"]),
        row["waiting"],
    )


@app.command()
def pause(name: Name) -> None:
    """Send it nothing until `pos resume`; what comes for it waits."""
    demand(name)
    with box(writes=True) as opened:
        operate.pause_pos(opened, name, now())
    typer.echo(f"{name}: paused until receiver pos resume {name}")


@app.command()
def resume(name: Name) -> None:
    """Open it again, at once, whoever or whatever paused it."""
    demand(name)
    with box(writes=True) as opened:
        was = operate.resume_pos(opened, name, now())
    typer.echo(f"{name}: open" if was else f"{name}: was open already")


def demand(name: str) -> None:
    names = operate.peers(settings())
    if name not in names:
        raise Failure(f"no POS is called {name}; there are: {', '.join(names)}")
