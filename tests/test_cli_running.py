"""The commands as processes: started, sent signals, and at work beside one another."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest

from adapters import ADAPTERS
from adapters.contract import Call, Outcome, Told, nothing
from receiver.cli.demo import everything
from receiver.cli.demo.playing import Arrival, Seen, of_payment
from receiver.cli.demo.recordings import Recording, read_all
from receiver.cli.explain import Failure
from receiver.http import Http
from receiver.inbox import Inbox, open_inbox
from receiver.inbox.migrate import migrate
from receiver.pipeline.tools import now
from receiver.platforms import Platforms
from receiver.sandbox import create_sandbox
from receiver.serving import serving
from receiver.settings import load
from receiver.tokens import Tokens, vault
from tests.commands import PATIENCE, PROGRAM, ROOT, Desk, desk, ended, logged, process
from tests.plain import body, order, payment, signed
from tests.running import Line, eventually, line

pytestmark = pytest.mark.anyio

MODULE = (sys.executable, "-m", "receiver")
SHORT_DRAIN = f"import receiver.worker\nreceiver.worker.DRAIN_SECONDS = 0.2\n{PROGRAM}"
CONFIG = """
[pos.mitte]
url = "{till}/v1"
api_key = "$TILL_KEY"
[connections.plain]
platform = "plain"
secrets = ["$PLAIN_SECRET"]
accept = "never"
stores = {{ "*" = "mitte" }}
"""


async def started(running: subprocess.Popen[str]) -> str:
    """The address of a receiver that has begun to listen."""
    entry = await asyncio.to_thread(logged, running, "listening")
    return f"http://127.0.0.1:{entry['port']}"


async def post(url: str, content: bytes, to: str = "plain") -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as web:
        return await web.post(f"{url}/webhooks/{to}", content=content, headers=signed(content))


async def stopped(running: subprocess.Popen[str], number: int = signal.SIGTERM) -> str:
    """What it logged until it ended, in good order."""
    running.send_signal(number)
    code, out, err = await asyncio.to_thread(ended, running)
    assert (code, out) == (0, ""), err
    assert "Traceback" not in err
    return err


def jobs(at: Desk) -> list[dict[str, Any]]:
    return at.sql("SELECT state, sent, reason FROM jobs ORDER BY id")


async def until_states(at: Desk, *states: str) -> None:
    """Waits as long as a process may take to start beside many others."""
    ends = time.monotonic() + PATIENCE
    while [job["state"] for job in jobs(at)] != [*states]:
        assert time.monotonic() < ends, jobs(at)
        await asyncio.sleep(0.05)


# serve and worker


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_serve_ends_what_is_under_way(number: int, tmp_path: Path) -> None:
    """A call to OktoPOS that is answered while we drain is settled."""
    async with serving(create_sandbox()) as till, httpx.AsyncClient(base_url=till) as pos:
        at = desk(tmp_path, till=till)
        with at.start("serve") as running:
            url = await started(running)
            await pos.post("/_sandbox/faults", json={"kind": "slow", "seconds": 0.7})
            assert (await post(url, body(order()))).status_code == 200
            await eventually(lambda: pos.get("/_sandbox/calls"), lambda found: found.json() != [])
            (job,) = jobs(at)
            assert job["state"] == "running"
            log = await stopped(running, number)
        assert '"event":"draining"' in log
        assert '"event":"stopped"' in log
        assert jobs(at) == [{"state": "done", "sent": 0, "reason": None}]
        assert len((await pos.get("/_sandbox/orders")).json()) == 1


async def test_serve_gives_back_what_takes_too_long(tmp_path: Path) -> None:
    """What OktoPOS may have by then goes back into its queue, marked, and is not sent twice."""
    async with serving(create_sandbox()) as till, httpx.AsyncClient(base_url=till) as pos:
        at = desk(tmp_path, till=till)
        with at.start("serve", program=SHORT_DRAIN) as running:
            url = await started(running)
            slow = {"kind": "slow", "seconds": 60, "times": 1}
            await pos.post("/_sandbox/faults", json=slow)
            await post(url, body(order()))
            await eventually(lambda: pos.get("/_sandbox/calls"), lambda found: found.json() != [])
            await stopped(running)
        assert jobs(at) == [{"state": "ready", "sent": 1, "reason": None}]
        with at.start("worker") as running:
            await until_states(at, "done")
            await stopped(running)
        assert len((await pos.get("/_sandbox/orders")).json()) == 1


async def test_web_and_worker_apart(tmp_path: Path) -> None:
    async with serving(create_sandbox()) as till:
        at = desk(tmp_path, till=till)
        with at.start("serve", "--no-worker") as web:
            url = await started(web)
            await post(url, body(order("o1")))
            (job,) = jobs(at)
            assert job["state"] == "ready"
            with at.start("worker") as worker:
                await until_states(at, "done")
                await post(url, body(order("o2")))
                await until_states(at, "done", "done")
                await stopped(worker)
            await stopped(web)


async def test_serve_makes_its_file_and_logs_warnings(tmp_path: Path) -> None:
    at = desk(tmp_path)
    made = {"DATABASE_URL": f"sqlite:///{tmp_path / 'new.db'}", "PUBLIC_URL": "http://x.example"}
    with at.start("serve", **made) as running:
        entry = await asyncio.to_thread(logged, running, "setup")
        assert entry["finding"].startswith("PUBLIC_URL: is http")
        url = await started(running)
        async with httpx.AsyncClient(trust_env=False) as web:
            assert (await web.get(f"{url}/readyz")).json() == {"ready": True, "reasons": []}
        await stopped(running)


async def test_serve_on_a_taken_port(tmp_path: Path) -> None:
    async with serving(create_sandbox()) as taken:
        at = desk(tmp_path)
        port = taken.rpartition(":")[2]
        with at.start("serve", PORT=port) as running:
            code, out, err = await asyncio.to_thread(ended, running)
    assert (code, out) == (1, "")
    assert err == (
        f"receiver: cannot listen on 127.0.0.1:{port}: Address already in use;"
        " end what listens there, or set PORT or HOST\n"
    )


async def test_serve_waits_for_a_database_that_is_away(tmp_path: Path) -> None:
    at = desk(tmp_path)
    away = "postgresql://user:pass-word@127.0.0.1:9/box"
    with at.start("serve", DATABASE_URL=away) as running:
        entry = await asyncio.to_thread(logged, running, "store_unavailable")
        assert "Connection refused" in entry["reason"]
        url = await started(running)
        assert (await post(url, body(order()))).status_code == 503
        assert "pass-word" not in await stopped(running)


@pytest.mark.parametrize("command", ["serve", "worker"])
async def test_bad_settings_stop_the_start(command: str, tmp_path: Path) -> None:
    with process([*MODULE, command], tmp_path, {"STRIPE_SECRETS": "short", "PORT": "x"}) as running:
        code, out, err = await asyncio.to_thread(ended, running)
    assert (code, out) == (3, "")
    lines = err.splitlines()
    assert all(line.startswith("receiver: ") for line in lines)
    for name in ("PORT", "STRIPE_SECRETS", "OKTOPOS_URL"):
        assert sum(line.startswith(f"receiver: {name}: ") for line in lines) == 1, name


# At work beside a running receiver


def beside(folder: Path, run: Line) -> Desk:
    """The set-up of `line`, as the commands read it."""
    at = desk(folder, database=run.settings.database_url.replace("+psycopg", ""))
    (folder / "receiver.toml").write_text(CONFIG.format(till=run.till.base_url))
    return at


async def test_a_running_worker_takes_what_is_replayed(tmp_path: Path, database_url: str) -> None:
    async with line(database_url) as run:
        await run.fault("fail", status=400, times=1)
        job = await run.send(order())
        await run.until(job, "dead")
        at = beside(tmp_path, run)
        done = await asyncio.to_thread(at.run, "deliveries", "replay", str(job))
        assert done.stdout == f"{job}: dead -> ready\n"
        found = await run.until(job, "done")
        assert [step["outcome"] for step in found["attempts"]] == ["refused", "replayed", "created"]
        assert len(await run.orders()) == 1


async def test_a_paused_pos_gets_nothing(tmp_path: Path, database_url: str) -> None:
    async with line(database_url) as run:
        at = beside(tmp_path, run)
        await asyncio.to_thread(at.run, "pos", "pause", "mitte")
        job = await run.send(order())
        waiting = await run.until(job, "waiting")
        assert waiting["reason"] == "POS mitte is paused: by an operator"
        listed = await asyncio.to_thread(at.run, "pos", "list", "--json")
        (mitte,) = json.loads(listed.stdout)
        assert (mitte["paused"], mitte["waiting"]) == ("operator", 1)
        assert await run.calls() == []
        await asyncio.to_thread(at.run, "pos", "resume", "mitte")
        await run.until(job, "done")


def recorded(folder: Path, *bodies: tuple[str, bytes]) -> list[str]:
    files = []
    for number, (name, content) in enumerate(bodies):
        file = folder / f"{number}.http"
        file.write_bytes(f"POST /webhooks/{name} HTTP/1.1\nHost: x\n\n".encode() + content)
        files.append(str(file))
    return files


async def test_replay_sends_and_says_what_came_back(tmp_path: Path) -> None:
    async with serving(create_sandbox()) as till:
        at = desk(tmp_path, till=till)
        files = recorded(tmp_path, ("pay", body(payment("O1"))), ("plain", body(order())))
        with at.start("serve") as running:
            url = await started(running)
            done = await asyncio.to_thread(at.run, "replay", *files, "--to", url)
            assert done.stdout.splitlines() == [f"{file}: 200" for file in files]
            again = await asyncio.to_thread(at.run, "replay", files[0], "--to", url, "--json")
            (answer,) = json.loads(again.stdout)
            assert (answer["connection"], answer["status"], answer["answer"]) == ("pay", 200, "")
            await until_states(at, "done", "done")
            await stopped(running)
        assert [row["arrivals"] for row in at.sql("SELECT arrivals FROM deliveries")] == [2, 1]


async def test_replay_to_one_with_another_secret(tmp_path: Path) -> None:
    at = desk(tmp_path)
    files = recorded(tmp_path, ("plain", body(order())))
    with at.start("serve", PLAIN_SECRET="of-the-other-receiver") as running:
        url = await started(running)
        to = ("--to", f"{url}/webhooks/plain")
        done = await asyncio.to_thread(at.run, "replay", *files, *to, code=1)
        assert done.stdout == ""
        assert done.stderr == f'receiver: {files[0]}: 401 {{"error": "signature"}}\n'
        await stopped(running)


async def test_replay_to_where_nothing_listens(tmp_path: Path) -> None:
    at = desk(tmp_path)
    files = recorded(tmp_path, ("plain", body(order())))
    done = await asyncio.to_thread(at.run, "replay", *files, "--to", "http://127.0.0.1:9", code=1)
    assert "no answer" in done.stderr
    assert "is a receiver running at http://127.0.0.1:9/webhooks/plain?" in done.stderr


# sandbox


@contextmanager
def sandbox(folder: Path, *args: str) -> Iterator[subprocess.Popen[str]]:
    with process([*MODULE, "sandbox", *args], folder, {}) as running:
        yield running


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_sandbox(number: int, tmp_path: Path) -> None:
    with sandbox(tmp_path, "--port", "0", "--api-key", "a-key") as running:
        assert running.stdout is not None
        printed = [await asyncio.to_thread(running.stdout.readline) for _ in range(2)]
        said = dict(line.rstrip().split("=") for line in printed)
        assert said["OKTOPOS_API_KEY"] == "a-key"
        async with httpx.AsyncClient(trust_env=False) as web:
            headers = {"X-API-Key": "a-key"}
            answer = await web.get(f"{said['OKTOPOS_URL']}/order/ready", headers=headers)
            assert answer.json() == []
        await stopped(running, number)


async def test_sandbox_on_a_taken_port(tmp_path: Path) -> None:
    async with serving(create_sandbox()) as taken:
        port = taken.rpartition(":")[2]
        with sandbox(tmp_path, "--port", port) as running:
            code, out, err = await asyncio.to_thread(ended, running)
    assert (code, out) == (1, "")
    assert err.endswith("Address already in use; use another --port\n")


async def test_sandbox_with_platforms(tmp_path: Path) -> None:
    """What it prints is a set-up that works: every answer to every platform is taken there."""
    with sandbox(tmp_path, "--port", "0", "--platforms") as running:
        said = await asyncio.to_thread(printed_variables, running)
        found, _ = load({**said, "SECRET_KEY": "k" * 32}, ADAPTERS, directory=tmp_path)
        calls = {
            recording.adapter.slug: demo_answers(recording) for recording in read_all(ADAPTERS)
        }
        assert set(found.connections) == {slug for slug, adapter in ADAPTERS.items() if adapter.api}
        box = await open_box(tmp_path)
        platforms = Platforms(Http(), now, Tokens(vault(box, found.secret_key)))
        for slug, connection in found.connections.items():
            for call in calls[slug]:
                await platforms.call(connection, call)
            reply = await platforms.http.send(
                "GET", f"{connection.api_url}/_sandbox/calls", headers={}
            )
            told = json.loads(reply.body)
            assert [row["wrong"] for row in told] == [[] for _ in told]
            assert sum(row["call"] != "token" for row in told) == len(calls[slug])
        await platforms.http.close()
        await box.close()
        await stopped(running)


def printed_variables(running: subprocess.Popen[str]) -> dict[str, str]:
    """All that it prints until it says on the other stream where to look."""
    assert running.stdout is not None
    assert running.stderr is not None
    running.stderr.readline()
    lines: list[str] = []
    while not lines or not lines[-1].startswith("WOOCOMMERCE_CLIENT_SECRET"):
        lines.append(running.stdout.readline().rstrip())
        assert lines[-1], "it ended before it had said everything"
    return dict(line.split("=", 1) for line in lines)


def demo_answers(recording: Recording) -> list[Call]:
    order = recording.order
    return [
        call
        for outcome in get_args(Outcome)
        if order
        for call in recording.adapter.answer(recording.delivery, order, Told(outcome, now()))
    ]


async def open_box(folder: Path) -> Inbox:
    url = f"sqlite:///{folder / 'box.db'}"
    migrate(url)
    return await open_inbox(url)


# demo


def demo(folder: Path, *args: str, program: Sequence[str] = MODULE) -> tuple[int, str, str]:
    with process([*program, "demo", *args], folder, {}) as running:
        return ended(running)


async def test_demo_once(tmp_path: Path) -> None:
    code, out, err = demo(tmp_path, "--once", "--json")
    assert code == 0, (out, err)
    said = json.loads(out)
    assert said["ok"]
    assert {arrival["platform"] for arrival in said["deliveries"]} == set(ADAPTERS)
    for arrival in said["deliveries"]:
        slug = arrival["platform"]
        assert 200 <= arrival["answer"] < 300
        assert arrival["why"] is None
        assert arrival["oktopos_id"] > 10_000
        if ADAPTERS[slug].kind == "orders":
            assert arrival["total"] > 0
            assert bool(arrival["told"]) == (ADAPTERS[slug].answer is not nothing)
    told = {arrival["platform"]: arrival["told"] for arrival in said["deliveries"]}
    assert told["uber_eats"] == ["accept", "ready"]
    assert told["lieferando"][0] == "sent-to-pos-success"
    kinds = [ADAPTERS[arrival["platform"]].kind for arrival in said["deliveries"]]
    assert kinds == sorted(kinds, reverse=True)
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


async def test_demo_table(tmp_path: Path) -> None:
    code, out, err = demo(tmp_path, "--once")
    assert (code, err) == (0, "")
    head, *rows = out.splitlines()
    assert head.split()[:4] == ["platform", "event", "answer", "ms"]
    assert [row.split()[0] for row in rows if row[0] != " "] == [
        recording.adapter.slug for recording in everything(read_all(ADAPTERS))
    ]


async def test_demo_stays_up_until_told(tmp_path: Path) -> None:
    with process([*MODULE, "demo", "--json"], tmp_path, {}) as running:
        assert running.stderr is not None
        shown: dict[str, list[str]] = {}
        while "OktoPOS" not in shown:
            name, *rest = (await asyncio.to_thread(running.stderr.readline)).split() or [""]
            shown[name] = rest
        async with httpx.AsyncClient(trust_env=False) as web:
            assert len((await web.get(shown["OktoPOS"][0])).json()) > 0
            console, _, password = shown["console"]
            origin = {"origin": console.removesuffix("/console")}
            form = {"password": password}
            await web.post(f"{console}/sign-in", data=form, headers=origin)
            assert "Nothing needs you" in (await web.get(console)).text
        running.send_signal(signal.SIGINT)
        code, out, _ = await asyncio.to_thread(ended, running)
    assert code == 0
    assert json.loads(out)["ok"]


async def test_demo_says_what_did_not_arrive(tmp_path: Path) -> None:
    """A payment whose order never comes."""
    program = """
