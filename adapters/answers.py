"""What a platform is told of an order, and the calls that tell it: data, performed elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal, TypeAlias
from urllib.parse import quote

NOTHING_ELSE: frozenset[int] = frozenset()
NO_HEADERS: Mapping[str, str] = MappingProxyType({})

Outcome: TypeAlias = Literal["created", "refused", "ready", "canceled", "withdrawn"]
"""created: the till has it · refused: it never will · ready: to be fetched · canceled: what the
platform asked for is done · withdrawn: the restaurant cancels what it had accepted."""

Reason: TypeAlias = Literal["item_unavailable", "closed", "technical"]


@dataclass(frozen=True, slots=True)
class Told:
    """What is said, and when: at every try anew, so that a time within an answer is never old."""

    outcome: Outcome
    at: datetime  # the only clock an answer sees
    reason: Reason = "technical"  # of refused and withdrawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """An answer that means "not yet": tried again evenly, and given up sooner than a failure."""

    statuses: frozenset[int]
    field: str  # on top of the JSON that came with it ...
    words: frozenset[str]  # ... which says one of these
    every: timedelta = timedelta(seconds=10)
    patience: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call to the platform's API. Its name is the only one of its kind among an answer's."""

    name: str
    method: Literal["POST", "PATCH", "PUT"]
    path: str  # below the API's base address
    json: Mapping[str, object] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)  # beside those that prove us
    done: frozenset[int] = frozenset()  # statuses beyond 2xx that mean "already so"
    later: Later | None = None


def in_path(text: str) -> str:
    """An id as one part of a path, whatever is in it."""
    return quote(text, safe="")


def tell(
    told: Told,
    method: Literal["POST", "PATCH", "PUT"],
    path: str | None,
    json: Mapping[str, object] | None = None,
    *,
    done: frozenset[int] = NOTHING_ELSE,
    later: Later | None = None,
    headers: Mapping[str, str] = NO_HEADERS,
) -> Sequence[Call]:
    """The one call that says it; none without a path."""
    call = Call(
        name=told.outcome,
        method=method,
        path=path or "",
        json=json,
        headers=headers,
        done=done,
        later=later,
    )
    return [call] if path else []
