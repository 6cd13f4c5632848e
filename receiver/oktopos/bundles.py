"""One price for several articles, taken apart: each part bears its share, and so does each rate.

A bundle that an operator mapped, or that the catalogue has, is an article itself and stays whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from adapters.contract import Line, Order
from adapters.payload import comment
from adapters.sums import costing
from receiver.articles import Price
from receiver.errors import Held, Unmapped
from receiver.oktopos.amounts import spread
from receiver.oktopos.booking import Till

DRINKS_SHARE = 30  # per cent, as a simplification allows


def taken_apart(order: Order, till: Till) -> Order:
    """Raises Held and Unmapped where a part has no article, or no price of its own, unless the POS
    takes what has no article: then the bundle stays whole, and is that."""
    if not any(line.bundle for line in order.lines):
        return order
    return replace(order, lines=tuple(part for line in order.lines for part in parts(line, till)))


def parts(line: Line, till: Till) -> Sequence[Line]:
    if not line.bundle or not line.options or not line.quantity or till.product(line):
        return [line]
    try:
        prices = [single(part, line, till) for part in line.options]
    except Held:
        if till.pos.unknown_article == "hold":
            raise
        return [line]
    both = list(zip(line.options, prices, strict=True))
    weights = [part.quantity * (price.cents or 0) for part, price in both]
    rates = [price.tax_rate or 0 for price in prices]
    shares = divided(line.quantity * line.unit_price, weights, rates, till)
    return [
        piece
        for part, share in zip(line.options, shares, strict=True)
        for piece in part_lines(line, part, share)
    ]


def single(part: Line, bundle: Line, till: Till) -> Price:
    """What the part costs alone."""
    product = till.product(part)
    if product is None:
        name = f'"{part.name}" ({part.pos_ref or part.item_id or "no id"})'
        raise Unmapped(f"no article for {name} of {bundle.name}", till.known.version)
    channel = till.channel if product.channel is None else product.channel
    price = product.article.price(channel) if product.article else None
    if price is None or not price.cents:
        raise Held(
            f"{bundle.name} has one price for all of it, and article {product.id} has none of its"
            " own there: sync the articles, or map the bundle itself"
        )
    return price


def divided(total: int, weights: Sequence[int], rates: Sequence[int], till: Till) -> list[int]:
    """By single prices; or drinks, which is what is taxed higher, get their share first."""
    both = list(zip(weights, rates, strict=True))
    drinks = [weight if rate == max(rates) else 0 for weight, rate in both]
    foods = [0 if rate == max(rates) else weight for weight, rate in both]
    if till.pos.bundles == "by_price" or not sum(foods):
        return spread(total, weights)
    of_drinks, of_foods = spread(total, [DRINKS_SHARE, 100 - DRINKS_SHARE])
    halves = zip(spread(of_drinks, drinks), spread(of_foods, foods), strict=True)
    return [drink + food for drink, food in halves]


def part_lines(bundle: Line, part: Line, share: int) -> Sequence[Line]:
    """A dish of its own, with what it costs on top; discounts of the bundle are its, too."""
    pieces = bundle.quantity * part.quantity
    alone = replace(
        part,
        quantity=pieces,
        line_id=bundle.line_id,
        comment=comment(bundle.name, bundle.comment, part.comment),
    )
    return costing(alone, share + pieces * part.unit_price)
