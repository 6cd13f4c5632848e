"""Variables that cannot be, or that look wrong: which are told, how, and that nothing else is."""

from __future__ import annotations

import dataclasses

import pytest

from adapters.api import Api
from adapters.contract import nothing
from receiver.settings import BadSettings, environment, load
from tests.setups import (
    FULL,
    NOWHERE,
    PAYMENTS,
    PLATFORMS,
    POS,
    SECRET,
    SMALL,
    THIN,
    problems,
    the_problem,
    warnings,
)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"DELIVEROO_SECRETS": ""}, "DELIVEROO_SECRETS: is empty; use the secret from"),
        ({"DELIVEROO_SECRETS": "fifteen-bytes-1"}, "DELIVEROO_SECRETS: is shorter than 16 bytes;"),
        (
            {"DELIVEROO_SECRETS": f"{SECRET},,short"},
            "DELIVEROO_SECRETS: secret 2 of 3 is empty, secret 3 of 3 is shorter than 16 bytes;",
        ),
        ({"SECRET_KEY": "short"}, "SECRET_KEY: is shorter than 16 bytes; use at least 16 random"),
        ({"SECRET_KEY": f"{SECRET},"}, "SECRET_KEY: secret 2 of 2 is empty;"),
        ({"OKTOPOS_API_KEY": ""}, "OKTOPOS_API_KEY: is missing; set it to the division's key"),
        ({"OKTOPOS_URL": ""}, "OKTOPOS_URL: is missing; set it to the base address"),
        ({"OKTOPOS_URL": "manager.example.de/v1"}, "OKTOPOS_URL: is not an address; write it as"),
        ({"OKTOPOS_URL": "ftp://example.de/v1"}, "OKTOPOS_URL: is not an address;"),
        ({"OKTOPOS_URL": "https:///v1"}, "OKTOPOS_URL: is not an address;"),
        ({"OKTOPOS_URL": "https://[::1/v1"}, "OKTOPOS_URL: is not an address;"),
        ({"OKTOPOS_URL": "https://example.de:99999/v1"}, "OKTOPOS_URL: is not an address;"),
        ({"OKTOPOS_URL": "https://exam ple.de/v1"}, "OKTOPOS_URL: is not an address;"),
        ({"OKTOPOS_URL": "http://example.de/v1"}, "OKTOPOS_URL: is http; use https"),
        ({"OKTOPOS_URL": "http://localhost.example.de/v1"}, "OKTOPOS_URL: is http; use https"),
        ({"OKTOPOS_URL": "https://me:pw@example.de/v1"}, "OKTOPOS_URL: carries a user name"),
        ({"OKTOPOS_URL": "https://example.de/v1?key=1"}, "OKTOPOS_URL: carries a query"),
        ({"OKTOPOS_API_VERSION": "1.2"}, "OKTOPOS_API_VERSION: should be '1.3.0' or '1.0.1'"),
        ({"OKTOPOS_API_VERSION": "2"}, "OKTOPOS_API_VERSION: should be '1.3.0'"),
        (
            {"OKTOPOS_UNKNOWN_ARTICLE": "fallback"},
            "OKTOPOS_FALLBACK_ARTICLES: is empty, but unknown_article is fallback; name an",
        ),
        (
            {"OKTOPOS_UNKNOWN_ARTICLE": "name", "OKTOPOS_API_VERSION": "1.0.1"},
            "OKTOPOS_UNKNOWN_ARTICLE: is name, but OrderAPI 1.0.1 knows articles by id only;",
        ),
        ({"OKTOPOS_FALLBACK_RATE": "7"}, "OKTOPOS_FALLBACK_RATE: is not a tax rate; write it"),
        ({"OKTOPOS_UNKNOWN_ARTICLE": "drop"}, "OKTOPOS_UNKNOWN_ARTICLE: should be 'hold', "),
        ({"OKTOPOS_TIMEZONE": "Europe/Berlni"}, "OKTOPOS_TIMEZONE: is not a time zone; use"),
        ({"OKTOPOS_TIMEZONE": "/etc/localtime"}, "OKTOPOS_TIMEZONE: is not a time zone; use"),
        ({"OKTOPOS_TIMEZONE": "Europe"}, "OKTOPOS_TIMEZONE: is not a time zone; use"),
        ({"OKTOPOS_CURRENCY": "Euro"}, "OKTOPOS_CURRENCY: is not a currency; use a code"),
        ({"OKTOPOS_CURRENCY": "JPY"}, "OKTOPOS_CURRENCY: has no hundredths, and OktoPOS writes"),
        ({"OKTOPOS_CURRENCY": "KWD"}, "OKTOPOS_CURRENCY: has no hundredths, and OktoPOS writes"),
        ({"OKTOPOS_FEE_ARTICLES": "9101"}, "OKTOPOS_FEE_ARTICLES: should be a valid"),
        ({"OKTOPOS_FEE_ARTICLES": "{"}, "OKTOPOS_FEE_ARTICLES: is not JSON; write a mapping"),
        ({"OKTOPOS_FEE_ARTICLES": '{"tip": "1"}'}, "OKTOPOS_FEE_ARTICLES.tip: should be 'deliv"),
        ({"OKTOPOS_FEE_ARTICLES": '{"deposit": ""}'}, "OKTOPOS_FEE_ARTICLES.deposit: "),
        (
            {"OKTOPOS_DISTRIBUTION_CHANNELS": '{"LOCAL": "x"}'},
            "OKTOPOS_DISTRIBUTION_CHANNELS.LOCAL: should be a valid integer",
        ),
        ({"OKTOPOS_ON_AMBIGUOUS": "x"}, "OKTOPOS_ON_AMBIGUOUS: should be 'retry' or 'hold'"),
        ({"OKTOPOS_SUM_MISMATCH": "x"}, "OKTOPOS_SUM_MISMATCH: should be 'hold' or 'send'"),
        ({"DELIVEROO_INTERMEDIARY": "Roo & Co"}, "DELIVEROO_INTERMEDIARY: breaks OktoPOS's pat"),
        ({"DELIVEROO_ACCEPT": "always"}, "DELIVEROO_ACCEPT: should be 'on_pos', 'on_receipt'"),
        ({"DELIVEROO_DENY": "perhaps"}, "DELIVEROO_DENY: should be a valid boolean"),
        ({"DELIVEROO_API_URL": "http://api.example"}, "DELIVEROO_API_URL: is http; use https"),
        ({"DELIVEROO_TOKEN_URL": "token"}, "DELIVEROO_TOKEN_URL: is not an address;"),
        ({"DATABASE_URL": "mysql://db/receiver"}, "DATABASE_URL: is neither sqlite:///path nor"),
        ({"DATABASE_URL": "sqlite://"}, "DATABASE_URL: is neither sqlite:///path nor"),
        ({"DATABASE_URL": "sqlite:///"}, "DATABASE_URL: names no file; write sqlite:///path"),
        ({"DATABASE_URL": "sqlite:///:memory:"}, "DATABASE_URL: names no file; write"),
        ({"DATABASE_URL": "postgresql://db:port/x"}, "DATABASE_URL: cannot be read; write"),
        ({"DYNO": "web.1"}, "DATABASE_URL: is an SQLite file, and this disk is emptied"),
        ({"PORT": "http"}, "PORT: should be a valid integer"),
        ({"PORT": "65536"}, "PORT: should be less than or equal to 65535"),
        ({"PORT": "-1"}, "PORT: should be greater than or equal to 0"),
        ({"MAX_BODY_BYTES": "0"}, "MAX_BODY_BYTES: should be greater than or equal to 1"),
        ({"RETENTION_DAYS": "0"}, "RETENTION_DAYS: should be greater than or equal to 1"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL: should be 'debug', 'info'"),
        ({"LOG_FORMAT": "xml"}, "LOG_FORMAT: should be 'json' or 'console'"),
        ({"PUBLIC_URL": "hooks.example.de"}, "PUBLIC_URL: is not an address; write it as"),
        ({"RECEIVER_CONFIG": "shops.toml"}, "RECEIVER_CONFIG: names shops.toml, which cannot"),
    ],
    ids=str,
)
def test_a_variable_that_cannot_be_is_named_with_the_remedy(
    changed: dict[str, str], said: str
) -> None:
    assert the_problem(SMALL | changed).startswith(said)


