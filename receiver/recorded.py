"""A recorded delivery: one raw HTTP request in a file, unsigned, as the wire carried it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote

from adapters.contract import Delivery

HEAD_END = re.compile(rb"\r?\n\r?\n")
REQUEST_LINE = re.compile(r"(?P<method>[A-Z]+) (?P<target>/\S*) HTTP/1\.[01]")
WEBHOOK = re.compile(r"/webhooks/(?P<connection>[^/?]+)(?:/(?P<path>[^?]*))?(?:\?.*)?")


def read(raw: bytes, public_url: str = "https://receiver.example") -> tuple[str, Delivery]:
    """The connection's name and the delivery. Raises ValueError saying what is wrong.

    A `Date` header says when it arrived; without one it arrives now.
    """
    head, found, body = split_head(raw)
    if not found:
        raise ValueError("a recorded request needs a blank line between its headers and its body")
    first, *rest = head.decode("latin-1").splitlines() or [""]
    request = REQUEST_LINE.fullmatch(first)
    if not request:
        raise ValueError(f"not a request line: {first[:100]!r}")
    target = WEBHOOK.fullmatch(request["target"])
    if not target:
        raise ValueError(f"the request does not go to /webhooks/<connection>: {first[:100]!r}")
    headers = read_headers(rest)
    return target["connection"], Delivery(
        method=request["method"],
        url=public_url + request["target"],
        path=unquote(target["path"] or ""),  # as the web side has it
        headers=headers,
        body=body,
        received_at=arrival(headers.get("date")),
    )


def split_head(raw: bytes) -> tuple[bytes, bool, bytes]:
    end = HEAD_END.search(raw)
    return (raw[: end.start()], True, raw[end.end() :]) if end else (raw, False, b"")


def read_headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise ValueError(f"not a header: {line[:100]!r}")
        name, value = name.lower(), value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def arrival(date: str | None) -> datetime:
    if date is None:
        return datetime.now(UTC)
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        raise ValueError(f"not a date as HTTP writes them: {date[:100]!r}") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
