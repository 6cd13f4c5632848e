"""What OktoPOS may answer, or not, and what becomes of the order; what becomes of the POS."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest

from receiver import http, worker
from receiver.inbox import claim, listing, operate, search
from tests.heard import Log
from tests.peers import peer
from tests.plain import body, order
from tests.running import Json, Line, eventually, line
from tests.tills import tills

pytestmark = pytest.mark.anyio

CREATE = "/v1/order/create"
KEY_REJECTED = "key rejected, or the OrderAPI is not enabled"


@pytest.fixture(autouse=True)
def watchful(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker looks often, so that nobody waits long after the clock was turned."""
    monkeypatch.setattr(worker, "IDLE_SECONDS", 0.02)


async def asked(run: Line) -> list[int | None]:
    """How each create was answered."""
    return [call["status"] for call in await run.calls() if call["path"] == CREATE]


async def booked(run: Line) -> list[str]:
    return [held["orderId"] for held in await run.orders()]


async def pos(run: Line, name: str = "mitte") -> Json:
    rows = await run.inbox.read(listing.pos_list)
    return next((row for row in rows if row["pos"] == name), {"failures": 0, "paused": None})


async def pass_by(run: Line, order_id: str = "another") -> None:
    await run.until(await run.send(order(order_id)), "done")


def failed(times: int) -> Callable[[Json], bool]:
    return lambda found: bool(found["failures"] == times)


def outcomes(job: Json) -> list[str]:
    return [step["outcome"] for step in job["attempts"]]


# Tried again until it is there, and there once


PASSING: dict[str, tuple[Json, str, list[int | None]]] = {
    "500": ({"kind": "fail", "status": 500}, "unavailable", [500, 200]),
    "502": ({"kind": "fail", "status": 502}, "unavailable", [502, 200]),
    "503": ({"kind": "fail", "status": 503}, "unavailable", [503, 200]),
    "500 of a proxy": ({"kind": "fail", "envelope": False}, "ambiguous", [500, 200]),
    "504 of a proxy": ({"kind": "fail", "status": 504, "envelope": False}, "ambiguous", [504, 200]),
    "408": ({"kind": "fail", "status": 408}, "unavailable", [408, 200]),
    "425": ({"kind": "fail", "status": 425}, "unavailable", [425, 200]),
    "429": ({"kind": "fail", "status": 429}, "unavailable", [429, 200]),
    "dropped before": ({"kind": "drop"}, "ambiguous", [None, 200]),
    "dropped after": ({"kind": "drop_after"}, "ambiguous", [None, 409]),
    "not JSON": ({"kind": "garbage"}, "ambiguous", [200, 409]),
}


@pytest.mark.parametrize("name", PASSING)
async def test_what_passes(database_url: str, name: str) -> None:
    fault, outcome, answers = PASSING[name]
    async with line(database_url) as run:
        await run.fault(**{"path": "order/create", "times": 1, **fault})
        done = await run.until(await run.send(order()), "done")
        assert outcomes(done) == [outcome, "created"]
        assert await asked(run) == answers
        (held,) = await run.orders()
        kept = await run.inbox.read(lambda box: search.order(box, "plain:o1"))
        assert kept is not None
        assert kept.internal_id == held["internalId"]


async def test_an_answer_that_never_comes(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "CALL_SECONDS", 0.3)
    async with line(database_url) as run:
        await run.fault("slow", path="order/create", seconds=60, times=1)
        done = await run.until(await run.send(order()), "done")
        assert outcomes(done) == ["ambiguous", "created"]
        assert done["attempts"][0]["detail"].startswith("OktoPOS: no answer within")
        assert await asked(run) == [200, 409]
        assert await booked(run) == ["plain:o1"]


async def test_nobody_there(database_url: str) -> None:
    async with line(database_url) as run:
        there = run.settings.pos["mitte"].url
        change_pos(run, url="http://127.0.0.1:1/v1")
        job = await run.send(order())
        found = await eventually(lambda: run.job(job), lambda found: found["failures"] > 0)
        assert found["attempts"][0]["outcome"] == "unavailable"
        assert found["attempts"][0]["detail"] == "OktoPOS: cannot connect: ConnectError"
        assert found["sent"] == 0
        change_pos(run, url=there)
        run.clock.turn(minutes=5)
        await run.until(job, "done")
        assert await asked(run) == [200]