def test_an_empty_secret_proves_nothing_on_any_platform() -> None:
    lenient = {"stripe": dataclasses.replace(PAYMENTS, secret_bytes=0)}
    with pytest.raises(BadSettings, match="STRIPE_SECRETS: secret 2 of 2 is empty; use the secret"):
        load(POS | {"STRIPE_SECRETS": "x,"}, lenient, directory=NOWHERE)


def test_what_a_platform_finds_wrong_with_a_secret_is_told() -> None:
    picky = dataclasses.replace(
        PAYMENTS, check_secret=lambda text: "is odd" if "odd" in text else None
    )
    environ = POS | {"STRIPE_SECRETS": f"odd-{SECRET},{SECRET},short,another-odd-{SECRET}"}
    with pytest.raises(BadSettings) as caught:
        load(environ, {"stripe": picky}, directory=NOWHERE)
    assert caught.value.problems == (
        "STRIPE_SECRETS: secret 1 of 4 is odd, secret 3 of 4 is shorter than 16 bytes,"
        " secret 4 of 4 is odd;"
        " use the secret from the platform's portal (https://docs.example/uber_eats)",
    )


def test_what_is_looked_up_now_and_then_is_missed_without_a_key() -> None:
    api = Api(url="https://api.example", needs=("api_key",))
    paying = dataclasses.replace(PAYMENTS, api=api, answer=nothing)
    environ = SMALL | {"STRIPE_SECRETS": SECRET}
    _, told = load(environ, PLATFORMS | {"stripe": paying}, directory=NOWHERE)
    assert told == ("STRIPE_API_KEY: is missing, so nothing can be looked up at Stripe; set it",)
    environ["STRIPE_API_KEY"] = "key"
    assert load(environ, PLATFORMS | {"stripe": paying}, directory=NOWHERE)[1] == ()


