"""Which article each line is booked as, in which channel and by which tax rate. Pure.

An option's article counts as much as its dish's: whatever has none is held, booked as the
fallback article of its rate, or sent by its name, as the POS is set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from adapters.contract import Fee, FeeKind, Line, Order, Owner
from receiver.articles import Known, Missing, Product, references
from receiver.errors import Unmapped
from receiver.oktopos.amounts import spread
from receiver.oktopos.lines import FEE_NAMES, Priced
from receiver.settings.model import Connection, Pos


@dataclass(frozen=True, slots=True)
class Tax:
    """A rate as OktoPOS numbers it, and in hundredths of a percent; None: not known."""

    id: int | None = None
    rate: int | None = None

    @property
    def shown(self) -> str:
        return "unknown" if self.rate is None else f"{self.rate // 100}.{self.rate % 100:02d}"


UNKNOWN_TAX = Tax()
How: TypeAlias = Literal["article", "fallback", "name"]


@dataclass(frozen=True, slots=True)
class Booked:
    line: Priced
    product: str | None
    channel: int | None
    tax: Tax
    how: How = "article"

    @property
    def value(self) -> int:
        return self.line.quantity * self.line.unit_price


@dataclass(frozen=True, slots=True)
class Till:
    """What decides how the lines of one order are booked."""

    pos: Pos
    known: Known
    mapped: Mapping[str, str]  # in the set-up: article by the platform's reference
    channel: int | None  # of the order

    @classmethod
    def of(cls, order: Order, connection: Connection, pos: Pos, known: Known) -> Till:
        kind = str(order.order_type)
        own, general = connection.distribution_channels, pos.distribution_channels
        return cls(pos, known, connection.articles, own.get(kind, general.get(kind)))

    def product(self, line: Line) -> Product | None:
        """By the set-up; else as an operator mapped it or the catalogue has it."""
        named = (self.mapped.get(reference) for reference in references(line))
        article = next(filter(None, named), None)
        return self.known.by_id(article) if article else self.known.product(line)

    def tax(self, product: Product) -> Tax:
        channel = self.channel if product.channel is None else product.channel
        price = product.article.price(channel) if product.article else None
        return Tax(price.tax_rate_id, price.tax_rate) if price else UNKNOWN_TAX

    def booked(self, line: Priced, product: Product, tax: Tax | None = None) -> Booked:
        channel = self.channel if product.channel is None else product.channel
        return Booked(line, product.id, channel, tax or self.tax(product))

    def without_article(self, line: Priced, tax: Tax) -> Booked | None:
        """As the POS is set; None where it is held."""
        match self.pos.unknown_article:
            case "hold":
                return None
            case "name":
                return Booked(line, None, self.channel, tax, "name")
            case "fallback":
                rate = self.pos.fallback_rate if tax.rate is None else tax.shown
                article = self.pos.fallback_articles.get(rate or "")
                if article is None:
                    return None
                known = self.known.by_id(article)
                return replace(self.booked(line, known), how="fallback")


def book(order: Order, goods: Sequence[Priced], till: Till) -> list[Booked]:
    """Goods and the restaurant's fees, each with its article. Raises Unmapped naming what lacks."""
    dishes = [(line, dish(line, till)) for line in goods]
    fees = list(fee_lines(order, [found for _, found in dishes if found], len(goods), till))
    missing = [describe(line, till) for line, found in (*dishes, *fees) if found is None]
    if missing:
        raise Unmapped(f"no article for {', '.join(dict.fromkeys(missing))}", till.known.version)
    return [found for _, found in (*dishes, *fees) if found]


def dish(line: Priced, till: Till) -> Booked | None:
    source = line.source if isinstance(line.source, Line) else None
    product = till.product(source) if source else None
    if product:
        return till.booked(line, product)
    return till.without_article(line, Tax(rate=source.tax_rate if source else None))


def fee_lines(
    order: Order, goods: Sequence[Booked], last: int, till: Till
) -> Iterator[tuple[Priced, Booked | None]]:
    """A fee follows the goods' rates, in proportion to their values."""
    for fee in order.fees:
        if fee.owner is not Owner.RESTAURANT or not fee.amount:
            continue
        article = till.pos.fee_articles.get(fee.kind)
        product = till.known.by_id(article) if article else None
        for tax, share in shares(fee, goods, product, till):
            last += 1
            name = fee.name or FEE_NAMES[fee.kind]
            line = Priced(last, last, 1, share, name, fee.kind)
            found = till.booked(line, product, tax) if product else None
            yield line, found or till.without_article(line, tax)


def shares(
    fee: Fee, goods: Sequence[Booked], product: Product | None, till: Till
) -> list[tuple[Tax, int]]:
    """By tax rate. A deposit is taxed as its article is, else like the drinks it is for."""
    own = till.tax(product) if product else UNKNOWN_TAX
    if fee.kind is FeeKind.DEPOSIT:
        if own != UNKNOWN_TAX:
            return [(own, fee.amount)]
        goods = drinks(fee, goods)
    values: dict[Tax, int] = {}
    for line in goods:
        values[line.tax] = values.get(line.tax, 0) + max(line.value, 0)
    if fee.amount < 0 or any(tax.id is None for tax in values) or not any(values.values()):
        return [(own, fee.amount)]  # OktoPOS could not be told the rates of its parts
    return [
        (tax, share)
        for tax, share in zip(values, spread(fee.amount, list(values.values())), strict=True)
        if share
    ]


def drinks(fee: Fee, goods: Sequence[Booked]) -> Sequence[Booked]:
    """Those the deposit is said to be for; else whatever is taxed highest."""
    named = [line for line in goods if line.line.line_id in fee.line_ids]
    if named:
        return named
    highest = max((line.tax.rate or 0 for line in goods), default=0)
    return [line for line in goods if (line.tax.rate or 0) == highest]


def describe(line: Priced, till: Till) -> str:
    if isinstance(line.source, FeeKind):
        return f"pos.{till.pos.name}.fee_articles.{line.source}"
    return str(Missing(line.name, line.source.pos_ref or line.source.item_id))
