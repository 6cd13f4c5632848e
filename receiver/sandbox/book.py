"""What one sandbox holds: its orders, the calls it got, the faults that wait to happen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from receiver.sandbox.articles import MENU, Article
from receiver.sandbox.envelope import Refused
from receiver.sandbox.faults import Fault

Json = dict[str, Any]
FIRST_ID = 10_001


@dataclass(slots=True, kw_only=True)
class Held:
    """An order as it stands at OktoPOS, and how it came to that."""

    internal_id: int
    order_id: str
    status: str
    payment_status: str | None
    order: Json
    history: list[Json] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Book:
    api_key: str
    now: Callable[[], datetime]
    strict: bool
    conflict_names_id: bool
    menu: Sequence[Article] = MENU
    orders: dict[str, Held] = field(default_factory=dict)  # by orderId
    by_internal_id: dict[int, Held] = field(default_factory=dict)
    next_id: int = FIRST_ID
    calls: list[Json] = field(default_factory=list)
    faults: Sequence[Fault] = ()


def book_order(book: Book, order_id: str, status: str, order: Json) -> Held:
    """Raises Refused when an order of this orderId is there already."""
    if known := book.orders.get(order_id):
        data = {"internalId": known.internal_id} if book.conflict_names_id else {}
        raise Refused(409, "orderId: an order of this id exists", data=data)
    held = Held(
        internal_id=book.next_id,
        order_id=order_id,
        status=status,
        payment_status=payment_status_of(order),
        order=order,
    )
    book.next_id += 1
    book.orders[order_id] = book.by_internal_id[held.internal_id] = held
    record(book, held, kind="created", status=status)
    return held


def payment_status_of(order: Json) -> str | None:
    payment = order.get("payment")
    return payment.get("status") if isinstance(payment, dict) else None


def set_status(book: Book, internal_id: int, status: str, payload: Json | None) -> None:
    """Raises Refused when there is no such order."""
    held = book.by_internal_id.get(internal_id)
    if held is None:
        raise Refused(404, "orderId: no order has this internalId")
    held.status = status
    record(book, held, kind="status", status=status, payload=payload)


def set_payment_status(book: Book, order_id: str, status: str, date: str) -> None:
    """Raises Refused when there is no such order."""
    held = book.orders.get(order_id)
    if held is None:
        raise Refused(404, "orderId: no order has this orderId")
    held.payment_status = status
    record(book, held, kind="payment", status=status, date=date)


def record(book: Book, held: Held, **entry: Any) -> None:
    held.history.append({**entry, "at": book.now().isoformat()})


def forget_orders(book: Book) -> None:
    """The numbering goes on: an internalId is never given twice."""
    book.orders.clear()
    book.by_internal_id.clear()


def as_json(held: Held) -> Json:
    return {
        "internalId": held.internal_id,
        "orderId": held.order_id,
        "status": held.status,
        "paymentStatus": held.payment_status,
        "order": held.order,
        "history": held.history,
    }
