"""The console's pages and buttons: what an operator sees, and that it is done."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from adapters.contract import Delivery
from receiver.articles import Chosen
from receiver.console import deliveries, remedies
from receiver.console.bodies import LONGEST, shown
from receiver.inbox import articles, listing, operate, quarantine
from tests.commands import delivery as signed_delivery
from tests.consoles import SOLD, STRANGE, Operator, operating, operating_with_platform
from tests.databases import sqlite_only
from tests.plain import PLAIN, body, order
from tests.running import Json, eventually
from tests.test_house import PRODUCT, ROOT

pytestmark = pytest.mark.anyio

OTHER_SECRET = "another-secret-for-tests"
MARKUP = "<script>alert('Mia')</script>"


async def held(operator: Operator, order_id: str = "o1", **changes: Any) -> int:
    """An order that waits for an article."""
    job = await operator.run.send(order(order_id, lines=[STRANGE], **changes))
    await operator.run.until(job, "held")
    return job


async def dead(operator: Operator) -> int:
    """What nobody can read."""
    assert (await operator.run.post(b'{"id": "unreadable"}')).status_code == 200
    job = int((await operator.run.jobs(limit=1))[0]["id"])
    await operator.run.until(job, "dead")
    return job


async def states(operator: Operator) -> dict[int, str]:
    return {job["id"]: job["state"] for job in await operator.run.jobs()}


async def pos(operator: Operator, name: str = "mitte") -> Json:
    rows = await operator.run.inbox.read(listing.pos_list)
    return next((row for row in rows if row["pos"] == name), {"paused": None})


# The overview


async def test_nothing_needs_anyone(database_url: str) -> None:
    async with operating(database_url) as operator:
        page = await operator.get()
        assert "Nothing needs you" in page
        assert "Platforms wait" not in page


async def test_what_stands_is_counted_and_led_to(database_url: str) -> None:
    async with operating(database_url) as operator:
        await operator.sync()
        await held(operator)
        await dead(operator)
        page = await operator.get()
        assert "2 need you" in page
        assert '<a href="/console/deliveries?show=held"><b>1</b> held</a>' in page
        assert '<a href="/console/deliveries?show=dead"><b>1</b> dead</a>' in page


async def test_a_part_is_what_the_page_shows(database_url: str) -> None:
    async with operating(database_url) as operator:
        part = await operator.get("?part=1")
        assert part.startswith("<h1")
        assert "<html" not in part
        assert "Pause mitte" in part


async def test_what_a_platform_waits_for_comes_soonest_first(database_url: str) -> None:
    async with operating_with_platform(database_url) as (operator, _):
        await operator.sync()
        first = await held(operator, "first")
        await operator.run.inbox.write(
            lambda box: box.exec_driver_sql(f"UPDATE jobs SET deadline = 1000 WHERE id = {first}")
        )
        await held(operator, "late")
        await held(operator, "soon", deadline=(operator.run.clock()).isoformat())
        page = await operator.get()
        assert "Platforms wait for these" in page
        places = [page.index(f"plain:{name}<") for name in ("late", "soon", "first")]
        assert places == sorted(places)
        assert " left</strong>" in page
        assert " too late</strong>" in page


async def test_pause_and_resume(database_url: str) -> None:
    async with operating(database_url) as operator:
        page = await operator.press("", "Pause mitte")
        assert "mitte is paused until you resume it." in page
        assert "paused by an operator" in page
        assert (await pos(operator))["paused"] == "operator"
        waiting = await operator.run.send(order())
        await operator.run.until(waiting, "waiting")
        assert "1 waiting" in await operator.get()
        assert "mitte is open." in await operator.press("", "Resume mitte")
        await operator.run.until(waiting, "done")
        assert (await pos(operator))["paused"] is None


@pytest.mark.parametrize(("name", "do", "status"), [("nowhere", "pause", 404), ("mitte", "x", 400)])
async def test_only_what_there_is_is_paused(
    name: str, do: str, status: int, database_url: str
) -> None:
    async with operating(database_url) as operator:
        form = await operator.form("", "Pause mitte")
        sent = {**form.fields, "pos": name, "do": do}
        answer = await operator.client.post(form.action, data=sent)
        assert answer.status_code == status
        assert await operator.run.inbox.read(listing.pos_list) == []


async def test_a_till_that_fails_says_why_and_when_it_is_probed(database_url: str) -> None:
    async with operating(database_url) as operator:
        await operator.run.fault("forbid")
        await operator.run.until(await operator.run.send(order()), "waiting")
        page = await operator.get()
        assert "paused: it fails" in page
        assert "key rejected" in page
        assert "next probe <time>" in page


# The list


async def test_what_needs_nobody_is_not_in_the_way(database_url: str) -> None:
    async with operating(database_url) as operator:
        await operator.sync()
        done = await operator.run.send(order("fine", lines=[SOLD]))
        await operator.run.until(done, "done")
        waits = await held(operator)
        given_up = await dead(operator)
        page = await operator.get("/deliveries")
        assert f'/console/deliveries/{waits}"' in page
        assert f'/console/deliveries/{given_up}"' in page
        assert f'/console/deliveries/{done}"' not in page
        await operator.press(f"/deliveries/{given_up}/discard", "Discard it")
        assert f'/console/deliveries/{given_up}"' not in await operator.get("/deliveries")
        assert "1 needs you" in await operator.get()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("show=any", {"o1", "o2", "p1"}),
        ("show=held", {"o1"}),
        ("show=any&connection=pay", {"p1"}),
        ("show=any&connection=nobody", set()),
        ("show=any&pos=mitte&connection=plain", {"o1", "o2"}),
        ("show=any&pos=@plain", set()),
        ("show=any&text=plain:o2", {"o2"}),
        ("show=any&text=O2", {"o2"}),  # what is called out
        ("show=any&text=Margarita", {"o1"}),
        ("show=any&text=100%25_", set()),
        ("show=anything", {"o1"}),
    ],
)
async def test_filters(query: str, found: set[str], database_url: str) -> None:
    async with operating(database_url) as operator:
        await operator.sync()
        await held(operator, "o1")
        await operator.run.until(await operator.run.send(order("o2", lines=[SOLD])), "done")
        waits = await operator.run.send({"is": "Ignored", "event_type": "p1"}, to="pay", order="p1")
        await operator.run.until(waits, "ignored")
        page = await operator.get(f"/deliveries?{query}")
        shown = {name for name in ("o1", "o2", "p1") if f":{name}</a>" in page}
        assert shown == found


async def test_pages_go_on_until_the_first(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a page finds nothing within what it looks at."""
    monkeypatch.setattr(deliveries, "ROWS", 2)
    monkeypatch.setattr("receiver.inbox.desk.WINDOW", 3)
    async with operating(database_url, work=False) as operator:
        for number in range(7):
            await operator.run.send(order(f"o{number}"))
        seen: list[str] = []
        page = await operator.get("/deliveries?show=any")
        for _ in range(10):
            seen += [f"o{number}" for number in range(6, -1, -1) if f":o{number}</a>" in page]
            if 'rel="next"' not in page:
                break
            address = page.partition('rel="next" href="/console')[2].partition('"')[0]
            page = await operator.get(address.replace("&amp;", "&"))
        assert seen == [f"o{number}" for number in range(6, -1, -1)]
        lone = await operator.get("/deliveries?show=any&text=plain:o0")
        assert 'rel="next"' in lone
        assert "There is none among these." in lone


