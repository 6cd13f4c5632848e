"""The one module that knows the HTTP client. One small client per destination, kept for life.

httpx's own pool collapses as connections grow, so each destination gets at most eight, and at most
eight calls are under way to it; hundreds of destinations are then no problem.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import urlsplit

import httpx

CALLS_PER_DESTINATION = 8
CONNECT_SECONDS = 5.0
CALL_SECONDS = 25.0
LARGEST_ANSWER = 4 * 1024 * 1024


class NotSent(Exception):
    """The request cannot have reached the peer."""


class NoAnswer(Exception):
    """The request may have reached the peer; what it made of it is unknown."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]  # lower-case names
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


@dataclass(slots=True)
class Destination:
    client: httpx.AsyncClient
    places: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(CALLS_PER_DESTINATION)
    )


@dataclass(slots=True)
class Http:
    """Calls to others. Redirects are not followed, answers are bounded in size and time."""

    destinations: dict[str, Destination] = field(default_factory=dict)

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> Reply:
        """Raises NotSent or NoAnswer; any answer of the peer, a 500 too, is a Reply."""
        destination = self._destination(url)
        async with destination.places:
            try:
                async with asyncio.timeout(CALL_SECONDS):
                    return await self._exchange(destination.client, method, url, headers, body)
            except TimeoutError:
                raise NoAnswer(f"no answer within {CALL_SECONDS:.0f} s") from None
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
                raise NotSent(f"cannot connect: {type(error).__name__}") from None
            except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
                raise NotSent(f"not an address: {type(error).__name__}") from None
            except httpx.HTTPError as error:
                raise NoAnswer(f"connection lost: {type(error).__name__}") from None

    async def _exchange(
        self,
        client: httpx.AsyncClient,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Reply:
        request = client.build_request(method, url, headers=dict(headers), content=body)
        response = await client.send(request, stream=True)
        try:
            return Reply(response.status_code, dict(response.headers), await bounded(response))
        finally:
            await response.aclose()

    def _destination(self, url: str) -> Destination:
        origin = urlsplit(url).netloc
        if origin not in self.destinations:
            self.destinations[origin] = Destination(new_client())
        return self.destinations[origin]

    async def close(self) -> None:
        for destination in self.destinations.values():
            await destination.client.aclose()
        self.destinations.clear()


def new_client() -> httpx.AsyncClient:
    limits = httpx.Limits(
        max_connections=CALLS_PER_DESTINATION, max_keepalive_connections=CALLS_PER_DESTINATION
    )
    return httpx.AsyncClient(
        limits=limits,
        timeout=httpx.Timeout(CALL_SECONDS, connect=CONNECT_SECONDS),
        trust_env=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # nothing is remembered
        headers={"user-agent": "oktopos-receiver"},
    )


async def bounded(response: httpx.Response) -> bytes:
    """The body, or NoAnswer when the peer sends more than any answer of ours can be."""
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > LARGEST_ANSWER:
            raise NoAnswer(f"the answer is longer than {LARGEST_ANSWER} bytes")
    return bytes(body)
