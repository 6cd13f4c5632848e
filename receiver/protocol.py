"""uvicorn's HTTP/1.1 with what it leaves open: how large and how slow the head of a request may be.

It ignores `Upgrade` in earnest, too. uvicorn does so as well, but its parser has then passed over
the body already, so that what Java's clients send over plain HTTP would look forged.
"""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from receiver import log

HEAD_BYTES = 65_536
HEAD_SECONDS = 10.0

logger = log.logger()


class Protocol(HttpToolsProtocol):
    """One connection, and its requests one after the other."""

    silent = 0  # bytes since a head, or a piece of a body, was whole
    patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self.heard()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        self.silent += len(data)
        while data:
            data = self.feed(data)
        if self.silent > HEAD_BYTES:
            self.refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self.silent and self.patience is None:
            self.wait()

    def feed(self, data: bytes) -> bytes:
        """Gives what must be parsed once more."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            head = self.head_without_upgrade()
            self.parser = httptools.HttpRequestParser(self)
            return head + data[upgrade.args[0] :]
        except httptools.HttpParserError:
            self.refuse(HTTPStatus.BAD_REQUEST)
        return b""

    def on_headers_complete(self) -> None:
        if not self.parser.should_upgrade():
            super().on_headers_complete()
            self.headers = []  # trailers end here, unread
            self.heard()
        elif self.parser.get_method() == b"CONNECT":
            raise ValueError("not a proxy")

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self.heard()

    def on_message_complete(self) -> None:
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def head_without_upgrade(self) -> bytes:
        method, version = self.parser.get_method(), self.parser.get_http_version()
        lines = [b"%b %b HTTP/%b" % (method, self.url, version.encode())]
        lines += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])

    def wait(self) -> None:
        self.patience = self.loop.call_later(HEAD_SECONDS, self.give_up)

    def heard(self) -> None:
        self.silent = 0
        if self.patience is not None:
            self.patience.cancel()
            self.patience = None

    def give_up(self) -> None:
        if self.silent:
            self.refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.close()

    def refuse(self, status: HTTPStatus) -> None:
        """Answers what is no request; what was one before it still gets its own answer."""
        if self.transport.is_closing():
            return
        logger.info("refused", status=int(status))
        cycle: RequestResponseCycle | None = self.cycle
        answered = cycle is None or cycle.response_complete
        if cycle and not answered and not cycle.more_body:
            cycle.keep_alive = False
            self.flow.pause_reading()
            return
        if answered or not self.cycle.response_started:
            self.transport.write(refusal(status))
        self.transport.close()


def refusal(status: HTTPStatus) -> bytes:
    body = json.dumps({"error": status.phrase.lower()})
    lines = (
        f"HTTP/1.1 {status:d} {status.phrase}",
        "content-type: application/json",
        f"content-length: {len(body)}",
        "connection: close",
    )
    return "\r\n".join([*lines, "", body]).encode()
