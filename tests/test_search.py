"""Looking into the box: what is called so, and what counts as not looked at yet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from receiver.inbox import listing, search
from receiver.inbox.records import Settlement, State
from receiver.inbox.tables import jobs
from tests.box import DONE, HELD, NOW, Box, call, incoming, later, order_record
from tests.databases import sqlite_only
from tests.test_inbox_cost import steps

MANY = 2_000


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


def test_what_is_behind_nothing_any_more_is_unseen_though_it_is_marked(box: Box) -> None:
    box.keep(incoming("d1", "a"), incoming("d2", "a"))
    box.settle(box.one())
    box.do(lambda at: at.execute(jobs.update().where(jobs.c.id == 2).values(behind=True)))
    assert unseen(box)


@sqlite_only
def test_what_waits_for_a_dead_pos_is_not_gone_through(box: Box) -> None:
    box.keep(incoming("d1"))
    box.settle(box.one(), Settlement(state=State.WAITING))
    few = steps(box, lambda: unseen(box))
    box.keep(*(incoming(f"p{number}") for number in range(MANY)))
    box.do(lambda at: at.execute(jobs.update().values(state="waiting", fence=1)))
    assert not unseen(box)
    assert steps(box, lambda: unseen(box)) < few + 30


# The list


def listed(box: Box, **filters: Any) -> list[str]:
    found = box.do(lambda at: listing.page(at, **filters))
    return [f"{row['delivery_id']} {row['state']}" for row in found]


@pytest.fixture
def story(box: Box) -> Box:
    """An order that was accepted and then canceled; another one, held, that mentions it."""
    box.keep(incoming("d1", "plain:o1"))
    order = order_record(references=("plain:o1", "o1", "17"), delivery=1)
    accepts = (call("accept"),)
    box.settle(box.one(), Settlement(state=State.DONE, orders=(order,), calls=accepts))
    box.settle(box.one())
    box.keep(incoming("d2", "plain:o1", overtakes=True))
    box.settle(box.one(), DONE)
    box.keep(incoming("d3", "plain:o17"))
    box.settle(box.one(), replace(HELD, reason="like order 17, and plain:o1"))
    return box


def test_by_state(story: Box) -> None:
    story.keep(*(incoming(f"r{number}") for number in range(4)))
    story.claim(limit=2)
    assert listed(story, states=["running"]) == ["r1 running", "r0 running"]
    assert listed(story, states=["ready"]) == ["r3 ready", "r2 ready"]
    assert listed(story, states=["ready", "running", "held"], limit=3) == [
        "r3 ready",
        "r2 ready",
        "r1 running",
    ]
    assert listed(story, states=["ready"], connection_name="plain", limit=1) == ["r3 ready"]
    assert listed(story, states=["ready"], connection_name="other") == []
    assert listed(story, states=["running"], text="r1") == ["r1 running"]
    assert listed(story, states=["ready", "done"], text="3") == ["r3 ready"]
    assert listed(story, states=["nonsense"]) == []


@pytest.mark.parametrize("name", ["plain:o1", "o1", "17"])
def test_all_of_an_order_by_each_of_its_names(story: Box, name: str) -> None:
    assert listed(story, text=name) == ["d2 done", "d1 done", "d1 done"]
    assert listed(story, text=name, limit=1) == ["d2 done"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("d3", ["d3 held"]),
        ("plain:o17", ["d3 held"]),
        ("answer plain:o1", ["d1 done"]),
        ("ike order", ["d3 held"]),
        ("n:o", ["d3 held", "d2 done", "d1 done", "d1 done"]),
        ("nothing", []),
    ],
)
def test_by_other_names_or_a_part_of_them(story: Box, text: str, found: list[str]) -> None:
    assert listed(story, text=text) == found


def test_text_and_the_other_filters(story: Box) -> None:
    assert listed(story, text="o1", states=["held"]) == ["d3 held"]
    assert listed(story, text="o1", states=["done", "held"], limit=2) == ["d2 done", "d1 done"]
    assert listed(story, text="o1", connection_name="other") == []
    assert listed(story, states=["held", "done"], limit=2) == ["d3 held", "d2 done"]


@sqlite_only
def test_a_name_is_found_however_much_is_kept(story: Box) -> None:
    looks = (
        {"text": "17"},
        {"text": "d2"},
        {"text": "17", "states": ["done"]},
        {"states": ["held"]},
        {"states": ["done"]},
        {"states": ["ignored"]},
        {"states": ["running"]},
    )
    few = [steps(story, lambda f=filters: listed(story, limit=3, **f)) for filters in looks]  # type: ignore[misc]
    story.keep(*(incoming(f"k{number}") for number in range(MANY)))
    story.do(lambda at: at.execute(jobs.update().where(jobs.c.id > 4).values(state="done")))
    story.keep(*(incoming(f"r{number}") for number in range(MANY)))
    many = [steps(story, lambda f=filters: listed(story, limit=3, **f)) for filters in looks]  # type: ignore[misc]
    assert all(most < least + 30 for least, most in zip(few, many, strict=True))
