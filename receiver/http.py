"""The one module that knows the HTTP client. A few connections per destination, kept for life.

Each destination gets at most eight connections, and at most eight calls are under way to it;
hundreds of destinations are then no problem. Requests and answers are httpx's, beneath them it is
aiohttp that talks: forwarding shares the interpreter with acknowledging, and httpx's own transport
takes four times as much of it. Its client stays out of it too: of what it does, to follow, to
remember cookies, to log in, we want nothing, and it takes as much as all the rest of a call.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache, lru_cache
from urllib.parse import urlsplit

import aiohttp
import httpx
from yarl import URL

CALLS_PER_DESTINATION = 8
CONNECT_SECONDS = 5.0
CALL_SECONDS = 25.0
IDLE_SECONDS = 4.0  # less than the five after which many a server hangs up on us
ALWAYS = {"accept": "*/*", "accept-encoding": "gzip, deflate", "user-agent": "oktopos-receiver"}
LARGEST_ANSWER = 4 * 1024 * 1024
NEVER_SENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
)


class NotSent(Exception):
    """The request cannot have reached the peer."""


class NoAnswer(Exception):
    """The request may have reached the peer; what it made of it is unknown."""


class MayNot(Exception):
    """Whoever wanted to send it lost the right to, as it waited for its turn."""


may_send: ContextVar[Callable[[], bool]] = ContextVar("may_send", default=lambda: True)
"""Asked before each call, last of all: of the task that makes it, and of what that starts."""


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
    transport: Transport
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
        """Raises NotSent, NoAnswer or MayNot; any answer of the peer, a 500 too, is a Reply."""
        destination = self._destination(url)
        async with destination.places:
            if not may_send.get()():
                raise MayNot("not heard of for too long: the job may be another worker's by now")
            try:
                async with asyncio.timeout(CALL_SECONDS):
                    return await exchange(destination.transport, method, url, headers, body)
            except TimeoutError:
                raise NoAnswer(f"no answer within {CALL_SECONDS:.0f} s") from None
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
                raise NotSent(f"cannot connect: {type(error).__name__}") from None
            except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
                raise NotSent(f"not an address: {type(error).__name__}") from None
            except httpx.HTTPError as error:
                raise NoAnswer(f"connection lost: {type(error).__name__}") from None

    def _destination(self, url: str) -> Destination:
        origin = urlsplit(url).netloc
        if origin not in self.destinations:
            self.destinations[origin] = Destination(Transport())
        return self.destinations[origin]

    async def close(self) -> None:
        for destination in self.destinations.values():
            await destination.transport.aclose()
        self.destinations.clear()


async def exchange(
    transport: Transport, method: str, url: str, headers: Mapping[str, str], body: bytes | None
) -> Reply:
    given = {name.lower(): value for name, value in headers.items()}
    request = httpx.Request(method, address(url), headers=ALWAYS | given, content=body)
    response = await transport.handle_async_request(request)
    try:
        return Reply(response.status_code, dict(response.headers.items()), await bounded(response))
    finally:
        await response.aclose()


@dataclass(slots=True)
class Transport(httpx.AsyncBaseTransport):
    """aiohttp's connections beneath httpx's requests. It sends what can be repeated without harm
    (GET, PUT) once more when a connection breaks; never a POST."""

    session: aiohttp.ClientSession | None = None  # belongs to the loop that makes the first call

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.session = self.session or new_session()
        with as_httpx():
            answer = await self.session.request(
                request.method,
                URL(str(request.url), encoded=True),
                headers=request.headers.multi_items(),
                data=request.content or None,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS),
            )
        return httpx.Response(
            answer.status, headers=answer.raw_headers, stream=Body(answer), request=request
        )

    async def aclose(self) -> None:
        if self.session:
            await self.session.close()


@dataclass(frozen=True, slots=True)
class Body(httpx.AsyncByteStream):
    answer: aiohttp.ClientResponse

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with as_httpx():
            async for chunk in self.answer.content.iter_any():
                yield chunk

    async def aclose(self) -> None:
        self.answer.close()  # the connection is kept where all of it was read


def new_session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=CALLS_PER_DESTINATION, keepalive_timeout=IDLE_SECONDS, ssl=trusted()
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("content-type",),
    )


@cache
def trusted() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


def authorities() -> list[bytes]:
    """The certificates, in DER, of whom our calls trust to say who a peer is."""
    return trusted().get_ca_certs(binary_form=True)


@contextmanager
def as_httpx() -> Iterator[None]:
    """aiohttp's errors as httpx's. What counts is whether the request can have been sent."""
    try:
        yield
    except NEVER_SENT as error:
        raise httpx.ConnectError(type(error).__name__) from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise httpx.ReadError(type(error).__name__) from error


@lru_cache(maxsize=1_000)  # parsing it takes a tenth of a call, and a POS has but one or two
def address(url: str) -> httpx.URL:
    return httpx.URL(url)


async def bounded(response: httpx.Response) -> bytes:
    """The body, or NoAnswer when the peer sends more than any answer of ours can be."""
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > LARGEST_ANSWER:
            raise NoAnswer(f"the answer is longer than {LARGEST_ANSWER} bytes")
    return bytes(body)