import receiver.cli.setup
from adapters import ADAPTERS
receiver.cli.setup.ADAPTERS = {"stripe": ADAPTERS["stripe"]}
import receiver.cli.demo.playing
receiver.cli.demo.playing.PATIENCE = 0.5
from receiver.__main__ import main
main()
"""
    code, out, err = demo(tmp_path, "--once", "--json", program=[sys.executable, "-c", program])
    assert code == 1
    (arrival,) = json.loads(out)["deliveries"]
    assert arrival["why"].startswith("its order does not stand at OktoPOS: ")
    assert f"receiver: stripe payment_intent.succeeded: {arrival['why']}" in err


async def test_demo_says_what_a_platform_would_not_take(tmp_path: Path) -> None:
    program = """
import dataclasses
import receiver.cli.setup
from adapters import ADAPTERS
glovo = ADAPTERS["glovo"]
def answer(*said):
    return [dataclasses.replace(call, json={"status": "DONE"}) for call in glovo.answer(*said)]
receiver.cli.setup.ADAPTERS = {"glovo": dataclasses.replace(glovo, answer=answer)}
from receiver.__main__ import main
main()
"""
    code, out, err = demo(tmp_path, "--once", "--json", program=[sys.executable, "-c", program])
    assert code == 1
    (arrival,) = json.loads(out)["deliveries"]
    assert arrival["told"] == []
    assert "the platform was not told" in arrival["why"]
    assert "/status: body.status: Input should be 'ACCEPTED'" in arrival["why"]
    assert arrival["why"] in err


@pytest.mark.parametrize(
    ("told", "state", "waited", "why"),
    [
        (["appointed"], "done", True, None),
        (["paid"], "done", True, "OktoPOS was told paid, not appointed"),
        ([], "done", True, "OktoPOS was told nothing, not appointed"),
        (["appointed"], "done", False, "it did not wait for its order"),
        (["appointed"], "held", True, "it is held: held"),
    ],
)
async def test_demo_looks_at_what_oktopos_was_told(
    told: list[str], state: str, waited: bool, why: str | None
) -> None:
    recording = next(one for one in read_all(ADAPTERS) if one.adapter.slug == "klarna")
    update = recording.payment
    assert update
    held = f"standard_webhooks:{update.reference}"
    steps = [{"kind": "payment", "status": status} for status in told]
    seen = Seen(
        jobs=[
            {"connection": "klarna", "queue": "q", "answer": None, "state": state, "reason": state}
        ],
        orders={held: {"orderId": held, "internalId": 1, "history": steps}},
        calls={},
    )
    sent = Arrival(platform="klarna", event="completed", answer=200, ms=1.0)
    assert of_payment(sent, recording, update, seen, waited=waited).why == why


async def test_demo_needs_the_recordings(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="run the demo from a clone"):
        read_all(ADAPTERS, tmp_path)


async def test_module_and_script_are_the_same(tmp_path: Path) -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert 'receiver = "receiver.__main__:main"' in project
    with process([*MODULE, "--help"], tmp_path, {}) as running:
        code, out, _ = ended(running)
    assert code == 0
    assert "Usage: receiver" in out
