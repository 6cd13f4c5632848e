"""Signature schemes as data. Each scheme both verifies and signs, over the bytes as they came.

All HMAC goes through itsdangerous' `HMACAlgorithm`, which compares raw digests in constant time.
It decodes nothing: text is decoded here first, strictly, so that a malformed header is Rejected
before any comparison and two spellings of one digest do not both pass.
"""

from adapters.signing.certified import Certified
from adapters.signing.digests import (
    MOST_SIGNATURES,
    SHA256,
    Encoding,
    Hmac,
    HmacList,
    HmacWithin,
    TimedHmac,
    decode,
    encode,
    header,
    matches,
    the_body,
    unix,
    with_headers,
)
from adapters.signing.standard import Standard
from adapters.signing.tokens import AddressToken, Jwt, Token, jwt, same, url_decode, url_encode

__all__ = [
    "MOST_SIGNATURES",
    "SHA256",
    "AddressToken",
    "Certified",
    "Encoding",
    "Hmac",
    "HmacList",
    "HmacWithin",
    "Jwt",
    "Standard",
    "TimedHmac",
    "Token",
    "decode",
    "encode",
    "header",
    "jwt",
    "matches",
    "same",
    "the_body",
    "unix",
    "url_decode",
    "url_encode",
    "with_headers",
]
