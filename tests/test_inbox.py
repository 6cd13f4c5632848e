"""The box, one transaction at a time: what is kept, who may have it, what a settlement changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from adapters.contract import Delivery
from receiver.inbox import claim, lease, listing, operate, polls, search
from receiver.inbox.records import (
    Attempt,
    Incoming,
    Job,
    OrderRecord,
    PosState,
    PosVerdict,
    Settlement,
    State,
    ms,
)
from tests.box import (
    DONE,
    HELD,
    NOW,
    Box,
    call,
    incoming,
    later,
    order_record,
    payment_record,
    queues,
)


def waiting(seconds: float, **more: Any) -> Settlement:
    return Settlement(state=State.WAITING, due_at=later(seconds=seconds), **more)


# Keeping


def test_a_delivery_and_its_job_are_kept_as_they_came(box: Box) -> None:
    raw = bytes(range(256))
    assert box.keep(incoming("d1", "plain:o1", body=raw, at=later(seconds=1.234))) == [True]
    job = box.one(now=later(seconds=2))
    assert job == Job(
        id=job.id,
        delivery_row=job.delivery_row,
        delivery=Delivery(
            "POST",
            "https://receiver.example/webhooks/plain",
            "",
            {"x-plain": "00"},
            raw,
            later(seconds=1.234),
        ),
        connection="plain",
        queue="plain:o1",
        pos="mitte",
        fence=1,
        failures=0,
        sent=False,
        since=later(seconds=1.234),
        call=None,
    )


def test_kept_once_and_counted(box: Box) -> None:
    assert box.keep(incoming("d1"), incoming("d2"), incoming("d1")) == [True, True, False]
    assert box.keep(incoming("d1"), incoming("d3")) == [False, True]
    assert [(row["delivery_id"], row["arrivals"]) for row in box.rows("deliveries")] == [
        ("d1", 3),
        ("d2", 1),
        ("d3", 1),
    ]
    assert len(box.rows("jobs")) == 3


def test_each_connection_has_its_own_delivery_ids(box: Box) -> None:
    assert box.keep(incoming("d1"), incoming("d1", connection="other")) == [True, True]


def test_a_repeat_changes_nothing_of_what_is_kept(box: Box) -> None:
    box.keep(incoming("d1", body=b"first"))
    box.settle(box.one())
    box.keep(incoming("d1", "another queue", body=b"second", at=later(hours=1)))
    assert [row["body"] for row in box.rows("deliveries")] == [b"first"]
    assert [row["state"] for row in box.rows("jobs")] == ["done"]


@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 127, 128, 129, 300])
def test_batches_of_any_size(box: Box, count: int) -> None:
    """Statements hold a few fixed numbers of rows; nothing falls between them."""
    batch = [incoming(f"d{number}", body=b"%d" % number) for number in range(count)]
    assert box.keep(*batch) == [True] * count
    kept, jobs = box.rows("deliveries"), box.rows("jobs")
    assert [row["body"] for row in kept] == [b"%d" % number for number in range(count)]
    assert [row["queue"] for row in jobs] == [f"d{number}" for number in range(count)]
    assert [row["delivery"] for row in jobs] == [row["id"] for row in kept]


# Order kept per queue


def test_one_of_a_queue_at_a_time_in_order_of_arrival(box: Box) -> None:
    box.keep(incoming("d1", "a"), incoming("d2", "a"), incoming("d3", "b"), incoming("d4", "a"))
    running, other = box.claim()
    assert [running.delivery_row, other.delivery_row] == [1, 3]
    assert box.claim() == []
    for expected in (2, 4):
        box.settle(running)
        running = box.one()
        assert running.delivery_row == expected


@pytest.mark.parametrize("state", [State.WAITING, State.HELD])
def test_what_stands_before_it_must_end_first(box: Box, state: State) -> None:
    box.keep(incoming("d1", "a"), incoming("d2", "a"), incoming("d3", "b"))
    first, other = box.claim()
    box.settle(first, Settlement(state=state, due_at=later(hours=1)))
    box.settle(other)
    assert box.claim() == []


@pytest.mark.parametrize("state", [State.DONE, State.IGNORED, State.DEAD])
def test_what_has_ended_is_in_nobody_s_way(box: Box, state: State) -> None:
    box.keep(incoming("d1", "a"), incoming("d2", "a"))
    box.settle(box.one(), Settlement(state=state))
    assert box.one().delivery_row == 2


def test_an_older_one_that_waits_comes_before_a_newer_one(box: Box) -> None:
    """Though the newer has been due for long."""
    box.keep(incoming("d1", "a"), incoming("d2", "a"))
    box.settle(box.one(), waiting(600))
    assert box.claim(now=later(seconds=599)) == []
    assert [job.delivery_row for job in box.claim(now=later(seconds=600))] == [1]


@pytest.mark.parametrize("state", [State.READY, State.WAITING, State.HELD])
def test_a_cancellation_passes_what_is_merely_open(box: Box, state: State) -> None:
    box.keep(incoming("d1", "a"))
    box.settle(box.one(), Settlement(state=state, due_at=later(hours=1)))
    box.keep(incoming("d2", "a", overtakes=True))
    assert box.one().delivery_row == 2


def test_a_cancellation_waits_for_what_is_running(box: Box) -> None:
    box.keep(incoming("d1", "a"))
    running = box.one()
    box.keep(incoming("d2", "a", overtakes=True))
    assert box.claim() == []
    box.settle(running, waiting(600))
    assert box.one().delivery_row == 2


def test_nothing_passes_a_running_cancellation(box: Box) -> None:
    box.keep(incoming("d1", "a"), incoming("d2", "a", overtakes=True), incoming("d3", "a"))
    cancellation = box.one()
    assert cancellation.delivery_row == 2
    assert box.claim() == []
    box.settle(cancellation)
    assert box.one().delivery_row == 1


def test_one_queue_s_many_do_not_keep_another_from_being_seen(box: Box) -> None:
    box.keep(*(incoming(f"a{number}", "a") for number in range(50)), incoming("b", "b"))
    assert queues(box.claim(limit=2)) == ["a", "b"]


def test_one_held_for_ever_delays_only_its_own(box: Box) -> None:
    box.keep(*(incoming(f"a{number}", "a") for number in range(30)))
    box.settle(box.one(), HELD)
    box.keep(incoming("b", "b"))
    assert queues(box.claim(limit=1)) == ["b"]


def test_the_first_to_come_first_and_no_more_than_asked_for(box: Box) -> None:
    box.keep(*(incoming(f"d{number}") for number in range(5)))
    assert queues(box.claim(limit=3)) == ["d0", "d1", "d2"]


# Deadlines


def test_the_soonest_deadline_first_whether_new_or_tried_before(box: Box) -> None:
    box.keep(*(incoming(f"d{number}", deadline=later(minutes=9 - number)) for number in range(3)))
    for job in box.claim():
        box.settle(job, waiting(60 * (job.id % 2)))
    box.keep(incoming("never"), incoming("now", deadline=later(minutes=7.5)))
    at = later(seconds=60)
    assert queues(box.claim(limit=2, now=at)) == ["d2", "now"]
    assert queues(box.claim(now=at)) == ["d1", "d0", "never"]


def test_an_answer_that_accepts_comes_before_any_other(box: Box) -> None:
    box.keep(incoming("d1", "a"), incoming("d2", "b"))
    first, second = box.claim()
    box.settle(first, Settlement(state=State.DONE, calls=(call("ready"),)))
    until = replace(call("created"), deadline=later(minutes=5))
    box.settle(second, Settlement(state=State.DONE, calls=(until,)))
    assert queues(box.claim()) == ["answer b", "answer a"]


@pytest.mark.parametrize("state", [State.WAITING, State.HELD])
def test_it_is_woken_for_its_alarm(box: Box, state: State) -> None:
    box.keep(incoming("d1", deadline=later(minutes=5), alarm_at=later(minutes=3)))
    job = box.one()
    assert (job.deadline, job.alarm_at, job.at_risk) == (later(minutes=5), later(minutes=3), False)
    box.settle(job, Settlement(state=state, due_at=later(hours=1), alarm_at=later(minutes=2)))
    assert box.claim(now=later(seconds=119)) == []
    woken = box.one(now=later(seconds=120))
    assert (woken.deadline, woken.alarm_at) == (later(minutes=5), later(minutes=2))
    box.settle(woken, Settlement(state=state, due_at=later(hours=1), at_risk=True))
    assert box.claim(now=later(minutes=59)) == []
    assert box.do(search.at_risk) == {"plain": 1}


def test_it_is_woken_though_its_pos_is_paused(box: Box) -> None:
    parked(box, incoming("d1"), incoming("d2"))
    box.do(lambda at: at.exec_driver_sql(f"UPDATE jobs SET alarm_at = {ms(NOW)} WHERE id = 2"))
    box.do(lambda at: operate.pause_pos(at, "mitte", NOW))
    job = box.one()
    assert (job.queue, job.probe) == ("d2", False)


def test_what_an_operator_holds_stays_held(box: Box) -> None:
    box.keep(incoming("d1", alarm_at=later(minutes=3), deadline=later(minutes=5)))
    box.do(lambda at: operate.act(at, "hold", [1], NOW))
    assert box.claim(now=later(minutes=4)) == []


def test_a_deadline_stays_unless_another_is_known(box: Box) -> None:
    box.keep(incoming("d1", deadline=later(minutes=5)))
    box.settle(box.one(), Settlement(state=State.READY))
    job = box.one()
    assert job.deadline == later(minutes=5)
    box.settle(job, Settlement(state=State.READY, deadline=later(minutes=4)))
    assert box.one().deadline == later(minutes=4)


def test_what_is_not_due_is_not_claimed(box: Box) -> None:
    box.keep(incoming("d1"))
    box.settle(box.one(), waiting(0.001))
    assert box.claim() == []
    assert queues(box.claim(now=later(milliseconds=1))) == ["d1"]


# A POS that is busy, paused, probed


def test_a_busy_pos_gets_nothing_more(box: Box) -> None:
    box.keep(incoming("d1"), incoming("d2", pos="nord"), incoming("d3", pos=None))
    found = box.claim(under_way={"plain mitte": claim.PER_LANE})
    assert sorted(queues(found)) == ["d2", "d3"]


def fail(box: Box, times: int, pos: str = "mitte", **more: Any) -> None:
    for _ in range(times):
        box.judge(PosVerdict(pos, "OktoPOS answered 500", **more))


def states(box: Box) -> dict[str, PosState]:
    return box.do(claim.paused_pos)


def test_paused_after_five_failures_in_a_row(box: Box) -> None:
    fail(box, 4)
    assert states(box) == {}
    fail(box, 1)
    assert states(box) == {
        "mitte": PosState("mitte", 5, "failing", later(seconds=5), "OktoPOS answered 500")
    }


def test_a_success_between_starts_the_count_anew(box: Box) -> None:
    fail(box, 4)
    box.judge(PosVerdict("mitte"))
    fail(box, 4)
    assert states(box) == {}


def test_a_rejected_key_pauses_at_once(box: Box) -> None:
    fail(box, 1, at_once=True)
    assert states(box)["mitte"].paused == "failing"
    assert states(box)["mitte"].probe_at == later(seconds=5)


def test_what_was_sent_before_the_pause_does_not_lengthen_it(box: Box) -> None:
    fail(box, 40)
    assert states(box)["mitte"].failures == 5
    assert states(box)["mitte"].probe_at == later(seconds=5)


def test_each_probe_that_fails_lengthens_the_rest(box: Box) -> None:
    fail(box, 5)
    fail(box, 2, probe=True)
    assert states(box)["mitte"].probe_at == later(seconds=20)


def test_a_success_opens_it_again(box: Box) -> None:
    fail(box, 7)
    box.judge(PosVerdict("mitte"))
    assert states(box) == {}
    fail(box, 4)
    assert states(box) == {}


def parked(box: Box, *batch: Incoming) -> None:
    """Deliveries that found their POS paused."""
    box.keep(*batch)
    for job in box.claim():
        box.settle(job, Settlement(state=State.WAITING, pos=job.pos))


def test_a_paused_pos_gets_one_probe_when_it_is_due(box: Box) -> None:
    parked(box, *(incoming(f"d{number}") for number in range(3)), incoming("n", pos="nord"))
    fail(box, 5)
    found, paused = box.look("me", limit=9, now=later(seconds=4))
    assert queues(found) == ["n"]
    assert list(paused) == ["mitte"]
    (probe,) = box.claim(now=later(seconds=5))
    assert (probe.queue, probe.probe) == ("d0", True)
    assert box.claim(now=later(seconds=6)) == []


def test_a_probe_that_asked_nothing_is_followed_by_another_at_once(box: Box) -> None:
    """A payment that waits for its order must not cost the POS half a minute, nor many hours."""
    parked(box, *(incoming(f"d{number}") for number in range(4)))
    fail(box, 5)
    for number in range(3):
        probe = box.one(now=later(seconds=5))
        assert (probe.queue, probe.probe) == (f"d{number}", True)
        box.settle(probe, HELD, now=later(seconds=5))
    box.settle(box.one(now=later(seconds=5)), answered(), now=later(seconds=5))
    assert states(box) == {}


def answered() -> Settlement:
    return Settlement(state=State.DONE, verdicts=(PosVerdict("mitte"),))


def test_a_probe_never_heard_of_again_is_followed_by_another(box: Box) -> None:
    parked(box, incoming("d1"), incoming("d2"))
    fail(box, 5)
    box.one(now=later(seconds=5))
    assert box.claim(now=later(seconds=34)) == []
    assert box.one(now=later(seconds=36)).queue == "d2"


def test_without_a_job_for_it_the_probe_stays_due(box: Box) -> None:
    fail(box, 5)
    assert box.claim(now=later(seconds=5)) == []
    box.keep(incoming("d1", at=later(seconds=6)))
    assert box.one(now=later(seconds=6)).probe


def test_a_probe_keeps_to_the_order_of_its_queue(box: Box) -> None:
    box.keep(incoming("d1", "a"))
    running = box.one()
    fail(box, 5)
    box.keep(incoming("d2", "a"))
    assert box.claim(now=later(seconds=60)) == []
    box.settle(running, HELD)
    assert box.claim(now=later(seconds=120)) == []


def test_an_operator_s_pause_is_not_probed_and_not_opened_by_a_success(box: Box) -> None:
    parked(box, incoming("d1"))
    box.do(lambda at: operate.pause_pos(at, "mitte", NOW))
    assert box.claim(now=later(days=1)) == []
    box.judge(PosVerdict("mitte"))
    fail(box, 9)
    fail(box, 1, probe=True)  # one that was under way
    assert states(box)["mitte"].paused == "operator"
    box.do(lambda at: operate.resume_pos(at, "mitte", NOW))
    assert queues(box.claim()) == ["d1"]


def test_what_needs_no_pos_runs_while_one_is_paused(box: Box) -> None:
    fail(box, 5)
    box.keep(incoming("d1", pos=None))
    assert queues(box.claim()) == ["d1"]


# Settling


FULL = Settlement(
    state=State.DONE,
    attempts=(Attempt("created", "", "{}"),),
    orders=(order_record(internal_id=10_001, total=990, tip=50, display_id="17"),),
    payments=(payment_record(),),
    payment_references=(("pi_1", "O1"),),
    verdicts=(PosVerdict("mitte", "OktoPOS answered 500"),),
    calls=(call("accept"),),
)


def test_all_of_a_settlement_is_there(box: Box) -> None:
    box.keep(incoming("d1", "plain:o1"))
    job = box.one()
    assert box.settle(job, FULL, now=later(seconds=3))
    everything = box.everything()
    first, answer = everything["jobs"]
    assert (first["state"], first["owner"], first["updated_at"]) == (
        "done",
        None,
        ms(later(seconds=3)),
    )
    assert (answer["call"], answer["queue"], answer["state"], answer["pos"]) == (
        call("accept").call,
        "answer plain:o1",
        "ready",
        "@plain",
    )
    (step,) = everything["attempts"]
    assert (step["job"], step["outcome"], step["answer"]) == (job.id, "created", "{}")
    assert box.do(lambda at: search.order(at, "plain:o1")) == replace(FULL.orders[0], references=())
    assert [row["reference"] for row in everything["order_references"]] == ["O1", "plain:o1"]
    assert box.do(lambda at: search.payment(at, "mitte", "plain:o1")) == FULL.payments[0]
    assert box.do(lambda at: search.payment_reference(at, "plain", ["x", "pi_1"])) == "O1"
    assert box.do(lambda at: search.payment_reference(at, "other", ["pi_1"])) is None
    assert everything["pos_states"][0]["failures"] == 1


def test_only_once(box: Box) -> None:
    box.keep(incoming("d1"))
    job = box.one()
    assert box.settle(job, FULL)
    before = box.everything()
    assert not box.settle(job, HELD)
    assert box.everything() == before


def test_the_job_s_pos_and_queue_stay_unless_it_moves(box: Box) -> None:
    box.keep(incoming("d1", "a"))
    box.settle(box.one(), Settlement(state=State.READY))
    box.settle(box.one(), Settlement(state=State.READY, pos="nord", queue="b", failures=3))
    job = box.one()
    assert (job.pos, job.queue, job.failures) == ("nord", "b", 3)


def test_an_answer_to_the_platform_waits_for_nothing_of_its_order(box: Box) -> None:
    box.keep(incoming("d1", "a"), incoming("d2", "a"))
    box.settle(box.one(), Settlement(state=State.HELD, calls=(call("accept"), call("ready"))))
    answer = box.one()
    assert answer.call == call("accept").call
    box.settle(answer)
    assert box.one().call == call("ready").call


def test_answers_run_while_the_pos_is_paused(box: Box) -> None:
    box.keep(incoming("d1", "a"))
    job = box.one()
    fail(box, 5)
    box.settle(job, Settlement(state=State.WAITING, calls=(call("accept"),)))
    assert box.one().call == call("accept").call


def test_names_that_no_database_takes_as_they_are(box: Box) -> None:
    box.keep(incoming("d1"))
    order = order_record(display_id="1\x007", references=("1\x007",))
    told = Settlement(
        state=State.HELD,
        reason="\ud800\x00",
        attempts=(Attempt("held", "\ud800\x00", "\ud800\x00"),),
        orders=(order,),
        payment_references=(("pi\x00", "O\x00"),),
        calls=(call("accept"),),
    )
    assert box.settle(box.one(), told)
    assert box.do(lambda at: search.orders_called(at, "1\x007"))
    assert box.do(lambda at: search.payment_reference(at, "plain", ["pi\x00"]))


# Waiting for an order to be known


def awaiting(reference: str) -> Settlement:
    """An order by its name, or a payment's by the payment's."""
    tills = () if reference.startswith("pi_") else ("mitte",)
    due_at = later(minutes=10)
    return Settlement(state=State.WAITING, due_at=due_at, awaits=reference, tills=tills)


def recording(order: OrderRecord) -> Settlement:
    return Settlement(state=State.DONE, orders=(order,))


def test_woken_by_any_name_of_the_order(box: Box) -> None:
    box.keep(incoming("pay", at=later(seconds=-1)), incoming("order"))
    payment, order = box.claim()
    box.settle(payment, awaiting("O1"))
    assert box.claim() == []
    box.settle(order, recording(order_record()))
    assert box.one().queue == "pay"


def test_an_order_recorded_between_look_and_settlement_is_not_missed(box: Box) -> None:
    box.keep(incoming("pay", at=later(seconds=-1)), incoming("order"))
    payment, order = box.claim()
    box.settle(order, recording(order_record()))
    box.settle(payment, awaiting("O1"))
    assert box.one().queue == "pay"


def test_nor_is_the_event_that_names_a_payment(box: Box) -> None:
    box.keep(incoming("refund", at=later(seconds=-1)), incoming("paid"))
    refund, paid = box.claim()
    box.settle(paid, Settlement(state=State.DONE, payment_references=(("pi_1", "O1"),)))
    box.settle(refund, awaiting("pi_1"))
    assert box.one().queue == "refund"


def test_woken_by_the_event_that_names_a_payment(box: Box) -> None:
    box.keep(incoming("refund", at=later(seconds=-1)), incoming("paid"))
    refund, paid = box.claim()
    box.settle(refund, awaiting("pi_1"))
    box.settle(paid, Settlement(state=State.DONE, payment_references=(("pi_1", "O1"),)))
    assert box.one().queue == "refund"


def test_another_connection_s_payment_of_that_id_is_not_waited_for(box: Box) -> None:
    box.keep(incoming("paid", connection="other"))
    box.settle(box.one(), Settlement(state=State.DONE, payment_references=(("pi_1", "O1"),)))
    box.keep(incoming("refund"))
    box.settle(box.one(), awaiting("pi_1"))
    assert box.claim() == []  # else it would be due again at once, over and over


def test_an_order_that_is_only_on_its_way_does_not_wake_twice(box: Box) -> None:
    box.keep(incoming("order"))
    box.settle(box.one(), Settlement(state=State.HELD, orders=(order_record(state="expected"),)))
    box.keep(incoming("pay"))
    box.settle(box.one(), awaiting("O1"))
    assert box.claim() == []


# A cancellation wakes what stands in its queue


def cancel(box: Box) -> None:
    box.keep(incoming("cancel", "a", overtakes=True))
    (job,) = [one for one in box.claim(now=later(seconds=1)) if one.delivery_row == 2]
    box.settle(job, Settlement(state=State.DONE, wakes_queue=True))


@pytest.mark.parametrize("end", [HELD, waiting(600)])
def test_held_and_waiting_look_again(box: Box, end: Settlement) -> None:
    box.keep(incoming("d1", "a"))
    box.settle(box.one(), end)
    cancel(box)
    assert box.one().delivery_row == 1


@pytest.mark.parametrize(("sent", "again"), [(True, True), (False, False)])
def test_the_dead_only_when_they_may_have_been_sent(box: Box, sent: bool, again: bool) -> None:
    box.keep(incoming("d1", "a"))
    box.settle(box.one(), Settlement(state=State.DEAD, sent=sent))
    cancel(box)
    assert len(box.claim()) == again


@pytest.mark.parametrize("end", [DONE, Settlement(state=State.IGNORED)])
def test_what_has_ended_stays_so(box: Box, end: Settlement) -> None:
    box.keep(incoming("d1", "a"))
    box.settle(box.one(), end)
    cancel(box)
    assert box.claim() == []


def test_other_queues_sleep_on(box: Box) -> None:
    box.keep(incoming("d1", "b"))
    box.settle(box.one(), HELD)
    cancel(box)
    assert box.claim() == []


# Workers that are gone


def test_alone_takes_up_at_once(box: Box) -> None:
    box.beat("old")
    box.keep(incoming("d1"), incoming("d2"))
    box.claim("old", limit=1)
    assert box.beat("new", alone=True) == 1
    (first, second) = box.claim("new")
    assert [(job.queue, job.sent, job.fence) for job in (first, second)] == [
        ("d1", True, 2),
        ("d2", False, 1),
    ]
    assert [(row["job"], row["outcome"]) for row in box.rows("attempts")] == [
        (first.id, "interrupted")
    ]


def test_beside_others_only_after_a_while(box: Box) -> None:
    box.beat("old")
    box.keep(incoming("d1"))
    box.claim("old")
    assert box.beat("new", now=later(seconds=12)) == 0
    assert box.beat("new", now=later(seconds=12.001)) == 1
    assert lease.WORKER_GONE.total_seconds() + 4 <= 20


def test_one_who_never_said_that_it_lives_is_gone(box: Box) -> None:
    box.keep(incoming("d1"))
    box.claim("unheard")
    assert box.beat("new") == 1


def test_a_worker_that_lives_keeps_its_own(box: Box) -> None:
    box.keep(incoming("d1"))
    for minute in range(5):
        box.beat("slow", now=later(minutes=minute))
        box.claim("slow", now=later(minutes=minute))
        assert box.beat("other", now=later(minutes=minute, seconds=4)) == 0
    assert box.beat("slow", now=later(minutes=9), alone=True) == 0
    assert [row["state"] for row in box.rows("jobs")] == ["running"]


@pytest.mark.parametrize("claimed_again", [False, True])
def test_who_was_taken_for_gone_settles_nothing(box: Box, claimed_again: bool) -> None:
    box.keep(incoming("d1", "plain:o1"))
    stale = box.one("old")
    box.beat("new", alone=True)
    if claimed_again:
        box.claim("new")
    before = box.everything()
    everything = replace(FULL, wakes_queue=True, awaits="O1", queue="b", pos="nord")
    assert not box.settle(stale, everything)
    box.do(lambda at: lease.release(at, stale, sent=True))
    assert box.everything() == before


def test_even_when_the_same_worker_has_it_again(box: Box) -> None:
    box.keep(incoming("d1"))
    stale = box.one("me")
    box.settle(stale, Settlement(state=State.READY))
    again = box.one("me")
    assert not box.settle(stale, HELD)
    assert box.settle(again)


def test_given_back_unsettled(box: Box) -> None:
    box.keep(incoming("d1"), incoming("d2"))
    first, second = box.claim()
    box.do(lambda at: lease.release(at, first, sent=True))
    box.do(lambda at: lease.release(at, second, sent=False))
    again = {job.queue: job for job in box.claim()}
    assert again["d1"].sent
    assert not again["d2"].sent
    assert not box.settle(first)


def test_what_may_have_been_sent_stays_so_when_given_back(box: Box) -> None:
    box.keep(incoming("d1"))
    box.settle(box.one(), Settlement(state=State.READY, sent=True))
    job = box.one()
    box.do(lambda at: lease.release(at, job, sent=False))
    assert box.one().sent


# By an operator's hand


def test_a_running_one_is_left_alone(box: Box) -> None:
    box.keep(incoming("d1"), incoming("d2"))
    (running,) = box.claim(limit=1)
    ids = [row["id"] for row in box.rows("jobs")]
    moved = box.do(lambda at: search.change(at, ids, State.HELD, "by hand", NOW))
    assert moved == [ids[1]]
    assert box.row(running)["state"] == "running"


def test_a_replay_begins_anew(box: Box) -> None:
    box.keep(incoming("d1"))
    job = box.one()
    box.settle(job, Settlement(state=State.DEAD, failures=40, reason="gave up"))
    box.do(lambda at: search.change(at, [job.id], State.READY, None, later(days=3)))
    again = box.one(now=later(days=3))
    assert (again.failures, again.since) == (0, later(days=3))


# What the pipeline and an operator look for


def test_orders_by_any_of_their_names(box: Box) -> None:
    box.keep(incoming("d1"))
    records = (
        order_record("plain:o1", references=("o1", "17")),
        order_record("plain:17", references=("17",)),
    )
    box.settle(box.one(), Settlement(state=State.DONE, orders=records))

    def called(reference: str) -> list[str]:
        found = box.do(lambda at: search.orders_called(at, reference))
        return sorted(order.order_id for order in found)

    assert called("o1") == ["plain:o1"]
    assert called("17") == ["plain:17", "plain:o1"]
    assert called("plain:o1") == []


def test_counts_and_listing(box: Box) -> None:
    box.keep(*(incoming(f"d{number}") for number in range(4)))
    first, second, *_ = box.claim(limit=3)
    box.settle(first)
    box.settle(second, replace(HELD, reason="100% sure"))
    assert box.do(listing.counts) == {"held": 1, "running": 1, "ready": 1}

    def listed(**filters: Any) -> list[str]:
        return [row["delivery_id"] for row in box.do(lambda at: listing.page(at, **filters))]

    assert listed() == ["d3", "d2", "d1", "d0"]
    assert listed(limit=1) == ["d3"]
    assert listed(states=["held", "done"]) == ["d1", "d0"]
    assert listed(text="0% s") == ["d1"]
    assert listed(text="%") == ["d1"]
    assert listed(connection_name="other") == []


# Ready


def test_two_that_find_an_order_ready_tell_it_once(box: Box) -> None:
    box.keep(incoming("d1", "plain:o1"))
    order = order_record(delivery=1)
    box.settle(box.one(), Settlement(state=State.DONE, orders=(order,)))
    for told in (1, 0):
        found = [(order, (replace(call("ready"), delivery=1),))]
        assert box.do(lambda at, found=found: polls.tell(at, found, NOW)) == told  # type: ignore[misc]
    (answer,) = box.claim()
    assert (answer.call, answer.queue, answer.pos) == (
        call("ready").call,
        "answer plain:o1",
        "@plain",
    )


def test_what_is_recorded_later_does_not_undo_that_it_was_told(box: Box) -> None:
    box.keep(incoming("d1", "plain:o1"), incoming("d2", "plain:o1"))
    order = order_record(delivery=1)
    box.settle(box.one(), Settlement(state=State.DONE, orders=(order,)))
    box.do(lambda at: polls.tell(at, [(order, ())], NOW))
    box.settle(box.one(), Settlement(state=State.DONE, orders=(order,)))
    assert box.do(lambda at: search.untold(at, "mitte", ["plain:o1"])) == []


def test_a_poll_is_the_worker_s_that_lives(box: Box) -> None:
    box.beat("one")
    assert box.do(lambda at: polls.take(at, "mitte", "one"))
    assert box.do(lambda at: polls.turn(at, "mitte", "one")).ours
    box.beat("two", now=later(seconds=11))
    assert not box.do(lambda at: polls.take(at, "mitte", "two"))
    box.beat("two", now=later(seconds=13))
    assert box.do(lambda at: polls.take(at, "mitte", "two"))
    assert not box.do(lambda at: polls.turn(at, "mitte", "one")).ours
