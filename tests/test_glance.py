"""A glance sees what reading the whole body would, on the paths it was asked for."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.glance import glance
from adapters.payload import dig, peek

PATHS = ("event", "body.order.id", "body.order.log", "body.order_id")
READ = glance(*PATHS)
VALUES = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers())
ORDER = st.dictionaries(st.sampled_from(["id", "log", "other"]), VALUES) | VALUES
BODY = st.dictionaries(st.sampled_from(["order", "order_id", "x"]), ORDER) | VALUES
WHOLE = st.dictionaries(st.sampled_from(["event", "body", "x"]), BODY) | VALUES


@given(WHOLE)
def test_it_sees_the_same(value: object) -> None:
    raw = json.dumps(value).encode()
    for path in PATHS:
        assert dig(READ(raw), *path.split(".")) == dig(peek(raw), *path.split("."))


def test_the_rest_is_left_out() -> None:
    assert READ(b'{"event": 1, "rest": 2, "body": {"order": {"id": 3, "items": []}}}') == {
        "event": 1,
        "body": {"order": {"id": 3}},
    }


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_not_json_is_empty(raw: bytes) -> None:
    assert READ(raw) == {}
