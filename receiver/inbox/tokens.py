"""The refresh token that is next for each connection. A token works once, so one worker has it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, select, update

from receiver.inbox.records import ms
from receiver.inbox.sql import insert_many
from receiver.inbox.tables import tokens


class Kept(NamedTuple):
    origin: str  # digest of the setting it came from; empty where nothing is kept
    sealed: str | None


def take(box: Connection, name: str, now: datetime, until: datetime) -> Kept | None:
    """What is kept, for us alone until then; None while another worker has it."""
    fresh = [(name, "", 0)]
    insert_many(
        box, tokens, ("connection", "origin", "busy_until"), fresh, "ON CONFLICT DO NOTHING"
    )
    ours = tokens.c.connection == name
    free = update(tokens).where(ours, tokens.c.busy_until <= ms(now))
    if not box.execute(free.values(busy_until=ms(until))).rowcount:
        return None
    return Kept(*box.execute(select(tokens.c.origin, tokens.c.sealed).where(ours)).one())


def keep(box: Connection, name: str, kept: Kept) -> None:
    """In place of the one that was used up."""
    changed = {"origin": kept.origin, "sealed": kept.sealed, "busy_until": 0}
    box.execute(update(tokens).where(tokens.c.connection == name).values(changed))


def give_back(box: Connection, name: str) -> None:
    """It was not used up, as far as we know."""
    box.execute(update(tokens).where(tokens.c.connection == name).values(busy_until=0))
