"""Digests of what was sent: each scheme both verifies and signs, over the bytes as they came."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from itsdangerous.signer import HMACAlgorithm

from adapters.contract import Delivery, Rejected, Secrets

SHA256 = HMACAlgorithm(hashlib.sha256)
DIGEST_HEX = re.compile(r"[0-9a-f]{64}")
UNIX_SECONDS = re.compile(r"[0-9]{1,15}")
MOST_SIGNATURES = 8  # in one header; each is compared, and that costs a walk over the body

Encoding = Literal["hex", "base64", "either"]  # either: no page says which; we sign in base64


def decode(text: str, encoding: Encoding) -> bytes:
    """The SHA-256 digest that `text` spells. Raises Rejected for any other spelling."""
    if encoding == "either":
        return decode(text, "hex" if DIGEST_HEX.fullmatch(text) else "base64")
    if encoding == "hex":
        if not DIGEST_HEX.fullmatch(text):
            raise Rejected("signature is not 64 lower-case hex digits")
        return bytes.fromhex(text)
    try:
        digest = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise Rejected("signature is not base64") from None
    if encode(digest, encoding) != text:
        raise Rejected("signature is not canonical base64")
    return digest


def encode(digest: bytes, encoding: Encoding) -> str:
    return digest.hex() if encoding == "hex" else base64.b64encode(digest).decode("ascii")


def header(delivery: Delivery, name: str) -> str:
    """The header's text. Raises Rejected when it is missing or empty."""
    value = delivery.headers.get(name)
    if not value:
        raise Rejected(f"{name} is missing")
    return value


def matches(secrets: Secrets, message: bytes, digests: list[bytes]) -> bool:
    """Whether any of the secrets gives any of the digests. Empty secrets never match."""
    for secret in filter(None, secrets):
        key = secret.encode()
        for digest in digests:
            if SHA256.verify_signature(key, message, digest):
                return True
    return False


def with_headers(delivery: Delivery, headers: Mapping[str, str]) -> Delivery:
    return replace(delivery, headers={**delivery.headers, **headers})


def the_body(delivery: Delivery) -> Iterable[bytes]:
    return [delivery.body]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hmac:
    """HMAC-SHA256 of a message made from the delivery, in one header."""

    header: str
    encoding: Encoding
    messages: Callable[[Delivery], Iterable[bytes]] = the_body  # any counts, the first is signed
    prefix: str = ""  # fixed text before the digest
    any_case: bool = False  # where it is not said in which the sender writes its digits

    def verify(self, delivery: Delivery, secrets: Secrets) -> None:
        text = header(delivery, self.header)
        text = text.lower() if self.any_case else text
        if not text.startswith(self.prefix):
            raise Rejected(f"{self.header} has another prefix")
        digests = [decode(text[len(self.prefix) :], self.encoding)]
        for message in self.messages(delivery):
            if matches(secrets, message, digests):
                return
        raise Rejected("no secret gives this signature")

    def sign(self, delivery: Delivery, secret: str) -> Delivery:
        first = next(iter(self.messages(delivery)))
        digest = SHA256.get_signature(secret.encode(), first)
        return with_headers(delivery, {self.header: self.prefix + encode(digest, self.encoding)})


@dataclass(frozen=True, slots=True, kw_only=True)
class HmacWithin:
    """HMAC-SHA256 of the body, in a header that says more than that, none of it signed."""

    header: str
    encoding: Encoding
    pattern: re.Pattern[str]  # of the whole header; its group `digest` is what counts
    template: str  # how the header is written, `{}` being the digest

    def verify(self, delivery: Delivery, secrets: Secrets) -> None:
        found = self.pattern.fullmatch(header(delivery, self.header))
        if not found:
            raise Rejected(f"{self.header} has another form")
        if not matches(secrets, delivery.body, [decode(found["digest"], self.encoding)]):
            raise Rejected("no secret gives this signature")

    def sign(self, delivery: Delivery, secret: str) -> Delivery:
        digest = encode(SHA256.get_signature(secret.encode(), delivery.body), self.encoding)
        return with_headers(delivery, {self.header: self.template.format(digest)})


@dataclass(frozen=True, slots=True, kw_only=True)
class HmacList:
    """HMAC-SHA256 of the body in hex, one or several in a header: any of them may match.

    They are apart by commas, as a header that comes several times is joined. `prefix` may stand
    before each or not. One that stands there twice is no second secret's, but a forged header.
    """

    header: str
    prefix: str = ""

    def verify(self, delivery: Delivery, secrets: Secrets) -> None:
        parts = [part.strip() for part in header(delivery, self.header).split(",")]
        texts = [part.removeprefix(self.prefix) for part in parts]
        if len(texts) > MOST_SIGNATURES or len(texts) > len(set(texts)):
            raise Rejected(f"{self.header} has too many signatures, or one of them twice")
        digests = [decode(text, "hex") for text in texts if DIGEST_HEX.fullmatch(text)]
        if not matches(secrets, delivery.body, digests):
            raise Rejected("no secret gives this signature")

    def sign(self, delivery: Delivery, secret: str) -> Delivery:
        digest = SHA256.get_signature(secret.encode(), delivery.body)
        return with_headers(delivery, {self.header: self.prefix + encode(digest, "hex")})


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedHmac:
    """HMAC-SHA256 of `<t>.<body>` in a header of `key=value` parts; any of several may match.

    `t` is in Unix seconds and must lie within `tolerance` of the arrival, both ways.
    """

    header: str
    version: str  # the key that counts; every other one is a decoy
    tolerance: timedelta

    def verify(self, delivery: Delivery, secrets: Secrets) -> None:
        parts = [part.strip().partition("=") for part in header(delivery, self.header).split(",")]
        times = [value for key, _, value in parts if key == "t"]
        if len(times) != 1 or not UNIX_SECONDS.fullmatch(times[0]):
            raise Rejected(f"{self.header} has no time")
        candidates = [value for key, _, value in parts if key == self.version]
        digests = [decode(text, "hex") for text in candidates if DIGEST_HEX.fullmatch(text)]
        if len(digests) > MOST_SIGNATURES:
            raise Rejected(f"{self.header} has too many signatures")
        if not matches(secrets, self.message(times[0], delivery), digests):
            raise Rejected("no secret gives this signature")
        check_time(times[0], delivery, self.tolerance)

    def sign(self, delivery: Delivery, secret: str) -> Delivery:
        """Signed as of the delivery's arrival."""
        time = str(unix(delivery.received_at))
        digest = SHA256.get_signature(secret.encode(), self.message(time, delivery))
        return with_headers(
            delivery, {self.header: f"t={time},{self.version}={encode(digest, 'hex')}"}
        )

    @staticmethod
    def message(time: str, delivery: Delivery) -> bytes:
        return f"{time}.".encode("ascii") + delivery.body


def check_time(seconds: str, delivery: Delivery, tolerance: timedelta) -> None:
    """Raises Rejected where it was signed too far from its arrival, either way."""
    if abs(int(seconds) - delivery.received_at.timestamp()) > tolerance.total_seconds():
        raise Rejected("signed too long ago, or in the future")


def unix(moment: datetime) -> int:
    return int(moment.timestamp())
