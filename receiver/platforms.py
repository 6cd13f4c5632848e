"""Calls to the platforms: thin orders fetched, answers given, tokens got once for all who wait.

A call goes to the adapter's own API or to the address the connection is set to, never anywhere a
payload says; redirects are not followed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from urllib.parse import urlencode

from adapters.api import Api, Credentials, OAuth, pair
from adapters.contract import Call, Fetch
from receiver.errors import Held, Refused, Unavailable
from receiver.http import Http, NoAnswer, NotSent, Reply
from receiver.retry import retry_after
from receiver.settings.model import Connection

EXPIRY_MARGIN = timedelta(seconds=30)
NOTHING_MORE: Mapping[str, str] = MappingProxyType({})
NOT_YET = frozenset({401, 403, 404, 408, 410, 425, 429})  # may be well a little later


@dataclass(slots=True)
class Token:
    value: str = ""
    expires_at: datetime | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class Platforms:
    http: Http
    clock: Callable[[], datetime]
    tokens: dict[str, Token] = field(default_factory=dict)

    async def fetch(self, connection: Connection, fetch: Fetch) -> bytes:
        """The body a thin delivery needs. Raises Unavailable, Refused, Held."""
        unknown = frozenset({404}) if fetch.may_be_unknown else frozenset()
        reply = await self.exchange(connection, "GET", fetch.path, done=unknown)
        return b"" if reply.status == 404 else reply.body

    async def call(self, connection: Connection, call: Call) -> str:
        """What the platform said to our answer. Raises Unavailable, Refused, Held."""
        body = json.dumps(call.json).encode() if call.json is not None else None
        reply = await self.exchange(
            connection, call.method, call.path, body, headers=call.headers, done=call.done
        )
        return f"{reply.status} {reply.text}".strip()

    async def exchange(
        self,
        connection: Connection,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str] = NOTHING_MORE,
        done: frozenset[int] = frozenset(),
    ) -> Reply:
        api = api_of(connection)
        if not path.startswith("/"):  # it would go on with the host's name, and lead elsewhere
            raise Refused(f"{connection.name}: not a path below its API: {path[:100]}")
        url = (connection.api_url or api.url).rstrip("/") + path
        proof = await self.proof(connection, api)
        reply = await self.send(connection, method, url, {**headers, **proof}, body)
        if reply.status == 401 and self.withdrawn(connection, proof):  # once more with a new one
            proof = await self.proof(connection, api)
            reply = await self.send(connection, method, url, {**headers, **proof}, body)
        if not 200 <= reply.status < 300 and reply.status not in done:
            self.sort_out(connection, reply)
        return reply

    async def send(
        self,
        connection: Connection,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Reply:
        kind = {"content-type": "application/json"} if body is not None else {}
        try:
            return await self.http.send(method, url, headers={**kind, **headers}, body=body)
        except (NotSent, NoAnswer) as error:
            raise Unavailable(f"{connection.name}: {error}") from None

    async def proof(self, connection: Connection, api: Api) -> Mapping[str, str]:
        """The headers that prove who we are; a token is got once for all who wait for it."""
        own = api.headers(connection.credentials, self.clock())
        if api.oauth is None or (own and not connection.client_id):
            return own
        token = self.tokens.setdefault(connection.name, Token())
        async with token.turn:
            if token.expires_at is None or token.expires_at <= self.clock():
                await self.renew(connection, api.oauth, token)
        return {"authorization": f"Bearer {token.value}"}

    def withdrawn(self, connection: Connection, headers: Mapping[str, str]) -> bool:
        """Whether there may be another token now that this one is not taken any more."""
        token = self.tokens.get(connection.name)
        if token and headers == {"authorization": f"Bearer {token.value}"}:
            token.expires_at = None  # else another call has got a new one meanwhile
        return token is not None

    async def renew(self, connection: Connection, oauth: OAuth, token: Token) -> None:
        url = connection.token_url or oauth.url
        headers, body = token_request(oauth, connection.credentials)
        reply = await self.send(connection, "POST", url, headers, body)
        if reply.status != 200:
            raise Unavailable(
                f"{connection.name}: no token, answered {reply.status}; "
                f"check connections.{connection.name}.client_id and client_secret",
                retry_after=retry_after(reply.headers.get("retry-after"), self.clock()),
            )
        token.value, lasts = read_token(connection, reply)
        token.expires_at = self.clock() + lasts - EXPIRY_MARGIN

    def sort_out(self, connection: Connection, reply: Reply) -> None:
        reason = f"{connection.name} answered {reply.status}"
        if 400 <= reply.status < 500 and reply.status not in NOT_YET:
            raise Refused(reason, reply.text)
        raise Unavailable(
            reason,
            reply.text,
            retry_after=retry_after(reply.headers.get("retry-after"), self.clock()),
        )


def api_of(connection: Connection) -> Api:
    api = connection.adapter.api
    if api is None:
        raise Held(f"{connection.adapter.slug} has no API to call")
    return api


def token_request(oauth: OAuth, known: Credentials) -> tuple[dict[str, str], bytes]:
    """Headers and body of the request for a token."""
    fields = {"grant_type": "client_credentials", **dict(oauth.extra)}
    if oauth.scope:
        fields["scope"] = oauth.scope
    if not oauth.basic:
        fields |= {oauth.id_field: known.client_id, oauth.secret_field: known.client_secret}
    proof = {"authorization": f"Basic {pair(known)}"} if oauth.basic else {}
    if oauth.as_json:
        return {"content-type": "application/json", **proof}, json.dumps(fields).encode()
    kind = "application/x-www-form-urlencoded"
    return {"content-type": kind, **proof}, urlencode(fields).encode()


def read_token(connection: Connection, reply: Reply) -> tuple[str, timedelta]:
    """The token and how long it lasts; an hour where the platform does not say."""
    try:
        answer = json.loads(reply.body)
        token, lasts = answer["access_token"], answer.get("expires_in")
        if not isinstance(token, str) or not token:
            raise ValueError
        return token, timedelta(seconds=3600 if lasts is None else int(lasts))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        raise Unavailable(f"{connection.name}: the token's answer is not understood") from None
