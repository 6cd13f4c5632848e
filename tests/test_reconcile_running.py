"""Reconciling as it happens: processes that stop and start, and real platforms' answers."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters import ADAPTERS
from adapters.contract import Delivery
from receiver.cli.reconcile import moment
from receiver.cli.stand_ins import StandIn, stand_in, together
from receiver.inbox.by_hand import transaction
from receiver.inbox.migrate import migrate
from receiver.sandbox import create_sandbox
from receiver.serving import serving
from tests.commands import ended, logged, process
from tests.goldens import Fixture
from tests.listings import SAMPLES, demo
from tests.running import NO_TLS, eventually

pytestmark = pytest.mark.anyio

MODULE = (sys.executable, "-m", "receiver")
Json = Any


@dataclass(slots=True)
class Town:
    """A till, a platform, and a receiver's set-up between them; a process each time it runs."""

    folder: Path
    stand_in: StandIn
    environ: Mapping[str, str]
    till: httpx.AsyncClient
    platform: httpx.AsyncClient

    @property
    def fixture(self) -> Fixture:
        return demo(self.stand_in.adapter)

    @asynccontextmanager
    async def receiver(self) -> AsyncIterator[str]:
        """The address it listens at, as long as it runs."""
        with process([*MODULE, "serve"], self.folder, self.environ) as running:
            entry = await asyncio.to_thread(logged, running, "listening")
            yield f"http://127.0.0.1:{entry['port']}"
            running.terminate()
            code, _, err = await asyncio.to_thread(ended, running)
            assert code == 0, err
            assert "Traceback" not in err

    async def send(self, url: str, delivery: Delivery) -> None:
        """As the platform signs it."""
        at = replace(delivery, received_at=datetime.now(UTC))
        signed = self.stand_in.adapter.sign(at, self.stand_in.known.secret)
        slug = self.stand_in.adapter.slug
        target = f"/webhooks/{slug}/{delivery.path}".rstrip("/")
        async with httpx.AsyncClient(trust_env=False, verify=NO_TLS) as web:
            answer = await web.request(
                signed.method, url + target, headers=signed.headers, content=signed.body
            )
        assert 200 <= answer.status_code < 300, answer.text

    async def orders(self) -> list[str]:
        return [held["orderId"] for held in (await self.till.get("/_sandbox/orders")).json()]

    async def until_orders(self, *ids: str) -> None:
        await eventually(self.orders, lambda found: sorted(found) == sorted(ids))

    async def answers(
        self, path: str, body: Json, headers: Mapping[str, str] | None = None
    ) -> None:
        kept = {"path": path, "body": body, "headers": dict(headers or {})}
        answer = await self.platform.post("/_sandbox/answers", json=kept)
        assert answer.status_code == 204

    async def told(self) -> list[Json]:
        found: list[Json] = (await self.platform.get("/_sandbox/calls")).json()
        return found

    def sql(self, statement: str) -> list[dict[str, Any]]:
        with transaction(self.environ["DATABASE_URL"], writes=True) as box:
            found = box.exec_driver_sql(statement)
            return [dict(row) for row in found.mappings()] if found.returns_rows else []

    def pass_time(self, hours: float) -> None:
        """All that is kept came so much earlier."""
        back = round(timedelta(hours=hours).total_seconds() * 1000)
        self.sql(f"UPDATE deliveries SET received_at = received_at - {back}")

    def jobs(self) -> list[str]:
        query = (
            "SELECT delivery_id || ': ' || state AS said FROM jobs JOIN deliveries"
            " ON deliveries.id = jobs.delivery WHERE call IS NULL ORDER BY jobs.id"
        )
        return [row["said"] for row in self.sql(query)]


@asynccontextmanager
async def town(folder: Path, slug: str, **environ: str) -> AsyncIterator[Town]:
    fixture = demo(ADAPTERS[slug])
    there = stand_in(ADAPTERS[slug], "a town")
    assert there
    async with AsyncExitStack() as stack:
        till, base = [
            await stack.enter_async_context(serving(app))
            for app in (create_sandbox(), together({slug: there}))
        ]
        pos, api = [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=url, trust_env=False, verify=NO_TLS)
            )
            for url in (till, f"{base}/{slug}")
        ]
        database = f"sqlite:///{folder / 'box.db'}"
        migrate(database)
        settings = {
            "DATABASE_URL": database,
            "HOST": "127.0.0.1",
            "PORT": "0",
            "SECRET_KEY": "k" * 32,
            "OKTOPOS_URL": f"{till}/v1",
            "OKTOPOS_API_KEY": "sandbox",
            "OKTOPOS_UNKNOWN_ARTICLE": "name",
            **there.variables(base),
            **environ,
        }
        for name, body in fixture.fetched().items():
            assert name == "order"
            order_id = json.loads(fixture.unsigned().body)["meta"]["resource_id"]
            fetched = json.loads(body)
            await api.post(
                "/_sandbox/answers",
                json={"path": f"/v1/delivery/order/{order_id}", "body": fetched},
            )
        yield Town(folder, there, settings, pos, api)


