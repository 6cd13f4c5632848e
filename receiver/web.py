"""The web side, left of the bar: verify, keep, answer. A 2xx means it is on disk.

No payload is understood here; of a genuine delivery only its identity is read. Whatever the bytes,
the answer is one of a few, and never a 500: some platforms give up on that.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, lru_cache, partial
from typing import NamedTuple

from prometheus_client import Counter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.contract import Ack, Adapter, Delivery, Rejected
from receiver import log, metrics
from receiver.certificates import Certificates, NoCertificate
from receiver.health import Health
from receiver.http import Http
from receiver.inbox import Inbox, quarantine
from receiver.inbox.records import StoreUnavailable, storable
from receiver.incoming import incoming
from receiver.request import Left, Patience, TooLarge, read_body, read_headers, wanted
from receiver.settings.model import Connection, Settings

BODY_SECONDS = 10.0  # for the sender to send it and for us to keep it
LINGER_SECONDS = 1.0
RETRY_AFTER = 5
SUSPECTS_WAITING = 200  # beyond it the genuine ones come first
ADDRESS = re.compile(r"/webhooks/(?P<connection>[^/]+)(/(?P<rest>.*))?", re.DOTALL)

logger = log.logger()


class Answer(NamedTuple):
    """Ready to be sent, as most are the same."""

    start: Message
    end: Message
    last: bool = False  # of its connection: the body is left unread


def answering(
    status: int,
    body: bytes = b"",
    media_type: str | None = None,
    *headers: tuple[bytes, bytes],
    last: bool = False,
) -> Answer:
    if media_type:
        headers = (*headers, (b"content-type", media_type.encode()))
    headers = (*headers, (b"content-length", str(len(body)).encode()))
    start = {"type": "http.response.start", "status": status, "headers": headers}
    return Answer(start, {"type": "http.response.body", "body": body, "more_body": last}, last)


def refusal(status: int, error: str, *headers: tuple[bytes, bytes], last: bool = False) -> Answer:
    body = json.dumps({"error": error}).encode()
    if last:
        headers = (*headers, (b"connection", b"close"))
    return answering(status, body, "application/json", *headers, last=last)


OK = answering(200)
NOT_FOUND = refusal(404, "connection")
NOT_ALLOWED = refusal(405, "method", (b"allow", b"POST, PUT, HEAD"))
OF_DELIVERIES = ("POST", "PUT")
NOT_GENUINE = refusal(401, "signature")
TOO_LARGE = refusal(413, "too large", last=True)
ENCODED = refusal(415, "content-encoding", last=True)
TOO_SLOW = refusal(408, "too slow", last=True)
NOT_KEPT = refusal(503, "unavailable", (b"retry-after", str(RETRY_AFTER).encode()))


@cache
def arrived(connection: str, result: str) -> Counter:
    return metrics.arrived.labels(connection, result)  # costs more than counting does


class Note(NamedTuple):
    """What became of a delivery."""

    connection: str
    result: str
    seconds: float  # until it was answered


@dataclass(slots=True)
class Notes:
    """For the metrics and the log: those of one turn of the loop together, at its end. Each by
    itself, between a delivery and the next, costs twice as much."""

    fresh: list[Note] = field(default_factory=list)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)

    def add(self, note: Note) -> None:
        if not self.fresh:
            self.loop.call_soon(self.write)
        self.fresh.append(note)

    def write(self) -> None:
        noted, self.fresh = self.fresh, []
        for connection, result, seconds in noted:
            arrived(connection, result).inc()
            if result in ("kept", "repeated"):
                metrics.ack_seconds.observe(seconds)
            ms = round(seconds * 1000, 1)
            logger.info("delivery", connection=connection, result=result, ms=ms)


@dataclass(frozen=True, slots=True)
class Webhooks:
    """The ASGI endpoint behind every webhook address."""

    settings: Settings
    inbox: Inbox
    certificates: Certificates
    patience: Patience = field(default_factory=lambda: Patience(BODY_SECONDS))
    notes: Notes = field(default_factory=Notes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        connection = self.settings.connections.get(scope["path_params"]["connection"])
        if connection is None:
            result, answer = "unknown_connection", NOT_FOUND
        elif scope["method"] in OF_DELIVERIES or asks(connection.adapter, scope["method"]):
            try:
                result, answer = await self.take(connection, scope, receive)
            except asyncio.CancelledError:  # the drain waits no longer
                await reply(send, NOT_KEPT)
                raise
            except Exception:  # a bug, an adapter's perhaps: nobody but us may see it
                logger.exception("bug", connection=connection.name)
                result, answer = "failed", NOT_KEPT
        else:
            result, answer = "method", OK if scope["method"] == "HEAD" else NOT_ALLOWED
        await reply(send, answer)
        name = connection.name if connection else "unknown"
        self.notes.add(Note(name, result, time.perf_counter() - started))
        if answer.last:
            await hang_up(receive, send)

    async def take(
        self, connection: Connection, scope: Scope, receive: Receive
    ) -> tuple[str, Answer]:
        """What became of it, and what the platform is told."""
        headers = read_headers(scope, wanted(connection.adapter.headers))
        if headers.pop("content-encoding", "identity").lower() != "identity":
            return "encoded", ENCODED
        body = None
        try:
            with self.patience.turn():
                body = await read_body(headers, receive, self.settings.max_body_bytes)
                return await self.judge(connection, self.delivery(scope, headers, body))
        except TooLarge:
            return "too_large", TOO_LARGE
        except Left:
            return "too_slow", TOO_SLOW
        except TimeoutError:
            return ("too_slow", TOO_SLOW) if body is None else self.not_kept("too slow to keep it")

    async def judge(self, connection: Connection, delivery: Delivery) -> tuple[str, Answer]:
        """verify > keep > answer. A platform's set-up handshake is answered and not kept."""
        shake = connection.adapter.handshake
        if shake and (greeting := shake(delivery, connection.secrets)):
            return "handshake", acknowledged(greeting)
        if delivery.method not in OF_DELIVERIES:
            return "method", NOT_ALLOWED
        try:
            if connection.adapter.certificate_at:
                delivery = await self.certificates.given(connection, delivery)
            connection.adapter.verify(delivery, connection.proves(delivery))
        except Rejected as error:
            self.quarantine(connection, delivery, str(error))
            return "rejected", NOT_GENUINE
        except NoCertificate as error:
            logger.error("no_certificate", connection=connection.name, reason=str(error))
            return "no_certificate", NOT_KEPT
        try:
            new = await self.inbox.keep(incoming(connection, delivery))
        except StoreUnavailable as error:
            return self.not_kept(str(error))
        return ("kept" if new else "repeated"), acknowledged(connection.adapter.ack(delivery))

    @staticmethod
    def not_kept(reason: str) -> tuple[str, Answer]:
        logger.error("store_unavailable", reason=reason)
        return "not_kept", NOT_KEPT

    def delivery(self, scope: Scope, headers: Mapping[str, str], body: bytes) -> Delivery:
        query = scope["query_string"]
        target = scope["raw_path"] + (b"?" + query if query else b"")
        return Delivery(
            method=scope["method"],
            url=self.settings.public_url + target.decode("latin-1"),
            path=storable(scope["path_params"]["rest"]),
            headers=headers,
            body=body,
            received_at=datetime.now(UTC),
        )

    def quarantine(self, connection: Connection, delivery: Delivery, reason: str) -> None:
        """Kept apart, without making the sender wait; genuine deliveries come first."""
        if self.inbox.writer.waiting() > SUSPECTS_WAITING:
            return
        suspect = quarantine.Suspect(connection.name, delivery, reason)
        add = partial(quarantine.add, suspects=[suspect], now=delivery.received_at)
        with suppress(StoreUnavailable):
            self.inbox.writer.submit(add).add_done_callback(asyncio.Future.exception)


