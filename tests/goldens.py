"""The recorded deliveries below tests/fixtures, and what is said about them, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path

from adapters import ADAPTERS
from adapters.contract import Adapter, Call, Delivery, Event, Fetch, Order, Outcome, Told
from receiver import recorded

FOLDER = Path(__file__).parent / "fixtures"
SECRET = "0f1e2d3c4b5a69788796a5b4c3d2e1f0112233445566778899aabbccddeeff00"  # hex, and base64
OTHER_SECRET = SECRET[::-1]


@dataclass(frozen=True, slots=True)
class Fixture:
    """One folder: a request, the bodies it makes us fetch, and what must come out."""

    folder: Path
    adapter: Adapter

    @property
    def event(self) -> str:
        return self.folder.name.partition("__")[0]

    @property
    def variant(self) -> str:
        return self.folder.name.partition("__")[2]

    def unsigned(self) -> Delivery:
        """As recorded; only the headers that would be kept."""
        _, delivery = recorded.read((self.folder / "request.http").read_bytes())
        return kept(delivery, self.adapter)

    def signed(self, secret: str = SECRET) -> Delivery:
        return kept(self.adapter.sign(self.unsigned(), secret), self.adapter)

    def fetched(self) -> dict[str, bytes]:
        return {file.stem: file.read_bytes() for file in sorted(self.folder.glob("fetched/*.json"))}


def kept(delivery: Delivery, adapter: Adapter) -> Delivery:
    """The web side drops every header the adapter does not declare."""
    headers = {name: text for name, text in delivery.headers.items() if name in adapter.headers}
    return replace(delivery, headers=headers)


def discover() -> list[Fixture]:
    """Every fixture of every declared platform; test_house.py refuses undeclared folders."""
    return [
        Fixture(request.parent, adapter)
        for slug, adapter in ADAPTERS.items()
        for request in sorted((FOLDER / slug).glob("*/request.http"))
    ]


def event_word(event_type: str) -> str:
    """An event type as a folder can be called: orders/create is orders.create there."""
    return event_type.lower().replace("/", ".")


def name(fixture: Fixture) -> str:
    return f"{fixture.adapter.slug}/{fixture.folder.name}"


FIXTURES = discover()


def of(adapter: Adapter) -> list[Fixture]:
    return [fixture for fixture in FIXTURES if fixture.adapter is adapter]


def parse_to_end(fixture: Fixture, delivery: Delivery) -> tuple[list[Fetch], Sequence[Event]]:
    """What had to be fetched, in order, and what was said once all of it was there."""
    asked: list[Fetch] = []
    while True:
        events = fixture.adapter.parse(delivery, answers_to(asked, fixture))
        missing = [event for event in events if isinstance(event, Fetch)]
        if not missing:
            return asked, events
        assert not {fetch.name for fetch in missing} & {fetch.name for fetch in asked}
        asked += missing


def answers_to(asked: list[Fetch], fixture: Fixture) -> Mapping[str, bytes]:
    bodies = fixture.fetched()
    return {fetch.name: bodies[fetch.name] for fetch in asked}


def answers(adapter: Adapter, delivery: Delivery, order: Order, outcome: Outcome) -> Sequence[Call]:
    """What would be said at the very moment the order came."""
    return adapter.answer(delivery, order, Told(outcome, delivery.received_at))


def as_json(value: object) -> object:
    """A value of the contract as JSON: the absent, the empty and the false left out."""
    match value:
        case Enum():
            return value.value
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case timedelta():
            return value.total_seconds()
        case Mapping():
            return {str(key): as_json(entry) for key, entry in value.items()}
        case tuple() | list() | frozenset():
            entries = sorted(value) if isinstance(value, frozenset) else value
            return [as_json(entry) for entry in entries]
        case _ if is_dataclass(value):
            said = {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
            return {key: entry for key, entry in said.items() if is_said(entry)}
        case _:
            return value


def is_said(entry: object) -> bool:
    return entry is not None and entry is not False and entry not in ("", [], {})


def event_json(event: Event) -> dict[str, object]:
    said = as_json(event)
    assert isinstance(said, dict)
    return {"event": type(event).__name__, **said}


def compare(golden: Path, said: object, *, accept: bool) -> None:
    """`said` is what the golden holds; `--accept` makes it so. Nothing said: no file."""
    if accept:
        write(golden, said)
    expected = json.loads(golden.read_text("utf-8")) if golden.exists() else None
    assert (said or None) == expected


def write(golden: Path, said: object) -> None:
    if said:
        text = json.dumps(said, indent=2, ensure_ascii=False) + "\n"
        golden.write_text(text, "utf-8", newline="\n")
    else:
        golden.unlink(missing_ok=True)
