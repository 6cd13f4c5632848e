"""Certificates by address, for platforms that sign by the key of one: got before `verify`.

A delivery names the address itself; the adapter has said by then that it is the platform's own.
What is trusted serves everyone for a day, and nobody waits for more than one fetch.
"""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Generic, TypeAlias, TypeVar
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from adapters.contract import Delivery, Rejected
from receiver.http import Http, NoAnswer, NotSent, authorities
from receiver.settings import rules
from receiver.settings.model import Connection

FETCH_SECONDS = 3.0  # the platform waits meanwhile
LARGEST = 65_536  # bytes of a certificate and of those it is issued by
TRUSTED_SECONDS, MOST_TRUSTED = 86_400.0, 64
FAILED_SECONDS, MOST_FAILED = 5.0, 1_000

T = TypeVar("T")
Failure: TypeAlias = tuple[type[Exception], str]


class NoCertificate(Exception):
    """It cannot be had just now; the platform may send again."""


@dataclass(slots=True)
class Memory(Generic[T]):
    """Of the newest `most`, each for so many seconds."""

    seconds: float
    most: int
    found: dict[str, tuple[float, T]] = field(default_factory=dict)

    def get(self, key: str, now: float) -> T | None:
        ends, value = self.found.get(key, (now, None))
        return value if now < ends else None

    def keep(self, key: str, value: T, now: float) -> None:
        self.found.pop(key, None)
        self.found[key] = (now + self.seconds, value)
        if len(self.found) > self.most:
            del self.found[next(iter(self.found))]


@dataclass(slots=True)
class Certificates:
    """Two memories: wrong addresses, which anyone can invent, drive out nothing that is right."""

    http: Http
    clock: Callable[[], float] = time.monotonic
    trusted: Memory[bytes] = field(default_factory=lambda: Memory(TRUSTED_SECONDS, MOST_TRUSTED))
    failed: Memory[Failure] = field(default_factory=lambda: Memory(FAILED_SECONDS, MOST_FAILED))
    turns: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    async def given(self, connection: Connection, delivery: Delivery) -> Delivery:
        """With its certificate, where the platform signs by one. Raises Rejected, NoCertificate."""
        if connection.adapter.certificate_at is None:
            return delivery
        address = place(connection, connection.adapter.certificate_at(delivery))
        async with self.turns.setdefault(address, asyncio.Lock()):  # one fetch for all who wait
            certificate = self.known(address) or await self.get(address)
        return replace(delivery, certificate=certificate)

    def known(self, address: str) -> bytes | None:
        if failure := self.failed.get(address, self.clock()):
            error, text = failure
            raise error(text)
        return self.trusted.get(address, self.clock())

    async def get(self, address: str) -> bytes:
        try:
            certificate = read(await self.fetch(address), is_stand_in=rules.is_local(address))
        except (Rejected, NoCertificate) as error:
            self.failed.keep(address, (type(error), str(error)), self.clock())
            raise
        self.trusted.keep(address, certificate, self.clock())
        return certificate

    async def fetch(self, address: str) -> bytes:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                reply = await self.http.send("GET", address, headers={})
        except TimeoutError:
            raise NoCertificate(f"no certificate within {FETCH_SECONDS:.0f} s") from None
        except (NotSent, NoAnswer) as error:
            raise NoCertificate(f"no certificate: {error}") from None
        if reply.status != 200:
            raise NoCertificate(f"no certificate: answered {reply.status}")
        if len(reply.body) > LARGEST:
            raise NoCertificate(f"no certificate: longer than {LARGEST} bytes")
        return reply.body


def place(connection: Connection, address: str) -> str:
    """Where the delivery says, or by that path below the address the connection is set to."""
    if connection.api_url is None:
        return address
    return connection.api_url.rstrip("/") + urlsplit(address).path


def read(pem: bytes, *, is_stand_in: bool) -> bytes:
    """The first certificate, trusted by the others. Only a stand-in on this machine, whom nobody
    certifies, is taken at its word. Raises Rejected, NoCertificate."""
    try:
        leaf, *others = x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise NoCertificate("no certificate: something else is there") from None
    if not is_stand_in:
        demand_trust(leaf, others)
    return leaf.public_bytes(Encoding.PEM)


def demand_trust(leaf: x509.Certificate, others: Sequence[x509.Certificate]) -> None:
    """In date, and issued by an authority that our own calls trust. Whose it is the adapter says:
    it is held against its own name here. Raises Rejected."""
    try:
        named = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        name = x509.DNSName(named.get_values_for_type(x509.DNSName)[0])
        policy = PolicyBuilder().store(Store(roots()))
        policy.build_server_verifier(name).verify(leaf, list(others))
    except (VerificationError, x509.ExtensionNotFound, ValueError, IndexError) as error:
        raise Rejected(f"its certificate is not trusted: {error}") from None


def roots() -> list[x509.Certificate]:
    """Some bear a number that is not allowed any more: they count as long as they can be read."""
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        for der in authorities():
            with suppress(ValueError):
                found.append(x509.load_der_x509_certificate(der))
    return found
