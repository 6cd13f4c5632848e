"""What the line works with: the box, the calls, the clock and chance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from receiver.errors import Held
from receiver.http import Http
from receiver.inbox import Inbox
from receiver.inbox.records import Job, PosState
from receiver.platforms import Platforms
from receiver.settings.model import Connection, Pos, Settings


class Resting(Exception):
    """The POS, or platform, is paused: the job waits for it, without having tried."""

    def __init__(self, pos: str, why: str | None) -> None:
        peer = pos.removeprefix("@") if pos.startswith("@") else f"POS {pos}"
        super().__init__(f"{peer} is paused: {why or 'by an operator'}")
        self.pos = pos


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True, kw_only=True)
class Tools:
    settings: Settings
    inbox: Inbox
    http: Http
    platforms: Platforms
    clock: Callable[[], datetime] = now
    chance: Callable[[], float]
    paused: Mapping[str, PosState] = field(default_factory=dict)  # as of the last claim

    def connection(self, job: Job) -> Connection:
        try:
            return self.settings.connections[job.connection]
        except KeyError:
            raise Held(f"connection {job.connection} is no longer set up") from None

    def pos(self, connection: Connection, store_id: str | None) -> Pos:
        """The POS a store belongs to. Raises Held."""
        name = connection.pos_name(store_id)
        if name is None:
            raise Held(
                f"store {store_id} has no POS: add it to connections.{connection.name}.stores"
            )
        return self.named_pos(name)

    def named_pos(self, name: str) -> Pos:
        """Raises Held where it was taken out of the set-up meanwhile."""
        try:
            return self.settings.pos[name]
        except KeyError:
            raise Held(f"pos.{name} is no longer set up") from None

    def only_pos(self, connection: Connection) -> Pos:
        """The POS of a connection that names no store. Raises Held where it has several."""
        names = sorted(set(connection.stores.values()))
        if len(names) != 1:
            raise Held(f"connections.{connection.name} serves {', '.join(names)}: which is meant?")
        return self.named_pos(names[0])

    def open(self, pos: Pos, job: Job) -> Pos:
        """The POS, if it may be called now. Raises Resting."""
        self.ask(pos.name, job)
        return pos

    def ask(self, peer: str, job: Job) -> str:
        """The same for whom a job goes to, by name. What must be accepted soon does not wait for
        the next probe, only for an operator."""
        state = self.paused.get(peer)
        last = job.alarm_at is not None and job.alarm_at <= self.clock()
        if state and not job.probe and not (last and state.paused == "failing"):
            raise Resting(peer, state.reason)
        return peer
