"""Who comes in: sign-in and sign-out, and what a request must bring to see or change anything."""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias
from urllib.parse import parse_qsl, urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from receiver import log
from receiver.console.parts import HOME, Asked, Console
from receiver.console.sessions import SESSION_SECONDS, Session
from receiver.inbox.records import storable
from receiver.request import Left, TooLarge, read_body, read_headers, wanted

COOKIE = "console"
SIGN_IN = f"{HOME}/sign-in"
LARGEST_FORM = 16_384  # bytes
FORM_SECONDS = 10.0
MOST_FIELDS, LONGEST_FIELD = 40, 2_000
LONGEST_ADDRESS = 64
NOT_OURS = "This did not come from a page of this console."
NOT_OF_SESSION = "This form is of another session: go back, reload the page and try again."

Page: TypeAlias = Callable[[Asked], Awaitable[Response]]
Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]
logger = log.logger()


def look(console: Console, page: Page) -> Endpoint:
    """For whoever is signed in; a part of a page is not worth a way to the sign-in."""

    async def endpoint(request: Request) -> Response:
        query = fields(request.scope["query_string"])
        session = session_of(console, request)
        if session is None:
            return Response(status_code=401) if "part" in query else RedirectResponse(SIGN_IN, 303)
        return await page(Asked(console, session, request.path_params, query))

    return endpoint


def change(console: Console, page: Page) -> Endpoint:
    """The same, and only from a page that this very session was given."""

    async def endpoint(request: Request) -> Response:
        demand_own_page(console, request)
        session = session_of(console, request)
        if session is None:
            return RedirectResponse(SIGN_IN, 303)
        form = await read_form(request)
        if not same(form.get("token", ""), session.token):
            raise HTTPException(403, NOT_OF_SESSION)
        return await page(Asked(console, session, request.path_params, {}, form))

    return endpoint


def session_of(console: Console, request: Request) -> Session | None:
    return console.sessions.read(request.cookies.get(COOKIE, ""))


async def show_sign_in(console: Console, request: Request) -> Response:
    if session_of(console, request):
        return RedirectResponse(HOME, 303)
    return console.page("sign_in.html", wrong=None)


async def sign_in(console: Console, request: Request) -> Response:
    demand_own_page(console, request)
    form = await read_form(request)
    who = caller(request)
    if seconds := math.ceil(console.guesses.wait(who)):
        wrong = f"Too many wrong passwords: try again in {math.ceil(seconds / 60)} min."
        answer = console.page("sign_in.html", 429, wrong=wrong)
        answer.headers["retry-after"] = str(seconds)
        return answer
    if not same(form.get("password", "").strip(), console.settings.console_password or ""):
        console.guesses.note(who)
        logger.warning("sign_in_refused")
        return console.page("sign_in.html", 403, wrong="That is not the password.")
    session, cookie = console.sessions.begin()
    logger.info("operator", session=session.id, did="sign_in")
    answer = RedirectResponse(HOME, 303)
    hand_out(answer, console, cookie, SESSION_SECONDS)
    return answer


async def sign_out(asked: Asked) -> Response:
    logger.info("operator", session=asked.session.id, did="sign_out")
    answer = RedirectResponse(SIGN_IN, 303)
    hand_out(answer, asked.console, "", 0)
    return answer


def hand_out(answer: Response, console: Console, cookie: str, seconds: int) -> None:
    answer.set_cookie(
        COOKIE,
        cookie,
        max_age=seconds,
        path=HOME,
        secure=console.settings.public_url.startswith("https:"),
        httponly=True,
        samesite="strict",
    )


def demand_own_page(console: Console, request: Request) -> None:
    """Browsers say which page a form was sent from; who says nothing is not one."""
    site, origin = (request.headers.get(name) for name in ("sec-fetch-site", "origin"))
    ours = {request.headers.get("host"), urlsplit(console.settings.public_url).netloc}
    right = origin is None or origin.partition("://")[2] in ours - {"", None}
    if site not in (None, "same-origin") or not right or (site is None and origin is None):
        raise HTTPException(403, NOT_OURS)


def caller(request: Request) -> str:
    """Whom a proxy in front has seen, or who is there: the last entry is the nearest proxy's."""
    seen = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    return (seen or (request.client.host if request.client else ""))[:LONGEST_ADDRESS]


def same(given: str, known: str) -> bool:
    return secrets.compare_digest(given.encode(), known.encode())


async def read_form(request: Request) -> Mapping[str, str]:
    headers = read_headers(request.scope, wanted(frozenset()))
    try:
        async with asyncio.timeout(FORM_SECONDS):
            return fields(await read_body(headers, request.receive, LARGEST_FORM))
    except TooLarge:
        raise HTTPException(413, "This form is too large.", {"connection": "close"}) from None
    except (Left, TimeoutError):
        raise HTTPException(408, "This form did not arrive.", {"connection": "close"}) from None


def fields(text: bytes) -> Mapping[str, str]:
    """The fields of a query or a form; the last of a name counts."""
    try:
        pairs = parse_qsl(
            text.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS
        )
    except ValueError:
        raise HTTPException(400, "There are too many fields.") from None
    if any(len(value) > LONGEST_FIELD for _, value in pairs):
        raise HTTPException(400, "A field is too long.")
    return {name: storable(value) for name, value in pairs}
