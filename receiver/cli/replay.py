"""`replay FILE...`: recorded requests, signed with the configured secret and sent."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.progress import Progress

from adapters.contract import Delivery, Rejected
from receiver import recorded
from receiver.certificates import place
from receiver.cli.explain import FAILED, Failure, complain
from receiver.cli.setup import run, settings
from receiver.cli.shown import Json, console, plain, print_json
from receiver.cli.stand_ins import SILENT
from receiver.http import Http, NoAnswer, NotSent
from receiver.pipeline.tools import now
from receiver.sandbox import create_platform
from receiver.serving import serving
from receiver.settings import Settings, rules
from receiver.settings.model import Connection

WEBHOOKS = "/webhooks/"
HOPS = frozenset({"host", "content-length", "transfer-encoding", "connection", "keep-alive"})


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that was sent, and what came back; no status: nothing did."""

    file: str
    connection: str
    status: int | None
    answer: str

    @property
    def is_kept(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def replay(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True)
    ],
    to: Annotated[
        str | None,
        typer.Option(
            help="A receiver's base address, or a whole webhook address.",
            show_default="PUBLIC_URL",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Sign recorded requests with the configured secrets and send them."""
    found = settings()
    to = address(to) if to else found.public_url
    deliveries = [prepared(file, to, found) for file in files]
    answers = run(send_all(deliveries, show_progress=len(files) > 1 and not as_json))
    if as_json:
        print_json([asdict(answer) for answer in answers])
    for answer in answers:
        if not answer.is_kept:
            complain(line(answer))
        elif not as_json:
            typer.echo(line(answer))
    if not all(answer.is_kept for answer in answers):
        raise typer.Exit(FAILED)


def address(text: str) -> str:
    try:
        return rules.address(text)
    except ValueError as error:
        raise typer.BadParameter(f"--to {error}") from None


def line(answer: Sent) -> str:
    said = plain(answer.answer).strip()
    status = answer.status or "no answer"
    return f"{answer.file}: {status} {said}".rstrip()


@dataclass(frozen=True, slots=True)
class Prepared:
    file: str
    connection: str
    url: str
    delivery: Delivery
    certificate_at: str | None  # where the receiver will look for whose key signed it


def prepared(file: Path, to: str, found: Settings) -> Prepared:
    """Read, addressed, arriving now, signed. Raises Failure."""
    try:
        name, delivery = recorded.read(file.read_bytes(), "")
    except (ValueError, OSError) as error:
        raise Failure(f"{file}: {error}") from None
    if not "".join(delivery.headers.values()).isascii():
        raise Failure(f"{file}: its headers hold more than ASCII, which cannot be sent as it was")
    base, whole, rest = to.partition(WEBHOOKS)
    if whole:  # the address names the connection, whichever it was recorded from
        name, _, path = rest.partition("/")
        delivery = replace(delivery, url=WEBHOOKS + rest, path=path)
    connection = found.connections.get(name)
    if connection is None:
        known = ", ".join(found.connections)
        raise Failure(f"{file}: no connection is called {name}; there are: {known}")
    target = delivery.url
    delivery = fresh(replace(delivery, url=registered(base, found) + target), now())
    keys = connection.proves(delivery)
    if not keys:
        raise Failure(f"{file}: connections.{name}.api_key is not set, and it proves this one")
    try:
        signed = connection.adapter.sign(delivery, keys[0])
    except Rejected as error:
        raise Failure(f"{file}: it cannot be signed: {error}") from None
    try:
        shown_at = where_shown(connection, signed)
    except ValueError as error:
        raise Failure(f"{file}: {error}") from None
    return Prepared(str(file), name, base + target, signed, shown_at)


def where_shown(connection: Connection, signed: Delivery) -> str | None:
    """The address of its certificate: we must be able to answer there. Raises ValueError."""
    ask = connection.adapter.certificate_at
    if ask is None or signed.certificate is None:
        return None
    address = place(connection, ask(signed))
    if not rules.is_local(address):
        raise ValueError(
            f"only {connection.adapter.intermediary} can sign it; to try it, set"
            f" connections.{connection.name}.api_url, for the receiver too, to a free"
            " http://127.0.0.1:PORT"
        )
    return address


def registered(base: str, found: Settings) -> str:
    """The address that the receiver there believes to have: some platforms sign it."""
    return found.public_url if rules.is_loopback(urlsplit(base).hostname) else base


def fresh(delivery: Delivery, at: datetime) -> Delivery:
    """As if it were sent now; without the headers of the connection it once came through."""
    kept = {name: value for name, value in delivery.headers.items() if name not in HOPS}
    date = {"date": format_datetime(at, usegmt=True)} if "date" in kept else {}
    return replace(delivery, headers=kept | date, received_at=at)


async def send_all(deliveries: Sequence[Prepared], *, show_progress: bool) -> list[Sent]:
    """One after the other: their order counts."""
    async with AsyncExitStack() as stack:
        http = Http()
        stack.push_async_callback(http.close)
        await show_certificates(deliveries, stack)
        progress = Progress(
            console=console(to_stderr=True), transient=True, disable=not show_progress
        )
        stack.enter_context(progress)
        return [await send(http, one) for one in progress.track(deliveries, description="sending")]


async def show_certificates(deliveries: Sequence[Prepared], stack: AsyncExitStack) -> None:
    """As the platforms themselves would, for as long as `stack` lasts. Raises Failure."""
    shown: dict[tuple[str, int], dict[str, bytes]] = {}
    for one in deliveries:
        if one.certificate_at and one.delivery.certificate:
            parts = urlsplit(one.certificate_at)
            origin = (parts.hostname or "", parts.port or 80)
            shown.setdefault(origin, {})[parts.path] = one.delivery.certificate
    for (host, port), certificates in shown.items():
        app = create_platform(SILENT, certificates=certificates)
        try:
            await stack.enter_async_context(serving(app, host=host, port=port))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise Failure(f"cannot show certificates at {host}:{port}: {reason}") from None


async def send(http: Http, one: Prepared) -> Sent:
    status, said = None, ""
    try:
        reply = await http.send(
            one.delivery.method,
            one.url,
            headers=one.delivery.headers,
            body=one.delivery.body,
        )
        status, said = reply.status, reply.text
    except (NotSent, NoAnswer) as error:
        said = f"{error}; is a receiver running at {one.url}?"
    return Sent(one.file, one.connection, status, said)