# One delivery


async def test_a_delivery_says_all_but_its_body(database_url: str) -> None:
    async with operating(database_url) as operator:
        guest: Json = {"customer": {"given_name": "Mia Beispiel", "phone": "+49 30 555 01 17"}}
        dish = {**STRANGE, "pos_ref": "4711"}
        tip = [{"amount": 150, "owner": "restaurant"}]
        job = await operator.run.send(order(lines=[dish], tips=tip, **guest))
        await operator.run.until(job, "done")
        (at_till,) = await operator.run.orders()
        page = await operator.get(f"/deliveries/{job}")
        for text in ("plain:o1", "called O1", "9.90, tip 1.50", str(at_till["internalId"])):
            assert text in page
        assert "Mia Beispiel" not in page.partition("What was tried")[0]  # a token may say "Mia"
        read = await operator.get(f"/deliveries/{job}/body")
        assert "&#34;given_name&#34;: &#34;Mia Beispiel&#34;" in read


async def test_the_answer_is_shown_whole_and_says_what_to_do(database_url: str) -> None:
    async with operating(database_url) as operator:
        await operator.run.fault("fail", status=422)
        job = await operator.run.send(order())
        dead = await operator.run.until(job, "dead")
        page = await operator.get(f"/deliveries/{job}")
        assert "OktoPOS refused with 422" in page
        assert remedies.BY_REASON["OktoPOS refused"] in page
        answer = dead["attempts"][-1]["answer"]
        assert answer
        assert answer.replace('"', "&#34;") in page.replace("&#39;", "'")


