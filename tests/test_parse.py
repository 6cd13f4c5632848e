"""Whatever bytes come, an adapter says events or one of its two errors, never anything else."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import ADAPTERS
from adapters.contract import Adapter, Delivery, Event, Rejected, Unreadable
from tests.goldens import SECRET, Fixture, of

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Path: TypeAlias = tuple[str | int, ...]

every_platform = pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=ADAPTERS)

DEEP = 100_000
ODD_BODIES = [
    b"",
    b" ",
    b"{}",
    b"[]",
    b"null",
    b"true",
    b"0",
    b'""',
    b"\xff",
    b"\x00",
    b"\xef\xbb\xbf{}",
    b'{"event": ',
    b"[" * DEEP,
    b"[" * DEEP + b"]" * DEEP,
    b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    b"9" * 5_000,
    b"-1e999",
    b"NaN",
    b'"\\ud800"',
    b"id=tr_1&id=tr_2&" + b"a=b&" * 2_000,
]
ODD_VALUES: list[Json] = [
    None,
    True,
    -1,
    0,
    1.5,
    10**30,
    "",
    "x",
    "\x00",
    "☃" * 300,
    "1e400",
    "9999-12-31T23:59:59-23:59",
    [],
    [None],
    {},
    {"a": {}},
]

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from("0 1 x"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
header_text = st.text(st.characters(max_codepoint=255), max_size=80)


def check(adapter: Adapter, delivery: Delivery, fetched: Mapping[str, bytes]) -> None:
    """Events or Unreadable, and an identity that a database takes."""
    identity = adapter.identify(delivery)
    for text in identity[:3]:
        assert text is None or (0 < len(text) <= 200 and text.isprintable())
    assert identity.delivery_id
    assert said(adapter, delivery, fetched)


def said(adapter: Adapter, delivery: Delivery, fetched: Mapping[str, bytes]) -> bool:
    """Whether it is events, or Unreadable with a reason; anything else is raised."""
    try:
        events = adapter.parse(delivery, fetched)
    except Unreadable as error:
        return bool(str(error))
    return all(isinstance(event, get_args(Event)) for event in events)


def tree(raw: bytes) -> Json:
    try:
        value: Json = json.loads(raw)
    except ValueError:
        return None
    return value


def nodes(value: Json, at: Path = ()) -> Iterator[Path]:
    yield at
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from nodes(entry, (*at, key))
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from nodes(entry, (*at, index))


def changed(value: Json, at: Path, entry: Json) -> bytes:
    """The tree with `entry` put where `at` leads."""
    root: list[Json] = [copy.deepcopy(value)]
    inner: Json = root
    for key in (0, *at)[:-1]:
        inner = inner[key]  # type: ignore[index]
    inner[(0, *at)[-1]] = entry  # type: ignore[index]
    return json.dumps(root[0]).encode()


def bodies_of(fixture: Fixture) -> dict[str | None, bytes]:
    """The delivery's own body under None, and every body it makes us fetch."""
    bodies: dict[str | None, bytes] = {None: fixture.unsigned().body}
    bodies.update(fixture.fetched())
    return bodies


def with_body(fixture: Fixture, which: str | None, body: bytes) -> None:
    delivery, fetched = fixture.unsigned(), fixture.fetched()
    if which is None:
        check(fixture.adapter, replace(delivery, body=body), fetched)
    else:
        check(fixture.adapter, delivery, {**fetched, which: body})


@every_platform
def test_odd_bodies(adapter: Adapter) -> None:
    for fixture in of(adapter):
        for which in bodies_of(fixture):
            for body in ODD_BODIES:
                with_body(fixture, which, body)


@every_platform
def test_odd_value_in_every_place_of_the_demo(adapter: Adapter) -> None:
    for fixture in of(adapter):
        for which, body in bodies_of(fixture).items() if fixture.variant == "demo" else ():
            for at in nodes(tree(body)):
                for value in ODD_VALUES:
                    with_body(fixture, which, changed(tree(body), at, value))


@every_platform
@given(data=st.data())
def test_invented_value_in_some_place(adapter: Adapter, data: st.DataObject) -> None:
    fixture = data.draw(st.sampled_from(of(adapter)))
    which, body = data.draw(st.sampled_from(list(bodies_of(fixture).items())))
    at = data.draw(st.sampled_from(list(nodes(tree(body)))))
    with_body(fixture, which, changed(tree(body), at, data.draw(anything)))


@every_platform
@given(data=st.data())
def test_invented_bodies(adapter: Adapter, data: st.DataObject) -> None:
    fixture = data.draw(st.sampled_from(of(adapter)))
    which = data.draw(st.sampled_from(list(bodies_of(fixture))))
    body = data.draw(st.binary() | anything.map(lambda value: json.dumps(value).encode()))
    with_body(fixture, which, body)


@every_platform
@given(data=st.data())
def test_invented_headers(adapter: Adapter, data: st.DataObject) -> None:
    """In place of a signature, wherever that would stand."""
    unsigned = data.draw(st.sampled_from(of(adapter))).unsigned()
    names = st.sampled_from(sorted(adapter.headers)) if adapter.headers else st.nothing()
    delivery = replace(unsigned, headers=data.draw(st.dictionaries(names, header_text)))
    check(adapter, delivery, {})
    with pytest.raises(Rejected):
        adapter.verify(delivery, [SECRET])
