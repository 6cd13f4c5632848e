"""How pages are made: templates that escape by themselves, times by the till's clock, headers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from receiver.inbox.operate import OPEN_OR_NOT
from receiver.inbox.records import moment
from receiver.inbox.tables import NEVER
from receiver.oktopos import decimal
from receiver.settings.model import Pos

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# "no-referrer" would make browsers send `Origin: null` with our own forms.
STRICT = {
    "content-security-policy": POLICY,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-robots-tag": "noindex",
}
RAW_STRICT = [(name.encode(), text.encode()) for name, text in STRICT.items()]
MEDIA_TYPES = {"console.css": "text/css", "console.js": "text/javascript"}
STATIC = {
    name: ((files(__package__ or "") / "static" / name).read_bytes(), kind)
    for name, kind in MEDIA_TYPES.items()
}


@dataclass(frozen=True, slots=True)
class Strict:
    """The app with those headers on every answer, whatever it is."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *RAW_STRICT]
            await send(message)

        await self.app(scope, receive, sending)


def templates(every_pos: Iterable[Pos]) -> Environment:
    """Times are by the clock of the first POS: one operator has one."""
    zone = ZoneInfo(next((pos.timezone for pos in every_pos), "UTC"))
    made = Environment(
        loader=PackageLoader("receiver.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "clock": lambda at: by_clock(at, zone),
        "decimal": decimal,
        "left": left,
    }
    made.globals |= {"NEVER": NEVER, "OPEN_OR_NOT": OPEN_OR_NOT}
    return made


def by_clock(at: int | datetime, zone: ZoneInfo) -> str:
    when = at if isinstance(at, datetime) else moment(at)
    return f"{when.astimezone(zone):%d %b %H:%M:%S}"


def left(until: int, now: datetime) -> str:
    """`until` in Unix milliseconds."""
    seconds = round((moment(until) - now) / timedelta(seconds=1))
    return f"{span(seconds)} left" if seconds >= 0 else f"{span(-seconds)} too late"


def span(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} days"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
