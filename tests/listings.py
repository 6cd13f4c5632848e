"""What platforms answer when they are asked for orders: pages around recorded orders."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from adapters import ADAPTERS
from adapters.api import Api
from adapters.contract import Adapter
from tests.goldens import Fixture, of

Json = Any


class Answer(NamedTuple):
    """One page, and its headers."""

    body: Json
    headers: Mapping[str, str] = {}


def paged(entries: str, **next_page: Json) -> Callable[[list[Json], str | None], Answer]:
    """A page of orders; with a cursor one that says there are more."""

    def page(orders: list[Json], cursor: str | None) -> Answer:
        more = {name: cursor if value is None else value for name, value in next_page.items()}
        return Answer({entries: orders, **(more if cursor else {})})

    return page


def suite(orders: list[Json], cursor: str | None) -> Answer:
    more = {"next_page_token": cursor} if cursor else {}
    data = [{"order": order} for order in orders]
    return Answer({"data": data, "pagination_data": {"page_size": 50, **more}})


def headed(orders: list[Json], cursor: str | None) -> Answer:
    return Answer(orders, {"x-cursor-next": cursor} if cursor else {})


def filled(most: int, entries: str | None) -> Callable[[list[Json], str | None], Answer]:
    """A page that is full says that there may be more: the same order over and over again."""

    def page(orders: list[Json], cursor: str | None) -> Answer:
        full = orders * (most // len(orders)) if cursor else orders
        return Answer({entries: full} if entries else full)

    return page


class Sample(NamedTuple):
    """How one platform lists: where the order stands in its webhook, and in its pages."""

    place: str
    order: Callable[[Fixture], Json]  # as the platform's API tells it
    page: Callable[[list[Json], str | None], Answer]
    over: Mapping[str, Json]  # what makes an order one that is over
    ended: Mapping[str, Json]  # what makes it one that was cancelled
    more: str = ""  # what the next page's path has in it


def body(fixture: Fixture) -> Json:
    return json.loads(fixture.unsigned().body)


SAMPLES: Mapping[str, Sample] = {
    "deliveroo": Sample(
        "brand-1/restaurant/site-1",
        lambda fixture: body(fixture)["body"]["order"],
        paged("orders", next=None),
        {"status": "delivered"},
        {"status": "canceled"},
        "cursor=c%2F2",
    ),
    "delivery_hero": Sample(
        "mitte-01", body, paged("-"), {"status": "picked_up"}, {"status": "cancelled"}
    ),
    "hubrise": Sample(
        "7rd3k-0",
        lambda fixture: body(fixture)["new_state"],
        headed,
        {"status": "completed"},
        {"status": "rejected"},
        "cursor=c%2F2",
    ),
    "shopify": Sample(
        "",
        body,
        filled(50, "orders"),
        {"fulfillment_status": "fulfilled"},
        {"cancelled_at": "2026-03-13T18:00:00Z"},
        "since_id=",
    ),
    "uber_eats": Sample(
        "e3c6fc8d-dea3-5826-9f1a-eaca5bb37305",
        lambda fixture: json.loads(fixture.fetched()["order"])["order"],
        suite,
        {"state": "SUCCEEDED"},
        {"state": "FAILED"},
        "next_page_token=c%2F2",
    ),
    "woocommerce": Sample(
        "", body, filled(50, None), {"status": "completed"}, {"status": "refunded"}, "&page=2"
    ),
}


def demo(adapter: Adapter) -> Fixture:
    return next(fixture for fixture in of(adapter) if fixture.variant == "demo")


def api(slug: str) -> Api:
    found = ADAPTERS[slug].api
    assert found
    return found
