"""What only Square has: an address that is signed, orders of its own, and money given back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from adapters import square
from adapters.api import Credentials
from adapters.contract import Delivery, Event, Fetch, Ignored, PaymentUpdate, Rejected, Unreadable
from adapters.square import ADAPTER, EVENTS, VERDICTS
from adapters.verdict import DISPUTED, Verdict
from receiver.payments import Standing, standing_after
from tests.goldens import SECRET, of

PAGE = Path(square.__file__).with_suffix(".md")
FIXTURES = {fixture.folder.name: fixture for fixture in of(ADAPTER)}
ORDER = {"order": {"id": "oRd3R", "reference_id": "2026-4801"}}
PAYMENT, CHECKOUT = "payment.updated__demo", "terminal.checkout.updated__canceled"
REFUND, DISPUTE = "refund.updated__completed", "dispute.state.updated__lost"
Json = Any


def unsigned(name: str = PAYMENT) -> Delivery:
    return FIXTURES[name].unsigned()


def changed(name: str, **fields: Json) -> Delivery:
    """The fixture with fields of its object changed, or taken out where they are None."""
    delivery = unsigned(name)
    body = json.loads(delivery.body)
    (thing,) = body["data"]["object"].values()
    thing.update(fields)
    for key in [key for key, value in fields.items() if value is None]:
        del thing[key]
    return replace(delivery, body=json.dumps(body).encode())


def parse(delivery: Delivery, **fetched: Json) -> Event:
    bodies = {name: json.dumps(value).encode() for name, value in fetched.items()}
    (event,) = ADAPTER.parse(delivery, bodies)
    return event


def update(delivery: Delivery, **fetched: Json) -> PaymentUpdate:
    event = parse(delivery, **fetched)
    assert isinstance(event, PaymentUpdate)
    return event


# The signature


@pytest.mark.parametrize(
    "url",
    [
        "https://receiver.example/webhooks/square/",
        "https://receiver.example/webhooks/square?",
        "http://receiver.example/webhooks/square",
        "https://receiver.example/webhooks/Square",
        "https://another.example/webhooks/square",
        "",
    ],
)
def test_the_address_is_signed_to_the_letter(url: str) -> None:
    signed = FIXTURES[PAYMENT].signed()
    ADAPTER.verify(signed, [SECRET])
    with pytest.raises(Rejected):
        ADAPTER.verify(replace(signed, url=url), [SECRET])


# Who it is


def test_it_is_named_by_its_event_and_waits_for_its_order() -> None:
    for name, fixture in FIXTURES.items():
        delivery = fixture.unsigned()
        identity = ADAPTER.identify(delivery)
        assert identity.delivery_id == json.loads(delivery.body)["event_id"]
        said = ADAPTER.parse(delivery, fixture.fetched())
        for event in said:
            if isinstance(event, PaymentUpdate) and not fixture.fetched():
                assert identity.order_id == (event.reference or event.payment_ids[0]), name


def test_an_order_to_be_fetched_is_waited_for_as_the_payment() -> None:
    identity = ADAPTER.identify(unsigned("payment.updated__named_by_its_order"))
    assert identity.order_id == "mUs7ErKuEcHeR2xQ9bTnWlK5pZY"


def test_an_event_without_an_id_is_named_by_its_body() -> None:
    delivery = replace(unsigned(), body=b'{"type": "payment.updated"}')
    assert len(ADAPTER.identify(delivery).delivery_id) == 64
    assert ADAPTER.identify(delivery).order_id is None


# Which order it is


def test_an_order_is_fetched_only_where_the_payment_does_not_name_it() -> None:
    assert isinstance(parse(changed(PAYMENT)), PaymentUpdate)
    fetch = parse(changed(PAYMENT, reference_id=None))
    assert fetch == Fetch("order", "/v2/orders/oRd3RgL0v0100482913aBcDeFgZY", may_be_unknown=True)
    assert isinstance(parse(changed(PAYMENT, reference_id=None, status="NEW")), Ignored)
    assert isinstance(parse(changed(CHECKOUT, reference_id=None, order_id="oRd3R")), Fetch)


@pytest.mark.parametrize("name", [REFUND, DISPUTE])
def test_refunds_and_disputes_name_no_order(name: str) -> None:
    delivery = changed(name, order_id="oRd3R", reference_id="4711")
    assert update(delivery).reference is None
    assert ADAPTER.identify(delivery).order_id == update(delivery).payment_ids[0]


@pytest.mark.parametrize("text", ["", "  ", "x" * 201, ["4711"], {"id": "4711"}, None])
def test_a_useless_reference_is_none(text: Json) -> None:
    delivery = changed(PAYMENT, reference_id=text)
    assert isinstance(parse(delivery), Fetch)
    assert update(delivery, order=ORDER).reference == "2026-4801"
    nameless = {"order": {"id": "oRd3R", "reference_id": text}}
    assert update(delivery, order=nameless).reference is None


@pytest.mark.parametrize("order", ["../v2/payments", "a/b", "a?b", "ä", "x" * 193, 7.5, [], None])
def test_only_an_id_becomes_part_of_a_path(order: Json) -> None:
    assert update(changed(PAYMENT, reference_id=None, order_id=order)).reference is None


def test_an_unknown_order_names_nothing() -> None:
    delivery = changed(PAYMENT, reference_id=None)
    (event,) = ADAPTER.parse(delivery, {"order": b""})
    assert isinstance(event, PaymentUpdate)
    assert event.reference is None
    assert event.payment_ids[0] == "gL0v0MuS7ErKuEcHeX4bTnWlK9ZY"


def test_it_is_asked_with_the_access_token() -> None:
    assert ADAPTER.api
    headers = ADAPTER.api.headers(Credentials(api_key="token"), unsigned().received_at)
    assert headers == {"authorization": "Bearer token"}
    assert ADAPTER.api.needs == ("api_key",)
    assert not ADAPTER.thin


def test_a_checkout_teaches_its_payments() -> None:
    said = update(changed(CHECKOUT, payment_ids=["p1", "", None, 7, "p2"], order_id="oRd3R"))
    assert said.payment_ids == ("cH3cK0uTmUs", "oRd3R", "p1", "7", "p2")
    assert said.reference == "2026-4801"


# What it means


def told(verdict: Verdict) -> str:
    words: str = verdict.status or "nothing"
    if verdict.reversal:
        words += ", undoes `paid`" if verdict.status == "canceled" else ", undoes `canceled`"
    return f"{words}, alert" if verdict.alert else words


IN_WORDS = {
    "refunded": "`COMPLETED`, all of it given back",
    "refunded_in_part": "`COMPLETED`, a part given back",
}


def page() -> dict[tuple[str, str], str]:
    """(event, status there) -> status, of the page's table."""
    known: dict[tuple[str, str], str] = {}
    events = ""
    for line in PAGE.read_text("utf-8").split("## Events")[1].split("##")[0].splitlines()[4:]:
        if line:
            first, statuses, verdict = (cell.strip() for cell in line.strip("|").split("|"))
            events = first or events
            parts = [statuses] if "back" in statuses else statuses.split(", ")
            known |= {
                (event.strip("`"), status): verdict.partition(";")[0]
                for event in events.split(", ")
                for status in parts
            }
    return known


