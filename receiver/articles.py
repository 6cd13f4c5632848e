"""Articles as OktoPOS lists them, and which of them a line of an order is. Values, no I/O."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from adapters.contract import Line

Match: TypeAlias = Literal["id", "external_reference", "material_number"]
"""What of an article a platform's POS reference may be."""
NO_REFERENCE = "no id"
NAMED = re.compile(r'"([^"]*)" \((.+?)\)(?=, "|, pos\.|$)', re.DOTALL)
MATCH: tuple[Match, ...] = ("id", "external_reference", "material_number")


@dataclass(frozen=True, slots=True)
class Price:
    """What an article costs in one distribution channel, and by which rate it is taxed there."""

    channel: int
    cents: int | None = None  # minor units
    tax_rate_id: int | None = None
    tax_rate: int | None = None  # hundredths of a percent: 700


@dataclass(frozen=True, slots=True)
class Article:
    id: str
    name: str
    external_reference: str | None = None
    material_number: str | None = None
    prices: tuple[Price, ...] = ()

    def price(self, channel: int | None) -> Price | None:
        """In that channel; where none is said, only what all channels agree on."""
        if channel is not None:
            return next((price for price in self.prices if price.channel == channel), None)
        taxes = {(price.tax_rate_id, price.tax_rate) for price in self.prices}
        return self.prices[0] if len(taxes) == 1 else None


@dataclass(frozen=True, slots=True)
class Chosen:
    """What an operator mapped a platform's reference to."""

    article: str
    channel: int | None = None


@dataclass(frozen=True, slots=True)
class Product:
    """The article that a line is booked as."""

    id: str
    channel: int | None = None  # the mapping's own; None: the order's
    article: Article | None = None  # as listed; None: the catalogue has never been read


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the articles one order needs."""

    synced: bool = False
    version: int = 0  # of all catalogues and mappings; another one may know more
    chosen: Mapping[str, Chosen] = field(default_factory=dict)  # by the platform's reference
    matched: Mapping[str, Article] = field(default_factory=dict)  # by the platform's POS reference
    listed: Mapping[str, Article] = field(default_factory=dict)  # by OktoPOS' id

    def product(self, line: Line) -> Product | None:
        """By the operator's mapping; else the POS reference found in the catalogue, or taken as
        the article's id while no catalogue was ever read."""
        for reference in references(line):
            if chosen := self.chosen.get(reference):
                listed = self.listed.get(chosen.article)
                return Product(chosen.article, chosen.channel, listed)
        if not line.pos_ref:
            return None
        if not self.synced:
            return Product(line.pos_ref)
        found = self.matched.get(line.pos_ref)
        return Product(found.id, article=found) if found else None

    def by_id(self, article: str) -> Product:
        return Product(article, article=self.listed.get(article))


@dataclass(frozen=True, slots=True)
class Missing:
    """A dish that has no article: as the guest saw it, and what its platform calls it."""

    name: str
    reference: str | None

    def __str__(self) -> str:
        name = self.name.replace('"', "'")  # so that it can be read back
        return f'"{name}" ({self.reference or NO_REFERENCE})'


def missing(reason: str) -> list[Missing]:
    """The dishes that a reason names."""
    found = NAMED.findall(reason)
    return [Missing(name, None if called == NO_REFERENCE else called) for name, called in found]


def references(line: Line) -> Iterator[str]:
    """What a platform calls the article, its POS reference first."""
    yield from filter(None, (line.pos_ref, line.item_id))


def every_line(lines: tuple[Line, ...]) -> Iterator[Line]:
    for line in lines:
        yield line
        yield from every_line(line.options)
