"""The sandbox and `orderapi.yaml` say the same: routes, keys, rules, and the answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_schema_validator import OAS30Validator
from openapi_spec_validator import validate
from openapi_spec_validator.readers import read_from_filename

from receiver.sandbox import create_sandbox
from receiver.sandbox.models import Order
from receiver.sandbox.operations import OPERATIONS
from tests.orders import full_order, plain_order

pytestmark = pytest.mark.anyio

Schema = Mapping[str, Any]
DOCUMENT: Schema = read_from_filename(str(Path(__file__).parent / "orderapi.yaml"))[0]
RULES = {
    "type", "enum", "pattern", "format", "items", "minimum", "maximum", "minLength", "maxLength",
    "minItems",
}  # fmt: skip
NOT_IN_DOCUMENT = {"articles/list"}  # leaves unknown keys open there; the sandbox refuses them


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_document_is_openapi() -> None:
    validate(DOCUMENT)


def test_validator_sees_a_broken_document() -> None:
    with pytest.raises(Exception, match="paths"):
        validate({key: value for key, value in DOCUMENT.items() if key != "paths"})


def described() -> dict[tuple[str, str], Schema]:
    return {
        (method.upper(), path.lstrip("/")): operation
        for path, operations in DOCUMENT["paths"].items()
        for method, operation in operations.items()
    }


def test_routes_are_alike() -> None:
    assert set(OPERATIONS) == set(described())


@pytest.mark.parametrize("route", OPERATIONS, ids=" ".join)
def test_requests_are_alike(route: tuple[str, str]) -> None:
    request = described()[route].get("requestBody")
    model = OPERATIONS[route].model
    assert (request is None) == (model is None)
    if request and model:
        theirs = request["content"]["application/json"]["schema"]
        ours = model.model_json_schema(by_alias=True)
        closed = route[1] not in NOT_IN_DOCUMENT
        assert walked(ours, ours, closed) == walked(theirs, DOCUMENT, closed)


def test_walk_reaches_every_request_schema() -> None:
    """Nothing is skipped by accident: each rule that the document knows is met on the way."""
    seen = str(walked(Order.model_json_schema(by_alias=True), Order.model_json_schema(), True))
    for word in ("mainBasketItemId", "houseNumber", "pickupTime", "call_for_payment", "minItems"):
        assert word in seen


@pytest.mark.parametrize(
    ("key", "value"),
    [("pattern", "^x$"), ("enum", ["x"]), ("required", []), ("properties", {"x": {}})],
)
def test_walk_sees_a_difference(key: str, value: object) -> None:
    schema = Order.model_json_schema(by_alias=True)
    assert walked(schema, schema, True) != walked({**schema, key: value}, schema, True)


def walked(schema: Schema, document: Schema, closed: bool) -> dict[str, Any]:
    """A schema with its references followed, reduced to what rules a value."""
    if "$ref" in schema:
        return walked(followed(schema["$ref"], document), document, closed)
    found = {key: value for key, value in schema.items() if key in RULES}
    if "const" in schema:
        found["enum"] = [schema["const"]]
    if isinstance(found.get("items"), dict):
        found["items"] = walked(found["items"], document, closed)
    if "properties" in schema:
        found["required"] = sorted(schema.get("required", []))
        found["open"] = closed and schema.get("additionalProperties", True)
        found["properties"] = {
            name: walked(part, document, closed) for name, part in schema["properties"].items()
        }
    return found


def followed(reference: str, document: Schema) -> Schema:
    for key in reference.removeprefix("#/").split("/"):
        document = document[key]
    return document


def problems(value: object, schema: Schema) -> list[str]:
    validator = OAS30Validator({**schema, "components": DOCUMENT["components"]})
    return [error.message for error in validator.iter_errors(value)]


def answer_schema(route: tuple[str, str], status: str) -> Schema:
    answer = described()[route]["responses"][status]
    answer = followed(answer["$ref"], DOCUMENT) if "$ref" in answer else answer
    content = answer.get("content")
    schema: Schema = content["application/json"]["schema"] if content else {}
    return followed(schema["$ref"], DOCUMENT) if "$ref" in schema else schema


CALLS: list[tuple[tuple[str, str], object, int]] = [
    (("POST", "order/create"), plain_order("fresh"), 200),
    (("POST", "order/create"), full_order("fresher"), 200),
    (("POST", "order/create"), {}, 400),
    (("POST", "order/create"), plain_order("known"), 409),
    (("GET", "order/ready"), None, 200),
    (("POST", "order/set-status"), {"orderId": 10_001, "status": "x", "payload": {}}, 200),
    (("POST", "order/set-status"), {"orderId": 1, "status": "x"}, 404),
    (
        ("POST", "order/set-payment-status"),
        {"orderId": "known", "status": "paid", "date": "2026-07-04T12:00:00Z"},
        200,
    ),
    (
        ("POST", "order/set-payment-status"),
        {"orderId": "?", "status": "paid", "date": "2026-07-04T12:00:00Z"},
        404,
    ),
    (("POST", "articles/list"), {"pageSize": 500}, 200),
    (("GET", "articles/distribution-channels"), None, 200),
]


@pytest.mark.parametrize(("route", "body", "status"), CALLS)
async def test_answers_are_as_described(route: tuple[str, str], body: object, status: int) -> None:
    transport = httpx.ASGITransport(create_sandbox())
    headers = {"X-API-Key": "sandbox"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://pos/v1", headers=headers
    ) as pos:
        known = (await pos.post("/order/create", json=plain_order("known"))).json()["internalId"]
        assert known == 10_001
        (await pos.post("/order/set-status", json={"orderId": known, "status": "ready"}))
        answer = await pos.request(route[0], f"/{route[1]}", json=body)
    assert answer.status_code == status
    schema = answer_schema(route, str(status))
    assert problems(answer.json(), schema) == []
    assert unknown_keys(answer.json(), schema) == set()


def unknown_keys(value: object, schema: Schema) -> set[str]:
    """What an answer says that the document has no name for."""
    if "$ref" in schema:
        schema = followed(schema["$ref"], DOCUMENT)
    if isinstance(value, list):
        return {key for one in value for key in unknown_keys(one, schema.get("items", {}))}
    if not isinstance(value, dict) or "properties" not in schema:
        return set()
    known: Schema = schema["properties"]
    below = {key for name in known for key in unknown_keys(value.get(name), known[name])}
    return below | set(value) - set(known)


@pytest.mark.parametrize("order", [plain_order("a"), full_order("b")])
def test_the_orders_of_these_tests_are_as_described(order: object) -> None:
    assert problems(order, DOCUMENT["components"]["schemas"]["Order"]) == []


def test_full_order_uses_every_key() -> None:
    assert unused(full_order("a"), DOCUMENT["components"]["schemas"]["Order"]) == set()


def unused(value: object, schema: Schema) -> set[str]:
    """What the document names and a value leaves out, in any of a list's members."""
    if "$ref" in schema:
        schema = followed(schema["$ref"], DOCUMENT)
    if isinstance(value, list):
        return set.intersection(*(unused(one, schema["items"]) for one in value))
    if not isinstance(value, dict):
        return set()
    known: Schema = schema["properties"]
    below = {key for name in known for key in unused(value.get(name), known[name])}
    return below | set(known) - set(value)
