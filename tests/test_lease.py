"""What a worker may conclude from its own beats: of itself, and of others."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta

import pytest

from receiver.inbox.lease import Beat, Lease
from tests.box import NOW


def beat(at: float, jumped: float = 0.0) -> Beat:
    return Beat(at, NOW + timedelta(seconds=at + jumped))


def after(*beats: Beat) -> Lease:
    lease = Lease()
    for one in beats:
        lease.heard(one)
    return lease


@pytest.mark.parametrize(
    ("beats", "now", "judges"),
    [
        ([], beat(0), False),
        ([beat(0), beat(4)], beat(8), False),  # not watched for long enough
        ([beat(0), beat(4), beat(8)], beat(12), True),
        ([beat(0), beat(4), beat(8)], beat(18), False),  # the database was away, or we were frozen
        ([beat(0), beat(4), beat(15), beat(19)], beat(23), False),  # that was not long ago
        ([beat(0), beat(4), beat(8)], beat(12, jumped=300), False),
        ([beat(0), beat(4), beat(8, jumped=-300)], beat(12), False),
    ],
)
def test_who_has_watched_may_take_others_for_gone(
    beats: Sequence[Beat], now: Beat, judges: bool
) -> None:
    assert after(*beats).judges(now) is judges


@pytest.mark.parametrize(("ago", "holds"), [(0.0, True), (9.0, True), (11.0, False)])
def test_who_was_not_heard_of_for_long_holds_nothing(ago: float, holds: bool) -> None:
    assert after(beat(time.monotonic() - ago)).holds() is holds


def test_nor_who_was_never_heard_of() -> None:
    assert not Lease().holds()
