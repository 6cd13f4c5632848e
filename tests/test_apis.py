"""The calls to each platform, held against what its pages say of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import ADAPTERS
from adapters.api import Ask, Credentials, Expected, Listing, Page, Told, written
from adapters.contract import Adapter, Call, Event, Order, Outcome, Unreadable, nothing
from receiver.sandbox.shapes import Made, Verdict, judged, misfits
from tests.goldens import FIXTURES, Fixture, name, of, parse_to_end
from tests.listings import SAMPLES, demo

ROOT = Path(__file__).parent.parent
KNOWN = Credentials("id", "c2VjcmV0", "key", "secret")
NOW = datetime(2026, 3, 13, 18, 2, 12, tzinfo=UTC)
WITH_API = [adapter for adapter in ADAPTERS.values() if adapter.api]

every_fixture = pytest.mark.parametrize(
    "fixture", [fixture for fixture in FIXTURES if fixture.adapter.api], ids=name
)
every_api = pytest.mark.parametrize("adapter", WITH_API, ids=lambda adapter: adapter.slug)


def test_every_api_is_of_a_platform() -> None:
    modules = {file.stem for file in (ROOT / "adapters" / "apis").glob("*.py")}
    assert modules - {"__init__"} == {adapter.slug for adapter in WITH_API}
    assert all(adapter.api for adapter in ADAPTERS.values() if adapter.answer is not nothing)


def made(call: Call) -> Made:
    body = written(call.json) if call.json is not None else b""
    kind = {"content-type": "application/json"} if body else {}
    headers = {**kind, **call.headers}
    path, _, query = call.path.partition("?")
    return Made(call.method, path, query, headers, body)


def answers(fixture: Fixture) -> Iterator[Call]:
    delivery = fixture.signed()
    _, events = parse_to_end(fixture, delivery)
    for order in events:
        if isinstance(order, Order):
            for outcome in get_args(Outcome):
                yield from fixture.adapter.answer(delivery, order, outcome)


def fits(adapter: Adapter, call: Made) -> Expected:
    assert adapter.api
    verdict = judged(call, adapter.api.calls)
    assert verdict.wrong == []
    assert verdict.expected
    return verdict.expected


def got(path: str) -> Made:
    parts = urlsplit(path)
    return Made("GET", parts.path, parts.query, {}, b"")


@every_fixture
def test_every_answer_is_as_documented(fixture: Fixture) -> None:
    for call in answers(fixture):
        expected = fits(fixture.adapter, made(call))
        assert 200 <= expected.status < 300


@every_fixture
def test_every_fetch_is_as_documented(fixture: Fixture) -> None:
    for fetch in parse_to_end(fixture, fixture.signed())[0]:
        assert fits(fixture.adapter, got(fetch.path)).says is None


@every_api
def test_every_documented_call_is_made(adapter: Adapter) -> None:
    """What nobody makes does not belong into the table."""
    assert adapter.api
    used = {
        fits(adapter, call).name
        for fixture in of(adapter)
        for call in (
            *(made(call) for call in answers(fixture)),
            *(got(fetch.path) for fetch in parse_to_end(fixture, fixture.signed())[0]),
        )
    }
    used |= {fits(adapter, got(path)).name for path in listing_paths(adapter)}
    assert used == {expected.name for expected in adapter.api.calls}


# Listing


def lists_and_objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from(["id", "token", "order", "status", "state", "next", "next_page_token"])
    return st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)


def written_safely(value: object) -> bytes:
    return json.dumps(value).encode()


LISTING = [adapter for adapter in WITH_API if adapter.api and adapter.api.listing]
every_listing = pytest.mark.parametrize("adapter", LISTING, ids=lambda adapter: adapter.slug)
PLACED = {"hours": 2, "minutes": 10}


def ask(adapter: Adapter, url: str = "https://laden.example") -> Ask:
    return Ask(SAMPLES[adapter.slug].place, NOW - timedelta(**PLACED), NOW, KNOWN, url)


def listing(adapter: Adapter) -> Listing:
    assert adapter.api
    assert adapter.api.listing
    return adapter.api.listing


def pages(adapter: Adapter, cursor: str | None = None, **changes: object) -> list[Page]:
    """What is read of the demo's order, listed; of Delivery Hero its ids first."""
    sample, how = SAMPLES[adapter.slug], listing(adapter)
    order = {**sample.order(demo(adapter)), **changes}
    path = how.list_orders(ask(adapter))
    if adapter.slug == "delivery_hero":
        ids = written({"orderIdentifiers": ["4711/a", "4712"], "count": 2})
        details = written({"order": order})
        first = how.listed(ask(adapter), Told(path, {}, ids))
        return [first, how.listed(ask(adapter), Told(first.then[0], {}, details))]
    answer = sample.page([order], cursor)
    return [how.listed(ask(adapter), Told(path, answer.headers, written(answer.body)))]


