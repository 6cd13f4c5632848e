"""Foreign JSON read by paths, for bodies in which one thing stands at several places."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError
from pydantic_core import from_json

from adapters.contract import Unreadable
from adapters.payload.models import TIME
from adapters.payload.texts import decoded
from adapters.payload.values import blank_to_none, major, text_or_none, unix_time

UNIX = re.compile(r"[0-9]{1,15}")


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