def another(fixture: Fixture) -> Json:
    """An Uber Eats order we have never heard of."""
    order = json.loads(fixture.fetched()["order"])["order"]
    return {**order, "id": "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d", "display_id": "B3C4D"}


async def list_at_uber(at: Town, *orders: Json) -> None:
    store = json.loads(at.fixture.unsigned().body)["meta"]["user_id"]
    page = {"data": [{"order": order} for order in orders], "pagination_data": {"page_size": 50}}
    await at.answers(f"/v1/delivery/store/{store}/orders", page)
    for order in orders:
        await at.answers(f"/v1/delivery/order/{order['id']}", {"order": order})


async def test_an_order_of_an_outage_arrives_once(tmp_path: Path) -> None:
    """And still once when its webhook comes after all."""
    async with town(tmp_path, "uber_eats") as at:
        first = json.loads(at.fixture.fetched()["order"])["order"]
        missed = another(at.fixture)
        ids = [f"uber_eats:{order['id']}" for order in (first, missed)]
        async with at.receiver() as url:
            await at.send(url, at.fixture.unsigned())
            await at.until_orders(ids[0])
        at.pass_time(hours=2)
        await list_at_uber(at, first, missed)
        async with at.receiver() as url:
            await at.until_orders(*ids)
            await eventually(
                accepted(at), lambda paths: sorted(paths) == sorted([first["id"], missed["id"]])
            )
            notice = json.loads(at.fixture.unsigned().body)
            late = {
                **notice,
                "event_id": "late",
                "meta": {**notice["meta"], "resource_id": missed["id"]},
                "resource_href": f"https://api.uber.com/v1/delivery/order/{missed['id']}",
            }
            await at.send(url, replace(at.fixture.unsigned(), body=json.dumps(late).encode()))
            await eventually(
                lambda: asyncio.to_thread(at.jobs),
                lambda jobs: jobs[1:] == [f"reconciled:{missed['id']}: done", "late: done"],
            )
        assert sorted(await at.orders()) == sorted(ids)
        assert [row["wrong"] for row in await at.told()] == [[] for _ in await at.told()]
        async with at.receiver():
            await asyncio.sleep(0.5)
        assert len(at.jobs()) == 3


def accepted(at: Town) -> Any:
    async def paths() -> list[str]:
        return [row["path"].split("/")[4] for row in await at.told() if row["call"] == "accept"]

    return paths


async def test_a_start_soon_after_asks_nobody(tmp_path: Path) -> None:
    """For so long the platform itself sends again."""
    async with town(tmp_path, "uber_eats") as at:
        async with at.receiver() as url:
            await at.send(url, at.fixture.unsigned())
            await eventually(accepted(at), bool)
        at.pass_time(hours=0.2)
        await list_at_uber(at, another(at.fixture))
        async with at.receiver():
            await asyncio.sleep(0.5)
        assert "list" not in {row["call"] for row in await at.told()}


# The command


async def command(at: Town, *args: str, code: int = 0) -> tuple[str, str]:
    with process([*MODULE, "reconcile", *args], at.folder, at.environ) as running:
        status, out, err = await asyncio.to_thread(ended, running)
    assert status == code, (out, err)
    assert "Traceback" not in err
    return out, err


LISTS = {  # where each platform lists, and what is around an order there
    "deliveroo": "/order/v2/brand/{brand_id}/restaurant/{location_id}/orders",
    "hubrise": "/v1/locations/7rd3k-0/orders",
    "shopify": "/admin/api/2026-01/orders.json",
    "woocommerce": "/wp-json/wc/v3/orders",
}


@pytest.mark.parametrize("slug", sorted(SAMPLES))
async def test_every_platform_that_lists(slug: str, tmp_path: Path) -> None:
    """Its own demo order, found by asking: what arrives is what its webhook would have brought."""
    async with town(tmp_path, slug) as at:
        sample = SAMPLES[slug]
        order = sample.order(at.fixture)
        if slug == "deliveroo":  # knows its brand by an order only
            order = {**order, "id": "de:another"}
        await list_everywhere(at, slug, order)
        names = {"deliveroo": None, "delivery_hero": "mitte-01"}
        await know_the_store(at, slug, names.get(slug, sample.place))
        since = (datetime.now(UTC) - timedelta(hours=3)).isoformat()
        out, err = await command(at, slug, "--since", since, "--json")
        (report,) = json.loads(out)
        assert (report["connection"], report["failed"], report["over"]) == (slug, [], [])
        assert (report["listed"], len(report["kept"]), report["known"]) == (1, 1, 0)
        again, _ = await command(at, slug, "--since", since, "--json")
        (report,) = json.loads(again)
        assert (report["listed"], report["kept"], report["known"]) == (1, [], 1)
        assert [row["wrong"] for row in await at.told()] == [[] for _ in await at.told()]
        async with at.receiver():
            await eventually(
                lambda: asyncio.to_thread(at.jobs),
                lambda jobs: jobs[-1].startswith("reconciled:") and jobs[-1].endswith(": done"),
            )
        assert len(await at.orders()) == len(at.jobs())
        assert err == ""


