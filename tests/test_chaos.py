"""The chaos suite in short, and its judge: which must see each thing that can be wrong."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from tests.chaos import faults
from tests.chaos.bodies import TOTAL, euro
from tests.chaos.history import Expected, History, Job
from tests.chaos.judge import judge
from tests.chaos.plan import lives
from tests.chaos.report import complaints
from tests.chaos.run import ENGINES, run
from tests.running import Json

SECONDS = 8.0
PATIENCE = 150.0  # a till that failed again and again rests ever longer
NEW, GONE, PAID = ("deliveroo", "new"), ("deliveroo", "gone"), ("stripe", "paid")
ORDER = "deliveroo:o1"
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_is_lost(engine: str, tmp_path: Path) -> None:
    result = asyncio.run(run(engine, tmp_path, SECONDS, random.randrange(1_000_000), PATIENCE))
    assert result.verdict.green, "\n".join(complaints([result]))
    assert result.acknowledged >= result.orders
    assert result.faults.total() > 0


# The judge


def create(status: int | None = 200, fault: str | None = None) -> Json:
    return {"path": "/v1/order/create", "order_id": ORDER, "status": status, "fault": fault}


def step(kind: str, status: str) -> Json:
    return {"kind": kind, "status": status}


def at_till(status: str = "new", paid: str = "paid", *steps: Json, order: str = ORDER) -> Json:
    history = [step("created", "new"), *steps]
    sent = {"payment": {"price": euro(TOTAL)}}
    known = {"orderId": order, "status": status, "paymentStatus": paid}
    return {**known, "order": sent, "history": history}


def history(**changes: Any) -> History:
    """One order, and all is well."""
    sound: Json = {
        "expected": [Expected(ORDER, NEW, [NEW])],
        "acknowledged": {NEW},
        "jobs": [Job(NEW, "done", None, False)],
        "orders": [at_till()],
        "calls": [create()],
        "told": (),
        "statuses": {"200": 1, "503": 2, "ConnectError": 3},
    }
    return History(**{**sound, **changes})


CANCELED = {
    "expected": [Expected(ORDER, NEW, [NEW, GONE], canceled=True)],
    "acknowledged": {NEW, GONE},
    "jobs": [Job(NEW, "done", None, False), Job(GONE, "done", None, False)],
}
TO_BE_PAID = {
    "expected": [Expected(ORDER, NEW, [NEW, PAID], payments=("appointed", "paid", "canceled"))],
    "acknowledged": {NEW, PAID},
    "jobs": [Job(NEW, "done", None, False), Job(PAID, "done", None, False)],
}
ALL_PAYMENTS = [step("payment", "paid"), step("payment", "paid"), step("payment", "canceled")]
SOUND: dict[str, Json] = {
    "plain": {},
    "ambiguous": {"calls": [create(None, "drop_after"), create(409)]},
    "broken off": {"calls": [create(), create(409)], "jobs": [Job(NEW, "done", None, False, 1)]},
    "refused and repeated": {"calls": [create(503, "fail"), create()]},
    "canceled": {**CANCELED, "orders": [at_till("canceled", "paid", step("status", "canceled"))]},
    "never created": {**CANCELED, "orders": [], "calls": []},
    "paid and given back": {**TO_BE_PAID, "orders": [at_till("new", "canceled", *ALL_PAYMENTS)]},
    "accepted": {"expected": [Expected(ORDER, NEW, [NEW], accepted="/yes")], "told": {"/yes"}},
}
UNSOUND: dict[str, tuple[str, Json]] = {
    "a delivery lost": ("lost", {"jobs": []}),
    "an order lost": ("lost", {"orders": []}),
    "a cancellation lost": ("lost", {**CANCELED}),
    "a payment lost": ("lost", {**TO_BE_PAID, "orders": [at_till("new", "paid", ALL_PAYMENTS[0])]}),
    "an acceptance lost": ("lost", {"expected": [Expected(ORDER, NEW, [NEW], accepted="/yes")]}),
    "sent twice": ("twice", {"calls": [create(), create(409)]}),
    "sent three times": (
        "twice",
        {"calls": [create(None, "drop_after"), create(409), create(409)]},
    ),
    "booked twice": ("twice", {"orders": [at_till("new", "paid", step("created", "new"))]}),
    "booked by another name": ("twice", {"orders": [at_till(), at_till(order="deliveroo:O1")]}),
    "canceled and open again": (
        "disordered",
        {
            **CANCELED,
            "orders": [
                at_till("canceled", "paid", *(step("status", s) for s in ("canceled", "new"))),
            ],
        },
    ),
    "given back and paid": (
        "disordered",
        {**TO_BE_PAID, "orders": [at_till("new", "canceled", *ALL_PAYMENTS[::-1])]},
    ),
    "a payment nobody made": (
        "disordered",
        {"orders": [at_till("new", "paid", step("payment", "error"))]},
    ),
    "a job left": ("left", {"jobs": [Job(NEW, "waiting", "away", False)]}),
    "a dead one": ("left", {"jobs": [Job(NEW, "dead", "refused", False)]}),
    "an answer left": (
        "left",
        {"jobs": [Job(NEW, "done", None, False), Job(NEW, "held", "?", True)]},
    ),
    "never acknowledged": ("wrong", {"acknowledged": (), "orders": [], "calls": []}),
    "canceled by nobody": (
        "wrong",
        {"orders": [at_till("canceled", "paid", step("status", "canceled"))]},
    ),
    "another sum": (
        "wrong",
        {"orders": [{**at_till(), "order": {"payment": {"price": euro(TOTAL + 1)}}}]},
    ),
    "a 500": ("wrong", {"statuses": {"500": 1}}),
}


@pytest.mark.parametrize("changes", SOUND.values(), ids=SOUND)
def test_the_judge_finds_nothing(changes: Json) -> None:
    assert judge(history(**changes)).findings == []


@pytest.mark.parametrize(("kind", "changes"), UNSOUND.values(), ids=UNSOUND)
def test_the_judge_finds(kind: str, changes: Json) -> None:
    assert {finding.kind for finding in judge(history(**changes)).findings} == {kind}


def test_what_had_to_be_sent_twice_is_counted() -> None:
    assert judge(history(**SOUND["ambiguous"])).repeated == 1
    assert judge(history()).repeated == 0


# The plan and the schedule: the same seed tells the same


def test_a_seed_tells_the_same_again() -> None:
    assert lives(7, 5.0, 20, NOW) == lives(7, 5.0, 20, NOW)
    assert lives(7, 5.0, 20, NOW) != lives(8, 5.0, 20, NOW)


@pytest.mark.parametrize("engine", faults.FAULTS)
def test_everything_goes_wrong_at_least_once(engine: str) -> None:
    known = faults.FAULTS[engine]
    moments = faults.schedule(engine, 7, faults.EVERY * (len(known) + 5))
    assert {moment.play for moment in moments} == set(known)
    assert len(moments) == len(known) + 5
    assert moments == faults.schedule(engine, 7, faults.EVERY * (len(known) + 5))


@pytest.mark.parametrize("play", dict.fromkeys(chain(*faults.FAULTS.values())))
def test_each_fault_says_what_it_stands_for(play: faults.Play) -> None:
    assert play.__doc__