def test_a_key_that_proves_deliveries_must_be_there() -> None:
    noticing = dataclasses.replace(PLATFORMS["deliveroo"], proven_by_key="cancellations")
    environ, known = SMALL | {"DELIVEROO_ACCEPT": "never"}, PLATFORMS | {"deliveroo": noticing}
    with pytest.raises(BadSettings) as wrong:
        load(environ, known, directory=NOWHERE)
    (problem,) = wrong.value.problems
    assert problem.startswith("DELIVEROO_API_KEY: is missing, and proves cancellations: without it")
    load(
        environ | {"DELIVEROO_API_KEY": "k"}, PLATFORMS | {"deliveroo": noticing}, directory=NOWHERE
    )


def test_a_thin_platform_needs_its_credentials() -> None:
    assert problems(SMALL | {"UBER_EATS_SECRETS": SECRET}) == (
        "UBER_EATS_CLIENT_ID: is missing; set it, as each order is fetched from Uber Eats",
        "UBER_EATS_CLIENT_SECRET: is missing; set it, as each order is fetched from Uber Eats",
    )


def test_where_another_setting_does_no_credentials_are_missed() -> None:
    api = Api(url="https://api.example", instead=("api_key",))
    platforms = PLATFORMS | {"uber_eats": dataclasses.replace(THIN, api=api)}
    environ = SMALL | {"UBER_EATS_SECRETS": SECRET, "UBER_EATS_API_KEY": "key"}
    _, told = load(environ, platforms, directory=NOWHERE)
    assert told == ()
    del environ["UBER_EATS_API_KEY"]
    with pytest.raises(BadSettings, match="UBER_EATS_CLIENT_ID: is missing"):
        load(environ, platforms, directory=NOWHERE)


def test_a_full_platform_without_credentials_is_not_answered() -> None:
    told = warnings(SMALL | {"DELIVEROO_ACCEPT": "on_pos", "DELIVEROO_CLIENT_ID": "id"})
    assert told == (
        "DELIVEROO_CLIENT_SECRET: is missing, so no order is accepted there;"
        " set it, or DELIVEROO_ACCEPT to never",
    )


def test_refresh_tokens_need_a_secret_key_that_stays() -> None:
    uber = {"SECRETS": SECRET, "CLIENT_ID": "id", "CLIENT_SECRET": "s", "REFRESH_TOKEN": "r"}
    environ = SMALL | {f"UBER_EATS_{name}": text for name, text in uber.items()}
    assert warnings(environ) == ()
    assert the_problem(environ | {"SECRET_KEY": ""}) == (
        "SECRET_KEY: is not set, and the refresh tokens of uber_eats are kept encrypted by it;"
        " set it to 32 random bytes that stay"
    )
    del environ["UBER_EATS_REFRESH_TOKEN"]
    assert len(warnings(environ | {"SECRET_KEY": ""})) == 1


def test_all_is_said_at_once() -> None:
    environ = {
        "PORT": "x",
        "DATABASE_URL": "x",
        "OKTOPOS_URL": "x",
        "OKTOPOS_TIMEZONE": "x",
        "DELIVEROO_SECRETS": "x",
        "DELIVEROO_ACCEPT": "x",
        "UBER_EATS_SECRETS": "x",
        "RECEIVER_CONFIG": "x",
    }
    assert [problem.partition(":")[0] for problem in problems(environ)] == [
        "DATABASE_URL",
        "PORT",
        "RECEIVER_CONFIG",
        "OKTOPOS_URL",
        "OKTOPOS_API_KEY",
        "OKTOPOS_TIMEZONE",
        "DELIVEROO_SECRETS",
        "DELIVEROO_ACCEPT",
        "UBER_EATS_SECRETS",
        "UBER_EATS_CLIENT_ID",
        "UBER_EATS_CLIENT_SECRET",
    ]


