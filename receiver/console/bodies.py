"""A kept body as a person reads it; never parsed further than its format needs."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

import msgspec

LONGEST = 100_000  # characters
MOST_FIELDS = 1_000
FORM = re.compile(rb"[\w.%\[\]-]+=[^\s<{]*")


def shown(body: bytes) -> tuple[str, int]:
    """Its text, and how many characters of that are left out."""
    text = pretty(body)
    return text[:LONGEST], max(len(text) - LONGEST, 0)


def pretty(body: bytes) -> str:
    """JSON indented, its numbers as they were written; a form by its fields; else as it is."""
    try:
        return msgspec.json.format(body, indent=2).decode("utf-8", "replace")
    except (msgspec.DecodeError, RecursionError):
        pass
    text = body.decode("utf-8", "replace")
    if FORM.fullmatch(body):
        try:
            fields = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS)
        except ValueError:
            return text
        return "\n".join(f"{name} = {value}" for name, value in fields)
    return text