async def list_everywhere(at: Town, slug: str, order: Json) -> None:
    if slug == "uber_eats":
        await list_at_uber(at, order)
    elif slug == "delivery_hero":
        chain = f"/v2/chains/{at.stand_in.known.api_key}/orders"
        await at.answers(f"{chain}/ids", {"orderIdentifiers": ["4711"], "count": 1})
        await at.answers(f"{chain}/4711", {"order": order})
    else:
        page = SAMPLES[slug].page([order], None)
        await at.answers(LISTS[slug].format(**order), page.body, page.headers)


async def know_the_store(at: Town, slug: str, store: str | None) -> None:
    """By an order that came, or by the set-up."""
    if store is None:
        async with at.receiver() as url:
            body = json.loads(at.fixture.unsigned().body)
            body["body"]["order"].setdefault("brand_id", "brand-1")
            await at.send(url, replace(at.fixture.unsigned(), body=json.dumps(body).encode()))
            await eventually(at.orders, bool)
        return
    stores = f'"{store}" = "default"' if store else '"*" = "default"'
    prefix = slug.upper()
    names = [name for name in at.environ if name.startswith(f"{prefix}_")]
    text = f'[connections.{slug}]\nplatform = "{slug}"\n'
    for name in names:
        field = name.removeprefix(f"{prefix}_").lower()
        value = at.environ[name] if field.endswith("_url") else f"${name}"
        text += f'{field} = ["{value}"]\n' if field == "secrets" else f'{field} = "{value}"\n'
    (at.folder / "receiver.toml").write_text(f"{text}[connections.{slug}.stores]\n{stores}\n")


async def test_what_the_command_says(tmp_path: Path) -> None:
    async with town(tmp_path, "woocommerce") as at:
        orders = [SAMPLES["woocommerce"].order(at.fixture)]
        orders.append({**orders[0], "id": 99, "status": "completed"})
        await at.answers(LISTS["woocommerce"], orders)
        _, err = await command(at, code=1)
        assert err == (
            "receiver: woocommerce: nothing has come yet, so nothing says since when: use --since\n"
        )
        out, err = await command(at, "--since", "2026-01-01T00:00")
        head, row = out.splitlines()
        assert head.split() == ["connection", "since", "listed", "known", "kept", "over", "failed"]
        assert row.split() == ["woocommerce", *row.split()[1:3], "2", "0", "1", "1", "0"]
        assert err == "receiver: woocommerce: done already and not at the till by us: 99\n"
        with process([*MODULE, "deliveries", "list", "--json"], at.folder, at.environ) as running:
            _, out, _ = await asyncio.to_thread(ended, running)
        (kept,) = json.loads(out)
        assert (kept["delivery_id"], kept["state"]) == ("reconciled:20417", "ready")


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("90m", timedelta(minutes=90)),
        ("2h", timedelta(hours=2)),
        ("1d", timedelta(days=1)),
        ("2026-03-13T17:00+01:00", timedelta(hours=2)),
    ],
)
def test_since_is_a_time_or_how_long_ago(
    text: str, ago: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    noon = datetime(2026, 3, 13, 18, tzinfo=UTC)
    monkeypatch.setattr("receiver.cli.reconcile.now", lambda: noon)
    assert moment(text) == noon - ago


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("nobody",), 1, "no connection is called nobody; there are: woocommerce\n"),
        (("woocommerce", "--since", "yesterday"), 2, "--since: write a time as"),
        (("woocommerce", "--since", "2999-01-01"), 2, "--since: that is still to come"),
    ],
)
async def test_what_cannot_be_asked(
    args: tuple[str, ...], code: int, said: str, tmp_path: Path
) -> None:
    async with town(tmp_path, "woocommerce") as at:
        _, err = await command(at, *args, code=code)
        assert said in err


async def test_credentials_that_are_missing_are_named(tmp_path: Path) -> None:
    async with town(tmp_path, "woocommerce", WOOCOMMERCE_CLIENT_SECRET="") as at:
        _, err = await command(at, "woocommerce", "--since", "2026-01-01", code=1)
        assert err == "receiver: set connections.woocommerce.client_secret\n"


async def test_a_platform_that_answers_nothing_of_use(tmp_path: Path) -> None:
    async with town(tmp_path, "woocommerce") as at:
        fault = {"kind": "fail", "path": "list", "status": 500}
        await at.platform.post("/_sandbox/faults", json=fault)
        out, err = await command(at, "--since", "2026-01-01", "--json", code=1)
        assert json.loads(out)[0]["failed"] == ["woocommerce answered 500"]
        assert err == "receiver: woocommerce: woocommerce answered 500\n"


async def test_platforms_that_list_nothing(tmp_path: Path) -> None:
    async with town(tmp_path, "glovo") as at:
        _, err = await command(at, code=1)
        assert err == ("receiver: no platform that is set up documents a call that lists orders\n")
        _, err = await command(at, "glovo", code=1)
        assert err == "receiver: Glovo documents no call that lists orders\n"
