"""The sandbox's own routes: what a test or a demo tells it, and what it tells them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from receiver.sandbox.book import Book, as_json, forget_orders, record
from receiver.sandbox.envelope import Refused
from receiver.sandbox.faults import Fault
from receiver.sandbox.operations import checked, json_object


async def add_fault(book: Book, request: Request) -> Response:
    fault = checked(Fault, json_object(await request.body()))
    book.faults = (*book.faults, fault)
    return JSONResponse([queued.model_dump() for queued in book.faults])


async def clear_faults(book: Book, _: Request) -> Response:
    book.faults = ()
    return Response(status_code=204)


async def show_orders(book: Book, _: Request) -> Response:
    return JSONResponse([as_json(held) for held in book.orders.values()])


async def clear_orders(book: Book, _: Request) -> Response:
    forget_orders(book)
    return Response(status_code=204)


async def show_calls(book: Book, _: Request) -> Response:
    return JSONResponse(book.calls)


async def mark_ready(book: Book, request: Request) -> Response:
    held = book.orders.get(request.path_params["order_id"])
    if held is None:
        raise Refused(404, "orderId: no order has this orderId")
    held.status = "ready"
    record(book, held, kind="status", status="ready", payload=None)
    return JSONResponse(as_json(held))


def routes(book: Book) -> list[Route]:
    def route(
        method: str, path: str, answer: Callable[[Book, Request], Awaitable[Response]]
    ) -> Route:
        return Route(f"/_sandbox/{path}", partial(answer, book), methods=[method])

    return [
        route("POST", "faults", add_fault),
        route("DELETE", "faults", clear_faults),
        route("GET", "orders", show_orders),
        route("DELETE", "orders", clear_orders),
        route("GET", "calls", show_calls),
        route("POST", "orders/{order_id:path}/ready", mark_ready),
    ]
