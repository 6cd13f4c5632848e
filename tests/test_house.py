"""The rules of the house that a linter cannot know: every platform has all of its parts."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters import ADAPTERS
from adapters.contract import Adapter, Ignored
from receiver import recorded
from tests.goldens import FIXTURES, FOLDER, Fixture, event_word, name, of, parse_to_end

ROOT = Path(__file__).parent.parent
VECTORS = Path(__file__).parent / "vectors"
SHARED = {
    "__init__", "api", "contract", "glance", "payload", "shops", "signing", "sums", "verdict",
}  # fmt: skip
HEADINGS = {
    "orders": ["Register", "Secret", "Events", "Order fields", "Quirks", "Ignored"],
    "payments": ["Register", "Secret", "Events", "Payment fields", "Quirks", "Ignored"],
}
PRODUCT = [
    file
    for room in ("adapters", "receiver")
    for file in sorted((ROOT / room).rglob("*.py"))
    if "versions" not in file.parts  # migrations: one table after the other, never read as a story
]

every_platform = pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=ADAPTERS)
every_fixture = pytest.mark.parametrize("fixture", FIXTURES, ids=name)
every_module = pytest.mark.parametrize(
    "module", PRODUCT, ids=lambda module: str(module.relative_to(ROOT))
)


def test_platforms_are_alphabetical() -> None:
    assert list(ADAPTERS) == sorted(ADAPTERS)


@every_platform
def test_module(adapter: Adapter) -> None:
    module = importlib.import_module(f"adapters.{adapter.slug}")
    assert module.ADAPTER is adapter
    assert sum(line.startswith("Signature: ") for line in (module.__doc__ or "").splitlines()) == 1
    assert 100 <= length(ROOT / "adapters" / f"{adapter.slug}.py") <= 300


@every_platform
def test_page(adapter: Adapter) -> None:
    page = (ROOT / "adapters" / f"{adapter.slug}.md").read_text("utf-8")
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == HEADINGS[adapter.kind]


@every_platform
def test_intermediary_is_one_oktopos_takes(adapter: Adapter) -> None:
    assert re.fullmatch(r"[\w. \-]+", adapter.intermediary)


@every_platform
def test_readme_row(adapter: Adapter) -> None:
    readme = ROOT / "README.md"
    if not readme.exists():
        pytest.skip("no README.md yet")
    rows = [line for line in readme.read_text("utf-8").splitlines() if line.startswith("|")]
    assert sum(f"`{adapter.slug}`" in row for row in rows) == 1


@every_platform
def test_fixtures_cover_every_event_type(adapter: Adapter) -> None:
    shown = {fixture.event for fixture in of(adapter)}
    assert {event_word(event) for event in adapter.event_types} - shown == set()


@every_platform
def test_one_demo(adapter: Adapter) -> None:
    assert [fixture.variant for fixture in of(adapter)].count("demo") == 1


def test_nothing_undeclared() -> None:
    modules = {module.stem for module in (ROOT / "adapters").glob("*.py")} - SHARED
    pages = {page.stem for page in (ROOT / "adapters").glob("*.md")}
    assert modules == set(ADAPTERS)
    assert pages == set(ADAPTERS)
    assert {folder.name for folder in FOLDER.iterdir()} == set(ADAPTERS)
    assert {file.name for file in VECTORS.iterdir()} == {f"{slug}.json" for slug in ADAPTERS}


def test_every_fixture_folder_is_one() -> None:
    folders = {folder for slug in ADAPTERS for folder in (FOLDER / slug).glob("*")}
    assert folders == {fixture.folder for fixture in FIXTURES}


@every_fixture
def test_fixture_name(fixture: Fixture) -> None:
    assert re.fullmatch(r"[a-z0-9_.\-]+__[a-z0-9_]+", fixture.folder.name)


@every_fixture
def test_fixture_goes_to_its_platform_and_has_arrived(fixture: Fixture) -> None:
    connection, delivery = recorded.read((fixture.folder / "request.http").read_bytes())
    assert connection == fixture.adapter.slug
    assert "date" in delivery.headers


@every_fixture
def test_fixture_holds_no_signature(fixture: Fixture) -> None:
    unsigned, signed = fixture.unsigned(), fixture.signed()
    overwritten = [key for key, text in unsigned.headers.items() if signed.headers[key] != text]
    assert overwritten == []
    assert signed != unsigned


@every_fixture
def test_undeclared_event_is_ignored(fixture: Fixture) -> None:
    if fixture.event not in map(event_word, fixture.adapter.event_types):
        _, events = parse_to_end(fixture, fixture.signed())
        assert events
        assert all(isinstance(event, Ignored) for event in events)


@every_module
def test_sizes(module: Path) -> None:
    assert length(module) <= 300
    too_long = [
        f"{node.name}: {lines}"
        for node in ast.walk(syntax(module))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > 40
    ]
    assert too_long == []


@every_module
def test_imports(module: Path) -> None:
    names = set(imported(syntax(module)))
    assert "hmac" not in names
    assert "httpx" not in names or module == ROOT / "receiver" / "http.py"


def imported(module: ast.Module) -> Iterator[str]:
    """The top package of everything imported."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield (node.module or "").partition(".")[0]


def syntax(module: Path) -> ast.Module:
    return ast.parse(module.read_text("utf-8"))


def length(module: Path) -> int:
    return len(module.read_text("utf-8").splitlines())
