"""What a command says when it fails: a sentence with the remedy on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import typer
from sqlalchemy.exc import DatabaseError
from typer.core import TyperGroup

from receiver.inbox.by_hand import NotMigrated, refusal
from receiver.inbox.records import StoreUnavailable
from receiver.serve import CannotListen
from receiver.settings import BadSettings

FAILED, CHECK_FAILED = 1, 3


class Failure(Exception):
    """The command cannot do it; the text says why and what to do about it."""


class Explaining(TyperGroup):
    """The root of all commands: whatever one of them raises is explained here."""

    def invoke(self, ctx: Any) -> Any:
        with explained():
            return super().invoke(ctx)


@contextmanager
def explained() -> Iterator[None]:
    try:
        yield
    except BadSettings as error:
        for warning in error.warnings:
            complain(f"warning: {warning}")
        for problem in error.problems:
            complain(problem)
        raise typer.Exit(CHECK_FAILED) from None
    except (Failure, NotMigrated, StoreUnavailable) as error:
        fail(str(error))
    except DatabaseError as error:
        fail(refusal(error))
    except CannotListen as error:
        fail(f"cannot listen on {error}; end what listens there, or set PORT or HOST")


def fail(text: str) -> NoReturn:
    complain(text)
    raise typer.Exit(FAILED) from None


def complain(text: str) -> None:
    typer.echo(f"receiver: {text}", err=True)
