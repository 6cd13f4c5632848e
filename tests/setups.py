"""Small set-ups that work, three platforms to switch on, and what `load` says of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from adapters.api import Api, OAuth
from adapters.contract import Adapter, Call, Delivery, Identity, Order, Secrets, Told
from receiver.settings import BadSettings, Settings, load

SECRET = "a-secret-of-twenty-two"
OTHER = "another-secret-entirely"
NOWHERE = Path("/nonexistent")


def no_verify(_: Delivery, __: Secrets) -> None: ...


def no_sign(delivery: Delivery, _: str) -> Delivery:
    return delivery


def no_identity(_: Delivery) -> Identity:
    return Identity("1")


def accepting(_: Delivery, __: Order, ___: Told) -> Sequence[Call]:
    return (Call(name="accept", method="POST", path="/"),)


THIN = Adapter(
    slug="uber_eats",
    intermediary="Uber Eats",
    kind="orders",
    docs="https://docs.example/uber_eats",
    event_types=frozenset(),
    headers=frozenset(),
    verify=no_verify,
    sign=no_sign,
    identify=no_identity,
    parse=lambda _, __: (),
    answer=accepting,
    api=Api(
        url="https://api.example", oauth=OAuth(url="https://login.example/token", refreshes=True)
    ),
    thin=True,
)
FULL = dataclasses.replace(
    THIN,
    slug="deliveroo",
    intermediary="Deliveroo",
    api=Api(url="https://api.example", oauth=OAuth(url="https://login.example/token")),
    thin=False,
)
PAYMENTS = dataclasses.replace(
    THIN, slug="stripe", intermediary="Stripe", kind="payments", api=None, thin=False
)
PLATFORMS = {adapter.slug: adapter for adapter in (FULL, PAYMENTS, THIN)}

POS = {"OKTOPOS_URL": "https://manager.example.de/v1", "OKTOPOS_API_KEY": "key-of-the-division"}
SMALL = {**POS, "DELIVEROO_SECRETS": SECRET, "DELIVEROO_ACCEPT": "never", "SECRET_KEY": "k" * 32}


def loaded(environ: Mapping[str, str], directory: Path = NOWHERE) -> Settings:
    settings, _ = load(environ, PLATFORMS, directory=directory)
    return settings


def warnings(environ: Mapping[str, str], directory: Path = NOWHERE) -> tuple[str, ...]:
    return load(environ, PLATFORMS, directory=directory)[1]


def problems(environ: Mapping[str, str], directory: Path = NOWHERE) -> tuple[str, ...]:
    with pytest.raises(BadSettings) as caught:
        load(environ, PLATFORMS, directory=directory)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def the_problem(environ: Mapping[str, str], directory: Path = NOWHERE) -> str:
    (only,) = problems(environ, directory)
    return only
