"""The recorded deliveries that the demo sends: one of every platform, from the tests' fixtures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from adapters.contract import Adapter, Delivery, Event, Fetch, Order, PaymentUpdate
from receiver import recorded
from receiver.cli.explain import Failure

FOLDER = Path(__file__).resolve().parents[3] / "tests" / "fixtures"


@dataclass(frozen=True, slots=True)
class Recording:
    """A delivery without a signature, and what it says: what is expected to arrive."""

    adapter: Adapter
    event: str  # the platform's event type
    delivery: Delivery  # its `url` is the path of the webhook address alone
    said: Sequence[Event]
    bodies: Mapping[str, bytes]  # what it makes us fetch, by path

    @property
    def order(self) -> Order | None:
        return next((event for event in self.said if isinstance(event, Order)), None)

    @property
    def payment(self) -> PaymentUpdate | None:
        return next((event for event in self.said if isinstance(event, PaymentUpdate)), None)


def read_all(adapters: Mapping[str, Adapter], folder: Path = FOLDER) -> list[Recording]:
    """The payments first, so that they have to wait for their orders. Raises Failure."""
    found = [read(adapter, folder) for adapter in adapters.values()]
    return sorted(found, key=lambda recording: recording.adapter.kind == "orders")


def read(adapter: Adapter, folder: Path) -> Recording:
    place = next(iter(sorted((folder / adapter.slug).glob("*__demo"))), None)
    if place is None:
        raise Failure(
            f"there is no recorded delivery of {adapter.slug} in {folder}:"
            " run the demo from a clone of the repository"
        )
    _, delivery = recorded.read((place / "request.http").read_bytes(), "")
    bodies, said = parse(adapter, delivery, place)
    return Recording(adapter, place.name.removesuffix("__demo"), delivery, said, bodies)


def parse(
    adapter: Adapter, delivery: Delivery, place: Path
) -> tuple[dict[str, bytes], Sequence[Event]]:
    """What is fetched by path, and what the delivery says once that is there."""
    bodies: dict[str, bytes] = {}
    fetched: dict[str, bytes] = {}
    while True:
        said = adapter.parse(delivery, fetched)
        wanted = [event for event in said if isinstance(event, Fetch)]
        if not wanted:
            return bodies, said
        for fetch in wanted:
            body = (place / "fetched" / f"{fetch.name}.json").read_bytes()
            fetched[fetch.name] = bodies[urlsplit(fetch.path).path] = body
