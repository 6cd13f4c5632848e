"""Reading one raw request from a file."""

from datetime import UTC, datetime

import pytest

from receiver import recorded

HEAD = b"POST /webhooks/glovo/dispatched?a=1 HTTP/1.1\nHost: receiver.example\n"
DATE = b"Date: Fri, 13 Mar 2026 18:02:12 GMT\n"


def test_every_part() -> None:
    raw = HEAD + b"X-Twice: one\n" + DATE + b"x-twice:two \n\n\xff\n\nrest\n"
    connection, delivery = recorded.read(raw, "https://till.example")
    assert connection == "glovo"
    assert delivery.method == "POST"
    assert delivery.url == "https://till.example/webhooks/glovo/dispatched?a=1"
    assert delivery.path == "dispatched"
    assert delivery.headers["x-twice"] == "one, two"
    assert delivery.body == b"\xff\n\nrest\n"
    assert delivery.received_at == datetime(2026, 3, 13, 18, 2, 12, tzinfo=UTC)


def test_line_ends_as_on_the_wire_and_as_in_an_editor() -> None:
    wire = (HEAD + DATE).replace(b"\n", b"\r\n") + b"\r\nbody\r\n"
    assert recorded.read(wire) == recorded.read(HEAD + DATE + b"\nbody\r\n")


def test_without_a_date_it_arrives_now() -> None:
    before = datetime.now(UTC)
    _, delivery = recorded.read(HEAD + b"\n")
    assert before <= delivery.received_at <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "blank line"),
        (HEAD + b"Body: without a blank line", "blank line"),
        (b"\n\nbody", "not a request line"),
        (b"POST webhooks/glovo HTTP/1.1\n\n", "not a request line"),
        (b"POST /webhooks/glovo HTTP/2\n\n", "not a request line"),
        (b"POST /webhooks/ HTTP/1.1\n\n", "does not go to /webhooks/<connection>"),
        (b"POST /console HTTP/1.1\n\n", "does not go to /webhooks/<connection>"),
        (HEAD + b"no colon\n\n", "not a header"),
        (HEAD + b" Folded: header\n\n", "not a header"),
        (HEAD + b"Date: yesterday\n\n", "not a date"),
        (HEAD + b"Date: Fri, 99 Mar 2026 18:02:12 GMT\n\n", "not a date"),
    ],
)
def test_what_is_wrong_is_said(raw: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        recorded.read(raw)


def test_a_path_is_read_as_the_web_side_reads_it() -> None:
    _, delivery = recorded.read(b"POST /webhooks/x/order/a%2Fb%20c HTTP/1.1\r\n\r\n{}")
    assert delivery.path == "order/a/b c"
    assert delivery.url.endswith("/webhooks/x/order/a%2Fb%20c")
