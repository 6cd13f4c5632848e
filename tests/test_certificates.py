"""Certificates that a delivery names: got over real HTTP, by servers certified for the test."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.contract import Delivery, Rejected, Secrets
from receiver import certificates, http
from receiver.certificates import Certificates, NoCertificate
from receiver.cli.demo.stage import free_port
from receiver.http import Http
from receiver.inbox.by_hand import transaction
from receiver.inbox.quarantine import Suspect, add
from receiver.settings.model import Connection
from tests.commands import Desk, call, desk, said, stand
from tests.holders import ES256, Holder, authority
from tests.peers import peer
from tests.plain import PAY, PLAIN, SECRET, body, order
from tests.receiving import counted, receiving
from tests.running import eventually

pytestmark = pytest.mark.anyio

HERE = IPv4Address("127.0.0.1")
THERE = "https://certs.plain.example"
ROOT = authority()
BETWEEN = ROOT.issue("Between", authority=True)
SIGNER = BETWEEN.issue("Plain", "certs.plain.example")
CHAIN = SIGNER.pem + BETWEEN.pem
NOBODY = authority("Nobody")


def certificate_at(delivery: Delivery) -> str:
    address = delivery.headers.get("x-certificate", "")
    if not address.startswith((f"{THERE}/", "https://127.0.0.1:")):
        raise Rejected("x-certificate leads elsewhere")
    return address


def verify(delivery: Delivery, _: Secrets) -> None:
    assert delivery.certificate is not None, "a certificate is got before"
    key = x509.load_pem_x509_certificate(delivery.certificate).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    try:
        key.verify(base64.b64decode(delivery.headers.get("x-plain", "")), delivery.body, ES256)
    except InvalidSignature:
        raise Rejected("its key does not give this signature") from None


CERTIFIED = replace(
    PLAIN,
    headers=frozenset({"x-plain", "x-certificate"}),
    verify=verify,
    certificate_at=certificate_at,
    sign=lambda delivery, _: replace(
        delivery, headers=by(NOBODY, delivery.body, f"{THERE}/own"), certificate=NOBODY.pem
    ),
)


def by(signer: Holder, content: bytes, address: str) -> dict[str, str]:
    return {"x-plain": signer.sign(content), "x-certificate": address}


@dataclass(slots=True)
class Shelf:
    """What is to be had at which path: a body, or a whole answer; what was asked for."""

    url: str = ""
    bodies: dict[str, bytes] = field(default_factory=dict)
    answers: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            line = (await reader.readuntil(b"\r\n\r\n")).decode().partition("\r\n")[0]
            path = line.split(" ")[1]
            self.asked.append(path)
            if path == "/silent" and self.asked.count(path) == 1:
                await asyncio.sleep(60)
            writer.write(self.answers.get(path) or answer(self.bodies.get(path)))
            await writer.drain()


def answer(content: bytes | None, status: bytes = b"200 OK", more: bytes = b"") -> bytes:
    head = b"404 Not Found" if content is None else status
    content = content or b""
    return b"HTTP/1.1 %b\r\n%bcontent-length: %d\r\n\r\n%b" % (head, more, len(content), content)


@asynccontextmanager
async def shelf(folder: Path | None = None) -> AsyncIterator[Shelf]:
    """By https where there is a folder for the server's key; else by http."""
    made = Shelf(bodies={"/chain": CHAIN})
    tls = ROOT.issue("Shelf", HERE).serving(folder) if folder else None
    async with peer(made.serve, tls) as made.url:
        yield made


@pytest.fixture
async def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shelf]:
    """One whose authority our calls trust."""
    context = ROOT.trusting()
    monkeypatch.setattr(http, "trusted", lambda: context)
    async with shelf(tmp_path) as made:
        yield made


def refused(response: httpx.Response) -> bool:
    return response.status_code == 401 and response.json() == {"error": "signature"}


def unavailable(response: httpx.Response) -> bool:
    return response.status_code == 503 and int(response.headers["retry-after"]) > 0


