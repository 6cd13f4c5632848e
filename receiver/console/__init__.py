"""The operator's pages: what stands and why, and what a person does about it.

Plain pages that work without a script; the script only asks anew how everything stands.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from http import HTTPStatus

from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from receiver.certificates import Certificates
from receiver.console import articles, deliveries, delivery, door, overview, quarantine
from receiver.console.parts import HOME, Console
from receiver.console.rendering import STATIC, Strict, templates
from receiver.console.sessions import Sessions
from receiver.http import Http
from receiver.inbox import Inbox
from receiver.inbox.records import StoreUnavailable
from receiver.pipeline.tools import now
from receiver.settings.model import Settings

LOOKS: tuple[tuple[str, door.Page], ...] = (
    ("", overview.show),
    ("/deliveries", deliveries.list_),
    ("/deliveries/{id}", delivery.show),
    ("/deliveries/{id}/body", delivery.body),
    ("/deliveries/{id}/{do}", delivery.confirm),
    ("/articles", articles.list_),
    ("/articles/{name}", articles.of_connection),
    ("/articles/{name}/choose", articles.choose),
    ("/quarantine", quarantine.list_),
)
CHANGES: tuple[tuple[str, door.Page], ...] = (
    ("/sign-out", door.sign_out),
    ("/pos", overview.pause_or_resume),
    ("/deliveries/{id}/{do}", delivery.act),
    ("/articles/{name}", articles.map_),
    ("/quarantine", quarantine.release),
)
AWAY = (
    "The database does not answer. What you asked for may be done or not: look before you repeat."
)
BUG = "This page has a fault. The log says more; the commands of receiver do the same as it."
OFF = "The console is off: set CONSOLE_PASSWORD, and start the receiver again."
SAID = {
    400: "That cannot be understood.",
    404: "There is no such page, or what it was about is gone.",
    405: "That is not how this page is asked for.",
}


def routes(
    settings: Settings,
    inbox: Inbox,
    http: Http | None = None,
    clock: Callable[[], datetime] = now,
) -> tuple[BaseRoute, ...]:
    """Everything below /console, for the web side to serve."""
    console = Console(
        settings=settings,
        inbox=inbox,
        certificates=Certificates(http or Http()),
        templates=templates(settings.pos.values()),
        clock=clock,
        sessions=Sessions.of(settings.secret_key, settings.console_password or ""),
    )
    app = Strict(pages(console))
    return Route(HOME, app), Route(f"{HOME}/{{rest:path}}", app)


def pages(console: Console) -> Starlette:
    """Without a password there is nothing here: 404, as an outage it would alarm whoever watches
    for 5xx."""
    app = Starlette(
        routes=[
            Route(f"{HOME}/static/{{name}}", static),
            *(every_page(console) if console.settings.console_password else ()),
        ],
        exception_handlers={
            HTTPException: partial(refused, console),
            StoreUnavailable: partial(failed, console, AWAY),
            SQLAlchemyError: partial(failed, console, AWAY),
            TimeoutError: partial(failed, console, AWAY),
            Exception: partial(failed, console, BUG),
        },
    )
    app.router.redirect_slashes = False  # it would go wherever the Host header says
    return app


def every_page(console: Console) -> list[Route]:
    return [
        Route(door.SIGN_IN, at_the_door(console, door.show_sign_in)),
        Route(door.SIGN_IN, at_the_door(console, door.sign_in), methods=["POST"]),
        *(Route(HOME + path, door.look(console, page)) for path, page in LOOKS),
        *(
            Route(HOME + path, door.change(console, page), methods=["POST"])
            for path, page in CHANGES
        ),
    ]


def at_the_door(
    console: Console, page: Callable[[Console, Request], Awaitable[Response]]
) -> door.Endpoint:
    return partial(page, console)


async def static(request: Request) -> Response:
    found = STATIC.get(request.path_params["name"])
    if found is None:
        raise HTTPException(404)
    return Response(found[0], media_type=found[1])


async def refused(console: Console, _: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for no other
    if not console.settings.console_password:
        return console.page("message.html", 404, text=OFF)
    unsaid = error.detail == HTTPStatus(error.status_code).phrase
    text = SAID.get(error.status_code, error.detail) if unsaid else error.detail
    answer = console.page("message.html", error.status_code, text=text)
    answer.headers.update(error.headers or {})
    return answer


async def failed(console: Console, text: str, _: Request, __: Exception) -> Response:
    answer = console.page("message.html", 503, text=text)
    answer.headers["retry-after"] = "5"
    return answer
