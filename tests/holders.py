"""Certificates made for a test: who holds one may issue others, and sign by its key."""

from __future__ import annotations

import base64
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)
ES256 = ec.ECDSA(SHA256())
OF_AN_AUTHORITY = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True, slots=True)
class Holder:
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def sign(self, body: bytes) -> str:
        return base64.b64encode(self.key.sign(body, ES256)).decode()

    def issue(
        self,
        name: str,
        *hosts: str | IPv4Address,
        authority: bool = False,
        days: tuple[int, int] = (-1, 1),
    ) -> Holder:
        """To another: for so many days from now, and for these hosts, or to issue further ones."""
        key = ec.generate_private_key(ec.SECP256R1())
        draft = drafted(name, key, authority=authority, days=days).issuer_name(
            self.certificate.subject
        )
        if hosts:
            named = [x509.DNSName(h) if isinstance(h, str) else x509.IPAddress(h) for h in hosts]
            draft = draft.add_extension(x509.SubjectAlternativeName(named), critical=False)
        return Holder(key, signed_by(self.key, draft))

    def serving(self, folder: Path) -> ssl.SSLContext:
        """For a server that shows this certificate."""
        file = folder / "server.pem"
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(key + self.pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def trusting(self) -> ssl.SSLContext:
        """For a client that trusts whom this authority certifies."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.pem.decode())
        return context


def authority(name: str = "An authority") -> Holder:
    """Certified by nobody but itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    draft = drafted(name, key, authority=True).issuer_name(called(name))
    return Holder(key, signed_by(key, draft))


def drafted(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    *,
    authority: bool,
    days: tuple[int, int] = (-1, 1),
) -> x509.CertificateBuilder:
    begins, ends = (datetime.now(UTC) + count * DAY for count in days)
    draft = (
        x509.CertificateBuilder()
        .subject_name(called(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if authority:
        return draft.add_extension(OF_AN_AUTHORITY, critical=True)
    served = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    return draft.add_extension(served, critical=False)


def signed_by(key: ec.EllipticCurvePrivateKey, draft: x509.CertificateBuilder) -> x509.Certificate:
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    return draft.add_extension(issuer, critical=False).sign(key, SHA256())


def called(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
