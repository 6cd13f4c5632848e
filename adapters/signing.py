"""Signature schemes as data. Each scheme both verifies and signs, over the bytes as they came.

All HMAC goes through itsdangerous' `HMACAlgorithm`, which compares raw digests in constant time.
It decodes nothing: text is decoded here first, strictly, so that a malformed header is Rejected
before any comparison and two spellings of one digest do not both pass.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from itsdangerous.signer import HMACAlgorithm
from pydantic_core import from_json

from adapters.contract import Delivery, Rejected, Secrets

SHA256 = HMACAlgorithm(hashlib.sha256)
JWT_ALGORITHMS = {
    "HS256": SHA256,
    "HS384": HMACAlgorithm(hashlib.sha384),
    "HS512": HMACAlgorithm(hashlib.sha512),
}
DIGEST_HEX = re.compile(r"[0-9a-f]{64}")
UNIX_SECONDS = re.compile(r"[0-9]{1,15}")
URL_BASE64 = re.compile(r"[A-Za-z0-9_-]+")
LEEWAY = 60  # seconds that a token's clock may be off
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
    return any(
        SHA256.verify_signature(secret.encode(), message, digest)
        for secret in secrets
        if secret
        for digest in digests
    )


def with_headers(delivery: Delivery, headers: Mapping[str, str]) -> Delivery:
    return replace(delivery, headers={**delivery.headers, **headers})


def the_body(delivery: Delivery) -> Sequence[bytes]:
    return [delivery.body]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hmac:
    """HMAC-SHA256 of a message made from the delivery, in one header."""

    header: str
    encoding: Encoding
    messages: Callable[[Delivery], Sequence[bytes]] = the_body  # any counts, the first is signed
    prefix: str = ""  # fixed text before the digest

    def verify(self, delivery: Delivery, secrets: Secrets) -> None:
        text = header(delivery, self.header)
        if not text.startswith(self.prefix):
            raise Rejected(f"{self.header} has another prefix")
        digest = decode(text[len(self.prefix) :], self.encoding)
        if not any(matches(secrets, message, [digest]) for message in self.messages(delivery)):
            raise Rejected("no secret gives this signature")

    def sign(self, delivery: Delivery, secret: str) -> Delivery:
        digest = SHA256.get_signature(secret.encode(), self.messages(delivery)[0])
        return with_headers(delivery, {self.header: self.prefix + encode(digest, self.encoding)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """The secret itself in a header: it proves who sends, and nothing of what is sent."""

    header: str = "authorization"
    prefix: str = ""  # before it, where the sender writes one

    def verify(self, delivery: Delivery, secrets: Secrets) -> None:
        given = header(delivery, self.header).removeprefix(self.prefix)
        if not any(same(secret, given) for secret in secrets if secret):
            raise Rejected("no secret is this token")

    def sign(self, delivery: Delivery, secret: str) -> Delivery:
        return with_headers(delivery, {self.header: self.prefix + secret})


@dataclass(frozen=True, slots=True)
class AddressToken:
    """The secret at the end of the webhook's address, for platforms that sign nothing.

    It proves nothing of the body, which is a mere trigger: what is true is fetched.
    """

    def verify(self, delivery: Delivery, secrets: Secrets) -> None:
        given = delivery.path.rpartition("/")[2]
        if not any(same(secret, given) for secret in secrets if secret):
            raise Rejected("the address does not end with a secret")

    def sign(self, delivery: Delivery, secret: str) -> Delivery:
        path = "/".join(filter(None, (delivery.path, secret)))
        return replace(delivery, path=path, url=f"{delivery.url.rstrip('/')}/{secret}")


def same(expected: str, given: str) -> bool:
    """Compared by their HMACs, so in a time that tells nothing."""
    digest = SHA256.get_signature(expected.encode(), b"")
    return SHA256.verify_signature(given.encode("utf-8", "surrogatepass"), b"", digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Jwt:
    """A JSON Web Token by HS256, HS384 or HS512 as bearer: proves who sends, not what.

    `claims` must be in it, each with its value; `exp` and `nbf` count where they are there.
    """

    claims: Mapping[str, str]
    header: str = "authorization"

    def verify(self, delivery: Delivery, secrets: Secrets) -> None:
        text = header(delivery, self.header)
        scheme, _, token = text.partition(" ")
        signed, _, mark = token.rpartition(".")
        head, _, payload = signed.partition(".")
        algorithm = JWT_ALGORITHMS.get(str(json_part(head).get("alg")))
        if scheme.lower() != "bearer" or algorithm is None:
            raise Rejected(f"{self.header} is no bearer token by HS256, HS384 or HS512")
        digest, message = url_decode(mark), signed.encode("ascii", "replace")  # refused below
        if not any(algorithm.verify_signature(s.encode(), message, digest) for s in secrets if s):
            raise Rejected("no secret gives this signature")
        self.check(json_part(payload), delivery.received_at.timestamp())

    def check(self, claimed: Mapping[str, object], now: float) -> None:
        if any(claimed.get(name) != value for name, value in self.claims.items()):
            raise Rejected("the token is for something else")
        ends, begins = claimed.get("exp", now), claimed.get("nbf", now)
        if not isinstance(ends, int | float) or not isinstance(begins, int | float):
            raise Rejected("the token's times are no numbers")
        if not begins - LEEWAY <= now <= ends + LEEWAY:
            raise Rejected("the token has expired, or does not count yet")

    def sign(self, delivery: Delivery, secret: str) -> Delivery:
        """For five minutes from the delivery's arrival."""
        now = unix(delivery.received_at)
        claims = {**self.claims, "nbf": now, "exp": now + 300}
        return with_headers(delivery, {self.header: f"Bearer {jwt(claims, secret.encode())}"})


def jwt(claims: Mapping[str, object], key: bytes, **head: str) -> str:
    """A JSON Web Token by HS256."""
    parts = ({"alg": "HS256", "typ": "JWT", **head}, claims)
    signed = ".".join(url_encode(json.dumps(part).encode()) for part in parts)
    return f"{signed}.{url_encode(SHA256.get_signature(key, signed.encode()))}"


def json_part(text: str) -> Mapping[str, object]:
    """A token's part. Raises Rejected where it is no JSON object."""
    try:
        value = from_json(url_decode(text))
    except ValueError:
        raise Rejected("the token is not JSON") from None
    if not isinstance(value, dict):
        raise Rejected("the token is no JSON object")
    return value


def url_encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def url_decode(text: str) -> bytes:
    """Base64 for addresses, without padding. Raises Rejected for any other spelling."""
    if not URL_BASE64.fullmatch(text) or len(text) % 4 == 1:
        raise Rejected("the token is not base64url")
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if url_encode(raw) != text:
        raise Rejected("the token is not canonical base64url")
    return raw


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
        if abs(int(times[0]) - delivery.received_at.timestamp()) > self.tolerance.total_seconds():
            raise Rejected("signed too long ago, or in the future")

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


def unix(moment: datetime) -> int:
    return int(moment.timestamp())
