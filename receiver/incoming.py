"""A genuine delivery as the box takes it: named, queued, with its POS and its deadline."""

from __future__ import annotations

from datetime import timedelta

from adapters.contract import Delivery
from receiver.inbox import keep
from receiver.inbox.records import Incoming, storable
from receiver.oktopos import order_id
from receiver.settings.model import Connection

MILLISECOND = timedelta(milliseconds=1)


def incoming(connection: Connection, delivery: Delivery) -> Incoming:
    identity = connection.adapter.identify(delivery)
    delivery_id = storable(identity.delivery_id)
    ordered = storable(identity.order_id or "")
    allowed = connection.adapter.deadline  # as `connection.deadline` says it, without its objects
    return keep.incoming(
        delivery,
        connection=connection.name,
        delivery_id=delivery_id,
        queue=order_id(connection.name, ordered or delivery_id),
        pos=connection.pos_name(identity.store_id),
        overtakes=identity.overtakes,
        allowed=None if allowed is None else allowed // MILLISECOND,
        margin=connection.deadline_margin * 1000,
    )
