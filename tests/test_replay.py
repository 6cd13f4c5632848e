"""Every recorded delivery: what the adapter says of it, and what would be sent for it."""

from typing import get_args

import pytest

from adapters.contract import Cancellation, Line, Order, Outcome, Owner
from tests.goldens import FIXTURES, Fixture, as_json, compare, event_json, name, parse_to_end

every_fixture = pytest.mark.parametrize("fixture", FIXTURES, ids=name)


@every_fixture
def test_events(fixture: Fixture, accept: bool) -> None:
    asked, events = parse_to_end(fixture, fixture.signed())
    said = [event_json(event) for event in (*asked, *events)]
    compare(fixture.folder / "events.json", said, accept=accept)
    assert {fetch.name for fetch in asked} == set(fixture.fetched())


@every_fixture
def test_answers(fixture: Fixture, accept: bool) -> None:
    delivery = fixture.signed()
    _, events = parse_to_end(fixture, delivery)
    answers = {
        outcome: [as_json(call) for call in fixture.adapter.answer(delivery, order, outcome)]
        for order in events
        if isinstance(order, Order)
        for outcome in get_args(Outcome)
    }
    said = {outcome: calls for outcome, calls in answers.items() if calls}
    compare(fixture.folder / "answers.json", said, accept=accept)


@every_fixture
def test_identity_fits_events(fixture: Fixture) -> None:
    delivery = fixture.signed()
    asked, events = parse_to_end(fixture, delivery)
    identity = fixture.adapter.identify(delivery)
    for event in events:
        if isinstance(event, Order | Cancellation):
            assert identity.order_id == event.order_id
        if isinstance(event, Order) and identity.store_id:
            assert identity.store_id == event.store_id
    cancels = any(isinstance(event, Cancellation) for event in events)
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