def change_pos(run: Line, **fields: str) -> None:
    for name, value in fields.items():
        object.__setattr__(run.settings.pos["mitte"], name, value)


async def test_waits_as_long_as_the_pos_asks(database_url: str) -> None:
    async with line(database_url) as run:
        await run.fault("retry_after", path="order/create", seconds=90, times=1)
        job = await run.send(order())
        await run.until(job, "waiting")
        run.clock.turn(seconds=80)
        await pass_by(run)
        assert (await run.job(job))["state"] == "waiting"
        run.clock.turn(seconds=10)
        await run.until(job, "done")


async def test_the_whole_answer_is_kept_with_each_attempt(database_url: str) -> None:
    async with line(database_url) as run:
        await run.fault("fail", path="order/create", times=1)
        await run.fault("fail", path="order/create", envelope=False, times=1)
        done = await run.until(await run.send(order()), "done")
        first, second, _ = done["attempts"]
        assert json.loads(first["answer"])["messages"][0]["text"].startswith("An unexpected error")
        assert "An unexpected error" in first["detail"]
        assert second["answer"] == "no envelope here"


# Refused for good


@pytest.mark.parametrize("status", [400, 404, 405, 409, 410, 413, 422])
async def test_refused_at_once_with_the_whole_envelope(database_url: str, status: int) -> None:
    async with line(database_url) as run:
        await run.fault("fail", path="order/create", status=status)
        dead = await run.until(await run.send(order()), "dead")
        assert outcomes(dead) == ["refused"]
        assert f"OktoPOS refused with {status}: An unexpected error" in dead["reason"]
        envelope = json.loads(dead["attempts"][0]["answer"])
        assert envelope["success"] is False
        assert set(envelope) == {"success", "messages", "items", "timestamp", "version"}
        assert await asked(run) == [status]
        assert await pos(run) == {"failures": 0, "paused": None}


async def test_an_order_that_stands_there_and_is_not_ours(database_url: str) -> None:
    async with line(database_url) as run:
        await run.until(await run.send(order()), "done")
        await run.inbox.write(forget_orders)
        dead = await run.until(await run.send(order()), "dead")
        assert "refused with 409" in dead["reason"]


def forget_orders(connection: Any) -> None:
    for table in ("order_references", "orders"):
        connection.exec_driver_sql(f"DELETE FROM {table}")


async def test_a_refusal_ends_the_failures_in_a_row(database_url: str) -> None:
    async with line(database_url) as run:
        for number in range(3):
            await run.fault("fail", path="order/create", times=4)
            await run.fault("fail", path="order/create", status=422, times=1)
            await run.until(await run.send(order(f"o{number}")), "dead")
        assert (await pos(run))["paused"] is None


@pytest.mark.parametrize("words", [rb"half \ud800 of it", rb"a \u0000 in it", b"raw \x00 \xff"])
async def test_words_that_no_database_takes_as_they_are(database_url: str, words: bytes) -> None:
    answer = b'{"success": false, "messages": [{"text": "%s"}], "items": []}' % words

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = b"HTTP/1.1 422 No\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        writer.write(head % len(answer) + answer)
        await writer.drain()

    async with peer(refuse) as address, line(database_url) as run:
        change_pos(run, url=f"{address}/v1")
        await run.until(await run.send(order()), "dead")


# Ambiguous, and an operator wants to decide


async def test_held_where_that_is_set(database_url: str) -> None:
    async with line(database_url, pos={"on_ambiguous": "hold"}) as run:
        await run.fault("drop_after", path="order/create", times=1)
        held = await run.until(await run.send(order()), "held")
        assert "may stand at OktoPOS already" in held["reason"]
        assert await asked(run) == [None]
        run.clock.turn(days=2)
        await pass_by(run)
        assert await asked(run) == [None, 200]


async def test_what_was_surely_not_sent_is_tried_again_all_the_same(database_url: str) -> None:
    async with line(database_url, pos={"on_ambiguous": "hold"}) as run:
        await run.fault("fail", path="order/create", status=503, times=2)
        await run.until(await run.send(order()), "done")


