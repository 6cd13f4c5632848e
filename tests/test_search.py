"""Looking into the box: what counts as not looked at yet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from receiver.inbox import search
from receiver.inbox.records import State
from tests.box import NOW, Box, incoming, later, opened


@pytest.fixture
def box(database_url: str) -> Iterator[Box]:
    with opened(database_url) as made:
        yield made


def unseen(box: Box) -> bool:
    return box.do(lambda database: search.unseen(database, later(minutes=1)))


def test_what_waits_for_its_first_look_is_unseen(box: Box) -> None:
    box.keep(incoming("d1"))
    assert unseen(box)
    job = box.one()
    assert unseen(box)  # it is looked at just now
    box.settle(job)
    assert not unseen(box)


def test_what_an_operator_holds_is_not_looked_at_and_nobody_waits_for_it(box: Box) -> None:
    box.keep(incoming("d1"))
    (row,) = box.rows("jobs")
    moved = box.do(lambda db: search.change(db, [row["id"]], State.HELD, "by hand", NOW))
    assert moved == [row["id"]]
    assert not unseen(box)