async def test_what_others_wrote_is_text(database_url: str) -> None:
    async with operating(database_url) as operator:
        await operator.sync()
        job = await held(operator, MARKUP)
        dish = {**STRANGE, "name": MARKUP, "item_id": MARKUP}
        await operator.run.until(await operator.run.send(order("o2", lines=[dish])), "held")
        for path in ("", "/deliveries", f"/deliveries/{job}", f"/deliveries/{job + 1}",
                     f"/deliveries/{job}/body", f"/deliveries/{job}/cancel",
                     f"/deliveries?text={MARKUP}"):  # fmt: skip
            page = await operator.get(path)
            assert "<script>" not in page.replace('<script src="/console/static', "")


async def test_replay_and_hold(database_url: str) -> None:
    async with operating(database_url, work=False) as operator:
        job = await operator.run.send(order())
        assert "ready -&gt; held" in await operator.press(f"/deliveries/{job}", "Hold")
        page = await operator.get(f"/deliveries/{job}")
        assert remedies.BY_REASON["held by an operator"] in page
        assert "held -&gt; ready" in await operator.press(f"/deliveries/{job}", "Replay")
        steps = (await operator.run.job(job))["attempts"]
        assert [step["outcome"] for step in steps] == ["held", "replayed"]


async def test_what_cannot_be_undone_is_asked_for_twice(database_url: str) -> None:
    async with operating(database_url, work=False) as operator:
        job = await operator.run.send(order())
        with pytest.raises(ValueError, match="unpack"):
            await operator.form(f"/deliveries/{job}", "Discard")
        assert await states(operator) == {job: "ready"}
        await operator.press(f"/deliveries/{job}/discard", "Discard it")
        assert await states(operator) == {job: "dead"}


async def test_only_what_can_be_done_is_offered(database_url: str) -> None:
    async with operating(database_url, work=False) as operator:
        job = await operator.run.send(order())
        for state, names in (
            ("ready", ["Replay", "Hold"]),
            ("held", ["Replay"]),
            ("running", []),
            ("done", ["Replay"]),
        ):
            await set_state(operator, job, state)
            page = await operator.get(f"/deliveries/{job}")
            assert [n for n in ("Replay", "Hold") if f"<button>{n}<" in page] == names, state
            assert ("Discard …" in page) is (state in ("ready", "held"))


async def set_state(operator: Operator, job: int, state: str) -> None:
    await operator.run.inbox.write(
        lambda box: box.exec_driver_sql(f"UPDATE jobs SET state = '{state}' WHERE id = {job}")
    )


async def test_too_late_is_said(database_url: str) -> None:
    """It was claimed between the page and the click."""
    async with operating(database_url, work=False) as operator:
        job = await operator.run.send(order())
        form = await operator.form(f"/deliveries/{job}", "Hold")
        await set_state(operator, job, "running")
        answer = await operator.client.post(form.action, data=form.fields)
        shown_page = await operator.client.get(answer.headers["location"])
        assert "it is running, so it is the worker&#39;s; try again in a moment" in shown_page.text


