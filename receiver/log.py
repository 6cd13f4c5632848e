"""One line per step: an event word and fields. Never a body, a name, a phone or a secret."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from traceback import extract_tb
from typing import Any, Literal, TextIO, TypeAlias, cast

import structlog
from pydantic_core import PydanticSerializationError, to_json
from structlog.stdlib import ProcessorFormatter

Event: TypeAlias = MutableMapping[str, Any]
Rendered: TypeAlias = Callable[[object, str, Event], str]

QUIET = ("httpx", "httpcore", "alembic", "asyncio", "uvicorn.error", "uvicorn.access")


def configure(level: str, style: Literal["json", "console"]) -> None:
    """Lines go to standard error; what libraries say below a warning is left out."""
    rendered = as_json if style == "json" else as_text()
    lines = Lines(sys.stderr, rendered)
    structlog.configure(
        processors=[stamped],
        wrapper_class=structlog.make_filtering_bound_logger(level.lower()),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=True,
    )
    libraries = logging.StreamHandler(sys.stderr)
    libraries.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[stamped],
            processors=[ProcessorFormatter.remove_processors_meta, rendered],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[libraries])
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


@dataclass(slots=True, eq=False)
class Lines:
    """What is said in one turn of the loop is written in one piece, at its end: at full load a
    line for itself costs more than all the rest of it. Outside of a loop nothing is held back."""

    file: TextIO
    rendered: Rendered
    said: list[Event] = field(default_factory=list)

    def msg(self, **event: Any) -> None:
        self.said.append(event)
        if len(self.said) > 1:
            return  # the first of them has seen to it
        try:
            asyncio.get_running_loop().call_soon(self.hand_over)
        except RuntimeError:
            self.hand_over()

    debug = info = warning = error = critical = msg

    def hand_over(self) -> None:
        said, self.said = self.said, []
        self.file.write("".join([f"{self.rendered(self, '', event)}\n" for event in said]))
        self.file.flush()


def stamped(_: object, level: str, event: Event) -> Event:
    event["level"] = level
    event["timestamp"] = datetime.now(UTC).isoformat()[:-6] + "Z"
    return bare_errors(event) if "exc_info" in event else event


def as_text() -> Rendered:
    renderer: Any = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    return cast("Rendered", renderer)


def as_json(_: object, __: str, event: Event) -> str:
    try:
        return to_json(event, fallback=repr).decode()
    except PydanticSerializationError:  # half of a surrogate pair
        return json.dumps(event, default=repr)


def bare_errors(event: Event) -> Event:
    """Errors as their types and places: their texts and local variables may hold a body."""
    given = event.pop("exc_info")
    if given:
        error = given[1] if isinstance(given, tuple) else sys.exc_info()[1]
        chain = list(causes(error))
        event["error"] = " < ".join(type(one).__name__ for one in chain)
        event["at"] = [
            f"{place.filename}:{place.lineno} {place.name}"
            for one in reversed(chain)
            for place in extract_tb(one.__traceback__)
        ]
    return event


def causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def logger() -> Any:
    return structlog.get_logger()
