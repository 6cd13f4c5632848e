"""What the receiver says in its log, as a test hears it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.running import Json


@dataclass
class Log:
    """In the place of a logger."""

    said: list[tuple[str, str, Json]] = field(default_factory=list)  # level, event, fields

    def __getattr__(self, level: str) -> Callable[..., None]:
        return lambda event, **fields: self.said.append((level, event, fields))

    def of(self, event: str, *levels: str) -> list[Json]:
        """The fields each time, on one of these levels or on any."""
        return [
            fields
            for level, said, fields in self.said
            if said == event and (not levels or level in levels)
        ]