async def test_cancel_where_the_platform_is_told(database_url: str) -> None:
    async with operating_with_platform(database_url) as (operator, platform):
        job = await operator.run.send(order())
        await platform.told("/orders/o1/created")
        assert "its platform is told" in await operator.get(f"/deliveries/{job}/cancel")
        page = await operator.press(
            f"/deliveries/{job}/cancel", "Cancel the order", reason="closed"
        )
        assert "plain:o1: is being canceled, its platform is told" in page
        await platform.told("/orders/o1/created", "/orders/o1/withdrawn")
        assert platform.heard[-1][1]["reason"] == "closed"

        async def at_till() -> list[str]:
            return [held["status"] for held in await operator.run.orders()]

        await eventually(at_till, lambda found: found == ["canceled"])
        again = await eventually(
            lambda: operator.get(f"/deliveries/{job}/cancel"),
            lambda page: "it is canceled already" in page,
        )
        assert "Cancel the order</button>" not in again


async def test_a_button_pressed_twice_cancels_once(database_url: str) -> None:
    async with operating_with_platform(database_url) as (operator, platform):
        job = await operator.run.send(order())
        await platform.told("/orders/o1/created")
        await operator.press("", "Pause mitte")
        await operator.press("", "Pause @plain")
        form = await operator.form(f"/deliveries/{job}/cancel", "Cancel the order")
        for _ in range(2):
            await operator.client.post(form.action, data={**form.fields, "reason": "closed"})
        assert [row["queue"] for row in await operator.run.jobs()] == [
            "answer plain:o1", "plain:o1", "answer plain:o1", "plain:o1",
        ]  # fmt: skip
        assert "about to be canceled" in await operator.get(f"/deliveries/{job}/cancel")


@pytest.mark.parametrize(
    ("connection", "why"),
    [
        ({"adapter": replace(PLAIN, answer=lambda *_: ())}, "Plain takes no cancellation of this"),
        ({"accept": "never"}, "connections.plain has no credentials to call Plain"),
    ],
    ids=["no call", "no credentials"],
)
async def test_cancel_says_why_the_platform_is_not_told(
    connection: Json, why: str, database_url: str
) -> None:
    credentials = {"accept": "on_pos", "client_id": None, "client_secret": None}
    async with operating(database_url, connection={**credentials, **connection}) as operator:
        job = await operator.run.send(order())
        await operator.run.until(job, "done")
        assert why in await operator.get(f"/deliveries/{job}/cancel")
        page = await operator.press(
            f"/deliveries/{job}/cancel", "Cancel the order", reason="technical"
        )
        assert "cancel it at its platform yourself" in page


async def test_no_order_nothing_to_cancel(database_url: str) -> None:
    async with operating(database_url) as operator:
        job = await dead(operator)
        assert "Cancel the order" not in await operator.get(f"/deliveries/{job}")
        assert "No order came of it." in await operator.get(f"/deliveries/{job}/cancel")


async def test_what_came_of_it_is_beside_it(database_url: str) -> None:
    async with operating_with_platform(database_url) as (operator, platform):
        job = await operator.run.send(order())
        await platform.told("/orders/o1/created")
        page = await operator.get(f"/deliveries/{job}")
        assert "All that came of this delivery" in page
        assert "answer plain:o1" in page


async def test_what_is_purged_is_gone(database_url: str) -> None:
    async with operating(database_url) as operator:
        job = await operator.run.send(order())
        await operator.run.until(job, "done")
        await operator.run.inbox.write(
            lambda box: box.exec_driver_sql("UPDATE deliveries SET purged_at = 1000")
        )
        page = await operator.get(f"/deliveries/{job}")
        assert "What it brought was purged" in page
        assert "Replay" not in page
        await operator.get(f"/deliveries/{job}/body", status=404)


