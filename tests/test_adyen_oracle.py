"""Adyen's own library as the oracle: over invented items and bodies it and we say the same.

Three wanted differences: theirs looks at a batch's first item only, raises errors of its own for
items without a signature, and takes a colon anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from Adyen import util as oracle  # type: ignore[import-untyped]
from hypothesis import assume, example, given
from hypothesis import strategies as st

from adapters.adyen import ADAPTER
from adapters.contract import Delivery, Rejected

Item = dict[str, Any]

keys = st.binary(min_size=32, max_size=32).map(bytes.hex)
words = st.text(max_size=30)
plain = words.filter(lambda text: ":" not in text)
items = st.fixed_dictionaries(
    {
        "pspReference": plain,
        "merchantAccountCode": plain,
        "merchantReference": words,
        "amount": st.fixed_dictionaries(
            {"value": st.integers(0, 10**15) | plain, "currency": plain}
        ),
        "eventCode": plain,
        "success": st.sampled_from(["true", "false"]),
    },
    optional={"originalReference": plain, "reason": words},
)
SAMPLE: Item = {
    "pspReference": "A",
    "merchantAccountCode": "Mitte",
    "merchantReference": "\\:/ü 1",
    "amount": {"value": 0, "currency": "EUR"},
    "eventCode": "AUTHORISATION",
    "success": "true",
}


def delivery(body: bytes, headers: Mapping[str, str] | None = None) -> Delivery:
    return Delivery(
        method="POST",
        url="https://receiver.example/webhooks/adyen",
        path="",
        headers=headers or {},
        body=body,
        received_at=datetime(2026, 3, 13, 18, 5, tzinfo=UTC),
    )


def batch(*several: Item) -> dict[str, Any]:
    return {"notificationItems": [{"NotificationRequestItem": item} for item in several]}


def passes(made: Delivery, key: str) -> bool:
    try:
        ADAPTER.verify(made, [key])
    except Rejected:
        return False
    return True


def ours(key: str, *several: Item) -> bool:
    return passes(delivery(json.dumps(batch(*several)).encode()), key)


def theirs(key: str, *several: Item) -> bool:
    return bool(oracle.is_valid_hmac_notification(batch(*several), key))


def signed(item: Item, key: str) -> Item:
    """By the library."""
    mark = oracle.generate_notification_sig(item, key).decode()
    return {**item, "additionalData": {"hmacSignature": mark}}


@given(items, keys)
@example(SAMPLE, "00" * 32)
def test_both_take_what_either_signs(item: Item, key: str) -> None:
    by_them = signed(item, key)
    body = ADAPTER.sign(delivery(json.dumps(batch(item)).encode()), key).body
    assert json.loads(body) == batch(by_them)
    assert ours(key, by_them)
    assert theirs(key, by_them)


@given(items, items, keys, keys)
def test_both_reject_another_item_and_another_key(
    item: Item, other: Item, key: str, other_key: str
) -> None:
    genuine, another = signed(item, key), signed(other, key)
    mark = genuine["additionalData"]
    assume(mark != another["additionalData"] and key != other_key)
    for forged, by in [({**other, "additionalData": mark}, key), (genuine, other_key)]:
        assert not ours(by, forged)
        assert not theirs(by, forged)


@given(items, keys, st.text(st.characters(codec="ascii"), min_size=1, max_size=50))
def test_both_reject_another_signature(item: Item, key: str, mark: str) -> None:
    """In ASCII: theirs cannot compare anything else."""
    forged = {**item, "additionalData": {"hmacSignature": mark}}
    assert not ours(key, forged)
    assert not theirs(key, forged)


@given(items, items, keys)
def test_only_we_look_at_what_follows_in_a_batch(item: Item, other: Item, key: str) -> None:
    forged = {**other, "additionalData": {"hmacSignature": "forged"}}
    assert theirs(key, signed(item, key), forged)
    assert not ours(key, signed(item, key), forged)


@given(items, keys, plain, plain)
def test_only_we_refuse_a_colon_elsewhere(item: Item, key: str, one: str, two: str) -> None:
    item = signed({**item, "merchantAccountCode": f"{one}:{two}"}, key)
    assert theirs(key, item)
    assert not ours(key, item)


@given(st.binary(max_size=200), st.binary(max_size=200), keys)
@example(b"TestPayload", b"", "ab" * 32)
def test_both_prove_other_bodies_by_their_header(body: bytes, other: bytes, key: str) -> None:
    mark = ADAPTER.sign(delivery(body), key).headers["hmacsignature"]
    assert mark == oracle.generate_payload_sig(body, key).decode()
    for sent in (body, other):
        made = delivery(sent, {"hmacsignature": mark})
        assert passes(made, key) == oracle.is_valid_hmac_payload(mark, key, sent) == (sent == body)
