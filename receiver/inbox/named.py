"""Jobs by what they are called: the delivery's id, the queue's name, any name of the order."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, and_, func, select

from receiver.inbox.records import answering, storable
from receiver.inbox.tables import ENDED, STANDING, deliveries, jobs, order_references, orders

earliest = select(func.min(deliveries.c.connection).label("name")).cte(
    "connections", recursive=True
)
further = select(func.min(deliveries.c.connection)).where(deliveries.c.connection > earliest.c.name)
CONNECTIONS = earliest.union_all(
    select(further.scalar_subquery()).where(earliest.c.name.is_not(None))
)
"""Those that something came from: one look at the index for each."""


def called(connection: Connection, text: str, most: int) -> Sequence[ColumnElement[bool]]:
    """Conditions of which each finds some of them by an index, however much is kept. Of many
    orders of one name, as a short number is, the `most` newest."""
    name = storable(text)
    known = (
        select(orders.c.order_id, orders.c.delivery)
        .join(order_references, order_references.c.order_id == orders.c.order_id)
        .where(order_references.c.reference == name)
        .order_by(orders.c.created_at.desc())
        .limit(most)
    )
    found = connection.execute(known).all()
    came = select(deliveries.c.id).where(
        deliveries.c.connection == CONNECTIONS.c.name, deliveries.c.delivery_id == name
    )
    rows = [*connection.execute(came).scalars(), *(row for _, row in found)]
    queues = [name, *(order_id for order_id, _ in found)]
    of_queue = jobs.c.queue.in_([*queues, *map(answering, queues)])
    of_delivery = jobs.c.delivery.in_(rows)
    return [and_(of_queue, STANDING), and_(of_queue, ENDED), of_delivery]
