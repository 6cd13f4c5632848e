"""Every platform against every forgery, and against the signatures its vendor published."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters import ADAPTERS
from adapters.contract import Adapter, Delivery, Rejected, Secrets
from tests.goldens import FIXTURES, OTHER_SECRET, SECRET, Fixture, kept, name

VECTORS = Path(__file__).parent / "vectors"
Forgery = tuple[str, Delivery, Secrets]

every_fixture = pytest.mark.parametrize("fixture", FIXTURES, ids=name)
every_platform = pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=ADAPTERS)


@every_fixture
def test_genuine_passes(fixture: Fixture) -> None:
    fixture.adapter.verify(fixture.signed(), [SECRET])


@every_fixture
def test_rotation(fixture: Fixture) -> None:
    fixture.adapter.verify(fixture.signed(), [OTHER_SECRET, SECRET])
    fixture.adapter.verify(fixture.signed(OTHER_SECRET), [OTHER_SECRET, SECRET])


@every_fixture
def test_forgeries_are_rejected(fixture: Fixture) -> None:
    original = (fixture.signed(), [SECRET])
    forged = list(forgeries(fixture))
    assert [label for label, *forgery in forged if (*forgery,) == original] == []
    accepted = [
        label
        for label, delivery, secrets in forged
        if not is_rejected(fixture.adapter, delivery, secrets)
    ]
    assert accepted == []


def is_rejected(adapter: Adapter, delivery: Delivery, secrets: Secrets) -> bool:
    try:
        adapter.verify(delivery, secrets)
    except Rejected:
        return True
    return False


def forgeries(fixture: Fixture) -> Iterator[Forgery]:
    yield from secret_forgeries(fixture)
    for forger in (body_forgeries, header_forgeries, time_forgeries):
        for label, delivery in forger(fixture):
            yield label, delivery, [SECRET]


def secret_forgeries(fixture: Fixture) -> Iterator[Forgery]:
    yield "wrong secret", fixture.signed(), [OTHER_SECRET]
    yield "no secret", fixture.signed(), []
    yield "empty secret", fixture.signed(), [""]
    yield "signed with the empty secret", fixture.signed(""), [""]
    yield "unsigned", fixture.unsigned(), [SECRET]


def body_forgeries(fixture: Fixture) -> Iterator[tuple[str, Delivery]]:
    genuine = fixture.signed()
    if not fixture.adapter.proof(genuine).covers_body:
        return
    body = genuine.body
    for at in {0, len(body) // 2, len(body) - 1}:
        changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        yield f"body byte {at} changed", replace(genuine, body=changed)
    yield "body longer", replace(genuine, body=body + b" ")
    yield "body empty", replace(genuine, body=b"")
    yield "body not text", replace(genuine, body=b"\xff\xfe\x00")
    yield "body a list", replace(genuine, body=b"[1, 2]")


def header_forgeries(fixture: Fixture) -> Iterator[tuple[str, Delivery]]:
    genuine = fixture.signed()
    for header in signing_headers(fixture):
        yield f"{header} missing", without(genuine, header)
        for label, text in forged_texts(genuine.headers[header]):
            forged = replace(genuine, headers={**genuine.headers, header: text})
            yield f"{header} {label}", as_handed_on(fixture.adapter, forged, genuine)


def as_handed_on(adapter: Adapter, forged: Delivery, genuine: Delivery) -> Delivery:
    """By the receiver: of the platform's addresses, only the genuine one leads to a certificate."""
    if adapter.certificate_at is None:
        return forged
    try:
        is_there = adapter.certificate_at(forged) == adapter.certificate_at(genuine)
    except Rejected:
        return forged
    return forged if is_there else replace(forged, certificate=None)


def signing_headers(fixture: Fixture) -> list[str]:
    """Those that `sign` added, and every other one that nothing verifies without."""
    genuine, unsigned = fixture.signed(), fixture.unsigned()
    return [
        header
        for header in genuine.headers
        if header not in unsigned.headers
        or is_rejected(fixture.adapter, without(genuine, header), [SECRET])
    ]


def without(delivery: Delivery, header: str) -> Delivery:
    headers = {name: text for name, text in delivery.headers.items() if name != header}
    return replace(delivery, headers=headers)


def forged_texts(genuine: str) -> Iterator[tuple[str, str]]:
    yield "empty", ""
    yield "blank", " "
    yield "garbage", "garbage"
    yield "without ASCII", "ßigñature " * 7
    yield "outside latin-1", "☃" * 64
    yield "of 10 kB", "a" * 10_240
    yield "with another prefix", f"sha1={genuine}"
    yield "without its first character", genuine[1:]
    yield "without its last character", genuine[:-1]
    yield "doubled", f"{genuine}, {genuine}"
    yield "doubled without a space", f"{genuine},{genuine}"
    yield "of zeros", "".join("0" if char in "123456789abcdef" else char for char in genuine)


def time_forgeries(fixture: Fixture) -> Iterator[tuple[str, Delivery]]:
    """Where the time is signed: genuine bytes that arrive a month late, or a day early."""
    genuine, day = fixture.signed(), timedelta(days=1)
    tomorrow = replace(fixture.unsigned(), received_at=genuine.received_at + day)
    if fixture.adapter.sign(tomorrow, SECRET).headers.items() <= genuine.headers.items():
        return
    yield "stale", replace(genuine, received_at=genuine.received_at + 30 * day)
    yield "from the future", replace(genuine, received_at=genuine.received_at - day)


@every_platform
def test_published_signatures(adapter: Adapter) -> None:
    vectors = json.loads((VECTORS / f"{adapter.slug}.json").read_bytes())
    assert {vector["valid"] for vector in vectors} == {True, False}
    said = {
        vector["id"]: not is_rejected(adapter, delivery_of(adapter, vector), vector["secrets"])
        for vector in vectors
    }
    assert said == {vector["id"]: vector["valid"] for vector in vectors}
    assert len(said) == len(vectors)


def delivery_of(adapter: Adapter, vector: dict[str, object]) -> Delivery:
    """`now` is when it arrives; `url` matters only where the platform signs it; `repeat` says how
    often a body stands in a row that is too long to be written out; `certificate` is what the
    receiver has got."""
    headers, body, now = vector["headers"], vector["body"], vector["now"]
    certificate, repeat = vector.get("certificate"), vector.get("repeat", 1)
    assert isinstance(certificate, str | None)
    assert isinstance(repeat, int)
    assert isinstance(headers, dict)
    assert isinstance(body, str)
    assert isinstance(now, int | float | None)
    assert all(header == header.lower() for header in headers)
    return kept(
        Delivery(
            method="POST",
            url=str(vector.get("url", f"https://receiver.example/webhooks/{adapter.slug}")),
            path=str(vector.get("path", "")),
            headers=headers,
            body=body.encode("utf-8") * repeat,
            received_at=datetime.fromtimestamp(now or 0, UTC),
            certificate=certificate.encode() if certificate else None,
        ),
        adapter,
    )
