"""`check`: everything that is wrong with the set-up, at once."""

from __future__ import annotations

import os
from typing import NamedTuple

import typer

from receiver.cli.explain import CHECK_FAILED
from receiver.cli.setup import settings_and_warnings
from receiver.cli.shown import Json, print_json
from receiver.inbox import by_hand
from receiver.inbox.dialect import sqlite_path
from receiver.inbox.records import StoreUnavailable
from receiver.settings import BadSettings, database_url


class Findings(NamedTuple):
    problems: tuple[str, ...]
    warnings: tuple[str, ...]


def check(as_json: Json = False) -> None:
    """Say everything that is wrong with the set-up and its database; exit 3 if anything is."""
    problems, warnings = look()
    if as_json:
        print_json({"ok": not problems, "problems": problems, "warnings": warnings})
    else:
        for problem in problems:
            typer.echo(f"problem: {problem}")
        for warning in warnings:
            typer.echo(f"warning: {warning}")
        typer.echo(f"problems: {len(problems)}, warnings: {len(warnings)}")
    if problems:
        raise typer.Exit(CHECK_FAILED)


def look() -> Findings:
    try:
        _, warnings = settings_and_warnings()
        problems: tuple[str, ...] = ()
    except BadSettings as error:
        problems, warnings = error.problems, error.warnings
    url = database_url(os.environ)
    box = look_into(url) if url else Findings((), ())
    return Findings(problems + box.problems, warnings + box.warnings)


def look_into(url: str) -> Findings:
    """What `receiver serve` mends by itself is worth a warning only."""
    try:
        found = by_hand.trouble(url)
    except StoreUnavailable as error:
        return Findings((str(error),), ())
    if found is None:
        return Findings((), ())
    if found.migrating_helps and sqlite_path(url) is not None:
        return Findings((), (f"{found.text}, or start receiver serve",))
    return Findings((found.text,), ())
