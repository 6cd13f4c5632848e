"""Tokens: they prove who sends, and nothing of what is sent."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from itsdangerous.signer import HMACAlgorithm
from pydantic_core import from_json

from adapters.contract import Delivery, Rejected, Secrets
from adapters.signing.digests import SHA256, header, unix, with_headers

JWT_ALGORITHMS = {
    "HS256": SHA256,
    "HS384": HMACAlgorithm(hashlib.sha384),
    "HS512": HMACAlgorithm(hashlib.sha512),
}
URL_BASE64 = re.compile(r"[A-Za-z0-9_-]+")
LEEWAY = 60  # seconds that a token's clock may be off


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
