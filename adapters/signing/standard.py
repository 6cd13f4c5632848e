"""Standard Webhooks: one list of signatures by several schemes, any one of which is enough.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from adapters.contract import Delivery, Rejected, Secrets
from adapters.signing.digests import (
    MOST_SIGNATURES,
    SHA256,
    UNIX_SECONDS,
    check_time,
    encode,
    header,
    unix,
    with_headers,
)


def ed25519(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


PROVES: Mapping[str, Callable[[bytes, bytes, bytes], bool]] = {
    "v1": SHA256.verify_signature,
    "v1a": ed25519,
}
SPELT = {  # canonical base64 of 32 and of 64 bytes
    "v1": re.compile(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]="),
    "v1a": re.compile(r"[A-Za-z0-9+/]{85}[AQgw]=="),
}
KEY_BYTES = {"v1": range(24, 65), "v1a": range(32, 33)}
PUBLIC = "whpk_"  # before the key of v1a; before one of v1 stands whsec_, or nothing
ID = re.compile(r"[!-\-/-~]{1,200}")  # no blank, and no full stop: it would move the border
GIVEN_TWICE = re.compile(r"[^ ,]+,[^ ,]+, ")  # HTTP joins two headers of one name by a comma


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """`<id>.<timestamp>.<body>` by HMAC-SHA256 (`v1`) or Ed25519 (`v1a`), several in a list.

    What else is in the list is no match and no error. A secret proves the version that its prefix
    says; one that is not base64 proves nothing. The time must lie within `tolerance` of the
    arrival, both ways.
    """

    prefix: str = "webhook"  # of the three headers
    tolerance: timedelta = timedelta(seconds=300)

    @property
    def id(self) -> str:
        return f"{self.prefix}-id"

    @property
    def time(self) -> str:
        return f"{self.prefix}-timestamp"

    @property
    def signature(self) -> str:
        return f"{self.prefix}-signature"

    @property
    def headers(self) -> frozenset[str]:
        return frozenset({self.id, self.time, self.signature})

    def verify(self, delivery: Delivery, secrets: Secrets) -> None:
        time, listed = header(delivery, self.time), header(delivery, self.signature)
        if not UNIX_SECONDS.fullmatch(time):
            raise Rejected(f"{self.time} is no time")
        if GIVEN_TWICE.search(listed):
            raise Rejected(f"{self.signature} is there twice")
        message, keys, marks = self.message(time, delivery), map(key_of, secrets), marks_in(listed)
        if len(marks) > MOST_SIGNATURES:
            raise Rejected(f"{self.signature} has too many signatures")
        if not any(
            PROVES[version](key, message, mark)
            for version, key in keys
            if key
            for by, mark in marks
            if by == version
        ):
            raise Rejected("no secret gives this signature")
        check_time(time, delivery, self.tolerance)

    def sign(self, delivery: Delivery, secret: str) -> Delivery:
        """By `v1`, as of the delivery's arrival. Raises Rejected where the secret is public."""
        version, key = key_of(secret)
        if version != "v1":
            raise Rejected("a public key proves, and cannot sign")
        time = str(unix(delivery.received_at))
        digest = SHA256.get_signature(key, self.message(time, delivery))
        mark = encode(digest, "base64")
        return with_headers(delivery, {self.time: time, self.signature: f"v1,{mark}"})

    def message(self, time: str, delivery: Delivery) -> bytes:
        name = header(delivery, self.id)
        if not ID.fullmatch(name):
            raise Rejected(f"{self.id} is not one word without a full stop")
        return f"{name}.{time}.".encode("ascii") + delivery.body


def marks_in(listed: str) -> list[tuple[str, bytes]]:
    """The signatures of the versions we know, each with its version."""
    entries = [entry.partition(",") for entry in listed.split(" ")]
    return [
        (version, base64.b64decode(text))
        for version, _, text in entries
        if version in SPELT and SPELT[version].fullmatch(text)
    ]


def key_of(secret: str) -> tuple[str, bytes]:
    """The version that a secret proves, and its key; an empty one where it spells none."""
    version = "v1a" if secret.startswith(PUBLIC) else "v1"
    text = secret.removeprefix(PUBLIC).removeprefix("whsec_").rstrip("=")
    try:
        return version, base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        return version, b""


def fault(secret: str) -> str | None:
    """What is wrong with a secret, to be told at the start."""
    version, key = key_of(secret)
    if not key:
        return "is neither whsec_ nor whpk_ and base64"
    if len(key) not in KEY_BYTES[version]:
        return f"spells {len(key)} bytes, and whsec_ has 24 to 64, whpk_ 32"
    return None
