"""What is wrong with a set-up, gathered so that all of it is said at once.

A sentence names the setting as it was written and the remedy, never the value.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from receiver.settings.fields import Around, Fields

Kind = TypeVar("Kind", bound=Fields)


class BadSettings(Exception):
    """The set-up cannot work: everything that is wrong, and what looks wrong beside it."""

    def __init__(self, problems: tuple[str, ...], warnings: tuple[str, ...] = ()) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
        self.warnings = warnings


@dataclass(frozen=True, slots=True)
class Findings:
    """Sentences so far; each is said once."""

    problems: dict[str, None] = field(default_factory=dict)
    warnings: dict[str, None] = field(default_factory=dict)

    def problem(self, where: str, what: str) -> None:
        self.problems[f"{where}: {what}"] = None

    def warning(self, where: str, what: str) -> None:
        self.warnings[f"{where}: {what}"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The settings of one thing as they were written, and what each is called there."""

    name: str
    where: str  # what stands for the whole of it: DELIVEROO_SECRETS, connections.deliveroo
    called: Callable[[str], str]  # a field's name there: DELIVEROO_ACCEPT
    values: Mapping[str, object] = field(repr=False)
    unreadable: frozenset[str] = frozenset()  # fields found wrong before they had a value

    def has(self, name: str) -> bool:
        return name in self.values or name in self.unreadable


def read(kind: type[Kind], written: Written, around: Around, findings: Findings) -> Kind | None:
    """The settings, each of its type; None when any is wrong, and then every one is told."""
    try:
        return kind.model_validate(written.values, context=around)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            first, *rest = detail["loc"]
            if first not in written.unreadable:
                steps = [str(step) for step in rest if step != "[key]"]
                where = ".".join([written.called(str(first)), *steps])
                findings.problem(where, sentence(detail, str(first), kind))
    return None


def sentence(detail: ErrorDetails, name: str, kind: type[Fields]) -> str:
    match detail["type"]:
        case "missing":
            return f"is missing; set it to {kind.model_fields[name].description}"
        case "extra_forbidden":
            return f"is not a setting; {nearest(name, kind.model_fields)}"
        case "value_error":
            return str(detail.get("ctx", {}).get("error"))
        case _:
            return detail["msg"].removeprefix("Input ").replace("dictionary", "mapping")


def nearest(name: str, known: Iterable[str]) -> str:
    """The remedy for a name nobody knows."""
    candidates = sorted(known)
    close = difflib.get_close_matches(name, candidates, 1, 0.5)
    return f"did you mean {close[0]}?" if close else f"use one of {', '.join(candidates)}"
