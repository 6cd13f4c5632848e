"""The console in a real browser, against a receiver that runs, its till and a platform."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from playwright.sync_api import Browser, Page, expect, sync_playwright

from receiver import catalogue
from receiver.http import Http
from receiver.inbox.migrate import migrate
from tests.consoles import PASSWORD, SOLD, STRANGE
from tests.plain import order
from tests.running import Json, Line, eventually, line

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE = 15_000  # milliseconds, beside many other tests
PHONE = {"width": 360, "height": 640}
PAGES = (
    "", "/deliveries?show=any", "/deliveries/1", "/deliveries/1/body", "/deliveries/1/cancel",
    "/deliveries/1/discard", "/articles", "/articles/plain",
    "/articles/plain/choose?reference=i-7&find=pizza", "/quarantine", "/nothing",
)  # fmt: skip

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")


@dataclass(slots=True)
class Desk:
    """An operator before a browser, and what an order's way is seen by."""

    page: Page
    run: Line
    portal: BlockingPortal

    @property
    def address(self) -> str:
        return f"{str(self.run.web.base_url).rstrip('/')}/console"

    def go(self, path: str = "") -> None:
        self.page.goto(self.address + path)

    def sign_in(self) -> None:
        self.go()
        self.page.get_by_label("Password").fill(PASSWORD)
        self.press("Sign in")

    def press(self, button: str) -> None:
        self.page.get_by_role("button", name=button, exact=True).click()

    def follow(self, link: str) -> None:
        self.page.get_by_role("link", name=link, exact=True).click()

    def reads(self, text: str) -> None:
        """Sooner or later, without a reload."""
        expect(self.page.locator("main")).to_contain_text(text)

    def send(self, *events: Json) -> int:
        job: int = self.portal.call(self.run.send, *events)
        return job

    def until(self, job: int, state: str) -> Json:
        return self.portal.call(self.run.until, job, state)

    def held(self, order_id: str = "o1") -> int:
        job = self.send(order(order_id, lines=[STRANGE]))
        self.until(job, "held")
        return job

    def at_till(self) -> list[Json]:
        return self.portal.call(self.run.orders)

    def hears(self, path: str) -> None:
        """The platform's stand-in, sooner or later."""

        async def told() -> list[str]:
            calls = (await self.run.platform.get("/_sandbox/calls")).json()
            return [call["path"] for call in calls if call["status"] == 204]

        self.portal.call(eventually, told, lambda found: path in found)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@contextmanager
def watched(chromium: Browser, **how: Any) -> Iterator[Page]:
    """A page of a browser of its own, in which nothing may go wrong."""
    faults: list[str] = []
    context = chromium.new_context(**how)
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    page = context.new_page()
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.on("request", lambda asked: faults.append(asked.url) if is_foreign(asked.url) else None)
    yield page
    context.close()
    ours = [fault for fault in faults if not fault.startswith("Failed to load resource")]
    assert ours == []


def is_foreign(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1:", "data:"))


async def sync(run: Line) -> None:
    http = Http()
    await catalogue.sync(run.settings.pos["mitte"], http, run.inbox, run.clock())
    await http.close()


@contextmanager
def sitting(chromium: Browser, folder: Path, **how: Any) -> Iterator[Desk]:
    database = f"sqlite:///{folder / 'box.db'}"
    migrate(database)
    told = {"accept": "on_pos"}
    lined = line(database, password=PASSWORD, connection=told, public_url="http://127.0.0.1")
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(lined) as run,
        watched(chromium, **how) as page,
    ):
        portal.call(sync, run)
        yield Desk(page, run, portal)


@pytest.fixture
def desk(chromium: Browser, tmp_path: Path) -> Iterator[Desk]:
    with sitting(chromium, tmp_path) as found:
        yield found


def test_sign_in_and_out(desk: Desk) -> None:
    desk.go("/deliveries")
    expect(desk.page).to_have_title("Sign in · OktoPOS receiver")
    desk.page.get_by_label("Password").fill("not this one")
    desk.press("Sign in")
    expect(desk.page.get_by_role("alert")).to_have_text("That is not the password.")
    desk.page.get_by_label("Password").fill(PASSWORD)
    desk.press("Sign in")
    desk.reads("Nothing needs you")
    expect(desk.page.locator("[aria-current=page]")).to_have_text("Overview")
    desk.press("Sign out")
    expect(desk.page.get_by_label("Password")).to_be_visible()
    desk.page.go_back()
    expect(desk.page.get_by_label("Password")).to_be_visible()
    desk.go("/quarantine")
    expect(desk.page.get_by_label("Password")).to_be_visible()


def test_one_click_maps_a_dish_and_its_order_arrives(desk: Desk) -> None:
    """The overview and the delivery are up to date by themselves all the while."""
    desk.sign_in()
    desk.reads("Nothing needs you")
    desk.held()
    desk.reads("1 needs you")
    desk.follow("1 needs you")
    desk.follow("plain:o1")
    desk.reads('no article for "Piza Margarita" (i-7)')
    desk.press("Pizza Margherita (4711)")
    desk.reads("i-7 is article 4711. 1 held orders look again.")
    expect(desk.page.locator(".state")).to_have_text(["done"])
    (at_till,) = desk.at_till()
    assert (at_till["orderId"], at_till["order"]["items"][0]["productId"]) == ("plain:o1", "4711")
    desk.reads(str(at_till["internalId"]))


