"""The OktoPOS stand-in as an ASGI app: strict, in memory, as unreliable as it is told to be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from receiver.sandbox import control
from receiver.sandbox.articles import MENU, Article
from receiver.sandbox.book import Book
from receiver.sandbox.envelope import FORBIDDEN, UNROUTED, Refused, envelope
from receiver.sandbox.faults import Dropped, Fault, afterwards, hushed, instead, take
from receiver.sandbox.operations import OPERATIONS, json_object

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def utc_now() -> datetime:
    return datetime.now(UTC)


def create_sandbox(
    api_key: str = "sandbox",
    now: Callable[[], datetime] = utc_now,
    *,
    strict: bool = True,
    conflict_names_id: bool = True,
    menu: Sequence[Article] = MENU,
) -> Starlette:
    """A POS of its own: below `/v1` as OktoPOS, below `/_sandbox` for whoever plays with it.

    `strict=False` reads of an order only its id. `conflict_names_id=False`: the 409 for an order
    that is there already keeps its internalId to itself. `menu` is the list of its articles: what
    changes in it changes there.
    """
    book = Book(
        api_key=api_key,
        now=now,
        strict=strict,
        conflict_names_id=conflict_names_id,
        menu=menu,
    )

    def refused(_: Request, error: Exception) -> Response:
        return envelope(error if isinstance(error, Refused) else Refused(404, UNROUTED), book.now())

    return Starlette(
        routes=[
            *control.routes(book),
            Route("/v1/{path:path}", partial(call, book), methods=METHODS),
        ],
        exception_handlers={Refused: refused, HTTPException: refused},
    )


async def call(book: Book, request: Request) -> Response:
    """One call as OktoPOS would take it, or as the next fault has it."""
    body = await request.body()
    path = request.path_params["path"]
    fault, book.faults = take(book.faults, path)
    why = None
    try:
        answer = instead(fault, book.now()) or perform(book, request, path, body)
    except Refused as refused:
        answer = envelope(hushed(fault, refused), book.now())
        why = refused.texts[0]
    answer = afterwards(fault, answer)
    note(book, request, answer, fault, why, named(body))
    return answer


def perform(book: Book, request: Request, path: str, body: bytes) -> Response:
    taken = OPERATIONS.get((request.method, path))
    if taken is None:
        raise Refused(404, UNROUTED)
    if request.headers.get("x-api-key") != book.api_key:
        raise Refused(403, FORBIDDEN)
    return taken.operation(book, body)


def named(body: bytes) -> str | int | None:
    """The order a call is about, as OktoPOS is told: by its orderId, or by its internalId."""
    try:
        order_id: str | int | None = json_object(body).get("orderId")
    except Refused:
        return None
    return order_id


def note(
    book: Book,
    request: Request,
    answer: Response,
    fault: Fault | None,
    why: str | None,
    order_id: str | int | None,
) -> None:
    entry = {
        "method": request.method,
        "path": request.url.path,
        "order_id": order_id,
        "status": None if isinstance(answer, Dropped) else answer.status_code,
        "fault": fault.kind if fault else None,
        "why": why,
        "at": book.now().isoformat(),
    }
    book.calls.append(entry)
