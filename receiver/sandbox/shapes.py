"""Whether a call is as a platform's pages have it. The shapes are data of the adapters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qsl

from pydantic import AwareDatetime, ConfigDict, ValidationError, create_model
from pydantic_core import from_json, to_json

from adapters.api import Expected, Shape
from receiver.sandbox.operations import complaints

STRICT = ConfigDict(extra="forbid", strict=True)
MAY_LACK = "?"


class Made(NamedTuple):
    """A call as it came, its path below the API's base address."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]  # lower-case names
    body: bytes


class Verdict(NamedTuple):
    """Which call it is, and what is wrong with it."""

    expected: Expected | None
    wrong: Sequence[str] = ()


def judged(made: Made, calls: Sequence[Expected]) -> Verdict:
    """The call it fits, else the one it comes closest to."""
    paths = [call for call in calls if re.fullmatch(call.path, made.path)]
    there = [call for call in paths if call.method == made.method]
    if not there:
        allowed = ", ".join(sorted({call.method for call in paths}))
        return Verdict(None, [f"method: only {allowed}" if allowed else "path: not documented"])
    verdicts = [Verdict(call, list(faults(made, call))) for call in there]
    return min(verdicts, key=lambda verdict: len(verdict.wrong))


def faults(made: Made, call: Expected) -> Iterator[str]:
    for name, pattern in call.headers.items():
        if not re.fullmatch(pattern, made.headers.get(name, "")):
            yield f"{name}: not as documented"
    query = dict(parse_qsl(made.query, keep_blank_values=True))
    yield from (f"query.{text}" for text in misfits(call.query, query))
    if call.body is None:
        yield from ["body: there must be none"] if made.body else []
    elif made.body:
        yield from of_body(made, call)
    elif not call.optional:
        yield "body: missing"


def of_body(made: Made, call: Expected) -> Iterator[str]:
    kind = made.headers.get("content-type", "").partition(";")[0].strip()
    if kind != "application/json":
        yield "content-type: not application/json"
    try:
        value = from_json(made.body, allow_inf_nan=False)
    except ValueError:
        yield "body: not JSON"
    else:
        yield from (f"body.{text}" for text in misfits(call.body, value))


def misfits(shape: Shape, value: object) -> list[str]:
    """What of a JSON value is not as the shape has it, by field."""
    model = create_model("Call", __config__=STRICT, it=(kind(shape), ...))
    try:
        model.model_validate_json(to_json({"it": value}))
    except ValidationError as error:
        return [text.removeprefix("it").removeprefix(".") for text in complaints(error)]
    return []


def kind(shape: Shape) -> Any:
    match shape:
        case Mapping():
            fields: dict[str, Any] = {
                name.removesuffix(MAY_LACK): (kind(of), None if name.endswith(MAY_LACK) else ...)
                for name, of in shape.items()
            }
            return create_model("Object", __config__=STRICT, **fields)
        case tuple():
            return Literal[shape]
        case [each]:
            return list[kind(each)]  # type: ignore[misc]
    return AwareDatetime if shape is datetime else shape