@pytest.mark.parametrize(
    "path", ["/deliveries/9", "/deliveries/9/body", "/deliveries/9/cancel", "/deliveries/x",
             "/deliveries/0", f"/deliveries/{2**63}", "/deliveries/1/replay", "/articles/nobody",
             "/nothing", "/static/nothing", "/static/../console.css"],
)  # fmt: skip
@sqlite_only
async def test_what_is_not_there(path: str, database_url: str) -> None:
    async with operating(database_url, work=False) as operator:
        await operator.run.send(order())
        assert "There is no such page" in await operator.get(path, status=404)


# Articles


async def test_one_click_maps_and_all_who_wait_go_on(database_url: str) -> None:
    async with operating(database_url) as operator:
        await operator.sync()
        first, second = await held(operator, "o1"), await held(operator, "o2")
        page = await operator.press(f"/deliveries/{first}", "Pizza Margherita (4711)")
        assert "i-7 is article 4711. 2 held orders look again." in page
        await operator.run.until(first, "done")
        await operator.run.until(second, "done")
        assert {row["orderId"] for row in await operator.run.orders()} == {"plain:o1", "plain:o2"}


async def test_another_article_is_looked_for(database_url: str) -> None:
    async with operating(database_url) as operator:
        await operator.sync()
        job = await held(operator)
        page = await operator.get(f"/deliveries/{job}")
        address = page.partition("/choose?")[2].partition('"')[0].replace("&amp;", "&")
        assert address == f"reference=i-7&find=Piza+Margarita&job={job}"
        choose = f"/articles/plain/choose?reference=i-7&job={job}&find=limonade"
        page = await operator.press(choose, "Limonade 0,33 l (4740)")
        assert f"/console/deliveries/{job}?part=1" in page
        await operator.run.until(job, "done")


async def test_mappings_are_listed_changed_and_removed(database_url: str) -> None:
    async with operating(database_url) as operator:
        await operator.sync()
        choose = "/articles/plain/choose?reference=i-7"
        await operator.press(choose, "Map it", article="4711", channel="2")
        page = await operator.get("/articles/plain")
        assert "<strong>i-7</strong> is article 4711 in channel 2" in page
        await operator.press(choose, "Map it", article=" 4740 ")
        assert await mapped(operator) == {"i-7": Chosen("4740")}
        page = await operator.press("/articles/plain", "Remove i-7")
        assert "i-7 is not mapped any more." in page
        assert await mapped(operator) == {}


async def mapped(operator: Operator) -> dict[str, Chosen]:
    return await operator.run.inbox.read(lambda box: articles.chosen(box, "plain"))


async def test_many_mappings_are_paged(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("receiver.console.articles.ROWS", 2)
    async with operating(database_url) as operator:
        many = {f"r&{number}": Chosen("1") for number in range(3)}
        now = operator.run.clock()
        await operator.run.inbox.write(lambda box: articles.choose(box, "plain", many, now))
        first = await operator.get("/articles/plain")
        assert [name in first for name in ("r&amp;0<", "r&amp;1<", "r&amp;2<")] == [
            True,
            True,
            False,
        ]
        address = first.partition('rel="next" href="/console')[2].partition('"')[0]
        second = await operator.get(address)
        assert "r&amp;2<" in second
        assert "r&amp;1<" not in second
        assert 'rel="next"' not in second


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ({"article": "9999"}, "article 9999 is not in the catalogue of mitte"),
        ({"reference": "P9", "article": "4711"}, "is mapped by connections.plain.articles"),
    ],
    ids=["unknown", "by the set-up"],
)
async def test_a_mapping_that_cannot_be(typed: dict[str, str], why: str, database_url: str) -> None:
    async with operating(database_url, connection={"articles": {"P9": "1"}}) as operator:
        await operator.sync()
        page = await operator.press("/articles/plain/choose?reference=i-7", "Map it", **typed)
        assert f"Nothing was changed: {typed.get('reference', '')}" in page
        assert why in page
        assert await mapped(operator) == {}


