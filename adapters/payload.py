"""Reading what we did not write: JSON, money, times, names and addresses.

Tolerant of everything that does not matter, strict where it does: every reader either gives a
value of its type or None, and `model` raises Unreadable naming the fields that do not fit.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import (
    AliasChoices,
    AliasPath,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import from_json

from adapters.contract import Address, Delivery, Unreadable

Model = TypeVar("Model", bound=BaseModel)
Entry = TypeVar("Entry")

MASKED = re.compile(r"[*xX•]{3,}|\*+")
MOST = 10**12  # minor units: whatever states more is no amount
UNIX = re.compile(r"[0-9]{1,15}")
MILLISECONDS_FROM = 100_000_000_000  # a Unix time above this counts milliseconds


def blank_to_none(value: object) -> object:
    """Absent, empty and masked text are one thing: None."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    return None if not text or MASKED.fullmatch(text) else text


def number_to_text(value: object) -> object:
    """Ids arrive as numbers here and as strings there; bool is neither."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return blank_to_none(value)


def none_to_empty(value: object) -> object:
    return () if value is None else value


def at(*paths: str) -> Any:
    """A field that stands at the first of these paths, `"customer.first_name"`; else it is null."""
    choices = AliasChoices(*(AliasPath(*path.split(".")) for path in paths))
    return Field(None, validation_alias=choices, validate_default=True)


def major(value: object) -> object:
    """A decimal of the major unit, "12.50" or a JSON number read exactly, in minor units.

    Beyond a hundredth it is rounded half up. A float has lost its exactness already: read the
    body with `exact=True`.
    """
    value = blank_to_none(value)
    if value is None:
        return None
    if isinstance(value, bool | float) or not isinstance(value, str | int | Decimal):
        raise ValueError("not a decimal")
    try:
        amount = Decimal(value) * 100
    except ArithmeticError:
        raise ValueError("not a decimal") from None
    if not amount.is_finite() or abs(amount) >= MOST:
        raise ValueError("out of range")
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))


Text = Annotated[str | None, BeforeValidator(blank_to_none)]
"""Text that may be absent, empty or masked: all of them None."""
Id = Annotated[str, BeforeValidator(number_to_text)]
"""An identifier that must be there; numbers are taken as text."""
OptionalId = Annotated[str | None, BeforeValidator(number_to_text)]
Minor = Annotated[int, Strict()]
"""Money in minor units: a JSON integer and nothing else."""
Major: TypeAlias = Annotated[int | None, BeforeValidator(major)]
"""Money sent as a decimal of the major unit: minor units here; absent or empty is None."""
Time = AwareDatetime
TIME: TypeAdapter[datetime] = TypeAdapter(AwareDatetime)
OptionalTime: TypeAlias = Annotated[AwareDatetime | None, BeforeValidator(blank_to_none)]
Many: TypeAlias = Annotated[tuple[Entry, ...], BeforeValidator(none_to_empty)]
"""A list that may be absent or null: both of them empty."""


class Foreign(BaseModel):
    """Foreign bytes: only the fields we read, everything else ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def model(kind: type[Model], raw: bytes, *, exact: bool = False) -> Model:
    """`raw` read as `kind`, with `exact` its decimals as such and never as floats.

    Raises Unreadable naming the fields, never their values.
    """
    try:
        return kind.model_validate(decoded(raw)) if exact else kind.model_validate_json(raw)
    except ValidationError as error:
        raise Unreadable(complaint(error)) from None


