"""What tokens prove, and what they do not; the HMACs are in test_signatures.py."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest

from adapters.contract import Delivery, Rejected
from adapters.signing import SHA256, Jwt, Token, jwt, same, url_encode, with_headers

NOW = datetime(2026, 7, 4, 12, tzinfo=UTC)
BLANK = Delivery("POST", "https://receiver.example", "", {}, b"{}", NOW)
SECRET = "a-secret-of-the-platform"
JWT = Jwt(claims={"service": "middleware"})
MIDDLEWARE = {"service": "middleware"}


def bearing(text: str) -> Delivery:
    return with_headers(BLANK, {"authorization": text})


def rejects(scheme: Token | Jwt, text: str, secrets: tuple[str, ...] = (SECRET,)) -> bool:
    try:
        scheme.verify(bearing(text), secrets)
    except Rejected:
        return True
    return False


def test_a_token_is_the_secret_and_nothing_else() -> None:
    bare, bearer = Token(), Token(prefix="Bearer ")
    assert not rejects(bare, SECRET)
    assert not rejects(bearer, f"Bearer {SECRET}")
    assert not rejects(bearer, SECRET)  # the prefix may be left out
    for text in ("", SECRET[:-1], SECRET + "x", f"Bearer {SECRET}", "☃", "\ud800"):
        assert rejects(bare, text)
    assert rejects(bare, SECRET, ())
    assert rejects(bare, "", ("",))


def test_same() -> None:
    assert same("é", "é")
    assert not same("é", "e")


def test_a_jwt_of_ours_passes() -> None:
    JWT.verify(JWT.sign(BLANK, SECRET), [SECRET])
    assert not rejects(JWT, f"bearer {jwt(MIDDLEWARE, SECRET.encode())}")


@pytest.mark.parametrize("algorithm", ["none", "None", "RS256", "HS1", "", None, 256, ["HS256"]])
def test_other_algorithms_do_not_count(algorithm: object) -> None:
    head = url_encode(json.dumps({"alg": algorithm}).encode())
    signed = f"{head}.{url_encode(json.dumps(MIDDLEWARE).encode())}"
    for mark in ("", url_encode(SHA256.get_signature(SECRET.encode(), signed.encode()))):
        assert rejects(JWT, f"Bearer {signed}.{mark}")


def test_the_claims_count() -> None:
    for claims in (
        {},
        {"service": "other"},
        {"service": ["middleware"]},
        {"Service": "middleware"},
    ):
        assert rejects(JWT, f"Bearer {jwt(claims, SECRET.encode())}")


@pytest.mark.parametrize(
    ("times", "counts"),
    [
        ({"exp": NOW.timestamp() + 1}, True),
        ({"exp": NOW.timestamp() - 59}, True),  # clocks differ
        ({"exp": NOW.timestamp() - 61}, False),
        ({"nbf": NOW.timestamp() + 59}, True),
        ({"nbf": NOW.timestamp() + 61}, False),
        ({"exp": "tomorrow"}, False),
        ({"exp": None}, False),
    ],
)
def test_its_times_count(times: dict[str, object], *, counts: bool) -> None:
    token = jwt({**MIDDLEWARE, **times}, SECRET.encode())
    assert rejects(JWT, f"Bearer {token}") is not counts


def test_a_token_is_spelt_in_one_way_only() -> None:
    token = jwt(MIDDLEWARE, SECRET.encode())
    head, claims, mark = token.split(".")
    padded = base64.urlsafe_b64encode(SHA256.get_signature(SECRET.encode(), b"")).decode()
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    odd = mark[:-1] + last[last.index(mark[-1]) ^ 1]  # bits that decoding drops
    for text in (
        f"{head}.{claims}.{mark}=",
        f"{head}.{claims}.{odd}",
        f"{head}.{claims}.{padded}",
        f"{head}.{claims}",
        f"{head}.{claims}.{mark}.",
        f".{claims}.{mark}",
        token.replace(".", " "),
        "a" * 10_000,
        "☃.☃.☃",
    ):
        assert rejects(JWT, f"Bearer {text}")
    assert rejects(JWT, token)
    assert rejects(JWT, f"Basic {token}")
