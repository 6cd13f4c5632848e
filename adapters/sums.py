"""Sums of lines, fees and discounts, and how lines are read so that they come to a stated one.

Integers of the minor unit only; where tax makes fractions of it, `rounded` ends them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from itertools import accumulate, chain, pairwise

from adapters.contract import Discount, Fee, Line, Owner


def worth(lines: Sequence[Line]) -> int:
    """What lines come to with all of their options."""
    total = 0
    for line in lines:  # most have no options
        each = line.unit_price + worth(line.options) if line.options else line.unit_price
        total += line.quantity * each
    return total


def ours(parts: Sequence[Fee] | Sequence[Discount]) -> int:
    """What the restaurant charges, or gives."""
    return sum(part.amount for part in parts if part.owner is Owner.RESTAURANT)


def apart(line: Line) -> Line:
    """A line whose unit price holds its options' prices, with those taken out of it."""
    options = tuple(map(apart, line.options))
    return replace(line, unit_price=line.unit_price - worth(options), options=options)


def quantity_per_piece(line: Line) -> Line:
    """A line whose options are counted for all its pieces, with them counted for one."""
    options = (quantity_per_piece(option) for option in line.options)
    shared = (replace(o, quantity=divided(o.quantity, line.quantity)) for o in options)
    return replace(line, options=tuple(shared))


def price_per_piece(line: Line, pieces: int = 1) -> Line:
    """A line whose options are priced for all its pieces, with them priced for one."""
    options = (price_per_piece(option, pieces * line.quantity) for option in line.options)
    return replace(line, unit_price=divided(line.unit_price, pieces), options=tuple(options))


def divided(amount: int, pieces: int) -> int:
    """Where it divides; it is left alone where that reading cannot be right."""
    return amount // pieces if pieces and amount % pieces == 0 else amount


def agreeing(lines: tuple[Line, ...], stated: int | None) -> tuple[Line, ...]:
    """The lines, read so that they come to what the platform states; as they are if none does.

    For platforms that do not say, or not reliably, whether an option's quantity and price are for
    one piece of its dish or for all of them, and whether a dish's price holds its options'.
    """
    others = (tuple(map(read, lines)) for read in (quantity_per_piece, price_per_piece, apart))
    return next((read for read in chain((lines,), others) if worth(read) == stated), lines)


def fitting(line: Line, stated: Sequence[int]) -> Line | None:
    """A dish, read so that it comes to one of the sums that may be meant; the first counts."""
    tried = ((known, agreeing((line,), known)) for known in stated)
    return next((read for known, (read,) in tried if worth((read,)) == known), None)


def costing(line: Line, total: int) -> tuple[Line, ...]:
    """The line, without its options' prices, so that all its pieces come to exactly `total`.

    Where that does not divide it becomes two lines a cent apart, each with the options; for
    platforms that state a line's sum, after tax or discount, instead of its unit price.
    """
    price, dearer = divmod(total, line.quantity)
    parts = ((line.quantity - dearer, price), (dearer, price + 1))
    return tuple(replace(line, quantity=n, unit_price=unit) for n, unit in parts if n)


def half_up(amount: Decimal) -> int:
    return int(amount.to_integral_value(ROUND_HALF_UP))


def rounded(exact: Sequence[Decimal], stated: int | None) -> list[int]:
    """Whole minor units of exact ones, such as net prices with their tax.

    They come to what is stated where rounding alone can bring them there: the largest remainders
    are rounded up, all others down. Elsewhere each is rounded half up for itself.
    """
    floors = [int(amount.to_integral_value(ROUND_FLOOR)) for amount in exact]
    broken = [place for place, amount in enumerate(exact) if amount != floors[place]]
    missing = -1 if stated is None else stated - sum(floors)
    if not 0 <= missing <= len(broken):
        return [half_up(amount) for amount in exact]
    largest = set(sorted(broken, key=lambda place: floors[place] - exact[place])[:missing])
    return [floor + (place in largest) for place, floor in enumerate(floors)]


def gathered(lines: Sequence[Line]) -> tuple[Line, ...]:
    """Lines that differ in nothing but their quantity as one of them all, where the first stood.

    For platforms that send so many pieces as so many lines.
    """
    pieces: dict[Line, int] = {}
    for line in lines:
        one = replace(line, quantity=1)
        pieces[one] = pieces.get(one, 0) + line.quantity
    return tuple(replace(line, quantity=quantity) for line, quantity in pieces.items())


def in_proportion(lines: tuple[Line, ...], total: int) -> tuple[Line, ...]:
    """The lines at other prices, in the same proportions, so that they come to exactly `total`.

    For prices before tax of which only the whole tax is stated. Options are rounded down; what
    that leaves stays with their dish. Lines that are worth nothing, or less, stay as they are.
    """
    worths = [worth([line]) for line in lines]
    whole = sum(worths)
    if whole <= 0 or min(worths) < 0:
        return lines
    ends = [total * end // whole for end in accumulate(worths, initial=0)]
    shares = [end - start for start, end in pairwise(ends)]
    at_most = [replace(line, options=rescaled(line.options, total, whole)) for line in lines]
    return tuple(
        part
        for line, share in zip(at_most, shares, strict=True)
        for part in costing(line, share - line.quantity * worth(line.options))
    )


def rescaled(lines: Sequence[Line], numerator: int, denominator: int) -> tuple[Line, ...]:
    """At that fraction of their prices, rounded down."""
    return tuple(
        replace(
            line,
            unit_price=line.unit_price * numerator // denominator,
            options=rescaled(line.options, numerator, denominator),
        )
        for line in lines
    )
