"""What the OrderAPI 1.3.0 takes, to the letter: an unknown key or a loose type is refused.

`tests/orderapi.yaml` says the same as an OpenAPI document; a test keeps the two alike.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

ABSENT: Any = None
"""Default of a key that may be missing. It may not be null: the types do not allow it."""
UTC_FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


def in_utc_form(text: str) -> str:
    """The vendor's own form, 2017-07-21T17:32:28Z, and a time that exists."""
    if not UTC_FORM.fullmatch(text):
        raise ValueError("a UTC time like 2017-07-21T17:32:28Z is expected")
    datetime.fromisoformat(text)
    return text


UtcTime = Annotated[
    str, AfterValidator(in_utc_form), WithJsonSchema({"type": "string", "format": "date-time"})
]
Filled = Annotated[str, StringConstraints(min_length=1)]
Intermediary = Annotated[str, StringConstraints(pattern=r"^[\w\d. \-]+$")]
PaymentStatus = Literal["appointed", "call_for_payment", "paid", "canceled", "error"]
OrderType = Literal["LOCAL", "PICKUP", "DELIVERY", "SHIPPING"]


class Exact(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, alias_generator=to_camel, validate_by_name=False
    )


class Money(Exact):
    value: Annotated[str, StringConstraints(pattern=r"^-?\d+\.\d{2}$")]
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


class Payment(Exact):
    reference_id: str = ABSENT
    payment_method: str
    price: Money
    status: PaymentStatus
    payment_received: UtcTime = ABSENT


class Address(Exact):
    additional_address: str = ABSENT
    street: str = ABSENT
    house_number: str = ABSENT
    zip: str = ABSENT
    city: str = ABSENT


class Customer(Exact):
    gender: str = ABSENT
    given_name: str = ABSENT
    family_name: str = ABSENT
    phone: str = ABSENT
    email: str = ABSENT
    address: Address = ABSENT


class Location(Exact):
    table: int = ABSENT
    seat: int = ABSENT


class Item(Exact):
    basket_item_id: int
    main_basket_item_id: int
    product_id: str = ABSENT
    external_id: str = ABSENT
    name: str = ABSENT
    quantity: Annotated[int, Field(ge=1)]
    price: Money
    distribution_channel: int = ABSENT
    tax_rate_id: int = ABSENT
    comment: str = ABSENT


class PurchaseTime(Exact):
    timestamp: UtcTime
    timezone: str


class Pickup(Exact):
    pickup_token: str = ABSENT
    pickup_time: UtcTime = ABSENT


class TipTransaction(Exact):
    price: Money
    payment_method: str = ABSENT
    reference_id: str = ABSENT


class Order(Exact):
    order_id: Filled
    payment: Payment
    customer: Customer = ABSENT
    location: Location = ABSENT
    items: Annotated[list[Item], Field(min_length=1)]
    status: Filled
    purchase_time: PurchaseTime
    pickup: Pickup = ABSENT
    order_type: OrderType = ABSENT
    tip_transactions: list[TipTransaction] = ABSENT
    session_token: str = ABSENT
    intermediary: Intermediary = ABSENT

    @model_validator(mode="after")
    def consistent(self) -> Self:
        for problem in inconsistencies(self):
            raise PydanticCustomError("order", "{problem}", {"problem": problem})
        return self


def inconsistencies(order: Order) -> Iterator[str]:
    """What no single field shows: line numbers, lines' dishes, currencies."""
    uses = Counter(item.basket_item_id for item in order.items)
    main = {i.basket_item_id for i in order.items if i.basket_item_id == i.main_basket_item_id}
    for place, item in enumerate(order.items):
        if uses[item.basket_item_id] > 1:
            yield f"items.{place}.basketItemId: {item.basket_item_id} is used twice"
        if item.main_basket_item_id not in main:
            yield f"items.{place}.mainBasketItemId: {item.main_basket_item_id} is no main line"
    currencies = {price.currency for price in prices(order)}
    if len(currencies) > 1:
        yield f"payment.price.currency: one order, several currencies: {sorted(currencies)}"


def prices(order: Order) -> Iterator[Money]:
    yield order.payment.price
    yield from (item.price for item in order.items)
    yield from (tip.price for tip in order.tip_transactions or ())


class StatusChange(Exact):
    order_id: int  # the internalId that create answered
    status: str
    payload: dict[str, Any] = ABSENT


class PaymentStatusChange(Exact):
    order_id: str  # the sending system's id
    status: PaymentStatus
    date: UtcTime


class ArticleQuery(Exact):
    page: Annotated[int, Field(ge=1)] = 1
    page_size: Annotated[int, Field(le=500)] = 50
    filter: dict[str, Any] = ABSENT


class AnyOrder(BaseModel):
    """An order of which only the id is read: for load, where checking is not the point."""

    model_config = ConfigDict(extra="ignore", frozen=True, alias_generator=to_camel)
    order_id: str
    status: str = "new"
