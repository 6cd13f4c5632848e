"""An order's dishes, options, fees and discounts as the flat, priced lines OktoPOS books."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from adapters.contract import Discount, FeeKind, Line, Order, Owner
from receiver.errors import Held
from receiver.oktopos.amounts import Run, deal, decimal, runs, spread

FEE_NAMES = {
    FeeKind.DELIVERY: "Delivery fee",
    FeeKind.SMALL_ORDER: "Small order fee",
    FeeKind.SERVICE: "Service fee",
    FeeKind.PACKAGING: "Packaging",
    FeeKind.DEPOSIT: "Deposit",
}


@dataclass(frozen=True, slots=True)
class Priced:
    """One line to book. `main` is the number of the dish it belongs to, its own for a dish."""

    number: int
    main: int
    quantity: int
    unit_price: int  # minor units, after the restaurant's discounts
    name: str
    source: Line | FeeKind
    comment: str | None = None

    @property
    def line_id(self) -> str | None:
        return self.source.line_id if isinstance(self.source, Line) else None


@dataclass(slots=True)
class Flat:
    """A line while discounts are taken off it: all its pieces and what they come to."""

    line: Line
    dish: int
    pieces: int
    value: int


def priced(order: Order) -> list[Priced]:
    """The goods of the order, exact to the cent.

    A discounted dish whose pieces no longer cost the same becomes two dishes a cent apart, each
    with its own options. Raises Held when a discount exceeds what it is taken from.
    """
    flats = [
        flat
        for dish, line in enumerate(order.lines)
        if line.quantity > 0
        for flat in flatten(line, dish)
    ]
    ours = [discount for discount in order.discounts if discount.owner is Owner.RESTAURANT]
    for discount in sorted(ours, key=lambda discount: not discount.line_ids):  # the narrow first
        take_off(discount, flats)
    lines: list[Priced] = []
    for _, dish in groupby(flats, key=lambda flat: flat.dish):
        book_dish(list(dish), lines)
    return lines


def flatten(line: Line, dish: int, parents: int = 1) -> list[Flat]:
    """The line and its options at any depth, each with its pieces in the whole order."""
    pieces = line.quantity * parents
    own = Flat(line, dish, pieces, pieces * line.unit_price)
    options = [option for option in line.options if option.quantity > 0]
    return [own, *(flat for option in options for flat in flatten(option, dish, pieces))]


def take_off(discount: Discount, flats: Sequence[Flat]) -> None:
    concerned = concerns(discount, flats)
    worth = sum(max(flat.value, 0) for flat in concerned)
    if discount.amount > worth:
        raise Held(
            f"discount of {decimal(discount.amount)} is more than the {decimal(worth)} "
            "of the lines it is taken from"
        )
    shares = spread(discount.amount, [flat.value for flat in concerned])
    for flat, share in zip(concerned, shares, strict=True):
        flat.value -= share


def concerns(discount: Discount, flats: Sequence[Flat]) -> Sequence[Flat]:
    """The named lines, a dish with its options; the whole order when it names none of ours."""
    named = {flat.dish for flat in flats if flat.line.line_id in discount.line_ids}
    return [flat for flat in flats if flat.dish in named] or flats


def book_dish(flats: Sequence[Flat], lines: list[Priced]) -> None:
    dish, *options = flats
    stocks = [runs(flat.pieces, flat.value) for flat in options]
    for pieces, price in runs(dish.pieces, dish.value):
        main = len(lines) + 1
        book(dish.line, [(pieces, price)], main, lines)
        for place, flat in enumerate(options):
            share = flat.pieces // dish.pieces * pieces
            dealt, stocks[place] = deal(stocks[place], share)
            book(flat.line, dealt, main, lines)


def book(line: Line, dealt: Sequence[Run], main: int, lines: list[Priced]) -> None:
    for pieces, price in dealt:
        number = len(lines) + 1
        lines.append(Priced(number, main, pieces, price, line.name, line, line.comment))