def test_the_page_says_what_each_event_means() -> None:
    said = page()
    for event, kind in EVENTS.items():
        for status, verdict in VERDICTS[kind].items():
            key = event, IN_WORDS.get(status, f"`{status}`")
            assert said.pop(key, said.get((event, "any other"))) == told(verdict), key
    assert set(said) == {
        ("dispute.created", "any other"),
        ("dispute.state.updated", "any other"),
        ("each of them", "a status not named here"),
    }


@pytest.mark.parametrize("name", [PAYMENT, CHECKOUT, REFUND, DISPUTE])
@pytest.mark.parametrize("status", ["NEW", "", None, "refunded_twice"])
def test_a_status_that_is_not_known_asks_for_a_look(name: str, status: str | None) -> None:
    event = parse(changed(name, **{"state" if name == DISPUTE else "status": status}))
    assert isinstance(event, Ignored)
    assert event.alert


@pytest.mark.parametrize("stage", ["EVIDENCE_REQUIRED", "PROCESSING", "CLOSED"])
def test_an_inquiry_is_a_dispute_too(stage: str) -> None:
    event = parse(changed(DISPUTE, state=f"INQUIRY_{stage}"))
    assert event == Ignored("dispute.state.updated", DISPUTED.reason, alert=True)


@pytest.mark.parametrize(
    ("back", "status"),
    [
        (None, "paid"),
        ({}, "paid"),
        ({"amount": 0}, "paid"),
        ({"amount": 1}, None),
        ({"amount": 5409}, None),
        ({"amount": 5410}, "canceled"),
        ({"amount": 6000}, "canceled"),
    ],
)
def test_what_was_given_back_is_compared(back: Json, status: str | None) -> None:
    event = parse(changed(PAYMENT, refunded_money=back))
    assert (event.status if isinstance(event, PaymentUpdate) else None) == status
    if isinstance(event, PaymentUpdate):
        assert event.reversal == (status == "canceled")


