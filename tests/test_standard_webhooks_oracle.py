"""The specification's own library as the oracle: over invented deliveries the same verdict.

Each runs at the same moment: ours takes it from the delivery, theirs from the clock, which is
stopped. The wanted differences: a malformed entry makes theirs fail with an error and is passed
over here; ours wants ids without a full stop, whole seconds and canonical base64.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import standardwebhooks as oracle
import time_machine
from hypothesis import assume, example, given
from hypothesis import strategies as st

from adapters.contract import Delivery, Rejected
from adapters.standard_webhooks import ADAPTER

NOW = datetime(2026, 6, 4, 16, 31, 10, tzinfo=UTC)
ID = "msg_2Muster0001"
TOLERANCE = 300

bodies = st.text(max_size=200)
ids = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="."), min_size=1
)
secrets = st.builds(
    lambda key, prefix, padded: prefix + (text(key) if padded else text(key).rstrip("=")),
    st.binary(min_size=24, max_size=64),
    st.sampled_from(["whsec_", ""]),
    st.booleans(),
)
ages = st.integers(-TOLERANCE - 2, TOLERANCE + 2) | st.sampled_from([TOLERANCE, TOLERANCE + 1])
Headers = dict[str, str]


def text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def key(secret: str) -> bytes:
    """As HMAC takes it: zeros at the end make no difference."""
    return base64.b64decode(secret.removeprefix("whsec_") + "==").rstrip(b"\0")


def delivery(body: str, headers: Headers) -> Delivery:
    return Delivery(
        method="POST",
        url="https://receiver.example/webhooks/standard_webhooks",
        path="",
        headers=headers,
        body=body.encode(),
        received_at=NOW,
    )


def ours(body: str, headers: Headers, secret: str) -> bool:
    try:
        ADAPTER.verify(delivery(body, headers), [secret])
    except Rejected:
        return False
    return True


def theirs(body: str, headers: Headers, secret: str) -> bool:
    with time_machine.travel(NOW, tick=False):
        try:
            oracle.Webhook(secret).verify(body.encode(), headers, json_parse=False)
        except oracle.WebhookVerificationError:
            return False
    return True


def signed(body: str, secret: str, name: str = ID, age: int = 0) -> Headers:
    """By the library, as of `age` seconds ago."""
    at = NOW - timedelta(seconds=age)
    return {
        "webhook-id": name,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": oracle.Webhook(secret).sign(name, at, body),
    }


@given(bodies, secrets, ids)
def test_both_take_what_either_signs(body: str, secret: str, name: str) -> None:
    headers = dict(ADAPTER.sign(delivery(body, {"webhook-id": name}), secret).headers)
    assert headers == signed(body, secret, name)
    assert ours(body, headers, secret)
    assert theirs(body, headers, secret)


@given(bodies, secrets, ages)
def test_both_look_as_far_either_way(body: str, secret: str, age: int) -> None:
    headers = signed(body, secret, age=age)
    assert ours(body, headers, secret) == theirs(body, headers, secret) == (abs(age) <= TOLERANCE)


@given(bodies, bodies, secrets, secrets, ids)
def test_both_reject_what_is_another(
    body: str, other_body: str, secret: str, other_secret: str, other_id: str
) -> None:
    assume(body != other_body and other_id != ID and key(secret) != key(other_secret))
    headers = signed(body, secret)
    forgeries = [
        (other_body, headers, secret),
        (body, headers, other_secret),
        (body, {**headers, "webhook-id": other_id}, secret),
    ]
    for forged in forgeries:
        assert not ours(*forged)
        assert not theirs(*forged)


entries = st.sampled_from(["v1,{digest}", "v1,{other}", "v2,{digest}", "v1a,{digest}", "v1,"])


@given(st.lists(entries, min_size=1, max_size=8))
@example(["v1,{other}", "v2,{other}", "v1,{digest}", "v1,{other}"])
@example(["v2,{digest}"])
def test_both_read_the_list_alike(shapes: list[str]) -> None:
    secret, other = text(bytes(range(32))), text(bytes(32))
    headers = signed("{}", secret)
    marks = [of["webhook-signature"].removeprefix("v1,") for of in (headers, signed("{}", other))]
    listed = " ".join(shape.format(digest=marks[0], other=marks[1]) for shape in shapes)
    headers = {**headers, "webhook-signature": listed}
    assert ours("{}", headers, secret) == theirs("{}", headers, secret)
    assert ours("{}", headers, secret) == ("v1,{digest}" in shapes)