async def test_an_operator_who_looked_may_send_it(database_url: str) -> None:
    async with line(database_url, pos={"on_ambiguous": "hold"}) as run:
        await run.fault("drop", path="order/create", times=1)
        job = await run.send(order())
        await run.until(job, "held")
        assert await booked(run) == []
        now = run.clock()
        await run.inbox.write(lambda box: operate.act(box, "replay", [job], now))
        run.inbox.arrived.set()
        await run.until(job, "done")
        assert await booked(run) == ["plain:o1"]


# A day


async def test_given_up_after_a_day_with_an_alert(database_url: str, log: Log) -> None:
    async with line(database_url) as run:
        await run.fault("retry_after", path="order/create", seconds=3000)
        job = await run.send(order())
        await run.until(job, "waiting")
        run.clock.turn(hours=23.9)
        found = await eventually(lambda: run.job(job), lambda found: found["failures"] == 2)
        assert found["state"] == "waiting"
        assert log.of("settled", "error") == []
        run.clock.turn(hours=1)
        dead = await run.until(job, "dead")
        assert dead["reason"].startswith("gave up after 24 hours: OktoPOS answered 429")
        (alert,) = await eventually_said(log)
        assert (alert["job"], alert["state"]) == (job, "dead")


async def eventually_said(log: Log) -> list[Json]:
    async def look() -> list[Json]:
        return log.of("settled", "error")

    found: list[Json] = await eventually(look, bool)
    return found


async def test_the_day_is_its_own(database_url: str) -> None:
    """Counted from its arrival, and from an operator's replay."""
    async with line(database_url) as run:
        await run.fault("retry_after", path="order/create", seconds=3000)
        job = await run.send(order())
        await run.until(job, "waiting")
        run.clock.turn(hours=25)
        await run.until(job, "dead")
        now = run.clock()
        await run.inbox.write(lambda box: operate.act(box, "replay", [job], now))
        await run.until(job, "waiting")


async def test_a_rejected_key_gives_nothing_up(database_url: str) -> None:
    async with line(database_url) as run:
        await run.fault("forbid")
        job = await run.send(order())
        await run.until(job, "waiting")
        for probes in (2, 3):
            run.clock.turn(hours=25)
            found = await eventually(lambda: run.job(job), failed(probes))
            assert found["state"] == "waiting"
        await run.mend()
        run.clock.turn(hours=1)
        await run.until(job, "done")


# The POS


async def down(run: Line) -> int:
    """One order fails until the POS is paused; its job."""
    await run.fault("fail", path="order/create")
    job = await run.send(order("first"))
    await eventually(lambda: pos(run), lambda state: state["paused"] == "failing")
    await run.until(job, "waiting")
    return job


async def test_paused_after_five_failures_and_said_so(database_url: str, log: Log) -> None:
    async with line(database_url) as run:
        await down(run)
        assert (await pos(run))["failures"] == 5
        assert await asked(run) == [500] * 5

        async def said() -> list[Json]:
            return log.of("pos_paused", "error")

        (alert,) = await eventually(said, bool)
        assert alert["pos"] == "mitte"


async def test_probed_by_one_at_a_time(database_url: str) -> None:
    async with line(database_url) as run:
        await down(run)
        for number in range(10):
            await run.send(order(f"o{number}"))
        for probes in (1, 2, 3):
            run.clock.turn(seconds=60)
            await eventually(lambda: pos(run), failed(5 + probes))
            await idle(run)
            assert len(await asked(run)) == 5 + probes


async def idle(run: Line) -> None:
    """Returns when the worker has looked for more several times, and found what it could."""
    with patch.object(claim, "claim", wraps=claim.claim) as looks:

        async def look() -> int:
            run.inbox.arrived.set()
            return looks.call_count

        await eventually(look, lambda found: found > 3)


