"""Names, addresses and wishes, split as OktoPOS wants them."""

from __future__ import annotations

import re

from adapters.contract import Address


def comment(*parts: str | None) -> str | None:
    """The parts that are there, one after the other, allergies first by the caller's order."""
    return " · ".join(part for part in parts if part) or None


def split_name(full: str | None) -> tuple[str | None, str | None]:
    """("Aiko", "T.") from "Aiko T."; a single word is a given name."""
    given, _, family = (full or "").strip().partition(" ")
    return given or None, family.strip() or None


NUMBER = r"(?P<number>\d+\s?[a-zA-Z]?(?:\s?[-/]\s?\d+\s?[a-zA-Z]?)*)"
HOUSE_LAST = re.compile(r"(?P<street>\D.*?)[\s,]+" + NUMBER)
HOUSE_FIRST = re.compile(NUMBER + r",?\s+(?P<street>\D{2,}.*)")


def split_street(line: str | None) -> tuple[str | None, str | None]:
    """("Torstraße", "12 a") from "Torstraße 12 a" or "12 a, Torstraße"; unsure: all is street."""
    text = (line or "").strip()
    found = HOUSE_LAST.fullmatch(text) or HOUSE_FIRST.fullmatch(text)
    return (found["street"], found["number"]) if found else (text or None, None)


def address(
    line: str | None, *, zip_code: str | None, city: str | None, additional: str | None = None
) -> Address | None:
    """An address from one street line; None when nothing of it is there."""
    street, house_number = split_street(line)
    if not (street or zip_code or city or additional):
        return None
    return Address(
        street=street, house_number=house_number, zip=zip_code, city=city, additional=additional
    )
