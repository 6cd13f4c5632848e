"""Schemes that prove a sender and not a body: tokens and JSON Web Tokens, against forgeries."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import Delivery, Rejected, Secrets
from adapters.signing import Jwt, Token, jwt, same

NOW = datetime(2026, 3, 13, 18, 2, 12, tzinfo=UTC)
KEY, OTHER = "a-plugin-secret-of-28-bytes.", "another-secret-of-28-bytes.."
HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
HEAD = {"alg": "HS256", "typ": "JWT"}
CLAIMS = {"service": "middleware"}
SCHEME = Jwt(claims=CLAIMS)


def delivery(authorization: str | None) -> Delivery:
    headers = {} if authorization is None else {"authorization": authorization}
    return Delivery("POST", "https://receiver.example/webhooks/x", "", headers, b"{}", NOW)


def part(value: object) -> str:
    """Of a token: bytes as they are, anything else as JSON."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def made(head: object = HEAD, claims: object = CLAIMS, key: str = KEY, by: str = "HS256") -> str:
    """A token by the standard library alone."""
    signed = f"{part(head)}.{part(claims)}"
    return f"{signed}.{part(hmac.digest(key.encode(), signed.encode(), HASHES[by]))}"


def passes(token: str | None, secrets: Secrets = (KEY,), scheme: str = "Bearer ") -> bool:
    try:
        SCHEME.verify(delivery(token and scheme + token), secrets)
    except Rejected:
        return False
    return True


def unix(after: timedelta) -> int:
    return int((NOW + after).timestamp())


@pytest.mark.parametrize("by", HASHES)
def test_each_algorithm_by_its_own_hash_alone(by: str) -> None:
    assert passes(made({"alg": by}, by=by))
    for other in HASHES.keys() - {by}:
        assert not passes(made({"alg": other}, by=by))


def test_what_we_make_is_what_the_standard_library_makes() -> None:
    assert jwt(CLAIMS, KEY.encode()) == made()
    assert jwt(CLAIMS, KEY.encode(), kid="4711") == made({**HEAD, "kid": "4711"})


def test_any_of_the_secrets_but_never_an_empty_one() -> None:
    assert passes(made(), (OTHER, KEY))
    assert not passes(made(), (OTHER,))
    assert not passes(made(), ())
    assert not passes(made(key=""), ("",))
    assert passes(made(), ("", KEY))


@pytest.mark.parametrize(
    "alg",
    ["none", "None", "", "hs256", "HS1", "RS256", "PS512", "ES256", "EdDSA", None, 256, ["HS256"]],
)
def test_no_other_algorithm(alg: object) -> None:
    assert not passes(made({"alg": alg}))
    assert not passes(f"{part({'alg': alg})}.{part(CLAIMS)}.")


def test_an_algorithm_must_be_named() -> None:
    assert not passes(made({"typ": "JWT"}))


GENUINE = made()
SIGNED, _, MARK = GENUINE.rpartition(".")


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        SIGNED,
        f"{SIGNED}.",
        f".{GENUINE}",
        f"{GENUINE}.",
        f"{GENUINE}.{MARK}",
        f"{part(HEAD)}.{MARK}",
        f"{part(HEAD)}..{MARK}",
        f".{part(CLAIMS)}.{MARK}",
        SIGNED + MARK,
        f"{SIGNED}.{MARK}=",
        f"{part(HEAD)}=.{part(CLAIMS)}.{MARK}",
        f"{SIGNED}.{MARK[:-1]}",
        f"{SIGNED}.{MARK}A",
        f"{SIGNED}.{MARK[1:]}",
        f"{SIGNED}. {MARK}",
        f" {GENUINE}",
        f"{GENUINE} ",
        f"{GENUINE}\n",
        f"{GENUINE}, Bearer {GENUINE}",
        f"{part(HEAD)}.ß.{MARK}",
        f"{part(HEAD)}.\udcff.{MARK}",
        f"{SIGNED}.ß{MARK}",
        f"ß.{part(CLAIMS)}.{MARK}",
        f"{part(HEAD)}.{part({**CLAIMS, 'sub': 'me'})}.{MARK}",
        f"{part({'alg': 'HS512'})}.{part(CLAIMS)}.{MARK}",
    ],
)
def test_no_other_shape(token: str) -> None:
    assert passes(GENUINE)
    assert not passes(token)


def test_one_spelling_of_one_signature() -> None:
    """The last character of 43 has two bits to spare: its neighbours decode to the same digest."""
    last = MARK[-1]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    place = alphabet.index(last)
    neighbours = [alphabet[place ^ bits] for bits in (1, 2, 3)]
    assert all(
        base64.urlsafe_b64decode(MARK[:-1] + one + "=") == base64.urlsafe_b64decode(MARK + "=")
        for one in neighbours
    )
    assert not any(passes(f"{SIGNED}.{MARK[:-1]}{one}") for one in neighbours)


@pytest.mark.parametrize(
    ("scheme", "right"),
    [
        ("Bearer ", True),
        ("bearer ", True),
        ("BEARER ", True),
        ("", False),
        ("Bearer", False),
        ("Bearer  ", False),
        ("Bearer\t", False),
        ("Basic ", False),
        ("Bearer Bearer ", False),
    ],
)
def test_bearer(scheme: str, right: bool) -> None:
    assert passes(GENUINE, scheme=scheme) == right


