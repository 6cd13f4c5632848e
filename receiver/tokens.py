"""Tokens for the platforms' APIs: got once for all who wait, refreshed where they are used up.

A refresh token may work a single time and bring its successor, so the successor is on disk before
anything is done with the access token that came with it. Between the platform's answer and that
moment a crash loses it: the used one is then refused (`invalid_grant`), which an operator mends.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeAlias, TypeVar
from urllib.parse import urlencode

import sqlalchemy
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from adapters.api import Credentials, OAuth, pair
from adapters.payload import dig
from receiver.errors import Held, Unavailable
from receiver.http import Reply
from receiver.inbox import Inbox, tokens
from receiver.inbox.records import StoreUnavailable
from receiver.retry import retry_after
from receiver.settings.model import Connection

EXPIRY_MARGIN = timedelta(seconds=30)
TURN = timedelta(seconds=60)  # longer than any call: until then a token is one worker's alone
PURPOSE = b"refresh tokens at rest"  # so that the key is not one for anything else

T = TypeVar("T")
Post: TypeAlias = Callable[[str, Mapping[str, str], bytes], Awaitable[Reply]]
Clock: TypeAlias = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Grant:
    """What a platform gave for a request."""

    access: str = field(repr=False)
    expires_at: datetime
    refresh: str | None = field(repr=False)  # the next one, where it gave one


@dataclass(slots=True)
class Token:
    value: str = field(default="", repr=False)
    expires_at: datetime | None = None
    unkept: Grant | None = None  # not to be used before its refresh token is on disk
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class Vault:
    """Refresh tokens at rest in the box, each encrypted by the newest of our keys."""

    inbox: Inbox
    seal: MultiFernet

    async def take(self, connection: Connection, now: datetime) -> str:
        """The one that is next, to be used by nobody else. Raises Unavailable."""
        name, setting = connection.name, connection.refresh_token or ""
        kept = await self.write(
            connection, partial(tokens.take, name=name, now=now, until=now + TURN)
        )
        if kept is None:
            raise Unavailable(f"{name}: another worker is refreshing its token")
        if kept.sealed is None or kept.origin != digest(setting):  # an operator set another one
            return setting
        try:
            return self.seal.decrypt(kept.sealed).decode()
        except InvalidToken:
            await self.give_back(connection)
            raise Unavailable(
                f"{name}: its refresh token was kept by another SECRET_KEY; put that behind the"
                f" new one, or set connections.{name}.refresh_token to a new token"
            ) from None

    async def keep(self, connection: Connection, refresh: str) -> None:
        """Once this returns it is on disk. Raises Unavailable."""
        sealed = self.seal.encrypt(refresh.encode()).decode()
        kept = tokens.Kept(digest(connection.refresh_token or ""), sealed)
        await self.write(connection, partial(tokens.keep, name=connection.name, kept=kept))

    async def give_back(self, connection: Connection) -> None:
        await self.write(connection, partial(tokens.give_back, name=connection.name))

    async def write(self, connection: Connection, work: Callable[[sqlalchemy.Connection], T]) -> T:
        try:
            return await self.inbox.write(work)
        except StoreUnavailable as error:
            raise Unavailable(
                f"{connection.name}: its refresh token cannot be kept now: {error}"
            ) from None


def vault(inbox: Inbox, keys: Sequence[str]) -> Vault:
    """`keys` as in SECRET_KEY, newest first: any of them may have encrypted."""
    return Vault(inbox, MultiFernet([Fernet(derived(key)) for key in keys]))


def derived(key: str) -> bytes:
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE)
    return urlsafe_b64encode(hkdf.derive(key.encode()))


def digest(setting: str) -> str:
    return hashlib.sha256(setting.encode()).hexdigest()


@dataclass(slots=True)
class Tokens:
    vault: Vault | None = None
    held: dict[str, Token] = field(default_factory=dict)  # by connection

    async def proof(
        self, connection: Connection, oauth: OAuth, post: Post, clock: Clock
    ) -> Mapping[str, str]:
        """The header with a token that lasts. Raises Unavailable, Held."""
        token = self.held.setdefault(connection.name, Token())
        async with token.turn:
            if token.expires_at is None or token.expires_at <= clock():
                await self.renew(connection, oauth, token, post, clock)
        return bearer(token)

    def withdrawn(self, connection: Connection, headers: Mapping[str, str]) -> bool:
        """Whether there may be another token now that this one is not taken any more."""
        token = self.held.get(connection.name)
        if token and headers == bearer(token):
            token.expires_at = None  # else another call has got a new one meanwhile
        return token is not None

    async def renew(
        self, connection: Connection, oauth: OAuth, token: Token, post: Post, clock: Clock
    ) -> None:
        request = partial(ask, connection, oauth, post, clock)
        if connection.refresh_token and oauth.refreshes:
            grant = await self.refreshed(connection, token, request, clock)
        else:
            grant = await request({"grant_type": "client_credentials"})
        token.value, token.expires_at = grant.access, grant.expires_at

    async def refreshed(
        self,
        connection: Connection,
        token: Token,
        request: Callable[[Mapping[str, str]], Awaitable[Grant]],
        clock: Clock,
    ) -> Grant:
        """What was got once but could not be kept is kept first, and not asked for again."""
        if self.vault is None:
            raise Held(f"{connection.name}: there is no box to keep its refresh tokens in")
        if token.unkept is None:
            used = await self.vault.take(connection, clock())
            try:
                grant = await request({"grant_type": "refresh_token", "refresh_token": used})
            except Unavailable:
                await self.vault.give_back(connection)
                raise
            token.unkept = Grant(grant.access, grant.expires_at, grant.refresh or used)
        grant = token.unkept
        await self.vault.keep(connection, grant.refresh or "")
        token.unkept = None
        return grant


def bearer(token: Token) -> Mapping[str, str]:
    return {"authorization": f"Bearer {token.value}"}


async def ask(
    connection: Connection, oauth: OAuth, post: Post, clock: Clock, fields: Mapping[str, str]
) -> Grant:
    """Raises Unavailable with what to check."""
    headers, body = token_request(oauth, connection.credentials, fields)
    reply = await post(connection.token_url or oauth.url, headers, body)
    if reply.status != 200:
        wait = retry_after(reply.headers.get("retry-after"), clock())
        reason = turned_away(connection, reply, fields)
        raise Unavailable(reason, platform=True, retry_after=wait)
    return read_grant(connection, reply, clock())


def token_request(
    oauth: OAuth, known: Credentials, grant: Mapping[str, str]
) -> tuple[dict[str, str], bytes]:
    """Headers and body of the request for a token."""
    fields = {**grant, **dict(oauth.extra)}
    if oauth.scope:
        fields["scope"] = oauth.scope
    if not oauth.basic:
        fields |= {oauth.id_field: known.client_id, oauth.secret_field: known.client_secret}
    proof = {"authorization": f"Basic {pair(known)}"} if oauth.basic else {}
    if oauth.as_json:
        return {"content-type": "application/json", **proof}, json.dumps(fields).encode()
    kind = "application/x-www-form-urlencoded"
    return {"content-type": kind, **proof}, urlencode(fields).encode()


def turned_away(connection: Connection, reply: Reply, fields: Mapping[str, str]) -> str:
    """What an operator reads; never what the platform said, which may repeat a secret."""
    setting = f"connections.{connection.name}"
    if "refresh_token" in fields and dig(answer_of(reply), "error") == "invalid_grant":
        return (
            f"{connection.name}: its refresh token is used up, expired or revoked; "
            f"connect it anew at {connection.intermediary}, set {setting}.refresh_token, restart"
        )
    return (
        f"{connection.name}: no token, answered {reply.status}; "
        f"check {setting}.client_id and client_secret"
    )


def answer_of(reply: Reply) -> object:
    try:
        return json.loads(reply.body)
    except ValueError:
        return None


def read_grant(connection: Connection, reply: Reply, now: datetime) -> Grant:
    """The token and until when it lasts; an hour where the platform does not say."""
    answer: Any = answer_of(reply)
    try:
        access, lasts = answer["access_token"], answer.get("expires_in")
        if not isinstance(access, str) or not access:
            raise ValueError
        ends = now + timedelta(seconds=3600 if lasts is None else int(lasts)) - EXPIRY_MARGIN
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        raise Unavailable(f"{connection.name}: the token's answer is not understood") from None
    refresh = answer.get("refresh_token")
    return Grant(access, ends, refresh if isinstance(refresh, str) and refresh else None)
