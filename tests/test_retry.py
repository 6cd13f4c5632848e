"""When to try again: the waits, their bounds, and what peers say about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import Delivery
from receiver.errors import Unavailable
from receiver.inbox.records import Job, Settlement
from receiver.pipeline.failing import failed
from receiver.pipeline.tools import Tools
from receiver.retry import (
    GIVE_UP,
    PAUSE_AFTER,
    backoff,
    given_up,
    pause,
    retry_after,
    wait,
)

NOW = datetime(2026, 7, 4, 12, tzinfo=UTC)


def test_the_longest_waits_double_from_a_second_to_ten_minutes() -> None:
    longest = [backoff(failures, 1.0) for failures in range(1, 13)]
    assert longest == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]


@given(st.integers(1, 100_000), st.floats(0, 1))
def test_jitter_is_full(failures: int, chance: float) -> None:
    assert backoff(failures, 0.0) == 0
    assert backoff(failures, chance) == chance * backoff(failures, 1.0)
    assert 0 <= backoff(failures, chance) <= 600


@pytest.mark.parametrize(
    ("asked", "waited"), [(None, 4), (0.0, 4), (3.0, 4), (90.0, 90), (3600.0, 3600), (1e9, 3600)]
)
def test_never_sooner_than_the_peer_asked_for_and_within_an_hour(
    asked: float | None, waited: float
) -> None:
    assert wait(3, 1.0, asked) == waited


def test_a_pos_rests_longer_the_longer_it_fails() -> None:
    rests = [pause(failures) for failures in range(PAUSE_AFTER, PAUSE_AFTER + 9)]
    assert rests == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    assert pause(1_000_000) == 300


def test_given_up_after_a_day() -> None:
    assert timedelta(hours=24) == GIVE_UP
    assert not given_up(NOW, NOW + timedelta(hours=24, microseconds=-1))
    assert given_up(NOW, NOW + timedelta(hours=24))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("   ", None),
        ("120", 120),
        (" 0 ", 0),
        ("9" * 400, 999_999_999),
        ("-1", None),
        ("1.5", None),
        ("²", None),
        ("soon", None),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0),
        ("Sat, 04 Jul 2026 14:01:00 +0200", 60),
        ("Sat, 04 Jul 2026 12:01:00 -0000", 60),
        ("Sat, 99 Jul 2026 12:01:00 GMT", None),
        ("Sat, 04 Jul 99999999999999999999 12:01:00 GMT", None),
        ("Sat, 04 Jul 2026 12:01:00 +99999999999999999999", None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


dates = st.tuples(
    st.sampled_from(["Sat, ", "", "x, "]),
    st.integers(-1, 10**20),
    st.sampled_from(["Jul", "Foo", ""]),
    st.integers(-1, 10**20),
    st.sampled_from(["12:01:00", "99:99:99", "1", ""]),
    st.sampled_from(["GMT", "+0200", "-9999", "+" + "9" * 30, ""]),
).map(lambda parts: f"{parts[0]}{parts[1]} {parts[2]} {parts[3]} {parts[4]} {parts[5]}")


@given(st.text() | st.from_regex(r"[0-9]{1,30}") | dates)
def test_any_header_gives_seconds_or_nothing(header: str) -> None:
    seconds = retry_after(header, NOW)
    assert seconds is None or seconds >= 0
    assert wait(1, 0.0, seconds) <= 3600


# What the line makes of it


async def failed_for(failures: int, error: Unavailable) -> Settlement:
    """The end, for now, of a job that had failed so often before, at noon and without luck."""
    nobody: Any = None
    tools = Tools(
        settings=nobody,
        inbox=nobody,
        http=nobody,
        platforms=nobody,
        clock=lambda: NOW,
        chance=lambda: 1.0,
    )
    delivery = Delivery("POST", "", "", {}, b"", NOW)
    job = Job(1, 1, delivery, "plain", "o1", "mitte", 1, failures, False, NOW, None)
    return await failed(error, job, tools)


@pytest.mark.anyio
@pytest.mark.parametrize(("failures", "seconds"), [(0, 1), (1, 2), (2, 4), (9, 512), (50, 600)])
async def test_a_job_waits_the_longer_the_more_often_it_failed(failures: int, seconds: int) -> None:
    end = await failed_for(failures, Unavailable("down", pos="mitte"))
    assert end.due_at == NOW + timedelta(seconds=seconds)
    assert end.failures == failures + 1
    assert end.state == "waiting"


@pytest.mark.anyio
async def test_a_job_waits_as_long_as_the_peer_asked() -> None:
    end = await failed_for(0, Unavailable("busy", pos="mitte", retry_after=90))
    assert end.due_at == NOW + timedelta(seconds=90)