def test_missing() -> None:
    assert not passes(None)
    with pytest.raises(Rejected, match="authorization is missing"):
        SCHEME.verify(delivery(""), [KEY])


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"service": "Middleware"},
        {"service": ["middleware"]},
        {"service": None},
        {"services": "middleware"},
        [CLAIMS],
        "middleware",
        None,
        b"",
        b"\xff",
        b'{"service":"middleware"',
        b"{'service':'middleware'}",
    ],
)
def test_for_something_else(claims: object) -> None:
    assert not passes(made(claims=claims))


@pytest.mark.parametrize("head", [[HEAD], "HS256", None, b"", b"\xff", b"{", b'{"alg":"HS256"} {}'])
def test_a_head_that_is_none(head: object) -> None:
    assert not passes(made(head))


@pytest.mark.parametrize(
    ("times", "right"),
    [
        ({}, True),
        ({"exp": unix(timedelta(minutes=5))}, True),
        ({"exp": unix(timedelta(seconds=-60))}, True),  # a clock may be off by a minute
        ({"exp": unix(timedelta(seconds=-61))}, False),
        ({"exp": unix(timedelta(days=-1))}, False),
        ({"nbf": unix(timedelta(minutes=-5))}, True),
        ({"nbf": unix(timedelta(seconds=60))}, True),
        ({"nbf": unix(timedelta(seconds=61))}, False),
        ({"iat": unix(timedelta(days=1))}, True),  # tells nothing
        ({"exp": unix(timedelta(minutes=5)) + 0.5}, True),
        ({"exp": str(unix(timedelta(minutes=5)))}, False),
        ({"exp": None}, False),
        ({"exp": []}, False),
        ({"nbf": {}}, False),
        ({"exp": True}, False),
        ({"exp": -1}, False),
        ({"exp": float("nan")}, False),
        ({"nbf": float("nan")}, False),
        ({"nbf": float("inf")}, False),
        ({"nbf": 10**400}, False),
    ],
)
def test_times(times: dict[str, object], right: bool) -> None:
    assert passes(made(claims={**CLAIMS, **times})) == right


@pytest.mark.parametrize(
    "head",
    [
        b"[" * 30_000,
        b'{"alg":' * 5_000,
        b'{"alg":' + b"9" * 30_000 + b"}",
        b'{"alg":"HS256","kid":"' + b"a" * 60_000,
    ],
)
def test_a_head_as_large_as_the_web_side_lets_through(head: bytes) -> None:
    assert not passes(made(head))


def test_ours_counts_for_five_minutes_from_its_arrival() -> None:
    signed = SCHEME.sign(delivery(None), KEY)
    SCHEME.verify(signed, [KEY])
    _, claims, _ = signed.headers["authorization"].split(".")
    said = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    assert said == {**CLAIMS, "nbf": unix(timedelta()), "exp": unix(timedelta(minutes=5))}


@given(st.text(max_size=200), st.integers(0, len(GENUINE)), st.integers(0, len(GENUINE)))
def test_whatever_is_put_into_it(text: str, start: int, end: int) -> None:
    token = GENUINE[:start] + text + GENUINE[end:]
    assert passes(token) == (token == GENUINE)


@given(st.text(max_size=40), st.text(max_size=40))
def test_same(one: str, other: str) -> None:
    assert same(one, one)
    assert same(one, other) == (one == other)


@pytest.mark.parametrize(
    "given", ["", "key", "key-1 ", "Key-1", "key-1key-1", "kéy-1", "key-\udcff"]
)
def test_not_the_same(given: str) -> None:
    assert not same("key-1", given)


TOKENS = Token(header="x-key")
PREFIXED = Token(prefix="Token ")


def proves(scheme: Token, header: str, text: str, *secrets: str) -> bool:
    sent = Delivery("POST", "https://receiver.example", "", {header: text}, b"", NOW)
    try:
        scheme.verify(sent, secrets)
    except Rejected:
        return False
    return True


@pytest.mark.parametrize(
    ("text", "secrets", "right"),
    [
        (KEY, (KEY,), True),
        (KEY, (OTHER, KEY), True),
        (KEY, (OTHER,), False),
        (KEY, (), False),
        ("", ("",), False),
        (" ", ("",), False),
        (KEY[:-1], (KEY,), False),
        (KEY + "x", (KEY,), False),
        (f" {KEY}", (KEY,), False),
        (f"{KEY}, {KEY}", (KEY,), False),
        (KEY.upper(), (KEY,), False),
        ("ß", (KEY,), False),
        ("ÿ\x00", (KEY,), False),
    ],
)
def test_token(text: str, secrets: tuple[str, ...], right: bool) -> None:
    assert proves(TOKENS, "x-key", text, *secrets) == right


def test_token_stands_in_its_own_header() -> None:
    assert not proves(TOKENS, "authorization", KEY, KEY)
    assert proves(Token(), "authorization", KEY, KEY)


def test_token_with_and_without_its_prefix() -> None:
    assert proves(PREFIXED, "authorization", f"Token {KEY}", KEY)
    assert proves(PREFIXED, "authorization", KEY, KEY)
    assert not proves(PREFIXED, "authorization", f"Token Token {KEY}", KEY)
    assert not proves(PREFIXED, "authorization", f"Bearer {KEY}", KEY)
    assert not proves(PREFIXED, "authorization", "Token ", "")


@pytest.mark.parametrize("scheme", [TOKENS, PREFIXED])
def test_token_signs(scheme: Token) -> None:
    signed = scheme.sign(delivery(None), KEY)
    assert signed.headers == {scheme.header: scheme.prefix + KEY}
    scheme.verify(signed, [KEY])