async def test_it_is_got_once_for_all_who_wait(tmp_path: Path, secure: Shelf) -> None:
    contents = [body(order(f"o{number}")) for number in range(6)]
    headers = [by(SIGNER, content, f"{secure.url}/chain") for content in contents]
    async with receiving(tmp_path, adapter=CERTIFIED) as run:
        posts = [run.post(one, **proof) for one, proof in zip(contents, headers, strict=True)]
        assert {response.status_code for response in await asyncio.gather(*posts)} == {200}
        assert (await run.post(contents[0], **headers[0])).status_code == 200
        assert len(await run.kept()) == 6
    assert secure.asked == ["/chain"]


async def test_its_key_proves_the_delivery(tmp_path: Path, secure: Shelf) -> None:
    other = BETWEEN.issue("Plain", "certs.plain.example")
    async with receiving(tmp_path, adapter=CERTIFIED) as run:
        assert refused(await run.post(b"{}", **by(other, b"{}", f"{secure.url}/chain")))
        assert refused(await run.post(b"{ }", **by(SIGNER, b"{}", f"{secure.url}/chain")))
        assert len(await run.suspects()) == 2


UNTRUSTED: Mapping[str, bytes] = {
    "of another authority": NOBODY.issue("Plain", "certs.plain.example").pem,
    "with another authority beside it": NOBODY.issue("Plain", "a.example").pem + NOBODY.pem,
    "of its own": NOBODY.pem,
    "without who is between": SIGNER.pem,
    "by one who may not issue": SIGNER.issue("Plain", "a.example").pem + CHAIN,
    "out of date": BETWEEN.issue("Plain", "a.example", days=(-3, -1)).pem + BETWEEN.pem,
    "not yet in date": BETWEEN.issue("Plain", "a.example", days=(1, 3)).pem + BETWEEN.pem,
    "without a host": BETWEEN.issue("Plain").pem + BETWEEN.pem,
    "for a number": BETWEEN.issue("Plain", HERE).pem + BETWEEN.pem,
    "for any host": BETWEEN.issue("Plain", "*").pem + BETWEEN.pem,
}


@pytest.mark.parametrize("pem", UNTRUSTED.values(), ids=UNTRUSTED)
async def test_one_that_is_not_trusted(pem: bytes, tmp_path: Path, secure: Shelf) -> None:
    secure.bodies["/wrong"] = pem
    async with receiving(tmp_path, adapter=CERTIFIED) as run:
        before = counted("rejected")
        for _ in range(2):
            assert refused(await run.post(b"{}", **by(SIGNER, b"{}", f"{secure.url}/wrong")))
        assert counted("rejected") == before + 2
        assert len(await run.suspects()) == 2
        assert await run.kept() == []
    assert secure.asked == ["/wrong"]


ANSWERS: Mapping[str, bytes] = {
    "not there": answer(None),
    "failing": answer(CHAIN, b"500 Failed"),
    "elsewhere": answer(CHAIN, b"302 There", b"location: /chain\r\n"),
    "made": answer(CHAIN, b"201 Made"),
    "something else": answer(b"<html>Back soon</html>"),
    "nothing": answer(b""),
    "half": answer(CHAIN[:500]),
    "too long": answer(CHAIN + b"\n" * certificates.LARGEST),
    "endless": answer(CHAIN + b"\n" * 5_000_000),
    "no HTTP": b"hello\r\n\r\n",
}


@pytest.mark.parametrize("said", ANSWERS.values(), ids=ANSWERS)
async def test_one_that_cannot_be_had(said: bytes, tmp_path: Path, secure: Shelf) -> None:
    secure.answers["/away"] = said
    async with receiving(tmp_path, adapter=CERTIFIED) as run:
        before = counted("no_certificate")
        for _ in range(2):
            assert unavailable(await run.post(b"{}", **by(SIGNER, b"{}", f"{secure.url}/away")))
        assert counted("no_certificate") == before + 2
        assert await run.kept() == []
        assert await run.suspects() == []
    assert set(secure.asked) == {"/away"}


async def test_nobody_waits_for_long(
    tmp_path: Path, secure: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "FETCH_SECONDS", 0.05)
    async with receiving(tmp_path, adapter=CERTIFIED) as run:
        assert unavailable(await run.post(b"{}", **by(SIGNER, b"{}", f"{secure.url}/silent")))


