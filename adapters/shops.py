"""What web shops leave to words: each names its ways to the guest, its fees and its fields itself.

Words are guesses, German and English. What a shop calls otherwise is added here, for every shop.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from adapters.contract import Delivery, FeeKind, OrderType
from adapters.payload import body_digest

# The first whose words are found counts: a parcel's "Standard Delivery" is no delivery of ours.
WAYS = (
    (r"abhol|pick.?up|collect|take.?away|mitnehmen", OrderType.PICKUP),
    (r"vor ort|im haus|dine.?in|eat.?in", OrderType.LOCAL),
    (
        r"versand|paket|\bpost\b|dhl|dpd|gls|hermes|\bups\b|shipp|parcel|standard",
        OrderType.SHIPPING,
    ),
    (r"liefer|zustell|kurier|\bbote|courier|deliver|local|lokal", OrderType.DELIVERY),
)
BROUGHT = frozenset({OrderType.DELIVERY, OrderType.SHIPPING})
FEES: tuple[tuple[str, FeeKind | None], ...] = (  # None: it is a tip
    (r"trinkgeld|\btips?\b|gratuity", None),
    (r"pfand|deposit", FeeKind.DEPOSIT),
    (r"verpack|packag|\bbox\b|\bbag\b|tüte", FeeKind.PACKAGING),
    (r"mindermenge|mindestbestell|small.order|minimum", FeeKind.SMALL_ORDER),
    (r"liefer|deliver|anfahrt|versand|shipping", FeeKind.DELIVERY),
)
ALLERGY = re.compile(r"allerg|unvertr|intoleran|gluten|la[ck]tose", re.IGNORECASE)
HIDDEN = "_"  # how the fields begin that guests never see, in every shop
WORD = re.compile(r"[!-~]{1,100}")


def delivery_id(delivery: Delivery, *headers: str) -> str:
    """The first of the headers that is a word, and a digest of the body: no header is signed, nor
    is its text promised to be another for another body."""
    texts = (delivery.headers.get(header, "") for header in headers)
    return f"{next(filter(WORD.fullmatch, texts), '')}:{body_digest(delivery)[:16]}"


def way(*said: str | None) -> OrderType | None:
    """How an order gets to its guest, by the shop's own words; None where none of them is known."""
    text = " ".join(filter(None, said)).casefold()
    return next((kind for words, kind in WAYS if re.search(words, text)), None)


def fee_kind(name: str | None) -> FeeKind | None:
    """What a fee is for, by its name; None where it is a tip."""
    text = (name or "").casefold()
    return next((kind for words, kind in FEES if re.search(words, text)), FeeKind.SERVICE)


def entered(fields: Iterable[tuple[str | None, str | None]]) -> tuple[str, ...]:
    """What guests wrote into fields, as "name: value"; without the hidden ones."""
    return tuple(
        f"{name}: {value}"
        for name, value in fields
        if name and value and not name.startswith(HIDDEN)
    )


def allergies_first(*texts: str | None) -> tuple[str, ...]:
    """Those that are there, in their order, but for what must not be overlooked."""
    return tuple(sorted(filter(None, texts), key=lambda text: not ALLERGY.search(text)))
