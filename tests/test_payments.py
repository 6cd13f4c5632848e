"""The ordering guard, pair by pair, and over every order of arrival."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import PaymentStatus, PaymentUpdate
from receiver.payments import Standing, next_status, standing_after

NOON = datetime(2026, 7, 4, 12, tzinfo=UTC)
KINDS: dict[str, tuple[PaymentStatus, bool]] = {
    "appointed": ("appointed", False),
    "called": ("call_for_payment", False),
    "error": ("error", False),
    "expired": ("canceled", False),
    "paid": ("paid", False),
    "refunded": ("canceled", True),
    "won": ("paid", True),
}
SHIFTS = {"older": -1, "same second": 0, "newer": 1}

# What stands (row) meets an event (column) that is older, of the same second, newer:
# S sends its status, - sends nothing.
PAIRS = """
             appointed called error expired paid refunded won
nothing      SSS       SSS    SSS   SSS     SSS  SSS      SSS
appointed    ---       -SS    -SS   -SS     SSS  SSS      SSS
called       --S       ---    -SS   -SS     SSS  SSS      SSS
error        --S       --S    ---   -SS     SSS  SSS      SSS
expired      --S       --S    --S   ---     SSS  ---      SSS
paid         ---       ---    ---   ---     ---  SSS      ---
refunded     ---       ---    ---   ---     ---  ---      --S
won          ---       ---    ---   ---     ---  -SS      ---
"""


def update(kind: str, seconds: int = 0) -> PaymentUpdate:
    status, reversal = KINDS[kind]
    return PaymentUpdate(
        status=status,
        at=NOON + timedelta(seconds=seconds),
        payment_ids=("pi_1",),
        reference="4711",
        reversal=reversal,
    )


def standing(kind: str, seconds: int = 0) -> Standing | None:
    return None if kind == "nothing" else standing_after(None, update(kind, seconds))


def pairs() -> list[tuple[str, str, str, bool]]:
    header, *rows = [line.split() for line in PAIRS.strip().splitlines()]
    assert header == list(KINDS)
    assert [last for last, *_ in rows] == ["nothing", *KINDS]
    return [
        (last, new, when, code == "S")
        for last, *cells in rows
        for new, cell in zip(header, cells, strict=True)
        for when, code in zip(SHIFTS, cell, strict=True)
    ]


@pytest.mark.parametrize(("last", "new", "when", "sends"), pairs())
def test_every_pair(last: str, new: str, when: str, sends: bool) -> None:
    event = update(new, SHIFTS[when])
    expected = Standing(event.status, event.at, event.reversal) if sends else None
    assert next_status(standing(last), event) == expected


def told(events: Sequence[PaymentUpdate]) -> tuple[Standing | None, list[PaymentStatus]]:
    """Where it ends, and every status that was sent on the way."""
    last: Standing | None = None
    sent: list[PaymentStatus] = []
    for event in events:
        now = next_status(last, event)
        sent += [now.status] if now else []
        last = standing_after(last, event)
    return last, sent


events = st.builds(update, st.sampled_from(list(KINDS)), st.integers(0, 3))
histories = st.lists(events, min_size=1, max_size=7)


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[PaymentUpdate], list[PaymentUpdate]]:
    """The same events twice: as drawn, and shuffled with some of them repeated."""
    first = draw(histories)
    repeated = first + draw(st.lists(st.sampled_from(first), max_size=3))
    return first, draw(st.permutations(repeated))


@given(arrivals())
def test_the_order_of_arrival_does_not_matter(
    both: tuple[list[PaymentUpdate], list[PaymentUpdate]],
) -> None:
    first, second = both
    (stands, sent), (also_stands, also_sent) = told(first), told(second)
    assert stands == also_stands
    assert stands is not None
    assert sent[-1] == also_sent[-1] == stands.status


@given(histories)
def test_no_status_is_sent_twice_in_a_row(history: list[PaymentUpdate]) -> None:
    _, sent = told(history)
    assert all(one != another for one, another in pairwise(sent))


@given(histories)
def test_what_stands_is_what_the_rules_say(history: list[PaymentUpdate]) -> None:
    """Said without ranks: the newest reversal, else any paid, else the newest."""
    stands, _ = told(history)
    assert stands is not None
    reversals = [event for event in history if event.reversal]
    newest = max(event.at for event in reversals or history)
    if reversals:
        last = {event.status for event in reversals if event.at == newest}
        assert stands.status == ("canceled" if "canceled" in last else "paid")
    elif any(event.status == "paid" for event in history):
        assert stands.status == "paid"
    else:
        assert stands.at == newest


STORIES: dict[str, tuple[list[PaymentUpdate], PaymentStatus]] = {
    "created and paid within a second": ([update("appointed"), update("paid")], "paid"),
    "3-D Secure within a second": ([update("appointed"), update("called")], "call_for_payment"),
    "declined, then tried again": ([update("error"), update("appointed", 60)], "appointed"),
    "declined twice, tried between": (
        [update("error"), update("appointed", 60), update("error", 90)],
        "error",
    ),
    "the session of an abandoned attempt expires after another one paid": (
        [update("called"), update("paid", 60), update("expired", 3600)],
        "paid",
    ),
    "expired, then paid by another attempt": ([update("expired"), update("paid", 60)], "paid"),
    "paid said by intent, charge and session, then given back": (
        [update("appointed"), update("paid", 5), update("paid", 6), update("refunded", 600)],
        "canceled",
    ),
    "a dispute is lost and won on appeal": (
        [update("paid"), update("refunded", 600), update("won", 900)],
        "paid",
    ),
    "a dispute is won before the refund": (
        [update("paid"), update("won", 600), update("refunded", 900)],
        "canceled",
    ),
    "won without a loss, and an older refund comes late": (
        [update("paid"), update("refunded", 300), update("won", 600), update("paid", 1)],
        "paid",
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_stories_end_the_same_in_every_order(story: str) -> None:
    history, expected = STORIES[story]
    assert {told(order)[1][-1] for order in permutations(history)} == {expected}


def test_a_repeated_status_is_kept_though_not_sent() -> None:
    """Else an older event would pass for newer the next time."""
    last = standing("error")
    again = update("error", 60)
    assert next_status(last, again) is None
    assert next_status(standing_after(last, again), update("appointed", 30)) is None