async def test_a_server_that_nobody_certifies(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stranger, receiving(tmp_path, adapter=CERTIFIED) as run:
        assert unavailable(await run.post(b"{}", **by(SIGNER, b"{}", f"{stranger.url}/chain")))
    assert stranger.asked == []


@pytest.mark.parametrize("address", ["", "https://evil.example/chain", "http://127.0.0.1:9/chain"])
async def test_an_address_of_someone_else_is_not_asked(address: str, tmp_path: Path) -> None:
    async with receiving(tmp_path, adapter=CERTIFIED) as run:
        assert refused(await run.post(b"{}", **by(SIGNER, b"{}", address)))
        assert len(await run.suspects()) == 1


async def test_by_its_path_from_the_address_the_connection_is_set_to(
    tmp_path: Path, secure: Shelf
) -> None:
    secure.bodies["/base/wrong"] = UNTRUSTED["of its own"]
    secure.bodies["/base/chain"] = CHAIN
    async with receiving(tmp_path, adapter=CERTIFIED, api_url=f"{secure.url}/base") as run:
        content = body(order())
        assert (await run.post(content, **by(SIGNER, content, f"{THERE}/chain"))).status_code == 200
        assert refused(await run.post(b"{}", **by(NOBODY, b"{}", f"{THERE}/wrong")))
    assert secure.asked == ["/base/chain", "/base/wrong"]


async def test_a_stand_in_on_this_machine_is_taken_at_its_word(tmp_path: Path) -> None:
    content = body(order())
    async with shelf() as here, receiving(tmp_path, adapter=CERTIFIED, api_url=here.url) as run:
        here.bodies["/own"] = NOBODY.pem
        assert (await run.post(content, **by(NOBODY, content, f"{THERE}/own"))).status_code == 200
        assert refused(await run.post(content, **by(SIGNER, content, f"{THERE}/own")))
        assert refused(await run.post(content, **by(NOBODY, content, f"{here.url}/own")))


# How long it is remembered


@dataclass(slots=True)
class Asking:
    """Certificates from a stand-in, and a clock to turn."""

    there: Shelf
    source: Certificates
    now: float = 0.0

    async def ask(self, path: str) -> bytes | None:
        plain = Connection(
            name="plain", adapter=CERTIFIED, secrets=(SECRET,), api_url=self.there.url
        )
        headers = {"x-certificate": f"{THERE}{path}"}
        blank = Delivery("POST", "", "", headers, b"", datetime.now(UTC))
        return (await self.source.given(plain, blank)).certificate

    async def times(self) -> int:
        return len(self.there.asked)


@pytest.fixture
async def asking() -> AsyncIterator[Asking]:
    calls = Http()
    async with shelf() as there:
        made = Asking(there, Certificates(calls))
        made.source.clock = lambda: made.now
        yield made
        await calls.close()


async def test_a_trusted_one_serves_a_day(asking: Asking) -> None:
    for now, fetches in ((0, 1), (86_399, 1), (86_400, 2), (100_000, 2)):
        asking.now = now
        assert await asking.ask("/chain") == SIGNER.pem
        assert len(asking.there.asked) == fetches


async def test_a_failure_is_remembered_for_seconds(asking: Asking) -> None:
    for now, fetches in ((0, 1), (4.9, 1), (5, 2)):
        asking.now = now
        with pytest.raises(NoCertificate, match="answered 404"):
            await asking.ask("/late")
        assert len(asking.there.asked) == fetches
    asking.there.bodies["/late"] = CHAIN
    asking.now = 10
    assert await asking.ask("/late") == SIGNER.pem


async def test_only_so_many_are_remembered_the_newest(asking: Asking) -> None:
    asking.source.trusted.most = 2
    for path in ("/a", "/b", "/c"):
        asking.there.bodies[path] = CHAIN
    for path in ("/a", "/b", "/a", "/c", "/b", "/c", "/a"):
        await asking.ask(path)
    assert asking.there.asked == ["/a", "/b", "/c", "/a"]
    assert len(asking.source.trusted.found) == 2


async def test_wrong_addresses_drive_out_nothing_that_is_right(asking: Asking) -> None:
    asking.source.trusted.most = asking.source.failed.most = 2
    await asking.ask("/chain")
    for path in ("/x", "/y", "/z"):
        with pytest.raises(NoCertificate):
            await asking.ask(path)
    await asking.ask("/chain")
    assert asking.there.asked == ["/chain", "/x", "/y", "/z"]
    assert len(asking.source.failed.found) == 2


async def test_who_leaves_takes_nothing_from_who_waits(asking: Asking) -> None:
    """The first of them is asking, and goes; the next one asks anew."""
    asking.there.bodies["/silent"] = CHAIN
    first, second = (asyncio.create_task(asking.ask("/silent")) for _ in range(2))
    await eventually(asking.times, lambda count: count == 1)
    first.cancel()
    assert await second == SIGNER.pem
    assert await asking.times() == 2
    with pytest.raises(asyncio.CancelledError):
        await first
    assert not asking.source.turns


def test_every_authority_our_calls_trust_can_be_read() -> None:
    assert len(certificates.roots()) == len(http.authorities()) > 50


# A second look


async def test_release_gets_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right, wrong = body(order("o1")), body(order("o2"))
    async with shelf() as there:
        made = at_desk(tmp_path, monkeypatch, there.url)
        with transaction(made.url, writes=True) as box:
            found = [
                Suspect("plain", suspect(right, "/chain"), "?"),
                Suspect("plain", suspect(wrong, "/away"), "?"),
                Suspect("plain", replace(suspect(right, ""), headers={}), "?"),
            ]
            add(box, found, datetime.now(UTC))
        verdicts = await asyncio.to_thread(partial(said, "quarantine", "release", "--all", code=1))
    assert [one["released"] for one in verdicts] == [True, False, False]
    assert verdicts[1]["text"] == "still not proven genuine: no certificate: answered 404"
    assert verdicts[2]["text"] == "still not proven genuine: x-certificate leads elsewhere"
    assert there.asked == ["/chain", "/away"]


def at_desk(folder: Path, monkeypatch: pytest.MonkeyPatch, api_url: str | None) -> Desk:
    """The commands' set-up, with CERTIFIED as its platform `plain`."""
    made = desk(folder)
    stand(made, monkeypatch)
    monkeypatch.setattr("receiver.cli.setup.ADAPTERS", {"plain": CERTIFIED, "pay": PAY})
    if api_url:
        file = folder / "receiver.toml"
        file.write_text(file.read_text().replace('"never"', f'"never"\napi_url = "{api_url}"'))
    return made


def suspect(content: bytes, path: str) -> Delivery:
    headers = by(SIGNER, content, f"{THERE}{path}")
    return Delivery("POST", "", "", headers, content, datetime.now(UTC))


# Sent again from a file, signed by a key of our own


def recorded(folder: Path, *contents: bytes) -> list[str]:
    files = [folder / f"{number}.http" for number in range(len(contents))]
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(b"POST /webhooks/plain HTTP/1.1\nHost: x\n\n" + content)
    return [str(file) for file in files]


async def test_replay_shows_the_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api_url = f"http://127.0.0.1:{free_port()}"
    at_desk(tmp_path, monkeypatch, api_url)
    files = recorded(tmp_path, body(order("o1")), body(order("o2")))
    async with receiving(tmp_path, adapter=CERTIFIED, api_url=api_url) as run:
        to = ("--to", str(run.client.base_url))
        done = await asyncio.to_thread(call, "replay", *files, *to)
        assert done.exit_code == 0
        assert [file for file in files if f"{file}: 200\n" not in done.stdout] == []
        assert len(await run.kept()) == 2


def test_replay_of_what_only_the_platform_can_sign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_desk(tmp_path, monkeypatch, None)
    (file,) = recorded(tmp_path, b"{}")
    done = call("replay", file)
    assert done.exit_code == 1
    assert done.stderr == (
        f"receiver: {file}: only Plain can sign it; to try it, set connections.plain.api_url,"
        " for the receiver too, to a free http://127.0.0.1:PORT\n"
    )


async def test_replay_where_another_server_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file,) = recorded(tmp_path, b"{}")
    async with shelf() as taken:
        at_desk(tmp_path, monkeypatch, taken.url)
        done = await asyncio.to_thread(call, "replay", file)
    assert done.exit_code == 1
    origin = taken.url.removeprefix("http://")
    assert done.stderr.startswith(f"receiver: cannot show certificates at {origin}: Address ")
