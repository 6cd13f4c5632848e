"""A platform's API as data: where it is, and how a caller proves who they are there."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeAlias


class Credentials(NamedTuple):
    """What a connection is set to, an empty text where it is not."""

    client_id: str = ""
    client_secret: str = ""
    api_key: str = ""
    secret: str = ""  # the newest of those that prove deliveries genuine


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth:
    """A bearer token is got first: from `url`, for the client's id and secret.

    They are posted as a form, or go in a Basic header where `basic` says so.
    """

    url: str
    basic: bool = False
    scope: str | None = None
    id_field: str = "client_id"
    secret_field: str = "client_secret"  # noqa: S105
    as_json: bool = False  # the fields are posted as JSON
    extra: tuple[tuple[str, str], ...] = ()  # further fields, such as an audience
    refreshes: bool = False  # a `refresh_token`, where the connection has one, is used up for it


Headers: TypeAlias = Callable[[Credentials, datetime], Mapping[str, str]]


def no_headers(_: Credentials, __: datetime) -> Mapping[str, str]:
    return {}


def key_in(header: str, prefix: str = "") -> Headers:
    """The connection's `api_key` in a header of its own."""
    return lambda known, _: {header: prefix + known.api_key} if known.api_key else {}


def secret_in(header: str) -> Headers:
    """The connection's `client_secret` in one, where `api_key` is what proves deliveries."""
    return lambda known, _: {header: known.client_secret} if known.client_secret else {}


def basic(known: Credentials, _: datetime) -> Mapping[str, str]:
    """The client's id and secret as HTTP's Basic authentication."""
    return {"authorization": f"Basic {pair(known)}"}


def pair(known: Credentials) -> str:
    return base64.b64encode(f"{known.client_id}:{known.client_secret}".encode()).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """Base address, and what every call carries: a token got by `oauth`, or `headers`.

    With both, `headers` serve a connection that has no `client_id`.
    """

    url: str
    oauth: OAuth | None = None
    headers: Headers = no_headers
    needs: tuple[str, ...] = ("client_id", "client_secret")  # settings without which no call works
    instead: tuple[str, ...] = ()  # settings that do just as well

    @property
    def refreshes(self) -> bool:
        return self.oauth is not None and self.oauth.refreshes
