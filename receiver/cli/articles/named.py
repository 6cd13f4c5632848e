"""What a command names must be there."""

from __future__ import annotations

from receiver.cli.explain import Failure
from receiver.settings import Settings
from receiver.settings.model import Connection, Pos


def one_pos(found: Settings, name: str) -> Pos:
    if name not in found.pos:
        raise Failure(f"no POS is called {name}; there are: {', '.join(found.pos)}")
    return found.pos[name]


def one_connection(found: Settings, name: str) -> Connection:
    if name not in found.connections:
        raise Failure(f"no connection is called {name}; there are: {', '.join(found.connections)}")
    return found.connections[name]
