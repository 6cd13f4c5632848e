"""An operator at the console: reads its pages, presses its buttons, as a browser would."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx
from starlette.types import ASGIApp

from receiver import catalogue
from receiver.http import Http
from tests.running import Line, line
from tests.telling import Platform, told

PASSWORD = "open, sesame: a test"
ORIGIN = "https://receiver.example"
SOLD = {"name": "Pizza", "quantity": 1, "unit_price": 990, "pos_ref": "PLU-17"}
STRANGE = {"name": "Piza Margarita", "quantity": 1, "unit_price": 990, "item_id": "i-7"}


@dataclass(slots=True)
class Form:
    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    button: str = ""


class Forms(HTMLParser):
    """The forms of a page: what each sends when its button is pressed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[Form] = []
        self.tag = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tag = tag
        if tag == "form":
            self.found.append(Form(given["action"], given["method"]))
        elif tag == "input":
            self.found[-1].fields[given["name"]] = given.get("value", "")
        elif tag == "select":
            self.found[-1].fields[given["name"]] = ""

    def handle_data(self, data: str) -> None:
        if self.tag == "button" and data.strip():
            self.found[-1].button = data.strip()


@dataclass(slots=True)
class Operator:
    run: Line
    client: httpx.AsyncClient

    async def sign_in(self, password: str = PASSWORD) -> httpx.Response:
        return await self.client.post("/console/sign-in", data={"password": password})

    async def get(self, path: str = "", status: int = 200) -> str:
        answer = await self.client.get(f"/console{path}")
        assert answer.status_code == status, answer.text
        return answer.text

    async def form(self, path: str, button: str) -> Form:
        forms = Forms(await self.get(path)).found
        (form,) = [form for form in forms if form.button == button]
        return form

    async def press(self, path: str, button: str, **typed: str) -> str:
        """The page that the button leads to."""
        form = await self.form(path, button)
        assert form.method == "post"
        answer = await self.client.post(form.action, data={**form.fields, **typed})
        assert answer.status_code == 303, answer.text
        shown = await self.client.get(answer.headers["location"])
        assert shown.status_code == 200, shown.text
        return shown.text

    async def sync(self) -> None:
        """The till's articles are read."""
        http = Http()
        pos = self.run.settings.pos["mitte"]
        await catalogue.sync(pos, http, self.run.inbox, self.run.clock())
        await http.close()


def browser(app: ASGIApp, **headers: str) -> httpx.AsyncClient:
    """Says where its forms come from, as every browser does."""
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(
        transport=transport, base_url=ORIGIN, headers={"origin": ORIGIN, **headers}
    )


@asynccontextmanager
async def operating(database: str, **more: Any) -> AsyncIterator[Operator]:
    """One who is signed in, beside a line as `tests.running.line` makes it."""
    async with (
        line(database, password=PASSWORD, **more) as run,
        browser(run.app) as client,
    ):
        operator = Operator(run, client)
        assert (await operator.sign_in()).status_code == 303
        yield operator


@asynccontextmanager
async def operating_with_platform(
    database: str, **more: Any
) -> AsyncIterator[tuple[Operator, Platform]]:
    """The same, and a platform that is told of orders."""
    async with (
        told(database, password=PASSWORD, **more) as (run, platform),
        browser(run.app) as client,
    ):
        operator = Operator(run, client)
        assert (await operator.sign_in()).status_code == 303
        yield operator, platform
