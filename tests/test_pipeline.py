"""How a delivery of several events ends."""

from __future__ import annotations

from dataclasses import fields

from receiver.inbox.records import Settlement, State
from receiver.pipeline import combine

DONE = Settlement(state=State.DONE)
WAITS = Settlement(state=State.WAITING, reason="not known yet", awaits="O1", tills=("mitte",))


def test_nothing_in_it() -> None:
    assert combine([]).state is State.IGNORED


def test_the_one_that_needs_most_decides_with_all_that_it_says() -> None:
    end = combine([DONE, WAITS])
    same = [field.name for field in fields(Settlement) if field.name != "due_at"]
    assert {name: getattr(end, name) for name in same} == {
        name: getattr(WAITS, name) for name in same
    }
