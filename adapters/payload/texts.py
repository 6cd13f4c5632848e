"""JSON: read whole and exactly, or peeked into without failing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache

from pydantic_core import from_json

from adapters.contract import Unreadable


def decoded(raw: bytes) -> object:
    """JSON with its fractions as Decimals. Raises Unreadable where it is not JSON."""
    try:
        from_json(raw, allow_inf_nan=False)  # stricter: depth, lone surrogates, NaN
        return json.loads(raw, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise Unreadable("body: not JSON") from None


@lru_cache(maxsize=1)  # what verifies a delivery, names it and reads it asks for the same body
def peek(raw: bytes) -> Mapping[str, object]:
    """The body's JSON object, or an empty one: for `identify`, which must not fail."""
    try:
        value = from_json(raw)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def dig(value: object, *keys: str) -> object:
    """`value[key][key]...`, or None as soon as there is no such object."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
