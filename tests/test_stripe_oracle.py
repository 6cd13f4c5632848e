"""Stripe's own library as the oracle: over invented bodies it and we give the same verdict.

Each runs at the same moment: ours takes it from the delivery, theirs from the clock, which is
stopped. The one wanted difference: theirs takes any time in the future, ours only 300 s of it.
"""

from __future__ import annotations

from datetime import UTC, datetime

import stripe as oracle
import time_machine
from hypothesis import assume, example, given
from hypothesis import strategies as st

from adapters import stripe
from adapters.contract import Delivery, Rejected

NOW = datetime(2026, 7, 4, 16, 30, tzinfo=UTC)
HEADER = "stripe-signature"
TOLERANCE = 300

bodies = st.text(max_size=200)
secrets = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40).filter(str.strip)
ages = st.integers(-TOLERANCE - 2, TOLERANCE + 2) | st.sampled_from([TOLERANCE, TOLERANCE + 1])


def delivery(body: str, header: str | None = None) -> Delivery:
    return Delivery(
        method="POST",
        url="https://receiver.example/webhooks/stripe",
        path="",
        headers={} if header is None else {HEADER: header},
        body=body.encode(),
        received_at=NOW,
    )


def ours(body: str, header: str, secret: str) -> bool:
    try:
        stripe.ADAPTER.verify(delivery(body, header), [secret])
    except Rejected:
        return False
    return True


def theirs(body: str, header: str, secret: str) -> bool:
    with time_machine.travel(NOW, tick=False):
        try:
            oracle.WebhookSignature.verify_header(body.encode(), header, secret, TOLERANCE)
        except oracle.SignatureVerificationError:
            return False
    return True


def signed(body: str, secret: str, age: int = 0) -> str:
    """By the library, as of `age` seconds ago."""
    time = int(NOW.timestamp()) - age
    return str(oracle.WebhookSignature.generate_signature_header(body, secret, time))


@given(bodies, secrets)
def test_both_take_what_either_signs(body: str, secret: str) -> None:
    header = stripe.ADAPTER.sign(delivery(body), secret).headers[HEADER]
    assert header == signed(body, secret)
    assert ours(body, header, secret)
    assert theirs(body, header, secret)


@given(bodies, secrets, ages)
def test_both_look_back_as_far_and_only_we_look_ahead(body: str, secret: str, age: int) -> None:
    header = signed(body, secret, age)
    assert theirs(body, header, secret) == (age <= TOLERANCE)
    assert ours(body, header, secret) == (abs(age) <= TOLERANCE)


@given(bodies, bodies, secrets, secrets)
def test_both_reject_another_body_and_another_secret(
    body: str, other_body: str, secret: str, other_secret: str
) -> None:
    assume(body != other_body and secret != other_secret)
    header = signed(body, secret)
    for forged in [(other_body, header, secret), (body, header, other_secret)]:
        assert not ours(*forged)
        assert not theirs(*forged)


parts = st.sampled_from(["t={time}", "t=", "t", "t=x", "v1={digest}", "v1={other}", "v1=", "v0=ab"])


@given(st.lists(parts | st.just("v0={digest}") | st.text("tv01=af", max_size=6), max_size=6))
@example(["t={time}", "v1={other}", "v1={digest}"])
@example(["v1={digest}", "t={time}"])
@example(["t={time}", "v0={digest}"])
def test_both_read_the_header_alike(shapes: list[str]) -> None:
    """But for two times in one header: theirs takes the first, ours takes neither."""
    genuine, other = signed("{}", "whsec_1"), signed("{}", "whsec_2")
    time, digest = (part.partition("=")[2] for part in genuine.split(","))
    header = ",".join(
        shape.format(time=time, digest=digest, other=other.partition("v1=")[2]) for shape in shapes
    )
    several_times = sum(part.partition("=")[0] == "t" for part in header.split(",")) > 1
    assert ours("{}", header, "whsec_1") == (theirs("{}", header, "whsec_1") and not several_times)
