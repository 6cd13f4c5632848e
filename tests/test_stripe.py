"""What only Stripe has: the queue a payment waits in, and headers with many signatures."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from adapters.contract import Delivery, PaymentUpdate, Rejected
from adapters.stripe import ADAPTER, VERDICTS
from tests.goldens import SECRET, Fixture, name, of

FIXTURES = of(ADAPTER)


def demo() -> Delivery:
    return next(fixture.unsigned() for fixture in FIXTURES if fixture.variant == "demo")


@pytest.mark.parametrize("fixture", FIXTURES, ids=name)
def test_a_payment_waits_in_its_order_s_queue_or_in_its_own(fixture: Fixture) -> None:
    delivery = fixture.unsigned()
    identity = ADAPTER.identify(delivery)
    assert identity.delivery_id == json.loads(delivery.body)["id"]
    for update in ADAPTER.parse(delivery, {}):
        if isinstance(update, PaymentUpdate):
            assert identity.order_id == (update.reference or update.payment_ids[0])


def test_what_names_only_the_intent_waits_with_the_intent() -> None:
    queues = {
        ADAPTER.identify(fixture.unsigned()).order_id
        for fixture in FIXTURES
        if fixture.event.startswith(("refund.", "charge.dispute."))
        and fixture.variant != "without_payment"
    }
    assert queues == {"pi_3Rk4711OktoMuster0"}


@pytest.mark.parametrize("text", [None, "", "  ", "x" * 201, ["4711"], {"id": "4711"}])
def test_a_useless_reference_is_none(text: object) -> None:
    event = json.loads(demo().body)
    event["data"]["object"]["metadata"]["order_id"] = text
    (update,) = ADAPTER.parse(replace(demo(), body=json.dumps(event).encode()), {})
    assert isinstance(update, PaymentUpdate)
    assert update.reference is None


def test_every_verdict_is_shown_by_a_fixture() -> None:
    said = {update for one in FIXTURES for update in ADAPTER.parse(one.unsigned(), {})}
    statuses = {(one.status, one.reversal) for one in said if isinstance(one, PaymentUpdate)}
    rows = [verdict for row in VERDICTS.values() for verdict in row.values() if verdict.status]
    assert statuses == {(verdict.status, verdict.reversal) for verdict in rows}


@pytest.mark.parametrize(("decoys", "passes"), [(7, True), (8, False)])
def test_at_most_eight_signatures_are_compared(decoys: int, passes: bool) -> None:
    genuine = ADAPTER.sign(demo(), SECRET).headers["stripe-signature"]
    header = genuine + f",v1={'0' * 64}" * decoys
    delivery = replace(demo(), headers={"stripe-signature": header})
    if passes:
        ADAPTER.verify(delivery, [SECRET])
    else:
        with pytest.raises(Rejected):
            ADAPTER.verify(delivery, [SECRET])