async def test_opens_again_by_itself_and_everything_arrives_once(database_url: str) -> None:
    async with line(database_url) as run:
        first = await down(run)
        jobs = [first] + [await run.send(order(f"o{number}")) for number in range(20)]
        await run.mend()
        run.clock.turn(seconds=30)
        for job in jobs:
            await run.until(job, "done")
        assert await pos(run) == {**await pos(run), "failures": 0, "paused": None}
        assert Counter(await asked(run)) == {500: 5, 200: 21}
        assert sorted(await booked(run)) == sorted(
            ["plain:first", *(f"plain:o{number}" for number in range(20))]
        )


async def test_another_pos_does_not_notice(database_url: str) -> None:
    async with tills(database_url) as both:
        await down(both.line)
        for number in range(5):
            await both.line.send(order(f"m{number}"))
        for number in range(5):
            await both.line.until(await both.send_nord(f"n{number}"), "done")
        assert len(await both.at_nord()) == 5
        assert (await pos(both.line, "nord"))["failures"] == 0
        assert len(await asked(both.line)) == 5


async def test_a_rejected_key_pauses_at_once_and_is_named(database_url: str, log: Log) -> None:
    async with line(database_url) as run:
        await run.fault("forbid")
        job = await run.send(order())
        waiting = await run.until(job, "waiting")
        state = await pos(run)
        assert state["paused"] == "failing"
        assert KEY_REJECTED in state["reason"]
        assert KEY_REJECTED in waiting["reason"]
        await run.send(order("o2"))
        await idle(run)
        assert await asked(run) == [403]
        await run.mend()
        run.clock.turn(seconds=6)
        await run.until(job, "done")
        await eventually(lambda: booked(run), lambda found: len(found) == 2)


async def test_a_wrong_key(database_url: str) -> None:
    """The sandbox's own answer to it, not a fault."""
    async with line(database_url) as run:
        change_pos(run, api_key="another")
        waiting = await run.until(await run.send(order()), "waiting")
        assert KEY_REJECTED in waiting["reason"]
        assert (await pos(run))["paused"] == "failing"


async def test_an_operator_s_pause_lasts_until_it_is_ended(database_url: str) -> None:
    async with line(database_url) as run:
        await run.inbox.write(lambda box: operate.pause_pos(box, "mitte", run.clock()))
        jobs = [await run.send(order(f"o{number}")) for number in range(3)]
        run.clock.turn(hours=20)
        await idle(run)
        assert await run.calls() == []
        await run.inbox.write(lambda box: operate.resume_pos(box, "mitte", run.clock()))
        for job in jobs:
            await run.until(job, "done")
        assert await asked(run) == [200] * 3


async def test_a_pos_found_out_only_by_reading_is_not_called_while_paused(
    database_url: str,
) -> None:
    """The delivery does not name its store; the order does."""
    async with line(database_url, connection={"stores": {"s1": "mitte"}}) as run:
        await run.inbox.write(lambda box: operate.pause_pos(box, "mitte", run.clock()))
        job = await run.send(order(store_id="s1"))
        waiting = await run.until(job, "waiting")
        assert waiting["reason"] == "POS mitte is paused: by an operator"
        assert waiting["pos"] == "mitte"
        await idle(run)
        assert await run.calls() == []
        await run.inbox.write(lambda box: operate.resume_pos(box, "mitte", run.clock()))
        await run.until(job, "done")
        assert (await run.job(job))["failures"] == 0


async def test_it_stays_paused_over_a_restart(database_url: str) -> None:
    async with line(database_url) as run:
        run.clock.turn(hours=1)
        await down(run)
    async with line(database_url) as run:
        await run.send(order("o2"))
        await idle(run)
        assert await run.calls() == []
        run.clock.turn(hours=2)
        await eventually(lambda: booked(run), lambda found: len(found) == 2)


async def test_a_burst_that_fails_is_one_failure_after_another_and_all_of_it_arrives(
    database_url: str,
) -> None:
    async with line(database_url) as run:
        await run.fault("fail", path="order/create", times=30)
        posts = [run.post(body(order(f"o{number}"))) for number in range(60)]
        await asyncio.gather(*posts)
        for _ in range(40):
            if len(await booked(run)) == 60:
                break
            run.clock.turn(minutes=5)
            await asyncio.sleep(0.1)
        await eventually(lambda: booked(run), lambda found: len(found) == 60)
        assert Counter(await asked(run))[200] == 60
