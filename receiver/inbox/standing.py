"""How an order stands, which jobs of several queues may write: no cancellation is ever lost."""

from __future__ import annotations

from sqlalchemy import Connection

from receiver.inbox.dialect import insert_many
from receiver.inbox.records import OrderRecord, ms, storable
from receiver.inbox.tables import orders

COLUMNS = (
    "order_id",
    "connection",
    "pos",
    "platform_id",
    "state",
    "internal_id",
    "display_id",
    "total",
    "tip",
    "cancellation",
    "created_at",
    "figures",
)
REPLACED = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:] if name != "cancellation")
PUT = f"""
ON CONFLICT (order_id) DO UPDATE SET {REPLACED},
    cancellation = coalesce(excluded.cancellation, orders.cancellation)
WHERE (orders.state NOT IN ('created', 'canceled') OR excluded.state IN ('created', 'canceled'))
"""
PUT_AS_SEEN = f"{PUT} AND (orders.cancellation IS NULL OR excluded.cancellation IS NOT NULL)"


def put(connection: Connection, order: OrderRecord) -> bool:
    """Whether all is well. Else another job wrote meanwhile what this one has not seen: that the
    order was created, or that it is canceled; and it must look again."""
    row = (
        order.order_id,
        order.connection,
        order.pos,
        storable(order.platform_id),
        order.state,
        order.internal_id,
        order.display_id and storable(order.display_id),
        order.total,
        order.tip,
        order.cancellation,
        ms(order.created_at),
        order.figures,
    )
    if insert_many(connection, orders, COLUMNS, [row], PUT_AS_SEEN):
        return True
    insert_many(connection, orders, COLUMNS, [row], PUT)
    return False
