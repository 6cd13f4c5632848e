"""Signatures by the key of a certificate that the receiver has got before: RSA, SHA-256."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from adapters.contract import Delivery, Rejected, Secrets
from adapters.signing.digests import decode, encode, header, with_headers

# A path has one spelling only: else one certificate could be asked for under any number of names.
ADDRESS = re.compile(r"https://(?P<host>[a-z.-]+)(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}){1,8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """RSA (PKCS #1 v1.5) over a message that a secret is part of, in base64 in one header.

    Who issued the certificate the receiver has looked at; that it is the platform's is seen here,
    by its name.
    """

    header: str
    domain: str  # ".platform.example": one of its hosts must lie below
    message: Callable[[Delivery, str], bytes]  # by delivery and secret; raises Rejected
    address: str  # the header that says where the certificate is
    hosts: frozenset[str]  # where it may be: else we would ask anyone anything
    own_address: str  # how that of a certificate of our own begins

    def certificate_at(self, delivery: Delivery) -> str:
        address = header(delivery, self.address)
        found = ADDRESS.fullmatch(address)
        if not found or found["host"] not in self.hosts:
            raise Rejected(f"{self.address} is no address of the platform's")
        return address

    def verify(self, delivery: Delivery, secrets: Secrets) -> None:
        self.certificate_at(delivery)
        signature = decode(header(delivery, self.header), "base64")
        key = self.key(delivery)
        messages = [self.message(delivery, secret) for secret in secrets if secret]
        if not any(gives(key, signature, message) for message in messages):
            raise Rejected("no secret and this certificate's key give this signature")

    def key(self, delivery: Delivery) -> rsa.RSAPublicKey:
        if delivery.certificate is None:
            raise Rejected("its certificate is missing")
        try:
            certificate = x509.load_pem_x509_certificate(delivery.certificate)
            key, hosts = certificate.public_key(), hosts_of(certificate)
        except (ValueError, UnsupportedAlgorithm):
            raise Rejected("its certificate cannot be read") from None
        if not any(host.lower().endswith(self.domain) for host in hosts):
            raise Rejected(f"its certificate is for no host below {self.domain}")
        begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if not begins <= delivery.received_at <= ends:
            raise Rejected("its certificate was not in date")
        if not isinstance(key, rsa.RSAPublicKey):
            raise Rejected("its certificate is not for RSA")
        return key

    def sign(self, delivery: Delivery, secret: str) -> Delivery:
        """By a key of our own, with its certificate, which nobody but a stand-in is believed. Each
        has an address of its own, as it is remembered by that."""
        signature = own_key().sign(self.message(delivery, secret), PKCS1v15(), SHA256())
        certificate = own_certificate(self.domain)
        address = f"{self.own_address}{zlib.crc32(certificate):08x}"
        proof = {self.header: encode(signature, "base64"), self.address: address}
        return replace(with_headers(delivery, proof), certificate=certificate)


def gives(key: rsa.RSAPublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def hosts_of(certificate: x509.Certificate) -> list[str]:
    """Raises ValueError where its extensions are none."""
    try:
        named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    except (x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise ValueError(str(error)) from None
    return named.value.get_values_for_type(x509.DNSName)


@cache
def own_key() -> rsa.RSAPrivateKey:
    """The one place in an adapter where there is chance, and it touches nothing that arrives: only
    replay, demo and tests sign. A key in these lines instead would be everyone's; one per process
    is nobody's, and the same delivery signed twice is signed alike.
    """
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def own_certificate(domain: str) -> bytes:
    """In PEM, issued by itself, in date for any delivery."""
    host = f"stand-in{domain}"
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    draft = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(own_key().public_key())
        .serial_number(1)
        .not_valid_before(datetime(2000, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    )
    return draft.sign(own_key(), SHA256()).public_bytes(Encoding.PEM)
