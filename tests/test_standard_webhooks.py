"""The format that is ours: what its page promises, and what an order may not leave open."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AliasChoices, AliasPath, BaseModel

from adapters.contract import (
    Cancellation,
    Delivery,
    Discount,
    Identity,
    Line,
    Order,
    Owner,
    PaymentStatus,
    PaymentUpdate,
    Rejected,
    Unreadable,
)
from adapters.signing import standard
from adapters.standard_webhooks import (
    ADAPTER,
    Changed,
    Item,
    Payment,
    Placed,
    Revoked,
    cents,
)
from receiver.settings import BadSettings, load
from tests import running
from tests.goldens import SECRET, of
from tests.setups import NOWHERE, POS

PAGE = Path(__file__).parent.parent / "adapters" / "standard_webhooks.md"
KEY = "whsec_" + "A" * 32
PUBLIC_KEY = "whpk_" + "A" * 43 + "="
NOW = datetime(2026, 6, 4, 16, 31, 10, tzinfo=UTC)
Json = dict[str, Any]


def eur(value: str, currency: str = "EUR") -> Json:
    return {"value": value, "currency": currency}


def item(price: str = "9.50", **fields: Any) -> Json:
    return {"productId": "1101", "quantity": 1, "price": eur(price), **fields}


def order(*items: Json, **fields: Any) -> Json:
    return {
        "orderId": "WEB-1",
        "orderType": "PICKUP",
        "items": [*items] or [item()],
        "payment": {"status": "paid", "price": eur("9.50")},
        **fields,
    }


def delivery(data: object, kind: object = "order.created", **fields: Any) -> Delivery:
    return Delivery(
        method="POST",
        url="https://receiver.example/webhooks/standard_webhooks",
        path="",
        headers={"webhook-id": "msg_1"},
        body=json.dumps({"type": kind, "data": data, **fields}).encode(),
        received_at=NOW,
    )


def parsed(data: object, kind: str = "order.created", **fields: Any) -> Any:
    (event,) = ADAPTER.parse(delivery(data, kind, **fields), {})
    return event


def lines(*items: Json) -> tuple[Line, ...]:
    read = parsed(order(*items))
    assert isinstance(read, Order)
    return read.lines


# The page


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


def test_every_example_is_a_recorded_delivery() -> None:
    recorded = {fixture.unsigned().body.decode(): fixture.event for fixture in of(ADAPTER)}
    assert {recorded.get(example) for example in blocks("json")} == ADAPTER.event_types


def test_what_the_page_signs_is_genuine() -> None:
    (program,) = blocks("python")
    assert len(program.splitlines()) <= 12
    scope: dict[str, Callable[[str, str, bytes], dict[str, str]]] = {}
    exec(program, scope)
    sent = replace(delivery(order()), received_at=datetime.now(UTC))
    headers = scope["headers"](KEY, "msg_1", sent.body)
    ADAPTER.verify(replace(sent, headers=headers), [KEY])
    with pytest.raises(Rejected):
        ADAPTER.verify(replace(sent, headers=headers, body=sent.body + b" "), [KEY])


def fields_of(model: type[BaseModel]) -> Iterator[str]:
    for info in model.model_fields.values():
        alias = info.validation_alias
        first = alias.choices[0] if isinstance(alias, AliasChoices) else alias
        yield ".".join(map(str, first.path)) if isinstance(first, AliasPath) else str(first)


def test_the_page_names_every_field_and_no_other() -> None:
    text = PAGE.read_text("utf-8").partition("## Events")[2]
    cells = set(re.findall(r"^\| `([A-Za-z.]+)` \| [a-z ]+ \| (?:yes|no) \|", text, re.MULTILINE))
    models = (Placed, Item, Payment, Revoked, Changed)
    fields = {field for model in models for field in fields_of(model)}
    of_customer = {field for field in fields if field.startswith("customer.")}
    assert cells - {"customer"} == fields - of_customer - {"tipTransactions"}
    assert [one for one in of_customer if f"`{one.rpartition('.')[2]}`" not in text] == []


# Secrets


@pytest.mark.parametrize(
    ("secret", "fault"),
    [
        (KEY, None),
        (KEY.removeprefix("whsec_"), None),
        ("whsec_" + "A" * 85 + "Q==", None),
        ("whsec_" + "A" * 85 + "Q", None),
        (SECRET, None),
        (PUBLIC_KEY, None),
        ("whsec_" + "A" * 31, "spells 23 bytes, and whsec_ has 24 to 64, whpk_ 32"),
        ("whsec_" + "A" * 87, "spells 65 bytes, and whsec_ has 24 to 64, whpk_ 32"),
        ("whpk_" + "A" * 44, "spells 33 bytes, and whsec_ has 24 to 64, whpk_ 32"),
        ("whsec_", "is neither whsec_ nor whpk_ and base64"),
        ("whsk_" + "A" * 86, "is neither whsec_ nor whpk_ and base64"),
        ("whsec_" + "-_" * 16, "is neither whsec_ nor whpk_ and base64"),
        (KEY + "-_-_", "is neither whsec_ nor whpk_ and base64"),
        ("whsec_" + "ä" * 32, "is neither whsec_ nor whpk_ and base64"),
        ("a password of some length", "is neither whsec_ nor whpk_ and base64"),
        ("whsec_" + "A" * 33, "is neither whsec_ nor whpk_ and base64"),
    ],
)
def test_secrets(secret: str, fault: str | None) -> None:
    assert standard.fault(secret) == fault


def test_a_secret_that_proves_nothing_stops_the_start() -> None:
    environ = POS | {"STANDARD_WEBHOOKS_SECRETS": f"{KEY},a password of some length"}
    with pytest.raises(BadSettings) as caught:
        load(environ, {ADAPTER.slug: ADAPTER}, directory=NOWHERE)
    assert caught.value.problems == (
        "STANDARD_WEBHOOKS_SECRETS: secret 2 of 2 is neither whsec_ nor whpk_ and base64; "
        "use the secret from the platform's portal (https://www.standardwebhooks.com)",
    )


@given(st.text(max_size=80) | st.text("Aab+/=_-", max_size=80).map("whsec_{}".format))
def test_any_secret_has_a_fault_or_signs(secret: str) -> None:
    if standard.fault(secret) is None and not secret.startswith("whpk_"):
        ADAPTER.verify(ADAPTER.sign(delivery({}), secret), [secret])


def test_a_public_key_signs_nothing() -> None:
    with pytest.raises(Rejected, match="public"):
        ADAPTER.sign(delivery({}), PUBLIC_KEY)


# Money


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("19.95", 1995),
        ("0.00", 0),
        ("-0.50", -50),
        ("-12.00", -1200),
        ("123456789.01", 12345678901),
    ],
)
def test_amounts(text: str, expected: int) -> None:
    assert cents(text) == expected


@pytest.mark.parametrize(
    "value",
    [
        *["19.9", "19", "19.950", "19,95", ".95", "1e3", "+1.00", "--1.00", " 1.00", "1.00\n"],
        *["1234567890.00", "١.00", "1.٠٠", "", 19.95, 19, True, None, [], {}],
    ],
)
def test_amounts_that_are_none(value: object) -> None:
    with pytest.raises(Unreadable, match=r"data\.items\.0\.price\.value"):
        lines(item() | {"price": {"value": value, "currency": "EUR"}})


@given(st.integers(-(10**11) + 1, 10**11 - 1))
def test_every_amount_comes_through(amount: int) -> None:
    text = f"{'-' if amount < 0 else ''}{abs(amount) // 100}.{abs(amount) % 100:02d}"
    assert cents(text) == amount


@pytest.mark.parametrize(
    "data",
    [
        order(item(), item() | {"price": eur("1.00", "CHF")}),
        order(item(options=[item(options=[item() | {"price": eur("1.00", "CHF")}])])),
        order(tipTransactions=[{"price": eur("1.00", "CHF")}]),
        order(payment={"status": "paid", "price": eur("9.50", "CHF")}),
    ],
    ids=["line", "option", "tip", "payment"],
)
def test_two_currencies_are_unreadable(data: Json) -> None:
    with pytest.raises(Unreadable, match="prices in CHF, EUR"):
        parsed(data)


@pytest.mark.parametrize("currency", ["eur", "EURO", "€", "", None, "EUR\n"])
def test_what_is_no_currency_is_unreadable(currency: object) -> None:
    with pytest.raises(Unreadable, match=r"price\.currency"):
        parsed(order(payment={"status": "paid", "price": {"value": "9.50", "currency": currency}}))


# Lines


@pytest.mark.parametrize(
    ("items", "complaint"),
    [
        ([], "data.items: too_short"),
        ([item(quantity=0)], "data.items.0.quantity"),
        ([item(quantity=True)], "data.items.0.quantity"),
        ([item(quantity="2")], "data.items.0.quantity"),
        ([item(quantity=1.0)], "data.items.0.quantity"),
        ([item(options=[item(quantity=None)])], "data.items.0.options.0.quantity"),
        (
            [item(quantity=2, basketItemId=1), item(quantity=3, mainBasketItemId=1)],
            "data.items.1.quantity: 3 for 2 of its dish do not share out",
        ),
        (
            [item(quantity=2, basketItemId=1), item(quantity=1, mainBasketItemId=1)],
            "data.items.1.quantity: 1 for 2 of its dish do not share out",
        ),
        ([item(mainBasketItemId=2)], "data.items.0.mainBasketItemId: not a dish's"),
        (
            [item(), item(mainBasketItemId=1), item(mainBasketItemId=2)],
            "data.items.2.mainBasketItemId: not a dish's",
        ),
        (
            [item(), item("-1.00", productId=None, mainBasketItemId=7)],
            "data.items.1.mainBasketItemId: not a dish's",
        ),
        ([item(basketItemId=1), item(basketItemId="1")], "data.items: a basketItemId is there"),
        ([item(basketItemId=2), item()], "data.items: a basketItemId is there twice"),
    ],
)
def test_lines_that_leave_something_open(items: list[Json], complaint: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parsed(order() | {"items": items})
    assert str(caught.value).startswith(complaint)


def test_an_option_may_stand_before_its_dish() -> None:
    (dish,) = lines(item("1.00", basketItemId=2, mainBasketItemId=9), item(basketItemId=9))
    assert (dish.unit_price, [option.unit_price for option in dish.options]) == (950, [100])


quantities = st.integers(1, 5)
options = st.lists(st.tuples(quantities, st.integers(0, 500)), max_size=4)


@given(st.lists(st.tuples(quantities, st.integers(0, 5000), options), min_size=1, max_size=5))
def test_flat_and_nested_options_are_one(dishes: list[Any]) -> None:
    nested, flat = [], []
    for place, (pieces, price, extras) in enumerate(dishes):
        dish = item(f"{price // 100}.{price % 100:02d}", quantity=pieces, basketItemId=f"d{place}")
        inner = [item(f"{cost // 100}.{cost % 100:02d}", quantity=each) for each, cost in extras]
        nested.append({**dish, "options": inner})
        flat.append(dish)
        for number, extra in enumerate(inner):
            ids = {"basketItemId": f"o{place}-{number}", "mainBasketItemId": f"d{place}"}
            flat.append({**extra, **ids, "quantity": extra["quantity"] * pieces})
    assert lines(*flat) == lines(*nested)


@pytest.mark.parametrize(
    ("fields", "is_discount"),
    [
        ({"productId": None}, True),
        ({"productId": ""}, True),
        ({}, False),
        ({"productId": None, "externalId": "voucher"}, False),
        ({"productId": None, "options": [item()]}, False),
        ({"productId": None, "price": eur("0.00")}, False),
    ],
)
def test_what_is_a_discount(fields: Json, is_discount: bool) -> None:
    read = parsed(order(item(), item("-1.00", quantity=2, name="Rabatt") | fields))
    off = Discount(amount=200, owner=Owner.RESTAURANT, name="Rabatt")
    assert read.discounts == ((off,) if is_discount else ())
    assert len(read.lines) == (1 if is_discount else 2)


def test_a_discount_of_one_dish() -> None:
    read = parsed(
        order(item(quantity=2), item(), item("-1.00", productId=None, mainBasketItemId=2))
    )
    assert [line.line_id for line in read.lines] == ["1", "2"]
    assert [discount.line_ids for discount in read.discounts] == [("2",)]
    assert [line.options for line in read.lines] == [(), ()]


# Events


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"orderType": None}, "data.orderType"),
        ({"orderType": "TAKEAWAY"}, "data.orderType"),
        ({"orderId": ""}, "data.orderId"),
        ({"payment": None}, "data.payment"),
        ({"payment": {"price": eur("9.50")}}, "data.payment.status"),
        ({"payment": {"price": eur("9.50"), "status": "PAID"}}, "data.payment.status"),
        ({"payment": {"status": "paid"}}, "data.payment.price"),
        ({"purchaseTime": {"timestamp": "2026-06-04T18:31:05"}}, "data.purchaseTime.timestamp"),
        ({"pickup": {"pickupTime": "soon"}}, "data.pickup.pickupTime"),
    ],
    ids=str,
)
def test_what_an_order_may_not_leave_open(change: Json, field: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parsed(order(**change))
    assert str(caught.value).startswith(f"{field}: ")


@pytest.mark.parametrize("status", get_args(PaymentStatus))
def test_each_payment_status(status: str) -> None:
    assert parsed(order(payment={"status": status, "price": eur("9.50")})).payment == status
    change = {"orderId": "WEB-1", "status": status, "date": "2026-06-04T18:31:05+02:00"}
    assert parsed(change, "payment.updated").status == status


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"orderId": None}, "data.orderId"),
        ({"status": "refunded"}, "data.status"),
        ({"date": None}, "data.date"),
        ({"date": "2026-06-04T18:31:05"}, "data.date"),
        ({"amount": "9.50"}, "data.amount"),
        ({"reversal": "true"}, "data.reversal"),
    ],
    ids=str,
)
def test_what_a_payment_may_not_leave_open(change: Json, field: str) -> None:
    whole = {"orderId": "WEB-1", "status": "paid", "date": "2026-06-04T16:31:05Z"}
    assert isinstance(parsed(whole, "payment.updated"), PaymentUpdate)
    with pytest.raises(Unreadable) as caught:
        parsed(whole | change, "payment.updated")
    assert str(caught.value).startswith(f"{field}: ")


def test_when_an_order_was_canceled() -> None:
    def when(data: Json, **fields: Any) -> datetime:
        event = parsed({"orderId": "WEB-1", **data}, "order.canceled", **fields)
        assert isinstance(event, Cancellation)
        return event.at

    said, happened = "2026-06-04T16:30:00Z", "2026-06-04T16:31:00Z"
    assert when({"date": said}, timestamp=happened) == datetime(2026, 6, 4, 16, 30, tzinfo=UTC)
    assert when({}, timestamp=happened) == datetime(2026, 6, 4, 16, 31, tzinfo=UTC)
    assert when({}) == NOW


@pytest.mark.parametrize("kind", [None, "", " ", 3.5, [], {}, "x" * 201])
def test_an_event_without_a_type_is_unreadable(kind: object) -> None:
    with pytest.raises(Unreadable, match="type"):
        ADAPTER.parse(delivery(order(), kind), {})


# Identity


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        ("order.created", order(storeId="s1"), Identity("msg_1", "WEB-1", "s1")),
        ("order.created", order(orderId=4711, storeId=7), Identity("msg_1", "4711", "7")),
        ("order.created", order(orderId=" WEB-1 "), Identity("msg_1", "WEB-1")),
        ("order.canceled", {"orderId": "WEB-1"}, Identity("msg_1", "WEB-1", overtakes=True)),
        ("payment.updated", {"orderId": "WEB-1"}, Identity("msg_1")),
        ("ping", None, Identity("msg_1")),
    ],
)
def test_identity(kind: str, data: object, expected: Identity) -> None:
    assert ADAPTER.identify(delivery(data, kind)) == expected


def test_without_an_id_the_bytes_tell() -> None:
    first, same, other = (replace(delivery(data), headers={}) for data in (1, 1, 2))
    assert ADAPTER.identify(first) == ADAPTER.identify(same) != ADAPTER.identify(other)


@pytest.mark.anyio
async def test_a_payment_before_its_order_does_not_hold_it_up(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "PLAIN", ADAPTER)
    change = {"orderId": "WEB-1", "status": "paid", "date": datetime.now(UTC).isoformat()}
    unpaid = order(payment={"status": "appointed", "price": eur("9.50")})
    sent = {"msg_1": delivery(change, "payment.updated"), "msg_2": delivery(unpaid)}
    async with running.line(database_url, connection={"secrets": (KEY,)}) as run:
        for name, one in sent.items():
            dated = replace(one, headers={"webhook-id": name}, received_at=datetime.now(UTC))
            signed = ADAPTER.sign(dated, KEY)
            answer = await run.web.post(
                "/webhooks/plain", content=signed.body, headers=signed.headers
            )
            assert (answer.status_code, answer.content) == (200, b"")
            await run.until((await run.jobs(limit=1))[0]["id"], "waiting", "done")
        for job in await run.jobs():
            await run.until(job["id"], "done")
        (held,) = await run.orders()
        assert held["paymentStatus"] == "paid"
