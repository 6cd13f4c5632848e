"""One line per step: an event word and fields. Never a body, a name, a phone or a secret."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from traceback import extract_tb
from typing import Any, Literal, TextIO, cast

import structlog
from pydantic_core import PydanticSerializationError, to_json
from structlog.stdlib import ProcessorFormatter

QUIET = ("httpx", "httpcore", "alembic", "asyncio", "uvicorn.error", "uvicorn.access")


def configure(level: str, style: Literal["json", "console"]) -> None:
    """Lines go to standard error; what libraries say below a warning is left out."""
    renderer: Any = (
        as_json if style == "json" else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    first: list[Any] = [structlog.processors.add_log_level, stamped, bare_errors]
    structlog.configure(
        processors=[*first, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level.lower()),
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", Gathered(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    libraries = logging.StreamHandler(sys.stderr)
    libraries.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=first,
            processors=[ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[libraries])
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


@dataclass(slots=True, eq=False, weakref_slot=True)  # structlog has a lock for each file
class Gathered:
    """A file that gets what is said in one turn of the loop in one piece: at full load a write
    for each line costs more than all the rest of it. Outside of a loop nothing is held back."""

    file: TextIO
    said: list[str] = field(default_factory=list)

    def write(self, text: str) -> None:
        self.said.append(text)

    def flush(self) -> None:
        if len(self.said) > 1:
            return  # the first of them has seen to it
        try:
            asyncio.get_running_loop().call_soon(self.hand_over)
        except RuntimeError:
            self.hand_over()

    def hand_over(self) -> None:
        text = "".join(self.said)
        self.said.clear()
        self.file.write(text)
        self.file.flush()


def stamped(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event["timestamp"] = datetime.now(UTC).isoformat()[:-6] + "Z"
    return event


def as_json(_: object, __: str, event: MutableMapping[str, Any]) -> str:
    try:
        return to_json(event, fallback=repr).decode()
    except PydanticSerializationError:  # half of a surrogate pair
        return json.dumps(event, default=repr)


def bare_errors(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Errors as their types and places: their texts and local variables may hold a body."""
    given = event.pop("exc_info", None)
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