def asks(adapter: Adapter, method: str) -> bool:
    """Whether it may be one of the platform's set-up handshakes."""
    return method == "GET" and adapter.handshake is not None


@lru_cache
def acknowledged(ack: Ack) -> Answer:
    return answering(ack.status, ack.body, ack.media_type)


async def reply(send: Send, answer: Answer) -> None:
    await send(answer.start)
    await send(answer.end)


async def hang_up(receive: Receive, send: Send) -> None:
    """Closes once the sender stops: a body that still arrives would be met by a reset, and that
    takes our answer with it."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while (await receive()).get("more_body"):
                pass
    await send({"type": "http.response.body", "body": b""})


async def not_found(_: Request, __: Exception) -> Response:
    return JSONResponse({"error": "not found"}, 404)


async def not_allowed(_: Request, __: Exception) -> Response:
    return JSONResponse({"error": "method"}, 405, {"allow": "GET, HEAD"})


async def unavailable(_: Request, __: Exception) -> Response:
    """An error of ours: the platform sends again, and the log has the traceback."""
    return JSONResponse({"error": "unavailable"}, 503, {"retry-after": str(RETRY_AFTER)})


def create_app(
    settings: Settings,
    inbox: Inbox,
    draining: Callable[[], bool] = lambda: False,
    http: Http | None = None,
    beside: Sequence[BaseRoute] = (),
) -> ASGIApp:
    """Deliveries go straight to their endpoint: Starlette's layers cost as much as verifying.

    `beside` are routes to what else is served here.
    """
    webhooks = Webhooks(settings, inbox, Certificates(http or Http()))
    others = pages(Health(settings, inbox, draining), beside)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if address := ADDRESS.fullmatch(scope.get("path", "")):
            scope["path_params"] = address.groupdict("")
            await webhooks(scope, receive, send)
        else:
            await others(scope, receive, send)

    return app


def pages(health: Health, beside: Sequence[BaseRoute]) -> Starlette:
    app = Starlette(
        routes=[
            Route("/healthz", health.live),
            Route("/livez", health.live),
            Route("/readyz", health.ready),
            Route("/metrics", health.metrics),
            *beside,
        ],
        exception_handlers={404: not_found, 405: not_allowed, Exception: unavailable},
    )
    app.router.redirect_slashes = False  # it would go wherever the Host header says
    return app
