"""One line per step: an event word and fields. Never a body, a name, a phone or a secret."""

from __future__ import annotations

import logging
import sys
from typing import Any, Literal

import structlog

QUIET = ("httpx", "httpcore", "alembic", "asyncio", "uvicorn.error", "uvicorn.access")


def configure(level: str, style: Literal["json", "console"]) -> None:
    """Lines go to standard error; what libraries say below a warning is left out."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    traceback: list[Any] = (
        [structlog.processors.ExceptionRenderer(tracebacks())] if style == "json" else []
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *traceback,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level.lower()),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def tracebacks() -> structlog.tracebacks.ExceptionDictTransformer:
    """Where it happened, without the local variables: those hold bodies and secrets."""
    return structlog.tracebacks.ExceptionDictTransformer(show_locals=False)


def logger() -> Any:
    return structlog.get_logger()