async def test_a_catalogue_that_was_never_read(database_url: str) -> None:
    async with operating(database_url) as operator:
        assert "never read" in await operator.get("/articles")
        await operator.sync()
        assert "16 articles, read <time>" in await operator.get("/articles")


# Quarantine


async def suspect(operator: Operator, *secrets: str) -> None:
    for number, secret in enumerate(secrets):
        one = quarantine.Suspect("plain", forged(secret, f"o{number}"), "the signature differs")
        now = operator.run.clock()
        await operator.run.inbox.write(lambda box: quarantine.add(box, [one], now))  # noqa: B023


def forged(secret: str, order_id: str) -> Delivery:
    return signed_delivery(body(order(order_id)), secret)


async def test_quarantine_is_looked_at_again(database_url: str) -> None:
    async with operating(database_url) as operator:
        await suspect(operator, "a-plain-secret-for-tests", OTHER_SECRET)
        page = await operator.get("/quarantine")
        assert page.count("the signature differs") == 2
        (second,) = await operator.run.inbox.read(lambda box: quarantine.every(box, [2]))
        assert second[0] == 2
        page = await operator.press("/quarantine", "Verify all of these again")
        assert "1 of 2 released." in page
        assert "still not proven genuine" in page
        assert len(await operator.run.inbox.read(quarantine.every)) == 1
        (job,) = await operator.run.jobs()
        await operator.run.until(job["id"], "done")
        assert "0 of 1 released." in await operator.press("/quarantine", "Verify 2 again")


async def test_quarantine_is_paged(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("receiver.console.quarantine.ROWS", 2)
    async with operating(database_url) as operator:
        await suspect(operator, *([OTHER_SECRET] * 3))
        assert 'href="/console/quarantine?before=2"' in await operator.get("/quarantine")
        assert "0 of 2 released." in await operator.press(
            "/quarantine", "Verify all of these again", ids="1 2 3"
        )
        older = await operator.get("/quarantine?before=2")
        assert "Verify 1 again" in older
        assert 'rel="next"' not in older


# Remedies and bodies


@pytest.mark.parametrize("words", remedies.BY_REASON)
def test_every_remedy_is_for_a_reason_there_is(words: str) -> None:
    here = ROOT / "receiver" / "console"
    texts = [file.read_text("utf-8") for file in PRODUCT if here not in file.parents]
    assert any(words.strip() in text for text in texts), words


def test_a_remedy_by_state_where_no_reason_says_more() -> None:
    job = {"state": "held", "reason": "something new", "pos": "mitte", "attempts": []}
    assert remedies.remedy(job) == remedies.BY_STATE["held"]
    assert remedies.remedy({**job, "state": "done"}) is None
    assert remedies.remedy({**job, "state": "dead", "pos": "@plain"}) == remedies.UNTOLD
    unreadable = [{"outcome": "unreadable"}]
    assert remedies.remedy({**job, "attempts": unreadable}) == remedies.UNREADABLE


def test_a_body_is_shown_as_it_was_written() -> None:
    assert shown(b'{"price":1.10,"a":[]}')[0] == '{\n  "price": 1.10,\n  "a": []\n}'
    assert shown(b"id=tr_1&name=M%C3%BCller")[0] == "id = tr_1\nname = Müller"
    assert shown(b"<order/>")[0] == "<order/>"
    assert shown(b"\xff\x00")[0] == "\ufffd\x00"
    assert shown(b"x" * (LONGEST + 3)) == ("x" * LONGEST, 3)
    deep = b"[" * 100_000
    assert shown(deep)[0] == deep.decode()
    assert json.loads(shown(json.dumps({"a": 1}).encode())[0]) == {"a": 1}
    many = b"&".join(b"a=%d" % number for number in range(2_000))
    assert shown(many)[0] == many.decode()
    assert operate.DISCARDED in remedies.BY_REASON