def listing_paths(adapter: Adapter) -> list[str]:
    if adapter not in LISTING:
        return []
    then = [path for page in pages(adapter, "c/2") for path in page.then]
    return [listing(adapter).list_orders(ask(adapter)), *then]


def test_who_lists_orders() -> None:
    """And whose page says what that needs."""
    assert {adapter.slug for adapter in LISTING} == set(SAMPLES)
    pages = {slug: (ROOT / "adapters" / f"{slug}.md").read_text("utf-8") for slug in ADAPTERS}
    assert {slug for slug, page in pages.items() if "**Missed orders**" in page} == set(SAMPLES)


@every_listing
def test_a_listed_order_is_the_one_its_webhook_brings(adapter: Adapter) -> None:
    """Its id, its store and all that is said of it: so nothing is created twice."""
    fixture, sample = demo(adapter), SAMPLES[adapter.slug]
    (found,) = pages(adapter)[-1].found
    assert not found.over
    delivery = replace(
        fixture.unsigned(), body=found.body, path=found.path, headers=found.headers, method="GET"
    )
    assert found.headers.keys() <= adapter.headers
    identity, brought = adapter.identify(delivery), adapter.identify(fixture.signed())
    assert identity.order_id == brought.order_id
    assert not identity.overtakes
    if sample.place and adapter.slug != "deliveroo":
        assert identity.store_id == sample.place
    said = parse_to_end(fixture, delivery)[1]
    assert orders(said, store_id=None) == orders(
        parse_to_end(fixture, fixture.signed())[1], store_id=None
    )
    (order,) = orders(said)
    for outcome in get_args(Outcome):
        for call in adapter.answer(delivery, order, outcome):
            fits(adapter, made(call))


def orders(events: Sequence[Event], **changes: Any) -> list[Order]:
    return [replace(event, **changes) for event in events if isinstance(event, Order)]


@every_listing
def test_what_is_over_is_no_news_for_the_kitchen(adapter: Adapter) -> None:
    sample = SAMPLES[adapter.slug]
    (found,) = pages(adapter, **sample.over)[-1].found
    assert found.over
    assert list(pages(adapter, **sample.ended)[-1].found) == []


@every_listing
def test_every_page_is_asked_for(adapter: Adapter) -> None:
    assert list(pages(adapter)[-1].then) == []
    first, *_ = pages(adapter, "c/2")
    if more := SAMPLES[adapter.slug].more:
        (then,) = first.then
        assert more in then
        assert then != listing(adapter).list_orders(ask(adapter))
    else:
        assert first.then == ["/v2/chains/key/orders/4711%2Fa", "/v2/chains/key/orders/4712"]


@every_listing
def test_what_is_no_page_is_unreadable(adapter: Adapter) -> None:
    for body in (b"", b"\xff", b"<html>", b'{"orders": 1, "data": 1, "order": 1}', b"[1]"):
        for headers in ({}, {"x-cursor-next": "\x00"}):
            try:
                page = listing(adapter).listed(ask(adapter), Told("/", headers, body))
            except Unreadable:
                continue
            assert list(page.found) == []


@every_listing
@given(value=st.recursive(st.none() | st.integers() | st.text(), lists_and_objects))
def test_inventions(adapter: Adapter, value: object) -> None:
    keys = ("orders", "data", "order", "orderIdentifiers", "next", "pagination_data")
    for body in (value, *({key: value} for key in keys)):
        with suppress(Unreadable):
            listing(adapter).listed(ask(adapter), Told("/?page=1", {}, written_safely(body)))


def test_places() -> None:
    brand = {"body": {"order": {"id": "1", "brand_id": "b 1", "location_id": "s/1"}}}
    assert place("deliveroo", None, brand) == "b%201/restaurant/s%2F1"
    assert place("deliveroo", "s/1", {}) is None
    broken: object
    for broken in ([], {"body": 1}, {"body": {"order": {"brand_id": []}}}):
        assert place("deliveroo", None, broken) is None
    assert place("uber_eats", "s1", {}) == "s1"
    assert listing(ADAPTERS["shopify"]).place is None
    assert listing(ADAPTERS["woocommerce"]).place is None


def place(slug: str, store_id: str | None, body: object) -> str | None:
    found = listing(ADAPTERS[slug]).place
    assert found
    return found(store_id, written(body))


