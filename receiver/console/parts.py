"""What every page works with: the box, but not for ever; sessions, and how it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from jinja2 import Environment
from sqlalchemy import Connection as Box
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from receiver import log
from receiver.certificates import Certificates
from receiver.console.sessions import Guesses, Session, Sessions
from receiver.inbox import Inbox
from receiver.settings.model import Settings

HOME = "/console"
READ_SECONDS, WRITE_SECONDS = 5.0, 10.0
LARGEST_ID = 2**63 - 1

T = TypeVar("T")
logger = log.logger()


@dataclass(frozen=True, slots=True)
class Console:
    settings: Settings
    inbox: Inbox
    certificates: Certificates
    templates: Environment
    clock: Callable[[], datetime]
    sessions: Sessions
    guesses: Guesses = field(default_factory=Guesses)

    async def read(self, work: Callable[[Box], T]) -> T:
        """Raises StoreUnavailable and TimeoutError, or what `work` raises."""
        async with asyncio.timeout(READ_SECONDS):
            return await self.inbox.read(work)

    async def write(self, work: Callable[[Box], T]) -> T:
        """Raises StoreUnavailable and TimeoutError, or what `work` raises."""
        async with asyncio.timeout(WRITE_SECONDS):
            return await self.inbox.write(work)

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        values = {"session": None, "notice": None, "now": self.clock(), **values}
        return HTMLResponse(self.templates.get_template(template).render(values), status)


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody who is signed in asks for."""

    console: Console
    session: Session
    path: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, str] = field(default_factory=dict)

    def id(self) -> int:
        """The number in the path."""
        return number(self.path["id"]) or missing()

    def page(self, template: str, **values: Any) -> Response:
        notice = self.console.sessions.noted(self.query.get("notice", ""))
        return self.console.page(template, session=self.session, notice=notice, **values)

    def done(self, place: str, text: str, did: str, **what: object) -> Response:
        """A change was made: logged, and said on the page where it leads. No bodies here either."""
        logger.info("operator", session=self.session.id, did=did, **what)
        return self.back(place, text)

    def back(self, place: str, text: str) -> Response:
        sealed = self.console.sessions.note(text)
        return RedirectResponse(f"{place}?{urlencode({'notice': sealed})}", 303)


def number(text: str | None) -> int | None:
    """An id as a page names it; None where that is none."""
    if not text or not text.isascii() or not text.isdigit() or len(text) > 19:
        return None
    value = int(text)
    return value if 0 < value <= LARGEST_ID else None


def missing() -> Any:
    raise HTTPException(404)
