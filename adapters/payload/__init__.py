"""Reading what we did not write: JSON, money, times, names and addresses.

Tolerant of everything that does not matter, strict where it does: every reader either gives a
value of its type or None, and `model` raises Unreadable naming the fields that do not fit.
"""

from adapters.payload.models import (
    TIME,
    Foreign,
    Id,
    Major,
    Many,
    Minor,
    OptionalId,
    OptionalTime,
    Text,
    Time,
    UtcTime,
    at,
    model,
)
from adapters.payload.people import address, comment, split_name, split_street
from adapters.payload.texts import decoded, dig, peek
from adapters.payload.trees import NOTHING, Tree, tree
from adapters.payload.values import (
    MASKED,
    blank_to_none,
    body_digest,
    major,
    tax_rate,
    text_or_none,
    unix_time,
    utc,
)

__all__ = [
    "MASKED",
    "NOTHING",
    "TIME",
    "Foreign",
    "Id",
    "Major",
    "Many",
    "Minor",
    "OptionalId",
    "OptionalTime",
    "Text",
    "Time",
    "Tree",
    "UtcTime",
    "address",
    "at",
    "blank_to_none",
    "body_digest",
    "comment",
    "decoded",
    "dig",
    "major",
    "model",
    "peek",
    "split_name",
    "split_street",
    "tax_rate",
    "text_or_none",
    "tree",
    "unix_time",
    "utc",
]
