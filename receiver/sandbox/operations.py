"""The OrderAPI's and the Article-API's operations: a body in, an answer or Refused out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from starlette.responses import JSONResponse, Response

from receiver.sandbox import articles
from receiver.sandbox.book import Book, Json, book_order, set_payment_status, set_status
from receiver.sandbox.envelope import Refused
from receiver.sandbox.models import (
    AnyOrder,
    ArticleQuery,
    Order,
    PaymentStatusChange,
    StatusChange,
)

Model = TypeVar("Model", bound=BaseModel)


def create(book: Book, body: bytes) -> Response:
    raw = json_object(body)
    if not book.strict:
        return booked(book, checked(AnyOrder, raw), raw)
    order = checked(Order, raw)
    if passed(raw, book.now()):
        raise Refused(503, "pickup.pickupTime: in the past")
    return booked(book, order, raw)


def booked(book: Book, order: Order | AnyOrder, raw: Json) -> Response:
    held = book_order(book, order.order_id, order.status, raw)
    return JSONResponse({"internalId": held.internal_id})


def passed(order: Json, now: datetime) -> bool:
    """The pickup time is over: the one mistake that OktoPOS answers with 503."""
    time = order.get("pickup", {}).get("pickupTime")
    return time is not None and datetime.fromisoformat(time) < now


def ready(book: Book, _: bytes) -> Response:
    found = [held.order_id for held in book.orders.values() if held.status == "ready"]
    return JSONResponse([{"orderId": order_id} for order_id in found])


def change_status(book: Book, body: bytes) -> Response:
    change = checked(StatusChange, json_object(body))
    set_status(book, change.order_id, change.status, change.payload)
    return JSONResponse({"success": True})


def change_payment_status(book: Book, body: bytes) -> Response:
    change = checked(PaymentStatusChange, json_object(body))
    set_payment_status(book, change.order_id, change.status, change.date)
    return JSONResponse({"success": True})


def list_articles(book: Book, body: bytes) -> Response:
    query = checked(ArticleQuery, json_object(body or b"{}"))
    text = articles.page_text(book.menu, query.page, query.page_size)
    return Response(text, media_type="application/json")


def list_channels(_: Book, __: bytes) -> Response:
    return JSONResponse(articles.channel_list())


Operation: TypeAlias = Callable[[Book, bytes], Response]


class Taken(NamedTuple):
    """What a route does, and the body it takes."""

    operation: Operation
    model: type[BaseModel] | None = None


OPERATIONS: Mapping[tuple[str, str], Taken] = {
    ("POST", "order/create"): Taken(create, Order),
    ("GET", "order/ready"): Taken(ready),
    ("POST", "order/set-status"): Taken(change_status, StatusChange),
    ("POST", "order/set-payment-status"): Taken(change_payment_status, PaymentStatusChange),
    ("POST", "articles/list"): Taken(list_articles, ArticleQuery),
    ("GET", "articles/distribution-channels"): Taken(list_channels),
}


def json_object(body: bytes) -> Json:
    """Raises Refused when the body is anything else."""
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError:
        raise Refused(400, "body: not JSON") from None
    if not isinstance(value, dict):
        raise Refused(400, "body: not a JSON object")
    return value


def checked(model: type[Model], raw: Json) -> Model:
    """Raises Refused naming each field that breaks a rule."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise Refused(400, *complaints(error)) from None


def complaints(error: ValidationError) -> list[str]:
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    return [": ".join(filter(None, (field_of(p["loc"]), p["msg"]))) for p in problems]


def field_of(place: tuple[int | str, ...]) -> str:
    return ".".join(map(str, place))