def decoded(raw: bytes) -> object:
    """JSON with its fractions as Decimals. Raises Unreadable where it is not JSON."""
    try:
        from_json(raw, allow_inf_nan=False)  # stricter: depth, lone surrogates, NaN
        return json.loads(raw, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise Unreadable("body: not JSON") from None


def complaint(error: ValidationError) -> str:
    """Which fields do not fit and how; values stay out, they may be a guest's."""
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    named = [f"{'.'.join(map(str, p['loc'])) or 'body'}: {p['type']}" for p in problems[:5]]
    more = f" (+{len(problems) - 5} more)" if len(problems) > 5 else ""
    return "; ".join(named) + more


@lru_cache(maxsize=1)  # what verifies a delivery, names it and reads it asks for the same body
def peek(raw: bytes) -> Mapping[str, object]:
    """The body's JSON object, or an empty one: for `identify`, which must not fail."""
    try:
        value = from_json(raw)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def dig(value: object, *keys: str) -> object:
    """`value[key][key]...`, or None as soon as there is no such object."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def text_or_none(value: object) -> str | None:
    """A string or an integer as text that fits an index: short and printable; else None."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**200 else None
    if not isinstance(value, str) or not 0 < len(value) <= 200 or not value.isprintable():
        return None
    return value


def tree(raw: bytes, *, exact: bool = False) -> Tree:
    """`raw` to be read by paths, `exact` as in `model`. Raises Unreadable where it is not JSON."""
    if exact:
        return Tree(decoded(raw))
    try:
        return Tree(from_json(raw))
    except ValueError:
        raise Unreadable("body: not JSON") from None


@dataclass(frozen=True, slots=True)
class Tree:
    """Foreign JSON read by paths, `"order.carts.0.items"`: the first that leads to something.

    For bodies in which one thing stands at several places. What is no text counts as no text;
    numbers, times, flags and objects that are something else raise Unreadable naming the path.
    """

    value: object

    def at(self, *paths: str) -> Tree:
        found = (blank_to_none(step_down(self.value, path)) for path in paths)
        return Tree(next((value for value in found if value is not None), None))

    def text(self, *paths: str) -> str | None:
        value = self.at(*paths).value
        return value if isinstance(value, str) else text_or_none(value)

    def whole(self, *paths: str) -> int | None:
        """An integer: a quantity, or minor units."""
        value = self.at(*paths).value
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise Unreadable(f"{paths[0]}: not a whole number")
        return value

    def major(self, *paths: str) -> int | None:
        """Minor units of a decimal of the major unit; of an `exact` tree."""
        try:
            value = major(self.at(*paths).value)
        except ValueError as error:
            raise Unreadable(f"{paths[0]}: {error}") from None
        return value if isinstance(value, int) else None

    def flag(self, *paths: str) -> bool | None:
        value = self.at(*paths).value
        if value is not None and not isinstance(value, bool):
            raise Unreadable(f"{paths[0]}: neither true nor false")
        return value

    def time(self, *paths: str) -> datetime | None:
        text = self.text(*paths)
        try:
            return TIME.validate_python(text) if text else None
        except ValidationError:
            raise Unreadable(f"{paths[0]}: not a time") from None

    def unix(self, *paths: str) -> datetime | None:
        """A Unix time, be it a number or text."""
        text = self.text(*paths)
        if text and not UNIX.fullmatch(text):
            raise Unreadable(f"{paths[0]}: not a Unix time")
        return unix_time(int(text)) if text else None

    def each(self, *paths: str) -> tuple[Tree, ...]:
        """The objects of a list; one alone counts as a list of it."""
        value = self.at(*paths).value
        values = value if isinstance(value, list) else [] if value is None else [value]
        if not all(isinstance(entry, Mapping) for entry in values):
            raise Unreadable(f"{paths[0]}: neither an object nor a list of them")
        return tuple(map(Tree, values))

    def one(self, *paths: str) -> Tree:
        """The object there, the first of a list; without any, one without anything in it."""
        return next(iter(self.each(*paths)), NOTHING)


NOTHING = Tree(None)


def step_down(value: object, path: str) -> object:
    for step in path.split("."):
        if isinstance(value, list):
            place = int(step) if step.isdecimal() else len(value)
            value = value[place] if place < len(value) else None
        else:
            value = value.get(step) if isinstance(value, Mapping) else None
    return value


def body_digest(delivery: Delivery) -> str:
    """A delivery id for a body that names none: the same bytes are the same delivery."""
    return hashlib.sha256(delivery.body).hexdigest()


def unix_time(value: int) -> datetime:
    """Unix seconds or milliseconds, told apart by size. Raises Unreadable beyond year 9999."""
    try:
        return datetime.fromtimestamp(value / 1000 if value > MILLISECONDS_FROM else value, UTC)
    except (OverflowError, ValueError, OSError):
        raise Unreadable("time: out of range") from None


def utc(moment: datetime) -> datetime:
    """Raises Unreadable where that lies beyond the calendar."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise Unreadable("time: out of range") from None


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
