"""OktoPOS: our Order as its JSON, its calls, its errors sorted into what to do about them."""

from receiver.oktopos.amounts import decimal
from receiver.oktopos.catalogue import PAGE_SIZE, list_articles, list_channels
from receiver.oktopos.client import (
    KEY_REJECTED,
    Answer,
    create,
    set_payment_status,
    set_status,
)
from receiver.oktopos.mapping import Mapped, create_body, order_id, payment_body, status_body

__all__ = [
    "KEY_REJECTED",
    "PAGE_SIZE",
    "Answer",
    "Mapped",
    "create",
    "create_body",
    "decimal",
    "list_articles",
    "list_channels",
    "order_id",
    "payment_body",
    "set_payment_status",
    "set_status",
    "status_body",
]
