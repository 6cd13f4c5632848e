"""One line per step: an event word and fields. Never a body, a name, a phone or a secret."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections import deque
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from traceback import extract_tb
from typing import Any, Literal, TypeAlias

import msgspec
import structlog
from structlog.stdlib import ProcessorFormatter

Event: TypeAlias = MutableMapping[str, Any]
Rendered: TypeAlias = Callable[[Sequence[Event]], str]

QUIET = ("httpx", "httpcore", "alembic", "asyncio", "uvicorn.error", "uvicorn.access")
ENCODER = msgspec.json.Encoder(enc_hook=repr)


def as_json(said: Sequence[Event]) -> str:
    try:
        return ENCODER.encode_lines(said).decode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return "".join([f"{json.dumps(line, default=repr)}\n" for line in said])


def as_text(said: Sequence[Event]) -> str:
    render = console(sys.stderr.isatty())
    return "".join([f"{render(None, '', line)}\n" for line in said])


@cache
def console(colors: bool) -> Any:
    return structlog.dev.ConsoleRenderer(colors=colors)


@dataclass(slots=True, eq=False)
class Log:
    """Lines for standard error.

    What is said in one turn of the loop is written in one piece, at its end, and is of that
    moment: at full load a line for itself costs more than all the rest of it. Outside of a loop
    nothing is held back.
    """

    least: int = logging.WARNING
    rendered: Rendered = as_text
    said: deque[Event] = field(default_factory=deque)

    def debug(self, event: str, **fields: Any) -> None:
        self.say(logging.DEBUG, "debug", event, fields)

    def info(self, event: str, **fields: Any) -> None:
        self.say(logging.INFO, "info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        self.say(logging.WARNING, "warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        self.say(logging.ERROR, "error", event, fields)

    def exception(self, event: str, **fields: Any) -> None:
        self.error(event, exc_info=True, **fields)

    def say(self, level: int, name: str, event: str, fields: Event) -> None:
        if level < self.least:
            return
        line = {"event": event, **fields, "level": name}
        self.said.append(bare_errors(line) if "exc_info" in line else line)
        if len(self.said) > 1:
            return  # the first of them has seen to it
        try:
            asyncio.get_running_loop().call_soon(self.write)
        except RuntimeError:
            self.write()

    def write(self) -> None:
        now, said = timestamp(), []
        while self.said:  # one by one: another thread may say something meanwhile
            said.append({**self.said.popleft(), "timestamp": now})
        sys.stderr.write(self.rendered(said))
        sys.stderr.flush()


LOG = Log()


def logger() -> Log:
    return LOG


def configure(level: str, style: Literal["json", "console"]) -> None:
    """From which level on, and how; what libraries say below a warning is left out."""
    LOG.least = logging.getLevelNamesMapping()[level.upper()]
    LOG.rendered = as_json if style == "json" else as_text
    libraries = logging.StreamHandler(sys.stderr)
    libraries.terminator = ""  # what is rendered has its end
    libraries.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[said_elsewhere],
            processors=[
                ProcessorFormatter.remove_processors_meta,
                lambda _, __, event: LOG.rendered([event]),
            ],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[libraries])
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def said_elsewhere(_: object, level: str, event: Event) -> Event:
    event.update(level=level, timestamp=timestamp())
    return bare_errors(event) if "exc_info" in event else event


def timestamp() -> str:
    return datetime.now(UTC).isoformat()[:-6] + "Z"


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