def test_no_platform_at_all() -> None:
    said = the_problem(POS)
    assert said.startswith("connections: no platform is switched on; set one of DELIVEROO_SECRETS")
    assert "STRIPE_SECRETS, UBER_EATS_SECRETS, or write [connections.name]" in said


def test_no_pos_for_the_platforms_of_the_environment() -> None:
    environ = {"DELIVEROO_SECRETS": SECRET, "STRIPE_SECRETS": SECRET}
    assert the_problem(environ) == (
        "OKTOPOS_URL: is missing; set it and OKTOPOS_API_KEY, the POS for deliveroo, stripe"
    )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"OKTOPOS_URL": "https://example.de"}, "OKTOPOS_URL: does not end in /v1;"),
        ({"PUBLIC_URL": "http://example.de"}, "PUBLIC_URL: is http; platforms call https"),
        ({"STRIPE_UNKNOWN_ORDER": "hold"}, "STRIPE_UNKNOWN_ORDER: is read by nothing; set STRIPE"),
        ({"UBER_EATS_CLIENT_ID": "x"}, "UBER_EATS_CLIENT_ID: is read by nothing; set UBER_EATS"),
        ({"OKTOPUS_URL": "x"}, "OKTOPUS_URL: is read by nothing; did you mean OKTOPOS_URL?"),
        ({"STRIPE_SECRET": "x"}, "STRIPE_SECRET: is read by nothing; did you mean STRIPE_SECRETS?"),
        ({"UBEREATS_SECRETS": "x"}, "UBEREATS_SECRETS: is read by nothing; did you mean UBER_EATS"),
    ],
    ids=str,
)
def test_what_looks_wrong_is_a_warning(changed: dict[str, str], said: str) -> None:
    (only,) = warnings(SMALL | changed)
    assert only.startswith(said)


CERTIFIED = dataclasses.replace(PAYMENTS, certificate_at=lambda _: "https://certs.example/1")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://127.0.0.1:9000", "STRIPE_API_URL: is http on this machine, and any certificate"),
        ("http://[::1]:9000", "STRIPE_API_URL: is http on this machine, and any certificate"),
        ("https://127.0.0.1:9000", None),
        ("https://certs.example", None),
        ("", None),
    ],
)
def test_certificates_from_anyone_are_a_warning(address: str, said: str | None) -> None:
    environ = {**SMALL, "STRIPE_SECRETS": SECRET, "STRIPE_API_URL": address}
    settings, told = load(environ, PLATFORMS | {"stripe": CERTIFIED}, directory=NOWHERE)
    assert settings.connections["stripe"].api_url == (address or None)
    assert [text.startswith(said or "?") for text in told] == ([True] if said else [])


def test_who_signs_by_a_certificate_need_not_be_called() -> None:
    names = {variable.name for variable in environment.of_platform(CERTIFIED)}
    others = {variable.name for variable in environment.of_platform(PAYMENTS)}
    assert names - others == {"STRIPE_API_URL"}


def test_foreign_variables_are_left_alone() -> None:
    foreign = {"PATH": "/bin", "HOME": "/", "STRIPE_PUBLISHABLE_KEY": "x", "DYNO_RAM": "512"}
    assert warnings(SMALL | foreign | {"PUBLIC_URL": "http://[::1]:8080"}) == ()


def test_warnings_come_with_the_problems() -> None:
    with pytest.raises(BadSettings) as caught:
        load({"DELIVEROO_SECRET": SECRET}, PLATFORMS, directory=NOWHERE)
    assert any("did you mean DELIVEROO_SECRETS?" in told for told in caught.value.warnings)


HOST = (
    "DELIVEROO_API_URL: is no host of Deliveroo's that we know, and gets the credentials; use one"
)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("https://api.developers.deliveroo.com", []),
        ("https://api-sandbox.developers.deliveroo.com/path", []),
        ("http://127.0.0.1:8090/deliveroo", []),
        ("https://api.developers.deliveroo.com.elsewhere.example", [HOST]),
        ("https://proxy.example", [HOST]),
    ],
)
def test_who_else_gets_the_credentials_is_told(address: str, said: list[str]) -> None:
    hosts = frozenset({"api.developers.deliveroo.com", "api-sandbox.developers.deliveroo.com"})
    platforms = {**PLATFORMS, "deliveroo": dataclasses.replace(FULL, hosts=hosts)}
    _, told = load({**SMALL, "DELIVEROO_API_URL": address}, platforms, directory=NOWHERE)
    assert [text[: len(HOST)] for text in told] == said
