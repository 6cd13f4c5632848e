"""What the platforms are going to send: the lives of many orders, all drawn from one seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

from adapters.contract import in_path
from receiver.oktopos import order_id
from tests.chaos import bodies
from tests.chaos.bodies import Parcel

Steps: TypeAlias = Sequence[Sequence[Parcel]]


@dataclass(frozen=True, slots=True)
class Life:
    """An order: each step is sent once the one before it was acknowledged, what is in a step at
    the same time."""

    number: str
    order_id: str  # as OktoPOS is to know it
    at: float  # seconds from the start
    steps: Steps
    placed: Parcel  # what brings the order
    canceled: bool  # by one of the others
    payments: Sequence[str]  # as they follow one another; the first comes with the order
    accepted: str | None  # the call that accepts it at its platform, by path

    @property
    def parcels(self) -> Sequence[Parcel]:
        return [parcel for step in self.steps for parcel in step]


class Kind(NamedTuple):
    """How an order is announced and canceled by its platform."""

    connection: str
    named: Callable[[str], str]  # its id at the platform
    placed: Callable[[str, datetime], Parcel]
    canceled: Callable[[str, datetime], Parcel]
    payment: str
    accepted: str | None = None  # path, by the order's id


ORDERS: Mapping[str, Kind] = {
    "deliveroo": Kind(
        "deliveroo",
        "de:{}".format,
        bodies.deliveroo_order,
        bodies.deliveroo_canceled,
        "paid",
        "/order/v1/orders/{}/sync_status",
    ),
    "uber_eats": Kind(
        "uber_eats",
        bodies.uber_id,
        lambda number, now: bodies.uber_notice("orders.notification", number, now),
        lambda number, now: bodies.uber_notice("orders.failure", number, now),
        "paid",
        "/v1/delivery/order/{}/accept",
    ),
    "standard_webhooks": Kind(
        "standard_webhooks",
        "{}".format,
        lambda number, now: bodies.shop_order(number, now, "call_for_payment"),
        bodies.shop_canceled,
        "call_for_payment",
    ),
}
PAYMENTS = (
    ("appointed", bodies.stripe_processing),
    ("paid", bodies.stripe_paid),
    ("canceled", bodies.stripe_refunded),
)
CANCELED = {  # how often a cancellation comes: after its order, with it, before it
    "never": 12,
    "after": 4,
    "with": 2,
    "before": 2,
}


def lives(seed: int, seconds: float, count: int, now: datetime) -> list[Life]:
    """So many within so long, whose last order is there at the end of it."""
    chance = random.Random(f"{seed} lives")
    made = [life(f"c{seed}x{number}", seconds, now, chance) for number in range(count)]
    return sorted(made, key=lambda one: one.at)


def life(number: str, seconds: float, now: datetime, chance: random.Random) -> Life:
    kind = ORDERS[chance.choice([*ORDERS])]
    at = chance.uniform(0, seconds)
    (when,) = chance.choices([*CANCELED], [*CANCELED.values()])
    placed, canceled = kind.placed(number, now), kind.canceled(number, now)
    steps: Steps = {
        "never": [[placed]],
        "after": [[placed], [canceled]],
        "with": [[placed, canceled]],
        "before": [[canceled], [placed]],
    }[when]
    paid: tuple[str, ...] = ()
    if kind.connection == "standard_webhooks":
        sent = payments(number, now, chance)
        paid = tuple(status for status, _ in sent)
        steps = [*steps, *payment_steps([one for _, one in sent], chance)]
    platform_id = kind.named(number)
    return Life(
        number=number,
        order_id=order_id(kind.connection, platform_id),
        at=at,
        steps=steps,
        placed=placed,
        canceled=when != "never",
        payments=(kind.payment, *paid),
        accepted=kind.accepted and kind.accepted.format(in_path(platform_id)),
    )


def payments(number: str, now: datetime, chance: random.Random) -> Sequence[tuple[str, Parcel]]:
    """What a payment provider says of the order, a second after the other, as far as it goes."""
    far = chance.randint(0, len(PAYMENTS))
    return [
        (status, made(number, now + timedelta(seconds=second)))
        for second, (status, made) in enumerate(PAYMENTS[:far], 1)
    ]


def payment_steps(sent: Sequence[Parcel], chance: random.Random) -> Steps:
    """One after the other, or all at once: a provider promises no order."""
    if not sent or chance.random() < 0.5:
        return [[one] for one in sent]
    return [chance.sample(sent, len(sent))]
