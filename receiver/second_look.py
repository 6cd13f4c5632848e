"""A second look at what is in quarantine: verified by the secrets as they are set now, let in."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import Connection as Box

from adapters.contract import Delivery, Rejected
from receiver.certificates import Certificates, NoCertificate
from receiver.inbox import operate, quarantine
from receiver.inbox.keep import keep_many
from receiver.incoming import incoming
from receiver.settings.model import Connection, Settings

Got: TypeAlias = bytes | Rejected | NoCertificate


@dataclass(frozen=True, slots=True)
class Look:
    """With what the second look is taken."""

    settings: Settings
    certificates: Mapping[int, Got]  # by the delivery's id, where its platform signs by one
    at: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    id: int
    connection: str | None
    released: bool
    text: str


async def certificates(
    suspects: Sequence[tuple[int, str, Delivery]], settings: Settings, source: Certificates
) -> dict[int, Got]:
    """Each of them anew, or why not: before the box is locked, as it may take a while."""
    return {
        row: await certificate(source, configured, delivery)
        for row, name, delivery in suspects
        if (configured := settings.connections.get(name)) and configured.adapter.certificate_at
    }


async def certificate(source: Certificates, of: Connection, delivery: Delivery) -> Got:
    try:
        return (await source.given(of, delivery)).certificate or b""
    except (Rejected, NoCertificate) as error:
        return error


def look_again(box: Box, look: Look, ids: Collection[int] | None) -> Sequence[Verdict]:
    """Kept and out of quarantine in one transaction; of all when `ids` is None."""
    suspects = {row: (name, delivery) for row, name, delivery in quarantine.every(box, ids)}
    asked = list(suspects) if ids is None else list(dict.fromkeys(ids))
    verdicts = [
        judge(box, look, row, *suspects[row])
        if row in suspects
        else Verdict(row, None, False, "there is no such delivery in quarantine")
        for row in asked
    ]
    quarantine.remove(box, [verdict.id for verdict in verdicts if verdict.released])
    return verdicts


def judge(box: Box, look: Look, row: int, name: str, delivery: Delivery) -> Verdict:
    """Judged as of when it came: a signature that was fresh then is fresh."""
    configured = look.settings.connections.get(name)
    if configured is None:
        return Verdict(row, name, False, f"connection {name} is not set up")
    try:
        delivery = holding(delivery, look.certificates.get(row))
        configured.adapter.verify(delivery, configured.proves(delivery))
    except (Rejected, NoCertificate) as error:
        return Verdict(row, name, False, f"still not proven genuine: {error}")
    one = incoming(configured, delivery)
    (new,) = keep_many(box, [one])
    if not new:
        return Verdict(row, name, True, "it had been kept already; the platform sent it again")
    operate.begin_now(box, name, one.delivery_id, look.at)
    return Verdict(row, name, True, f"kept as {one.delivery_id}")


def holding(delivery: Delivery, got: Got | None) -> Delivery:
    """Raises what was raised in its stead."""
    if isinstance(got, Exception):
        raise got
    return replace(delivery, certificate=got)
