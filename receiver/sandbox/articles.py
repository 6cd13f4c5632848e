"""A small invented menu, as the Article-API tells it: per channel its price and tax rate."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

CHANNELS = {1: "INHOUSE", 2: "TAKEAWAY", 3: "DELIVERY"}
REDUCED, FULL = (1, "7.00"), (2, "19.00")  # taxRateId, taxRate
SURCHARGE = {1: 0, 2: 0, 3: 50}  # cents that delivery costs more


class Article(NamedTuple):
    id: int
    reference: str
    description: str
    cents: int
    taken: tuple[int, str]  # the tax on take-away and delivery
    eaten_in: tuple[int, str]
    material: str | None = None


MENU = (
    Article(4711, "PLU-17", "Pizza Margherita", 990, REDUCED, REDUCED, "M-4711"),
    Article(4712, "PLU-18", "Pizza Funghi", 1090, REDUCED, REDUCED, "M-4712"),
    Article(4713, "PLU-19", "Pasta al Pesto", 1150, REDUCED, REDUCED),
    Article(4720, "PLU-30", "Extra Käse", 150, REDUCED, REDUCED),
    Article(4721, "PLU-31", "Oliven", 120, REDUCED, REDUCED),
    Article(4730, "PLU-50", "Tiramisù", 590, REDUCED, REDUCED, "M-4730"),
    Article(4740, "PLU-70", "Limonade 0,33 l", 350, FULL, FULL, "M-4740"),
    Article(4741, "PLU-71", "Caffè Latte", 380, REDUCED, FULL),  # milk: its rate goes by channel
    Article(4742, "PLU-72", "Pils 0,5 l", 420, FULL, FULL),
    Article(9007, "FALLBACK-7", "Speisen 7 %", 0, REDUCED, REDUCED),
    Article(9019, "FALLBACK-19", "Getränke 19 %", 0, FULL, FULL),
    Article(9101, "FEE-DELIVERY", "Liefergebühr", 290, REDUCED, REDUCED),
    Article(9102, "FEE-SMALL-ORDER", "Mindermengenzuschlag", 200, REDUCED, REDUCED),
    Article(9103, "FEE-SERVICE", "Servicegebühr", 100, REDUCED, REDUCED),
    Article(9104, "FEE-PACKAGING", "Verpackung", 30, REDUCED, REDUCED),
    Article(9105, "FEE-DEPOSIT", "Pfand 0,25", 25, FULL, FULL),
)


def channel_list() -> list[dict[str, Any]]:
    return [{"id": number, "token": name} for number, name in CHANNELS.items()]


def page_text(menu: Sequence[Article], page: int, size: int) -> str:
    """One page of the menu as JSON text; pages count from 1, one beyond the last is empty."""
    size = max(size, 0)
    start = (page - 1) * size
    return "[" + ",".join(map(article_text, menu[start : start + size])) + "]"


def article_text(article: Article) -> str:
    head = {
        "id": article.id,
        "externalReferenceNumber": article.reference,
        "description": article.description,
    }
    if article.material:
        head["materialNumber"] = article.material
    return f'{json.dumps(head)[:-1]}, "price": [{", ".join(price_texts(article))}]}}'


def price_texts(article: Article) -> Iterator[str]:
    """The vendor's samples show prices as numbers here and as strings there: so do we."""
    for number, name in CHANNELS.items():
        cents = article.cents + (SURCHARGE[number] if article.id < 9000 else 0)
        value = f"{cents // 100}.{cents % 100:02d}"
        rate_id, rate = article.eaten_in if name == "INHOUSE" else article.taken
        channel = json.dumps({"id": number, "token": name})
        price = value if number == 1 else json.dumps(value)
        yield (
            f'{{"distributionChannel": {channel}, "price": {price}, '
            f'"taxRateId": {rate_id}, "taxRate": {json.dumps(rate)}}}'
        )
