"""The OktoPOS stand-in over real HTTP: every rule red and green, every fault, what it remembers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, get_args

import httpx
import pytest

from receiver.sandbox import create_sandbox
from receiver.sandbox.faults import Kind, OperationPath
from receiver.sandbox.operations import OPERATIONS
from receiver.serving import serving
from tests.orders import GONE, Json, changed, euro, full_order, plain_order

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 7, 4, 12, tzinfo=UTC)
PAID = {"orderId": "a", "status": "paid", "date": "2026-07-04T12:00:00Z"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def sandbox(**options: Any) -> AsyncIterator[httpx.AsyncClient]:
    app = create_sandbox(now=lambda: NOON, **options)
    async with serving(app) as url, httpx.AsyncClient(base_url=url) as client:
        client.headers["X-API-Key"] = options.get("api_key", "sandbox")
        yield client


@pytest.fixture
async def pos() -> AsyncIterator[httpx.AsyncClient]:
    async with sandbox() as client:
        yield client


async def create(pos: httpx.AsyncClient, order: object) -> httpx.Response:
    return await pos.post("/v1/order/create", json=order)


async def orders(pos: httpx.AsyncClient) -> list[Json]:
    found: list[Json] = (await pos.get("/_sandbox/orders")).json()
    return found


async def fault(pos: httpx.AsyncClient, **fields: object) -> None:
    assert (await pos.post("/_sandbox/faults", json=fields)).status_code == 200


def texts(answer: httpx.Response, status: int) -> str:
    """What a refusal says; fails unless it is the whole envelope with this status."""
    assert answer.status_code == status
    envelope = answer.json()
    messages = envelope.pop("messages")
    version = envelope.pop("version")
    assert envelope == {"success": False, "items": [], "timestamp": int(NOON.timestamp())}
    assert isinstance(version, str)
    assert messages
    for index, message in enumerate(messages):
        assert set(message) == {"type", "text", "text_ns", "index", "data"}
        assert message["index"] == index
    return "\n".join(message["text"] for message in messages)


# Orders


@pytest.mark.parametrize("order", [plain_order("a"), full_order("a")], ids=["plain", "full"])
async def test_takes_an_order(pos: httpx.AsyncClient, order: Json) -> None:
    assert (await create(pos, order)).json() == {"internalId": 10_001}
    (held,) = await orders(pos)
    assert held["order"] == order
    assert held["orderId"] == "a"
    assert (held["status"], held["paymentStatus"]) == ("new", "paid")


async def test_internal_ids_ascend_and_are_never_given_twice(pos: httpx.AsyncClient) -> None:
    assert (await create(pos, plain_order("a"))).json() == {"internalId": 10_001}
    assert (await create(pos, plain_order("b"))).json() == {"internalId": 10_002}
    assert (await pos.delete("/_sandbox/orders")).status_code == 204
    assert await orders(pos) == []
    assert (await create(pos, plain_order("a"))).json() == {"internalId": 10_003}


ACCEPTED: list[tuple[str, object]] = [
    ("payment.price.value", "-0.05"),
    ("payment.price.value", "1.00"),  # sums are not its business
    ("payment.referenceId", GONE),
    ("payment.paymentReceived", GONE),
    ("customer", {}),
    ("customer.address", {}),
    ("location", {}),
    ("pickup", {}),
    ("pickup.pickupTime", "2026-07-04T12:00:00Z"),  # now is not past
    ("tipTransactions", []),
    ("sessionToken", ""),
    ("status", "anything"),
    ("intermediary", "Uber Eats"),
    ("intermediary", "Lieferando"),
    ("intermediary", "Größe 2-3 寿司"),
    ("orderType", "LOCAL"),
    ("orderType", "SHIPPING"),
    ("purchaseTime.timestamp", "2028-02-29T23:59:59Z"),
    *[("payment.status", s) for s in ("appointed", "call_for_payment", "canceled", "error")],
]
REFUSED: list[tuple[str, object]] = [
    ("orderId", GONE),
    ("orderId", ""),
    ("orderId", 1),
    ("orderId", None),
    ("order_id", "a"),
    ("orderID", "a"),
    ("payment", GONE),
    ("payment", []),
    ("payment.method", "CASH"),
    ("payment.paymentMethod", GONE),
    ("payment.price", GONE),
    ("payment.price", "9.90"),
    ("payment.price.value", 9.9),
    ("payment.price.value", 990),
    ("payment.price.value", "9.9"),
    ("payment.price.value", "9,90"),
    ("payment.price.value", "9.900"),
    ("payment.price.value", "+9.90"),
    ("payment.price.value", "9.90\n"),
    ("payment.price.value", " 9.90"),
    ("payment.price.value", ""),
    ("payment.price.value", GONE),
    ("payment.price.amount", 1),
    ("payment.price.currency", GONE),
    ("payment.price.currency", "eur"),
    ("payment.price.currency", "EURO"),
    ("payment.price.currency", "€"),
    ("payment.price.currency", "USD"),  # the lines are in euros
    ("payment.status", GONE),
    ("payment.status", "PAID"),
    ("payment.status", "refunded"),
    ("payment.referenceId", None),
    ("payment.paymentReceived", "yesterday"),
    ("customer", None),
    ("customer.name", "Mia"),
    ("customer.phone", 49),
    ("customer.address.country", "DE"),
    ("customer.address.zip", 10115),
    ("location.table", "7"),
    ("location.table", True),
    ("location.table", 7.0),
    ("location.room", 1),
    ("items", GONE),
    ("items", []),
    ("items", {}),
    ("items.0.basketItemId", GONE),
    ("items.0.basketItemId", "1"),
    ("items.0.basketItemId", True),
    ("items.0.mainBasketItemId", GONE),
    ("items.0.quantity", 0),
    ("items.0.quantity", -1),
    ("items.0.quantity", True),
    ("items.0.quantity", 1.5),
    ("items.0.quantity", "2"),
    ("items.0.quantity", GONE),
    ("items.0.price", GONE),
    ("items.0.price.value", "9.9"),
    ("items.0.price.currency", "USD"),
    ("items.0.productId", 4711),
    ("items.0.externalId", None),
    ("items.0.name", None),
    ("items.0.distributionChannel", "3"),
    ("items.0.taxRateId", "1"),
    ("items.0.taxRate", "7.00"),
    ("items.0.comment", []),
    ("status", GONE),
    ("status", ""),
    ("purchaseTime", GONE),
    ("purchaseTime", "2026-07-04T10:00:00Z"),
    ("purchaseTime.timestamp", GONE),
    ("purchaseTime.timestamp", 1_783_159_200),
    ("purchaseTime.timestamp", "2026-07-04T12:00:00+02:00"),
    ("purchaseTime.timestamp", "2026-07-04T10:00:00+00:00"),
    ("purchaseTime.timestamp", "2026-07-04T10:00:00"),
    ("purchaseTime.timestamp", "2026-07-04T10:00:00.123Z"),
    ("purchaseTime.timestamp", "2026-07-04 10:00:00Z"),
    ("purchaseTime.timestamp", "2026-02-29T10:00:00Z"),
    ("purchaseTime.timestamp", "2026-07-04T24:01:00Z"),
    ("purchaseTime.timezone", GONE),
    ("purchaseTime.zone", "Europe/Berlin"),
    ("pickup", None),
    ("pickup.pickupTime", "soon"),
    ("pickup.pickupToken", 17),
    ("pickup.time", "2999-12-31T23:59:59Z"),
    ("orderType", "delivery"),
    ("orderType", "DINE_IN"),
    ("orderType", None),
    ("tipTransactions", {}),
    ("tipTransactions.0.price", GONE),
    ("tipTransactions.0.price.value", 2),
    ("tipTransactions.0.tip", "2.00"),
    ("sessionToken", None),
    ("intermediary", ""),
    ("intermediary", "Wolt (DE)"),
    ("intermediary", "Lieferando/JET"),
    ("intermediary", "Wolt\n"),
    ("intermediary", None),
]


@pytest.mark.parametrize(("path", "value"), ACCEPTED)
async def test_accepts(pos: httpx.AsyncClient, path: str, value: object) -> None:
    assert (await create(pos, changed(full_order("a"), path, value))).status_code == 200


async def test_refuses_and_names_the_field(pos: httpx.AsyncClient) -> None:
    """All in one sandbox, so that a refused order is also shown to leave nothing behind."""
    for path, value in REFUSED:
        answer = await create(pos, changed(full_order("a"), path, value))
        named = "price.currency" if path.endswith("currency") and value == "USD" else path
        assert named in texts(answer, 400), (path, value)
    assert await orders(pos) == []
    assert (await create(pos, full_order("a"))).status_code == 200


async def test_all_that_is_wrong_is_said_at_once(pos: httpx.AsyncClient) -> None:
    order = changed(changed(plain_order("a"), "status", 1), "payment.price.value", "1")
    said = texts(await create(pos, order), 400)
    assert "status: " in said
    assert "payment.price.value: " in said


def lines(*pairs: tuple[int, int]) -> Json:
    items = [
        {"basketItemId": line, "mainBasketItemId": main, "quantity": 1, "price": euro("1.00")}
        for line, main in pairs
    ]
    return {**plain_order("a"), "items": items}


@pytest.mark.parametrize("pairs", [[(1, 1)], [(1, 1), (2, 1), (7, 7), (8, 7)], [(2, 1), (1, 1)]])
async def test_accepts_lines(pos: httpx.AsyncClient, pairs: list[tuple[int, int]]) -> None:
    assert (await create(pos, lines(*pairs))).status_code == 200


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([(1, 1), (1, 1)], "items.0.basketItemId"),
        ([(1, 2)], "items.0.mainBasketItemId"),
        ([(1, 1), (2, 3)], "items.1.mainBasketItemId"),
        ([(1, 1), (2, 1), (3, 2)], "items.2.mainBasketItemId"),  # an option of an option
    ],
)
async def test_refuses_lines(
    pos: httpx.AsyncClient, pairs: list[tuple[int, int]], said: str
) -> None:
    assert said in texts(await create(pos, lines(*pairs)), 400)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"NaN", b'{"orderId": NaN}', b"[" * 5000],
)
async def test_refuses_what_is_not_a_json_object(pos: httpx.AsyncClient, body: bytes) -> None:
    for path in ("order/create", "order/set-status", "order/set-payment-status"):
        assert "body: not" in texts(await pos.post(f"/v1/{path}", content=body), 400)


async def test_past_pickup_time_is_a_503(pos: httpx.AsyncClient) -> None:
    late = changed(full_order("a"), "pickup.pickupTime", "2026-07-04T11:59:59Z")
    assert "pickup.pickupTime" in texts(await create(pos, late), 503)
    assert await orders(pos) == []


async def test_second_create_is_a_409_that_names_the_first(pos: httpx.AsyncClient) -> None:
    await create(pos, plain_order("a"))
    answer = await create(pos, changed(plain_order("a"), "status", "other"))
    assert "orderId" in texts(answer, 409)
    assert answer.json()["messages"][0]["data"] == {"internalId": 10_001}
    assert [held["status"] for held in await orders(pos)] == ["new"]


async def test_409_that_names_nothing() -> None:
    async with sandbox(conflict_names_id=False) as pos:
        await create(pos, plain_order("a"))
        answer = await create(pos, plain_order("a"))
    texts(answer, 409)
    assert answer.json()["messages"][0]["data"] == {}


async def test_not_strict_reads_the_id_only() -> None:
    async with sandbox(strict=False) as pos:
        loose = {"orderId": "a", "pickup": {"pickupTime": "2020-01-01T00:00:00Z"}, "x": 1}
        assert (await create(pos, loose)).json() == {"internalId": 10_001}
        texts(await create(pos, loose), 409)
        assert "orderId" in texts(await create(pos, {}), 400)


# Key and routes


async def test_key() -> None:
    async with sandbox(api_key="k3y") as pos:
        assert (await pos.get("/v1/order/ready")).status_code == 200
        for key in ("", "K3Y", "k3y2", "sandbox"):
            answer = await pos.get("/v1/order/ready", headers={"X-API-Key": key})
            assert "X-API-Key" in texts(answer, 403)
        del pos.headers["X-API-Key"]
        assert "X-API-Key" in texts(await create(pos, plain_order("a")), 403)
        assert await orders(pos) == []


@pytest.mark.parametrize("route", OPERATIONS, ids=" ".join)
async def test_every_operation_wants_the_key(
    pos: httpx.AsyncClient, route: tuple[str, str]
) -> None:
    answer = await pos.request(route[0], f"/v1/{route[1]}", headers={"X-API-Key": "no"})
    texts(answer, 403)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("POST", "/order/create"),
        ("POST", "/v1/orders/create"),
        ("POST", "/v1/order/create/"),
        ("POST", "/v1/"),
        ("GET", "/v1/order/create"),
        ("PUT", "/v1/order/create"),
        ("POST", "/v1/order/ready"),
        ("OPTIONS", "/v1/order/ready"),
        ("GET", "/_sandbox/nothing"),
    ],
)
async def test_unrouted_is_a_404(pos: httpx.AsyncClient, method: str, path: str) -> None:
    assert "contact support" in texts(await pos.request(method, path), 404)


# Status changes


async def test_status_change_is_recorded(pos: httpx.AsyncClient) -> None:
    await create(pos, plain_order("a"))
    payload = {"by": "customer", "at": "2026-07-04T12:00:00Z"}
    change = {"orderId": 10_001, "status": "canceled", "payload": payload}
    assert (await pos.post("/v1/order/set-status", json=change)).json() == {"success": True}
    await pos.post("/v1/order/set-status", json={"orderId": 10_001, "status": "gone"})
    (held,) = await orders(pos)
    at = NOON.isoformat()
    assert held["status"] == "gone"
    assert held["history"] == [
        {"kind": "created", "status": "new", "at": at},
        {"kind": "status", "status": "canceled", "payload": payload, "at": at},
        {"kind": "status", "status": "gone", "payload": None, "at": at},
    ]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"orderId": "10001", "status": "x"}, "orderId"),
        ({"orderId": True, "status": "x"}, "orderId"),
        ({"status": "x"}, "orderId"),
        ({"orderId": 10_001}, "status"),
        ({"orderId": 10_001, "status": 1}, "status"),
        ({"orderId": 10_001, "status": "x", "payload": "why"}, "payload"),
        ({"orderId": 10_001, "status": "x", "payload": None}, "payload"),
        ({"orderId": 10_001, "status": "x", "internalId": 1}, "internalId"),
    ],
)
async def test_refuses_status_change(pos: httpx.AsyncClient, change: Json, named: str) -> None:
    await create(pos, plain_order("a"))
    assert named in texts(await pos.post("/v1/order/set-status", json=change), 400)
    assert [held["status"] for held in await orders(pos)] == ["new"]


async def test_status_change_of_an_unknown_order(pos: httpx.AsyncClient) -> None:
    answer = await pos.post("/v1/order/set-status", json={"orderId": 10_001, "status": "x"})
    assert "internalId" in texts(answer, 404)


async def test_payment_status_is_recorded(pos: httpx.AsyncClient) -> None:
    await create(pos, changed(plain_order("a"), "payment.status", "call_for_payment"))
    answer = await pos.post("/v1/order/set-payment-status", json=PAID)
    assert answer.json() == {"success": True}
    (held,) = await orders(pos)
    assert (held["status"], held["paymentStatus"]) == ("new", "paid")
    assert held["history"][1:] == [
        {"kind": "payment", "status": "paid", "date": PAID["date"], "at": NOON.isoformat()}
    ]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("orderId", 10_001),
        ("orderId", GONE),
        ("status", "refunded"),
        ("status", GONE),
        ("date", GONE),
        ("date", 1_783_159_200),
        ("date", "2026-07-04"),
        ("date", "2026-07-04T14:00:00+02:00"),
        ("internalId", 1),
    ],
)
async def test_refuses_payment_status(pos: httpx.AsyncClient, path: str, value: object) -> None:
    await create(pos, plain_order("a"))
    answer = await pos.post("/v1/order/set-payment-status", json=changed(PAID, path, value))
    assert path in texts(answer, 400)


async def test_payment_status_of_an_unknown_order(pos: httpx.AsyncClient) -> None:
    assert "orderId" in texts(await pos.post("/v1/order/set-payment-status", json=PAID), 404)


async def test_ready_orders(pos: httpx.AsyncClient) -> None:
    for order_id in ("uber_eats:a/1", "b", "c"):
        await create(pos, plain_order(order_id))
    assert (await pos.get("/v1/order/ready")).json() == []
    await pos.post("/v1/order/set-status", json={"orderId": 10_002, "status": "ready"})
    assert (await pos.post("/_sandbox/orders/uber_eats:a%2F1/ready")).status_code == 200
    ready = [{"orderId": "uber_eats:a/1"}, {"orderId": "b"}]
    assert (await pos.get("/v1/order/ready")).json() == ready
    await pos.post("/v1/order/set-status", json={"orderId": 10_001, "status": "handed over"})
    assert (await pos.get("/v1/order/ready")).json() == [{"orderId": "b"}]
    texts(await pos.post("/_sandbox/orders/unknown/ready"), 404)


# Articles


async def test_articles_come_in_pages(pos: httpx.AsyncClient) -> None:
    async def page(**query: object) -> list[int]:
        answer = await pos.post("/v1/articles/list", json=query)
        return [article["id"] for article in answer.json()]

    everything = await page()
    assert len(set(everything)) == len(everything) > 5
    assert await page(page=1, pageSize=4) + await page(page=2, pageSize=4) == everything[:8]
    assert await page(page=99) == []
    assert await page(filter={}) == everything
    assert len((await pos.post("/v1/articles/list")).json()) == len(everything)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"page": 0}, "page"),
        ({"page": "1"}, "page"),
        ({"pageSize": 501}, "pageSize"),
        ({"pageSize": True}, "pageSize"),
        ({"filter": "Pizza"}, "filter"),
        ({"pagesize": 10}, "pagesize"),
    ],
)
async def test_refuses_article_query(pos: httpx.AsyncClient, query: Json, named: str) -> None:
    assert named in texts(await pos.post("/v1/articles/list", json=query), 400)


async def test_every_article_has_price_and_tax_per_channel(pos: httpx.AsyncClient) -> None:
    channels = (await pos.get("/v1/articles/distribution-channels")).json()
    articles = (await pos.post("/v1/articles/list", json={"pageSize": 500})).json()
    for article in articles:
        assert [price["distributionChannel"] for price in article["price"]] == channels
    (latte,) = (article for article in articles if article["description"] == "Caffè Latte")
    assert [price["taxRate"] for price in latte["price"]] == ["19.00", "7.00", "7.00"]
    assert [price["price"] for price in latte["price"]] == [3.8, "3.80", "4.30"]


# Faults


def test_faults_know_every_operation() -> None:
    assert set(get_args(OperationPath)) == {path for _, path in OPERATIONS}


async def test_slow_books_and_answers_late(pos: httpx.AsyncClient) -> None:
    await fault(pos, kind="slow", seconds=30, times=1)
    with pytest.raises(httpx.ReadTimeout):
        await pos.post("/v1/order/create", json=plain_order("a"), timeout=0.5)
    assert [held["orderId"] for held in await orders(pos)] == ["a"]
    await fault(pos, kind="slow", seconds=0.01, times=1)
    answer = await create(pos, plain_order("b"))
    assert answer.json() == {"internalId": 10_002}


async def test_slow_answers_others_meanwhile(pos: httpx.AsyncClient) -> None:
    await fault(pos, kind="slow", path="order/create", seconds=30)
    waiting = asyncio.create_task(create(pos, plain_order("a")))
    while not await orders(pos):
        pass
    assert (await pos.get("/v1/order/ready")).json() == []
    assert not waiting.done()
    waiting.cancel()


@pytest.mark.parametrize("status", [None, 500, 502, 422])
async def test_fail(pos: httpx.AsyncClient, status: int | None) -> None:
    fields = {} if status is None else {"status": status}
    await fault(pos, kind="fail", times=1, **fields)
    texts(await create(pos, plain_order("a")), status or 500)
    assert await orders(pos) == []
    assert (await create(pos, plain_order("a"))).status_code == 200


async def test_fail_without_envelope(pos: httpx.AsyncClient) -> None:
    await fault(pos, kind="fail", status=502, envelope=False)
    answer = await create(pos, plain_order("a"))
    assert answer.status_code == 502
    with pytest.raises(ValueError, match="Expecting value"):
        answer.json()


async def test_forbid(pos: httpx.AsyncClient) -> None:
    await fault(pos, kind="forbid", times=1)
    assert "X-API-Key" in texts(await create(pos, plain_order("a")), 403)
    assert await orders(pos) == []


@pytest.mark.parametrize(("kind", "booked"), [("drop", []), ("drop_after", ["a"])])
async def test_drop(pos: httpx.AsyncClient, kind: str, booked: list[str]) -> None:
    await fault(pos, kind=kind, times=1)
    with pytest.raises(httpx.ReadError):
        await create(pos, plain_order("a"))
    assert [held["orderId"] for held in await orders(pos)] == booked
    again = await create(pos, plain_order("a"))
    assert again.status_code == (409 if booked else 200)


async def test_drop_where_the_server_has_no_reset() -> None:
    app = create_sandbox()
    sent = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b'{"kind": "drop"}', "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    base = {"type": "http", "method": "POST", "query_string": b"", "headers": []}
    await app({**base, "path": "/_sandbox/faults"}, receive, send)
    sent.clear()
    await app({**base, "path": "/v1/order/create"}, receive, send)
    assert [message["type"] for message in sent] == ["http.response.start"]


@pytest.mark.parametrize(
    ("fields", "status", "after"),
    [({}, 429, "1"), ({"status": 503, "seconds": 7}, 503, "7"), ({"seconds": 0.5}, 429, "1")],
)
async def test_retry_after(pos: httpx.AsyncClient, fields: Json, status: int, after: str) -> None:
    await fault(pos, kind="retry_after", **fields)
    answer = await create(pos, plain_order("a"))
    texts(answer, status)
    assert answer.headers["Retry-After"] == after
    assert await orders(pos) == []


async def test_garbage_is_booked(pos: httpx.AsyncClient) -> None:
    await fault(pos, kind="garbage", times=1)
    answer = await create(pos, plain_order("a"))
    assert answer.status_code == 200
    with pytest.raises(ValueError, match="Expecting value"):
        answer.json()
    assert len(await orders(pos)) == 1


async def test_no_id_hushes_a_409(pos: httpx.AsyncClient) -> None:
    await create(pos, plain_order("a"))
    await fault(pos, kind="no_id", times=1)
    hushed, named = [await create(pos, plain_order("a")) for _ in range(2)]
    texts(hushed, 409)
    assert hushed.json()["messages"][0]["data"] == {}
    assert named.json()["messages"][0]["data"] == {"internalId": 10_001}


async def test_faults_queue_up(pos: httpx.AsyncClient) -> None:
    await fault(pos, kind="fail", status=500, times=2)
    await fault(pos, kind="fail", status=502, times=1, path="order/create")
    await fault(pos, kind="forbid")
    statuses = [(await create(pos, plain_order("a"))).status_code for _ in range(2)]
    statuses += [(await pos.get("/v1/order/ready")).status_code]  # not this one's path
    statuses += [(await create(pos, plain_order("a"))).status_code for _ in range(3)]
    assert statuses == [500, 500, 403, 502, 403, 403]
    assert (await pos.delete("/_sandbox/faults")).status_code == 204
    assert (await create(pos, plain_order("a"))).status_code == 200


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, "kind"),
        ({"kind": "explode"}, "kind"),
        ({"kind": "fail", "path": "/v1/order/create"}, "path"),
        ({"kind": "fail", "times": 0}, "times"),
        ({"kind": "fail", "status": 200}, "status"),
        ({"kind": "slow", "seconds": -1}, "seconds"),
        ({"kind": "slow", "secs": 1}, "secs"),
    ],
)
async def test_refuses_fault(pos: httpx.AsyncClient, fields: Json, named: str) -> None:
    assert named in texts(await pos.post("/_sandbox/faults", json=fields), 400)
    assert (await create(pos, plain_order("a"))).status_code == 200


async def test_calls_are_listed(pos: httpx.AsyncClient) -> None:
    await create(pos, plain_order("a"))
    await create(pos, {})
    await pos.get("/v1/nothing")
    await fault(pos, kind="drop_after")
    with pytest.raises(httpx.ReadError):
        await create(pos, plain_order("b"))
    calls = (await pos.get("/_sandbox/calls")).json()
    assert [(call["method"], call["path"], call["status"], call["fault"]) for call in calls] == [
        ("POST", "/v1/order/create", 200, None),
        ("POST", "/v1/order/create", 400, None),
        ("GET", "/v1/nothing", 404, None),
        ("POST", "/v1/order/create", None, "drop_after"),
    ]
    assert calls[0]["why"] is None
    assert calls[1]["why"].startswith("orderId: ")


async def test_sandboxes_share_nothing() -> None:
    async with sandbox() as one, sandbox() as two:
        await create(one, plain_order("a"))
        await fault(one, kind="fail")
        assert (await create(two, plain_order("a"))).status_code == 200
        assert len(await orders(two)) == 1


def test_every_kind_of_fault_is_tested() -> None:
    tested = {"slow", "fail", "forbid", "drop", "drop_after", "retry_after", "garbage", "no_id"}
    assert set(get_args(Kind)) == tested
