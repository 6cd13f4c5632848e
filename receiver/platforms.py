"""Calls to the platforms: thin orders fetched, answers given.

A call goes to the adapter's own API or to the address the connection is set to, never anywhere a
payload says; redirects are not followed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from types import MappingProxyType

from adapters.api import Api
from adapters.contract import Call, Fetch
from receiver.errors import Held, Refused, Unavailable
from receiver.http import Http, NoAnswer, NotSent, Reply
from receiver.retry import retry_after
from receiver.settings.model import Connection
from receiver.tokens import Tokens

NOTHING_MORE: Mapping[str, str] = MappingProxyType({})
NOT_YET = frozenset({401, 403, 404, 408, 410, 425, 429})  # may be well a little later


@dataclass(slots=True)
class Platforms:
    http: Http
    clock: Callable[[], datetime]
    tokens: Tokens = field(default_factory=Tokens)

    async def fetch(self, connection: Connection, fetch: Fetch) -> bytes:
        """The body a thin delivery needs. Raises Unavailable, Refused, Held."""
        look_for_key(connection)
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
        url = self.base(connection) + path
        proof = await self.proof(connection, api)
        reply = await self.send(connection, method, url, {**headers, **proof}, body)
        if reply.status == 401 and self.tokens.withdrawn(connection, proof):
            proof = await self.proof(connection, api)  # once more with a new one
            reply = await self.send(connection, method, url, {**headers, **proof}, body)
        if not 200 <= reply.status < 300 and reply.status not in done:
            self.sort_out(connection, reply)
        return reply

    def base(self, connection: Connection) -> str:
        """The API's address, without a slash. Raises Held."""
        return (connection.api_url or api_of(connection).url).rstrip("/")

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
        """The headers that prove who we are. Raises Unavailable, Held."""
        own = api.headers(connection.credentials, self.clock())
        if api.oauth is None or (own and not connection.client_id):
            return own
        post = partial(self.send, connection, "POST")
        return await self.tokens.proof(connection, api.oauth, post, self.clock)

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


def look_for_key(connection: Connection) -> None:
    """Raises Held naming the settings that are missing: asking without them would never do."""
    api = api_of(connection)
    missing = [name for name in api.needs if not getattr(connection, name)]
    if missing and not api.oauth:
        names = " and ".join(f"connections.{connection.name}.{name}" for name in missing)
        raise Held(f"has to be looked up at {connection.adapter.intermediary}: set {names}")
