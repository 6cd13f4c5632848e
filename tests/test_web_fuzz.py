"""Any bytes whatever on the socket: one of a few answers, never a 500, and the next is taken."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from tests.plain import body, order, signed
from tests.receiving import counted, receiving, request, statuses
from tests.running import PATIENCE

OURS = {100, 200, 303, 401, 403, 404, 405, 408, 413, 415}
THE_SERVERS = {400, 408, 431}
QUIET_SECONDS = 0.03

GOOD = body(order())
PROOF = signed(GOOD)["x-plain"].encode()


def mostly(usual: Any, odd: Any) -> Any:
    """The odd one in a few of many."""
    return st.integers(0, 7).flatmap(lambda dice: usual if dice else odd)


token = st.text("abcdefghijklmnopqrstuvwxyzABC-_!#$%&'*+.^`|~019", min_size=1, max_size=12)
methods = mostly(
    st.sampled_from(
        [b"POST", b"PUT", b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"CONNECT", b"TRACE"]
    ),
    token.map(str.encode),
)
PLACES = [b"/webhooks/plain"] * 8 + (
    b"/webhooks/plain/order /webhooks/other /webhooks/ /webhooks /webhooks//x /%77ebhooks/plain "
    b"//webhooks/plain http://x:y/webhooks/plain http://[/ * /readyz /metrics /livez/ /console "
    b"/console/sign-in /console/pos"
).split()
ENDINGS = [b"/", b"/%00", b"/%ff%fe", b"/%0a%0d", b"/%", b"/%zz", b"/..", b"?", b"?%00=%ff", b"#x"]
endings = mostly(st.just(b"") | st.sampled_from(ENDINGS), st.binary(max_size=20))
targets = st.builds(bytes.__add__, st.sampled_from(PLACES), endings)

NAMES = (
    b"content-length transfer-encoding content-encoding connection upgrade expect host x-plain "
    b"content-type authorization trailer x-n"
).split()
VALUES = [
    *b"0 -1 +3 1e3 007 chunked close gzip identity upgrade h2c websocket 100-continue [".split(),
    *(b"", b" 7 ", b"9" * 18, b"9" * 40, b"\xb2", b"\x00", b"\xff" * 9, b"\r\n folded"),
    *(b"gzip, chunked", PROOF, b"x" * 9_000, b"x" * 90_000),
]
headers = st.tuples(
    mostly(st.sampled_from(NAMES) | token.map(str.encode), st.binary(max_size=10)),
    mostly(st.sampled_from(VALUES) | token.map(str.encode), st.binary(max_size=40)),
)
bodies = st.sampled_from([GOOD, GOOD, b"", b"2\r\n{}\r\n0\r\n\r\n", b"x" * 150_000]) | st.binary(
    max_size=200
)


@st.composite
def requests(draw: Any) -> bytes:
    """Nearly a request, perhaps even a genuine one."""
    version = draw(mostly(st.just(b"HTTP/1.1"), st.sampled_from([b"HTTP/1.0", b"HTTP/2.0", b""])))
    first = b" ".join([draw(methods), draw(targets), version])
    content = draw(bodies)
    lines = [first, *(b"%b: %b" % header for header in draw(st.lists(headers, max_size=3)))]
    if draw(mostly(st.just(True), st.just(False))):
        lines += [b"x-plain: " + PROOF, b"content-length: %d" % len(content)]
    return b"\r\n".join([*lines, b"", content])


@st.composite
def conversations(draw: Any) -> Sequence[bytes]:
    """What is written at once, piece by piece; it may stop anywhere."""
    said = draw(mostly(requests(), st.binary(max_size=60)))
    said += b"".join(draw(mostly(st.just([]), st.lists(requests(), max_size=2))))
    place = draw(st.integers(0, len(said)))
    kind = draw(st.sampled_from(["as it is", "as it is", "cut", "spoilt", "in two"]))
    if kind == "cut":
        return [said[:place]]
    if kind == "spoilt":
        return [said[:place] + draw(st.binary(max_size=3)) + said[place + 1 :]]
    return [said[:place], said[place:]] if kind == "in two" else [said]


def converse(
    address: tuple[str, int], pieces: Sequence[bytes], patience: float = QUIET_SECONDS
) -> bytes:
    """What comes back until nothing more does; then we are gone."""
    heard = b""
    with socket.create_connection(address, timeout=5) as connection, suppress(OSError):
        for piece in pieces:
            connection.sendall(piece)
        connection.settimeout(patience)
        while chunk := connection.recv(65_536):
            heard += chunk
    return heard


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Every status that is sent, whether or not anyone still hears it."""
    sent: list[int] = []
    send = RequestResponseCycle.send

    async def noted(cycle: RequestResponseCycle, message: Any) -> None:
        if "status" in message:
            sent.append(message["status"])
        await send(cycle, message)

    monkeypatch.setattr(RequestResponseCycle, "send", noted)
    return sent


def test_any_bytes(tmp_path: Path, answered: list[int]) -> None:
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(
            receiving(tmp_path, console_password="open, sesame!")
        ) as run,
    ):
        before = counted("failed")

        @settings(max_examples=100)
        @given(conversations())
        def check(pieces: Sequence[bytes]) -> None:
            assert set(statuses(converse(run.address, pieces))) <= OURS | THE_SERVERS
            good = request(body(order()))
            assert statuses(converse(run.address, [good], PATIENCE)) == [200]
            assert set(answered) <= OURS
            assert counted("failed") == before

        check()
