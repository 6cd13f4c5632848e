"""A platform's API as data: where it is, how a caller proves who they are there, what it takes."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

NO_FIELDS: Mapping[str, str] = MappingProxyType({})


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
Proven: TypeAlias = Callable[[Mapping[str, str], Credentials, datetime], bool]


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


Shape: TypeAlias = object
"""What a JSON value must be: a type (`datetime`: a text with a time and its offset), a tuple of all
it may be, a list of what each entry must be, or an object's fields. A field whose name ends in `?`
may be absent; one that is not named must be."""


def one_of(words: str) -> tuple[str, ...]:
    """The shape of a text that is one of these words."""
    return tuple(words.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A call as the platform's pages have it: what it must be, and how it is answered."""

    name: str
    method: Literal["GET", "POST", "PATCH", "PUT"]
    path: str  # a pattern, of all that follows the base address
    query: Mapping[str, Shape] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)  # patterns, beside the proof
    body: Shape = None  # None: there is none
    optional: bool = False  # the body may be left out
    status: int = 200
    says: Shape = None  # the JSON of the answer; None: empty, of a GET that nothing is there


class Ask(NamedTuple):
    """Which orders a platform is asked for."""

    place: str  # what is listed apart: a store, as `Listing.place` has it
    since: datetime
    now: datetime
    known: Credentials
    url: str  # the API's base address, without a slash


class Told(NamedTuple):
    """What it answered."""

    path: str  # the one that was asked
    headers: Mapping[str, str]  # lower-case names
    body: bytes


class Found(NamedTuple):
    """A listed order that was not cancelled, as the delivery that should have brought it."""

    body: bytes
    path: str = ""  # what would have followed the connection's address
    headers: Mapping[str, str] = NO_FIELDS
    over: bool = False  # handed over or done: the kitchen must not cook it any more


class Page(NamedTuple):
    found: Sequence[Found] = ()
    then: Sequence[str] = ()  # what is to be asked next: further pages, orders one by one


def written(value: object) -> bytes:
    """JSON as a platform would have sent it."""
    return json.dumps(value, ensure_ascii=False).encode()


def per_store(store_id: str | None, _: bytes) -> str | None:
    return store_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """How a platform is asked for the orders we may have missed. Pure, like an adapter."""

    list_orders: Callable[[Ask], str]  # the path of the first page, with query
    listed: Callable[[Ask, Told], Page]  # raises Unreadable only
    place: Callable[[str | None, bytes], str | None] | None = per_store  # of a delivery's store and
    # body, or of a store that is set up alone; None: all is listed at once
    needs: tuple[str, ...] = ()  # settings without which nothing is listed
    repeats: timedelta = timedelta(hours=1)  # for that long the platform itself sends again


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """Base address, and what every call carries: a token got by `oauth`, or `headers`.

    With both, `headers` serve a connection that has no `client_id`.
    """

    url: str  # empty: each connection has its own
    oauth: OAuth | None = None
    headers: Headers = no_headers
    proven: Proven | None = None  # what `headers` gives, where that is new each time
    needs: tuple[str, ...] = ("client_id", "client_secret")  # settings without which no call works
    instead: tuple[str, ...] = ()  # settings that do just as well
    calls: tuple[Expected, ...] = ()  # all that it is asked and told, by its documentation
    listing: Listing | None = None  # None: no call that lists orders is documented

    @property
    def refreshes(self) -> bool:
        return self.oauth is not None and self.oauth.refreshes
