"""README.md says what is so: its platforms table comes from the adapters' data sheets."""

from __future__ import annotations

import importlib
import re
from datetime import timedelta
from pathlib import Path

from adapters import ADAPTERS
from adapters.contract import Adapter
from tests.chaos.report import ROWS

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
TABLE = re.compile(r"(<!-- platforms: [^\n]*-->\n).*?(<!-- /platforms -->)", re.DOTALL)
CHAOS = re.compile(r"<!-- chaos: [^\n]*-->\n(.*?)<!-- /chaos -->", re.DOTALL)
HEAD = (
    "| platform | slug | brings | payload | proves itself by | to be accepted within |\n"
    "| --- | --- | --- | --- | --- | --- |\n"
)


def row(adapter: Adapter) -> str:
    doc = importlib.import_module(f"adapters.{adapter.slug}").__doc__ or ""
    (proof,) = re.findall(r"^Signature: (.+?)\.?$", doc, re.MULTILINE)
    cells = (
        f"[{adapter.intermediary}](adapters/{adapter.slug}.md)",
        f"`{adapter.slug}`",
        adapter.kind,
        "thin, fetched" if adapter.thin else "whole",
        proof,
        minutes(adapter.deadline),
    )
    return f"| {' | '.join(cells)} |\n"


def minutes(deadline: timedelta | None) -> str:
    return f"{deadline.total_seconds() / 60:g} min" if deadline else "-"


def test_platforms_table(accept: bool) -> None:
    readme = README.read_text("utf-8")
    table = HEAD + "".join(row(adapter) for adapter in ADAPTERS.values())
    right = TABLE.sub(lambda found: found[1] + table + found[2], readme)
    if accept:
        README.write_text(right, "utf-8")
    assert README.read_text("utf-8") == right


def test_chaos_table() -> None:
    """As `make chaos` prints it, when it was green."""
    (printed,) = CHAOS.findall(README.read_text("utf-8"))
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in printed.splitlines()]
    assert [name for name, *_ in rows] == ["", "---", *ROWS]
    assert rows[-1][1:] == ["green", "green"]


def test_what_it_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README.read_text("utf-8"))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
