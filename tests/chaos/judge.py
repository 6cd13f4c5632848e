"""The judge: whether a history is one in which nothing was lost, doubled, or out of order.

It knows nothing of the receiver but what it promises, and of a run but what `History` says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from tests.chaos.history import Expected, History, Job, Key
from tests.running import Json

Kind: TypeAlias = Literal["lost", "twice", "disordered", "left", "wrong"]
KINDS: Mapping[Kind, str] = {
    "lost": "lost",
    "twice": "sent or booked twice without need",
    "disordered": "events out of order",
    "left": "left in the box",
    "wrong": "otherwise wrong",
}
OVER = ("done", "ignored")
CREATE = "/v1/order/create"
MAY_HAVE_CREATED = (200, 409, None)  # None: the connection was dropped
AMBIGUOUS = ("drop", "drop_after", "garbage")  # faults after which a sender cannot know
ANSWERS = frozenset({"200", "401", "408", "503"})  # 401: signed at a time that is not ours


class Finding(NamedTuple):
    kind: Kind
    about: str  # a delivery's platform and id, or an order's id
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    findings: Sequence[Finding]
    repeated: int  # orders that OktoPOS was told of more than once, as it had to be

    @property
    def green(self) -> bool:
        return not self.findings

    def count(self, kind: Kind) -> int:
        return sum(finding.kind == kind for finding in self.findings)


def judge(history: History) -> Verdict:
    orders = {order["orderId"]: order for order in history.orders}
    creates = Counter(call["order_id"] for call in history.calls if may_have_created(call))
    findings = [
        *deliveries_lost(history),
        *unasked(history, orders),
        *left(history),
        *answered(history),
    ]
    for one in history.expected:
        findings += fate(one, orders.get(one.order_id), history)
        findings += doubled(one, orders.get(one.order_id), history)
    return Verdict(findings, sum(count > 1 for count in creates.values()))


def deliveries_lost(history: History) -> Iterator[Finding]:
    """What was acknowledged must be in the box, and what was sent acknowledged."""
    kept = {job.delivery for job in history.jobs}
    for platform, delivery_id in sorted(history.acknowledged):
        if (platform, delivery_id) not in kept:
            yield Finding("lost", f"{platform} {delivery_id}", "acknowledged, and not in the box")
    for one in history.expected:
        for key in one.deliveries:
            if key not in history.acknowledged:
                yield Finding("wrong", " ".join(key), "never acknowledged, however often sent")


def unasked(history: History, orders: Mapping[str, Json]) -> Iterator[Finding]:
    for order_id in sorted(orders.keys() - {one.order_id for one in history.expected}):
        yield Finding("twice", order_id, "at OktoPOS, and nobody sent it")


def left(history: History) -> Iterator[Finding]:
    for job in history.jobs:
        if job.state not in OVER:
            what = "answer to " if job.answer else ""
            yield Finding("left", f"{what}{' '.join(job.delivery)}", f"{job.state}: {job.reason}")


def answered(history: History) -> Iterator[Finding]:
    for status, count in history.statuses.items():
        if status.isdecimal() and status not in ANSWERS:
            yield Finding("wrong", "the web side", f"answered {status} ({count} times)")


def fate(one: Expected, order: Json | None, history: History) -> Iterator[Finding]:
    """What became of an order that was acknowledged."""
    if one.placed not in history.acknowledged:
        return
    if order is None:
        if not one.canceled:
            yield Finding("lost", one.order_id, f"{' '.join(one.placed)} is not at OktoPOS")
        return
    yield from stands(one, order)
    if not one.canceled and one.accepted and one.accepted not in history.told:
        yield Finding("lost", one.order_id, "its acceptance: the platform was never told")
    yield from disordered(one, order["history"])


def stands(one: Expected, order: Json) -> Iterator[Finding]:
    """Whether it is at the till as it should be."""
    if one.canceled and order["status"] != "canceled":
        yield Finding("lost", one.order_id, "its cancellation: it is left standing")
    if not one.canceled and order["status"] != "new":
        yield Finding("wrong", one.order_id, f"is {order['status']}, and nobody said so")
    if (total := order["order"]["payment"]["price"]["value"]) != one.total:
        yield Finding("wrong", one.order_id, f"comes to {total}, not {one.total}")
    if order["paymentStatus"] != one.payments[-1]:
        said = f"its payment is {order['paymentStatus']}, not {one.payments[-1]}"
        yield Finding("lost", one.order_id, said)


def disordered(one: Expected, steps: Sequence[Json]) -> Iterator[Finding]:
    """Canceled is canceled, and a payment goes only on."""
    statuses = [step["status"] for step in steps if step["kind"] == "status"]
    if "canceled" in statuses and set(statuses[statuses.index("canceled") :]) != {"canceled"}:
        yield Finding("disordered", one.order_id, f"its status was set to {', '.join(statuses)}")
    told = [step["status"] for step in steps if step["kind"] == "payment"]
    known = [status for status in told if status in one.payments]
    places = [one.payments.index(status) for status in known]
    if known != told or places != sorted(places):
        yield Finding("disordered", one.order_id, f"its payment was set to {', '.join(told)}")


def doubled(one: Expected, order: Json | None, history: History) -> Iterator[Finding]:
    """Told of once, and once more for each time that nobody could know whether it was."""
    made = [call for call in history.calls if call["order_id"] == one.order_id]
    made = [call for call in made if may_have_created(call)]
    ambiguous = sum(call["fault"] in AMBIGUOUS for call in made)
    ambiguous += sum(broken_off(job, one.placed) for job in history.jobs)
    if len(made) > 1 + ambiguous:
        said = f"{len(made)} calls created it or tried to; {ambiguous} left that open"
        yield Finding("twice", one.order_id, said)
    created = [step for step in order["history"] if step["kind"] == "created"] if order else [0]
    if len(created) != 1:
        yield Finding("twice", one.order_id, f"booked {len(created)} times")


def broken_off(job: Job, delivery: Key) -> int:
    return job.perhaps_sent if job.delivery == delivery and not job.answer else 0


def may_have_created(call: Json) -> bool:
    return call["path"] == CREATE and call["status"] in MAY_HAVE_CREATED
