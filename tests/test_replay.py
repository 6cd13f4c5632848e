"""Every recorded delivery: what the adapter says of it, and what would be sent for it."""

from typing import get_args

import pytest

from adapters.contract import Cancellation, Event, Line, Order, Outcome, Owner, PaymentUpdate, Told
from receiver.errors import Held, Unmapped
from receiver.oktopos.mapping import create_body, payment_body, status_body
from receiver.settings.model import Connection, Pos
from tests.goldens import (
    FIXTURES,
    SECRET,
    Fixture,
    as_json,
    compare,
    event_json,
    name,
    parse_to_end,
)

INTERNAL_ID = 12345  # what OktoPOS is taken to have answered on create
POS = Pos(
    name="mitte",
    url="https://oktopos.example/v1",
    api_key="k" * 32,
    distribution_channels={"LOCAL": 1, "PICKUP": 2, "DELIVERY": 3, "SHIPPING": 3},
    unknown_article="name",
    fee_articles={
        "delivery_fee": "9101",
        "small_order_fee": "9102",
        "service_fee": "9103",
        "packaging": "9104",
        "deposit": "9105",
    },
)

every_fixture = pytest.mark.parametrize("fixture", FIXTURES, ids=name)


@every_fixture
def test_events(fixture: Fixture, accept: bool) -> None:
    asked, events = parse_to_end(fixture, fixture.signed())
    said = [event_json(event) for event in (*asked, *events)]
    compare(fixture.folder / "events.json", said, accept=accept)
    assert {fetch.name for fetch in asked} == set(fixture.fetched())


@every_fixture
def test_oktopos(fixture: Fixture, accept: bool) -> None:
    delivery = fixture.signed()
    _, events = parse_to_end(fixture, delivery)
    calls = [call for event in events if (call := oktopos_call(event, fixture))]
    compare(fixture.folder / "oktopos.json", calls, accept=accept)


def oktopos_call(event: Event, fixture: Fixture) -> dict[str, object] | None:
    """What would be posted for an event, as of the delivery's arrival; or why it would not."""
    match event:
        case Order():
            return create_call(event, fixture)
        case Cancellation():
            return {"call": "set-status", "body": status_body(INTERNAL_ID, event)}
        case PaymentUpdate():
            order_id = event.reference or f"<the order of {event.payment_ids[0]}>"
            body = payment_body(order_id, event.status, event.at)
            return {"call": "set-payment-status", "body": body}
    return None


def create_call(order: Order, fixture: Fixture) -> dict[str, object]:
    adapter = fixture.adapter
    connection = Connection(
        name=adapter.slug, adapter=adapter, secrets=(SECRET,), intermediary=adapter.intermediary
    )
    try:
        mapped = create_body(order, connection, POS, fixture.unsigned().received_at)
    except (Held, Unmapped) as reason:
        return {"call": "none", "held": str(reason)}
    said = {"call": "create", "body": mapped.body, "notes": list(mapped.notes)}
    return {key: value for key, value in said.items() if value}


@every_fixture
def test_answers(fixture: Fixture, accept: bool) -> None:
    delivery = fixture.signed()
    _, events = parse_to_end(fixture, delivery)
    answers = {
        outcome: [as_json(call) for call in fixture.adapter.answer(delivery, order, told)]
        for order in events
        if isinstance(order, Order)
        for outcome in get_args(Outcome)
        for told in [Told(outcome, delivery.received_at)]
    }
    said = {outcome: calls for outcome, calls in answers.items() if calls}
    compare(fixture.folder / "answers.json", said, accept=accept)


@every_fixture
def test_identity_fits_events(fixture: Fixture) -> None:
    """A delivery of several orders stands in no order's queue, nor in a store's if they differ."""
    delivery = fixture.signed()
    asked, events = parse_to_end(fixture, delivery)
    identity = fixture.adapter.identify(delivery)
    told = [event for event in events if isinstance(event, Order | Cancellation)]
    ids, stores = {event.order_id for event in told}, {order.store_id for order in orders(events)}
    one = ids if len(events) == 1 else {None, *ids}
    assert not ids or identity.order_id in (one if len(ids) == 1 else {None})
    if stores and identity.store_id:
        assert {identity.store_id} == stores
    cancels = bool(told) and all(isinstance(event, Cancellation) for event in told)
    assert identity.overtakes == cancels or (asked and cancels)


@every_fixture
def test_sums_are_true(fixture: Fixture) -> None:
    """`total` is what the lines come to; a fixture that shows otherwise is named `mismatch`."""
    _, events = parse_to_end(fixture, fixture.signed())
    for order in orders(events):
        if order.total is not None:
            agrees = order.total == booked(order)
            assert agrees != fixture.variant.startswith("mismatch")


def orders(events: object) -> list[Order]:
    assert isinstance(events, list | tuple)
    return [event for event in events if isinstance(event, Order)]


def booked(order: Order) -> int:
    fees = sum(fee.amount for fee in order.fees if fee.owner is Owner.RESTAURANT)
    off = sum(cut.amount for cut in order.discounts if cut.owner is Owner.RESTAURANT)
    return sum(map(line_value, order.lines)) + fees - off


def line_value(line: Line) -> int:
    return line.quantity * (line.unit_price + sum(map(line_value, line.options)))
