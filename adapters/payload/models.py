"""Foreign bytes as pydantic models of only the fields we read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
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

from adapters.contract import Unreadable
from adapters.payload.texts import decoded
from adapters.payload.values import blank_to_none, major, within_calendar

Model = TypeVar("Model", bound=BaseModel)
Entry = TypeVar("Entry")


def number_to_text(value: object) -> object:
    """Ids arrive as numbers here and as strings there; bool is neither."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return blank_to_none(value)


def none_to_empty(value: object) -> object:
    return () if value is None else value


def in_utc(moment: datetime) -> datetime:
    return within_calendar(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def at(*paths: str) -> Any:
    """A field that stands at the first of these paths, `"customer.first_name"`; else it is null."""
    choices = AliasChoices(*(AliasPath(*path.split(".")) for path in paths))
    return Field(None, validation_alias=choices, validate_default=True)


Text = Annotated[str | None, BeforeValidator(blank_to_none)]
"""Text that may be absent, empty or masked: all of them None."""
Id = Annotated[str, BeforeValidator(number_to_text)]
"""An identifier that must be there; numbers are taken as text."""
OptionalId = Annotated[str | None, BeforeValidator(number_to_text)]
Minor = Annotated[int, Strict()]
"""Money in minor units: a JSON integer and nothing else."""
Major: TypeAlias = Annotated[int | None, BeforeValidator(major)]
"""Money sent as a decimal of the major unit: minor units here; absent or empty is None."""
Time: TypeAlias = Annotated[AwareDatetime, AfterValidator(within_calendar)]
TIME: TypeAdapter[datetime] = TypeAdapter(Time)
OptionalTime: TypeAlias = Annotated[Time | None, BeforeValidator(blank_to_none)]
UtcTime: TypeAlias = Annotated[
    Annotated[datetime, AfterValidator(in_utc)] | None, BeforeValidator(blank_to_none)
]
"""A time that may be absent, and that is UTC where it names no zone."""
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


def complaint(error: ValidationError) -> str:
    """Which fields do not fit and how; values stay out, they may be a guest's."""
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    named = [f"{'.'.join(map(str, p['loc'])) or 'body'}: {p['type']}" for p in problems[:5]]
    more = f" (+{len(problems) - 5} more)" if len(problems) > 5 else ""
    return "; ".join(named) + more