def test_an_order_is_canceled_at_its_platform(desk: Desk) -> None:
    desk.sign_in()
    job = desk.send(order(lines=[SOLD]))
    desk.until(job, "done")
    desk.go(f"/deliveries/{job}")
    desk.follow("Cancel the order …")
    desk.reads("canceled at OktoPOS, and its platform is told.")
    desk.page.get_by_label("Reason").select_option("closed")
    desk.press("Cancel the order")
    desk.reads("plain:o1: is being canceled, its platform is told")
    desk.reads("plain:o1, called O1: canceled")
    assert [held["status"] for held in desk.at_till()] == ["canceled"]
    desk.hears("/orders/o1/withdrawn")


def test_a_till_is_paused_and_resumed(desk: Desk) -> None:
    desk.sign_in()
    desk.press("Pause mitte")
    desk.reads("mitte is paused until you resume it.")
    job = desk.send(order(lines=[SOLD]))
    desk.until(job, "waiting")
    desk.reads("1 waiting")
    assert desk.at_till() == []
    desk.press("Resume mitte")
    desk.reads("mitte is open.")
    desk.until(job, "done")
    assert [held["orderId"] for held in desk.at_till()] == ["plain:o1"]


def test_a_session_that_ended_leads_to_the_sign_in(desk: Desk) -> None:
    desk.sign_in()
    desk.reads("Nothing needs you")
    desk.page.context.clear_cookies()
    expect(desk.page.get_by_label("Password")).to_be_visible()


def test_what_is_looked_at_stays_under_the_finger(desk: Desk) -> None:
    """The focus is where it was after the page is up to date again."""
    desk.sign_in()
    button = desk.page.get_by_role("button", name="Pause mitte")
    button.focus()
    with desk.page.expect_response("**/console?part=1"):
        pass
    desk.held()
    desk.reads("1 needs you")
    expect(button).to_be_focused()


def test_without_a_script(chromium: Browser, tmp_path: Path) -> None:
    with sitting(chromium, tmp_path, java_script_enabled=False) as desk:
        desk.sign_in()
        desk.reads("Nothing needs you")
        job = desk.held()
        desk.go()
        desk.follow("1 needs you")
        desk.follow("plain:o1")
        desk.press("Pizza Margherita (4711)")
        desk.reads("1 held orders look again.")
        desk.until(job, "done")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone(scheme: str, chromium: Browser, tmp_path: Path) -> None:
    """Nothing is wider than the screen, every field has a label, every page one heading."""
    with sitting(chromium, tmp_path, viewport=PHONE, color_scheme=scheme) as desk:
        desk.sign_in()
        desk.reads("Nothing needs you")
        long_name = {**STRANGE, "name": "Donaudampfschifffahrtsteller" * 6}
        desk.until(desk.send(order("o" * 40, lines=[long_name])), "held")
        for path in PAGES:
            desk.go(path)
            wide, screen = desk.page.evaluate(
                "[document.documentElement.scrollWidth, window.innerWidth]"
            )
            assert wide <= screen, path
            unlabelled = "[...document.querySelectorAll('input:not([type=hidden]), select')]"
            assert desk.page.evaluate(f"{unlabelled}.filter(e => !e.labels.length).length") == 0
            assert desk.page.locator("h1").count() == 1, path
            small = "[...document.querySelectorAll('button, .button, input:not([type=hidden])')]"
            heights = desk.page.evaluate(f"{small}.map(e => e.offsetHeight)")
            assert min(heights, default=44) >= 44, path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_is_easy_to_read(scheme: str, chromium: Browser, tmp_path: Path) -> None:
    """Contrast of at least 4.5 to 1, as WCAG asks for."""
    with sitting(chromium, tmp_path, color_scheme=scheme) as desk:
        desk.sign_in()
        desk.reads("Nothing needs you")
        desk.held()
        for path in PAGES:
            desk.go(path)
            for text, ratio in desk.page.evaluate(CONTRASTS):
                assert ratio >= 4.5, (path, text, ratio)


CONTRASTS = """() => {
  const channels = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (text) => channels(text).slice(0, 3)
    .map((c) => c / 255)
    .map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, place) => sum + c * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = (e) => {
    const own = getComputedStyle(e).backgroundColor;
    return channels(own)[3] === 0 && e.parentElement ? behind(e.parentElement) : own;
  };
  return [...document.body.querySelectorAll("*")]
    .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
    .filter((e) => e.offsetParent)
    .map((e) => [e.textContent.trim().slice(0, 40), getComputedStyle(e).color, behind(e)])
    .map(([text, ink, paper]) => [text, [light(ink), light(paper)].sort((a, b) => b - a)])
    .map(([text, [most, least]]) => [text, (most + 0.05) / (least + 0.05)]);
}"""