def test_nothing_is_given_back_of_what_was_not_paid() -> None:
    assert update(changed(PAYMENT, status="CANCELED", refunded_money={"amount": 5410})).status == (
        "canceled"
    )
    assert not update(changed(PAYMENT, status="CANCELED", refunded_money={"amount": 5410})).reversal
    free = changed(PAYMENT, total_money={"amount": 0, "currency": "EUR"})
    assert update(free).status == "paid"


def test_the_tip_is_part_of_what_was_paid() -> None:
    said = update(changed(PAYMENT))
    assert (said.amount, said.currency) == (5210 + 200, "EUR")
    assert update(changed(PAYMENT, total_money=None)).amount == 5210


@pytest.mark.parametrize(
    "fields",
    [
        {"id": None, "order_id": None},
        {"total_money": None, "amount_money": None},
        {"total_money": {"amount": None}},
        {"total_money": {"amount": "54.10"}},
        {"total_money": [1]},
        {"updated_at": "yesterday"},
        {"updated_at": "9999-12-31T23:59:59-23:59"},
    ],
)
def test_a_payment_without_its_facts_is_unreadable(fields: Json) -> None:
    with pytest.raises(Unreadable):
        ADAPTER.parse(changed(PAYMENT, **fields), {})


def test_without_a_time_of_its_own_the_event_s_counts() -> None:
    said = update(changed(PAYMENT, updated_at=None))
    assert said.at.isoformat() == "2026-03-13T18:05:07.020000+00:00"


# How it ends, in whichever order it comes


def ends(events: Sequence[PaymentUpdate]) -> str | None:
    standing: Standing | None = None
    for event in events:
        standing = standing_after(standing, event)
    return standing.status if standing else None


@pytest.mark.parametrize(
    ("names", "status"),
    [
        (["payment.created__approved", "payment.created__completed_at_once"], "paid"),
        (["payment.created__approved", "payment.updated__canceled"], "canceled"),
        (["payment.updated__failed", "payment.created__completed_at_once"], "paid"),
        (["terminal.checkout.created__pending", "payment.created__completed_at_once"], "paid"),
        (["terminal.checkout.created__pending", CHECKOUT], "canceled"),
        (
            ["payment.created__completed_at_once", REFUND, "payment.updated__refunded_in_full"],
            "canceled",
        ),
        (["payment.created__completed_at_once", DISPUTE], "canceled"),
        (["payment.created__completed_at_once", DISPUTE, "dispute.state.updated__won"], "paid"),
    ],
    ids=" ".join,
)
def test_how_it_ends(names: list[str], status: str) -> None:
    said = [update(unsigned(name)) for name in names]
    assert {ends(order) for order in permutations(said)} == {status}
