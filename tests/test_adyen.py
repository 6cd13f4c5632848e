"""What only Adyen has: signatures within the body, batches, and two addresses for capture modes."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import adyen
from adapters.adyen import ADAPTER, AUTOMATIC, MANUAL, MOST_ITEMS
from adapters.contract import Ack, Delivery, Ignored, PaymentUpdate, Rejected, Unreadable
from adapters.verdict import Verdict
from receiver.payments import Standing, standing_after
from tests.goldens import OTHER_SECRET, SECRET, Fixture, of

PAGE = Path(adyen.__file__).with_suffix(".md")
FIXTURES = {fixture.folder.name: fixture for fixture in of(ADAPTER)}
BATCH = "authorisation__with_a_capture"
RAW = "merchant.created__signed_in_its_header"
Json = Any


def fixture(name: str) -> Fixture:
    return FIXTURES[name]


def unsigned(name: str = "authorisation__demo") -> Delivery:
    return fixture(name).unsigned()


def with_items(delivery: Delivery, *items: Json) -> Delivery:
    body = {"live": "false", "notificationItems": [{"NotificationRequestItem": i} for i in items]}
    return replace(delivery, body=json.dumps(body).encode())


def items(delivery: Delivery) -> list[Json]:
    return [e["NotificationRequestItem"] for e in json.loads(delivery.body)["notificationItems"]]


def changed(item: Json, path: str, value: Json) -> Json:
    item = copy.deepcopy(item)
    inner = item
    *way, last = path.split(".")
    for key in way:
        inner = inner[key]
    inner[last] = value
    return item


def passes(delivery: Delivery, *secrets: str) -> bool:
    try:
        ADAPTER.verify(delivery, secrets or [SECRET])
    except Rejected:
        return False
    return True


def update(delivery: Delivery) -> PaymentUpdate:
    first = ADAPTER.parse(delivery, {})[0]
    assert isinstance(first, PaymentUpdate)
    return first


# What is signed


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("pspReference", "DH3V9BXK5TQ7MN83"),
        ("originalReference", "DH3V9BXK5TQ7MN82"),
        ("merchantAccountCode", "Another"),
        ("merchantReference", "2026-1"),
        ("amount.value", 3450),
        ("amount.currency", "CHF"),
        ("eventCode", "CAPTURE"),
        ("success", "false"),
        ("additionalData.hmacSignature", None),
        ("additionalData", "text"),
    ],
)
def test_a_signed_field_cannot_be_changed(path: str, value: Json) -> None:
    signed = fixture("authorisation__demo").signed()
    (item,) = items(signed)
    assert passes(with_items(signed, item))
    assert not passes(with_items(signed, changed(item, path, value)))


@pytest.mark.parametrize("path", ["eventDate", "reason", "paymentMethod", "operations"])
def test_others_are_not_signed(path: str) -> None:
    """So nothing may be decided by them."""
    signed = fixture("authorisation__demo").signed()
    (item,) = items(signed)
    assert passes(with_items(signed, changed(item, path, "changed")))


@pytest.mark.parametrize("value", [2350.5, [], ["x"], {}, {"a": 1}])
@pytest.mark.parametrize("path", ["pspReference", "merchantReference", "amount.value", "success"])
def test_what_is_no_text_is_not_signed_at_all(path: str, value: Json) -> None:
    item = changed(items(unsigned())[0], path, value)
    with pytest.raises(Rejected):
        ADAPTER.sign(with_items(unsigned(), item), SECRET)
    item["additionalData"] = items(fixture("authorisation__demo").signed())[0]["additionalData"]
    assert not passes(with_items(unsigned(), item))


def test_a_colon_is_taken_in_the_shop_s_own_reference_alone() -> None:
    """Else the border could be moved: both of these are signed as `...:a:b:c:3451:...`."""
    (item,) = items(unsigned())
    genuine = changed(changed(item, "merchantAccountCode", "a"), "merchantReference", "b:c")
    signed = ADAPTER.sign(with_items(unsigned(), genuine), SECRET)
    assert passes(signed)
    (item,) = items(signed)
    moved = changed(changed(item, "merchantAccountCode", "a:b"), "merchantReference", "c")
    assert not passes(with_items(signed, moved))


def test_nor_can_a_colon_stand_in_for_a_field_that_is_no_text() -> None:
    item = changed(changed(items(unsigned())[0], "pspReference", []), "merchantAccountCode", "a:b")
    with pytest.raises(Rejected):
        ADAPTER.sign(with_items(unsigned(), item), SECRET)


def test_every_item_of_a_batch_must_be_genuine() -> None:
    signed = fixture(BATCH).signed()
    first, second = items(signed)
    assert passes(with_items(signed, first, second))
    assert passes(with_items(signed, second, first))
    for bad in (changed(first, "amount.value", 1), changed(second, "amount.value", 1)):
        good = first if bad["eventCode"] == "CAPTURE" else second
        assert not passes(with_items(signed, good, bad))
        assert not passes(with_items(signed, bad, good))


@pytest.mark.parametrize(
    ("count", "taken"), [(0, False), (1, True), (MOST_ITEMS, True), (MOST_ITEMS + 1, False)]
)
def test_a_batch_has_bounds(count: int, taken: bool) -> None:
    (item,) = items(fixture("authorisation__demo").signed())
    assert passes(with_items(unsigned(), *[item] * count)) == taken


def test_items_are_not_proven_by_a_header() -> None:
    """Nor can a raw body that is signed be turned into items."""
    delivery = unsigned()
    raw = ADAPTER.sign(replace(delivery, body=b'{"type": "x"}'), SECRET)
    assert passes(raw)
    assert not passes(replace(raw, body=delivery.body))


@pytest.mark.parametrize("entries", [None, "x", 1, {}, [None], ["x"], [[]], [{}], [{"a": {}}]])
def test_what_is_no_batch_is_rejected(entries: Json) -> None:
    body = json.dumps({"notificationItems": entries, "type": "merchant.created"}).encode()
    assert not passes(replace(unsigned(), body=body))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
named = st.dictionaries(
    st.sampled_from(["pspReference", "merchantReference", "amount", "success", "additionalData"]),
    anything | st.dictionaries(st.sampled_from(["value", "currency", "hmacSignature"]), anything),
)


@given(st.lists(anything | named, max_size=3))
def test_invented_items_are_rejected(invented: list[Json]) -> None:
    assert not passes(with_items(unsigned(), *invented))


@given(st.binary() | anything.map(lambda value: json.dumps(value).encode()))
def test_invented_bodies_are_rejected(body: bytes) -> None:
    assert not passes(replace(unsigned(), body=body))
    assert not passes(replace(unsigned(RAW), body=body, headers={"hmacsignature": "garbage"}))


@pytest.mark.parametrize("text", ["x" * 64, SECRET[:-2], SECRET + "00", f" {SECRET[1:]}", "", "ü"])
def test_a_secret_that_is_no_key(text: str) -> None:
    assert ADAPTER.check_secret(text) == "is not 64 hex digits"
    assert not passes(fixture("authorisation__demo").signed(), text)
    if text:
        with pytest.raises(Rejected):
            ADAPTER.sign(unsigned(), text)


@pytest.mark.parametrize("text", [SECRET, SECRET.upper(), OTHER_SECRET])
def test_a_secret_that_is_one(text: str) -> None:
    assert ADAPTER.check_secret(text) is None
    assert passes(ADAPTER.sign(unsigned(), text.lower()), text)


def test_what_is_proven() -> None:
    assert not ADAPTER.proof(unsigned()).covers_body
    assert ADAPTER.proof(unsigned(RAW)).covers_body


# Where it arrives, and who it is


@pytest.mark.parametrize(
    ("path", "status"), [("", "paid"), ("manual", "appointed"), ("manual/", "appointed")]
)
def test_the_address_says_how_the_account_captures(path: str, status: str) -> None:
    delivery = replace(fixture("authorisation__demo").signed(), path=path)
    assert passes(delivery)
    assert update(delivery).status == status


@pytest.mark.parametrize("name", ["authorisation__demo", RAW])
@pytest.mark.parametrize("path", ["Manual", "manuel", "manual/x", "x" * 1000])
def test_another_address_takes_nothing(path: str, name: str) -> None:
    assert not passes(replace(fixture(name).signed(), path=path))


def test_nor_is_it_read_there() -> None:
    with pytest.raises(Unreadable):
        ADAPTER.parse(replace(unsigned(), path="manuel"), {})


def test_one_item_is_named_by_what_it_is() -> None:
    identity = ADAPTER.identify(fixture("authorisation__demo").signed())
    assert identity.delivery_id == "DH3V9BXK5TQ7MN82:AUTHORISATION:true"
    assert identity.order_id == "WEB-2026-0901"
    later = ADAPTER.identify(unsigned("capture_failed__next_day"))
    assert later == ("CP9XW3MQ7KTNRL65:CAPTURE_FAILED:true", "XKQ7M2R4TN8WLC82", None, False)


def test_a_repeat_has_the_same_name_and_a_correction_another() -> None:
    for name in ("authorisation__demo", BATCH):
        delivery = unsigned(name)
        first, *others = items(delivery)
        known = ADAPTER.identify(delivery).delivery_id
        again = with_items(delivery, changed(first, "eventDate", "2026-03-14T00:00:00Z"), *others)
        assert ADAPTER.identify(again).delivery_id == known
        corrected = with_items(delivery, changed(first, "success", "false"), *others)
        assert ADAPTER.identify(corrected).delivery_id != known


def test_a_batch_has_a_short_name_of_all_its_items() -> None:
    delivery = unsigned(BATCH)
    first, second = items(delivery)
    ids = {
        ADAPTER.identify(with_items(delivery, *several)).delivery_id
        for several in ([first], [second], [first, second], [first] * 40)
    }
    assert len(ids) == 4
    assert max(map(len, ids)) == 64


def test_only_events_of_one_order_wait_in_its_queue() -> None:
    delivery = unsigned("capture__full")
    (capture,) = items(delivery)
    refund = changed(changed(capture, "eventCode", "REFUND"), "pspReference", "RF1")
    together = with_items(delivery, capture, refund)
    assert ADAPTER.identify(together).order_id == capture["originalReference"]
    assert ADAPTER.identify(unsigned(BATCH)).order_id is None


@pytest.mark.parametrize(
    ("path", "value"),
    [("pspReference", None), ("pspReference", "x" * 201), ("eventCode", ""), ("eventCode", [])],
)
def test_without_a_name_the_body_is_it(path: str, value: Json) -> None:
    delivery = with_items(unsigned(), changed(items(unsigned())[0], path, value))
    identity = ADAPTER.identify(delivery)
    assert len(identity.delivery_id) == 64
    assert identity.order_id is None


def test_nor_is_a_batch_named_by_a_part_of_it() -> None:
    (item,) = items(unsigned())
    alone = ADAPTER.identify(with_items(unsigned(), item))
    together = ADAPTER.identify(with_items(unsigned(), item, {}))
    assert together.delivery_id != alone.delivery_id
    assert together.order_id is None


def test_a_long_name_is_shortened() -> None:
    item = changed(items(unsigned())[0], "pspReference", "x" * 190)
    assert len(ADAPTER.identify(with_items(unsigned(), item)).delivery_id) == 64


def test_what_it_wants_to_hear() -> None:
    for delivery in (unsigned(), unsigned(BATCH), unsigned(RAW)):
        assert ADAPTER.ack(delivery) == Ack(200, b"[accepted]", "text/plain")


# What it means


def told(verdict: Verdict) -> str:
    words: str = verdict.status or "nothing"
    if verdict.reversal:
        words += ", undoes `paid`" if verdict.status == "canceled" else ", undoes `canceled`"
    return f"{words}, alert" if verdict.alert else words


def row(code: str) -> str:
    (automatic, failed), (manual, same) = AUTOMATIC[code], MANUAL[code]
    assert failed == same
    return f"| `{code}` | {told(automatic)} | {told(manual)} | {told(failed)} |"


def test_the_page_says_what_each_event_means() -> None:
    lines = PAGE.read_text("utf-8").splitlines()
    _, *rows = [line for line in lines if line.startswith("| `") and line.count("|") == 5]
    assert rows == [row(code) for code in MANUAL]


def test_a_boolean_counts_like_its_text() -> None:
    (item,) = items(unsigned())
    statuses = {
        json.dumps(value): update(with_items(unsigned(), changed(item, "success", value))).status
        for value in (True, False, "true", "false", "TRUE", None, 1)
    }
    assert {text for text, status in statuses.items() if status == "paid"} == {"true", '"true"'}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("eventDate", None),
        ("eventDate", "yesterday"),
        ("eventDate", "9999-12-31T23:59:59-23:59"),
        ("eventDate", "2026-03-13T19:05:06"),
        ("amount", None),
        ("amount.value", None),
        ("amount.value", -1),
        ("amount.value", 10**12),
        ("amount.value", "12.50"),
        ("pspReference", None),
        ("eventCode", None),
    ],
)
def test_a_payment_without_its_facts_is_unreadable(path: str, value: Json) -> None:
    delivery = with_items(unsigned(), changed(items(unsigned())[0], path, value))
    with pytest.raises(Unreadable):
        ADAPTER.parse(delivery, {})


def test_an_event_of_no_consequence_needs_none_of_them() -> None:
    delivery = with_items(unsigned(), {"eventCode": "REPORT_AVAILABLE"}, {"eventCode": "REFUND"})
    assert ADAPTER.parse(delivery, {}) == [
        Ignored("REPORT_AVAILABLE"),
        Ignored("REFUND", adyen.NOT_REFUNDED.reason, alert=True),
    ]


@pytest.mark.parametrize("text", [None, "", "  ", "x" * 201, ["4711"], {"id": "4711"}])
def test_a_useless_reference_is_none(text: Json) -> None:
    delivery = with_items(unsigned(), changed(items(unsigned())[0], "merchantReference", text))
    assert update(delivery).reference is None


@pytest.mark.parametrize(
    ("body", "event"),
    [(b'{"type": "merchant.created"}', "merchant.created"), (b'{"type": 7}', "7")],
)
def test_other_kinds_are_ignored_by_their_type(body: bytes, event: str) -> None:
    (ignored,) = ADAPTER.parse(replace(unsigned(RAW), body=body), {})
    assert isinstance(ignored, Ignored)
    assert ignored.event_type == event


@pytest.mark.parametrize("body", [b"{}", b'{"type": ""}', b'{"type": []}', b"TestPayload"])
def test_without_a_type_they_are_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        ADAPTER.parse(replace(unsigned(RAW), body=body), {})


# How it ends, in whichever order it comes


def ends(events: Sequence[PaymentUpdate]) -> str | None:
    standing: Standing | None = None
    for event in events:
        standing = standing_after(standing, event)
    return standing.status if standing else None


@pytest.mark.parametrize(
    ("names", "status"),
    [
        (["authorisation__declined", "authorisation__good_after_declined"], "paid"),
        (["authorisation__manual_capture", "capture__full"], "paid"),
        (["authorisation__manual_capture", "capture__failed_at_once"], "error"),
        (["authorisation__manual_capture", "cancellation__manual_capture"], "canceled"),
        (["authorisation__manual_capture", "expire__manual_capture"], "canceled"),
        (["authorisation__good_after_declined", "cancellation__automatic"], "canceled"),
        (["authorisation__good_after_declined", "manual_review_reject__automatic"], "canceled"),
        (["authorisation__good_after_declined", "expire__automatic"], "canceled"),
        (["authorisation__good_after_declined", "technical_cancel__no_answer_came"], "paid"),
        (["authorisation__good_after_declined", "capture_failed__next_day"], "paid"),
        (["offer_closed__never_paid", "authorisation__good_after_declined"], "paid"),
        (["authorisation_pending__bank_transfer", "authorisation__declined"], "appointed"),
        (["authorisation__good_after_declined", "refund__full"], "canceled"),
        (["order_closed__paid_in_parts", "chargeback__lost"], "canceled"),
        (["order_closed__paid_in_parts", "chargeback__lost", "prearbitration_won__won"], "paid"),
        (
            ["chargeback__lost", "chargeback_reversed__defended", "prearbitration_lost__lost"],
            "canceled",
        ),
        (["order_closed__given_up", "authorisation__declined"], "canceled"),
    ],
    ids=" ".join,
)
def test_how_it_ends(names: list[str], status: str) -> None:
    said = [update(unsigned(name)) for name in names]
    assert {ends(order) for order in permutations(said)} == {status}