@pytest.mark.parametrize(("hours", "past"), [(0.1, 1), (2.1, 3), (23.5, 24), (90, 24)])
def test_delivery_hero_counts_hours(hours: float, past: int) -> None:
    adapter = ADAPTERS["delivery_hero"]
    path = listing(adapter).list_orders(ask(adapter)._replace(since=NOW - timedelta(hours=hours)))
    assert f"pastNumberOfHours={past}&" in path


def test_a_shop_is_called_as_its_webhooks_call_it() -> None:
    """So that it is the same key below `stores`."""
    for slug, header, shop in (
        ("shopify", "x-shopify-shop-domain", "laden.example"),
        ("woocommerce", "x-wc-webhook-source", "https://laden.example/"),
    ):
        (found,) = pages(ADAPTERS[slug])[0].found
        assert found.headers[header] == shop


# The judge itself


SHAPE = {
    "status": ("on", "off"),
    "at?": datetime,
    "counts?": [int],
    "inner?": {"name": str},
    "any?": dict,
}


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ({"status": "on"}, []),
        ({"status": "on", "at": "2026-03-13T18:00:00+01:00", "counts": [1, 2]}, []),
        ({"status": "off", "inner": {"name": "x"}, "any": {"a": 1}}, []),
        ({}, ["status: Field required"]),
        ({"status": "out"}, ["status: Input should be 'on' or 'off'"]),
        ({"status": "on", "more": 1}, ["more: Extra inputs are not permitted"]),
        ({"status": "on", "at": "2026-03-13T18:00:00"}, ["at: "]),
        ({"status": "on", "at": None}, ["at: "]),
        ({"status": "on", "counts": ["1"]}, ["counts.0: "]),
        ({"status": "on", "counts": [True]}, ["counts.0: "]),
        ({"status": "on", "inner": {}}, ["inner.name: Field required"]),
        ({"status": "on", "inner": {"name": 1}}, ["inner.name: "]),
        ([], [": "]),
    ],
)
def test_a_shape(value: object, wrong: list[str]) -> None:
    found = misfits(SHAPE, value)
    assert len(found) == len(wrong)
    assert all(text.startswith(start) for text, start in zip(found, wrong, strict=True)), found


CALLS = (
    Expected(name="get", method="GET", path="/orders/[^/]+", query={"expand?": str}),
    Expected(name="on", method="POST", path="/orders/[^/]+", body={"status": ("on",)}),
    Expected(
        name="off", method="POST", path="/orders/[^/]+", body={"status": ("off",), "why": str}
    ),
    Expected(
        name="agent",
        method="PUT",
        path="/agent",
        headers={"user-agent": "Me/.*"},
        body={},
        optional=True,
    ),
)
JSON = {"content-type": "application/json; charset=utf-8"}


def judge(method: str, path: str, body: object = None, **headers: str) -> Verdict:
    raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    path, _, query = path.partition("?")
    known = {key.replace("_", "-"): text for key, text in headers.items()}
    return judged(Made(method, path, query, {**(JSON if raw else {}), **known}, raw), CALLS)


@pytest.mark.parametrize(
    ("verdict", "called", "wrong"),
    [
        (judge("GET", "/orders/1?expand=all"), "get", None),
        (judge("GET", "/orders/1?expand=all&more=1"), "get", "query.more: Extra inputs"),
        (judge("GET", "/orders/1", {}), "get", "body: there must be none"),
        (judge("DELETE", "/orders/1"), None, "method: only GET, POST"),
        (judge("GET", "/orders"), None, "path: not documented"),
        (judge("POST", "/orders/1", {"status": "on"}), "on", None),
        (judge("POST", "/orders/1", {"status": "off", "why": ""}), "off", None),
        (judge("POST", "/orders/1", {"status": "off"}), "on", "body.status: "),
        (judge("POST", "/orders/1"), "on", "body: missing"),
        (judge("POST", "/orders/1", b"{"), "on", "body: not JSON"),
        (judge("POST", "/orders/1", {"status": "on"}, content_type="text/plain"), "on", "content"),
        (judge("PUT", "/agent", user_agent="Me/1"), "agent", None),
        (judge("PUT", "/agent", {}, user_agent="Me/1"), "agent", None),
        (judge("PUT", "/agent", user_agent="You"), "agent", "user-agent: not as documented"),
    ],
)
def test_a_verdict(verdict: Verdict, called: str | None, wrong: str | None) -> None:
    assert (verdict.expected.name if verdict.expected else None) == called
    if wrong is None:
        assert verdict.wrong == []
    else:
        assert len(verdict.wrong) == 1
        assert verdict.wrong[0].startswith(wrong)
