"""`articles` and `report`: what an operator does about the till's articles, and what a day was."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from receiver.articles import Article, Chosen, Price
from receiver.inbox import articles
from receiver.inbox.by_hand import transaction
from receiver.sandbox import create_sandbox
from receiver.sandbox.articles import MENU
from receiver.serving import serving
from tests.commands import PLATFORMS, Desk, call, desk, said
from tests.plain import body, order

NOW = datetime(2026, 7, 4, 12, tzinfo=UTC)
PIZZA = Article("4711", "Pizza", "PLU-17", "M-1", (Price(1, 990, 1, 700),))
COLA = Article("4740", "Cola", "PLU-70", None, (Price(1, 350, 2, 1900),))
STRANGE = {"name": "Tea", "quantity": 1, "unit_price": 990, "pos_ref": None, "item_id": "i-7"}


@pytest.fixture
def at_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = desk(tmp_path)
    monkeypatch.chdir(made.folder)
    monkeypatch.setattr("receiver.cli.setup.ADAPTERS", PLATFORMS)
    for name, value in made.environ.items():
        monkeypatch.setenv(name, value)
    return made


@contextmanager
def synced(made: Desk) -> Iterator[None]:
    with transaction(made.url, writes=True) as box:
        articles.store(box, "mitte", [PIZZA, COLA], NOW)
        articles.synced(box, "mitte", 2, {1: "INHOUSE"}, NOW)
    yield


def chosen(made: Desk) -> dict[str, Chosen]:
    with transaction(made.url) as box:
        return articles.chosen(box, "plain")


@pytest.mark.anyio
async def test_sync_reads_every_pos(tmp_path: Path) -> None:
    async with serving(create_sandbox()) as till:
        at = desk(tmp_path, till=till)
        done = await asyncio.to_thread(at.run, "articles", "sync", "--json")
        assert json.loads(done.stdout) == [{"pos": "mitte", "articles": len(MENU)}]
        listed = await asyncio.to_thread(at.run, "articles", "list", "margherita", "--json")
        (pizza,) = json.loads(listed.stdout)["mitte"]
        assert (pizza["id"], pizza["external_reference"]) == ("4711", "PLU-17")


def test_sync_says_why_it_failed(at_desk: Desk) -> None:
    result = call("articles", "sync")
    assert result.exit_code == 1
    assert "pos.mitte: OktoPOS: cannot connect" in result.stderr
    assert "never read" in call("articles", "list").stderr


def test_map_and_take_away(at_desk: Desk) -> None:
    with synced(at_desk):
        result = call("articles", "map", "plain", "i-7", "4711", "--channel", "2")
        assert result.output == "plain: i-7 -> 4711; 0 held orders look again\n"
        assert chosen(at_desk) == {"i-7": Chosen("4711", 2)}
        assert call("articles", "map", "plain", "i-7", "--remove").exit_code == 0
        assert chosen(at_desk) == {}


def test_map_refuses_what_cannot_be(at_desk: Desk) -> None:
    with synced(at_desk):
        for args, why in (
            (("plain", "i-7", "9999"), "article 9999 is not in the catalogue of mitte"),
            (("nobody", "i-7", "4711"), "no connection is called nobody; there are: plain, pay"),
            (("plain", "Piza"), "the nearest to Piza: Pizza (4711)"),
        ):
            result = call("articles", "map", *args)
            assert result.exit_code == 1
            assert why in result.stderr
        assert chosen(at_desk) == {}


def test_the_nearest_names_are_those_of_the_dish_that_is_held(at_desk: Desk) -> None:
    (job,) = at_desk.keep(body(order(lines=[STRANGE])))
    reason = 'no article for "Coca Cola" (i-7)'
    at_desk.sql(f"UPDATE jobs SET state = 'held', reason = '{reason}' WHERE id = {job}")
    with synced(at_desk):
        result = call("articles", "map", "plain", "i-7")
    assert "the nearest to Coca Cola: Cola (4740)" in result.stderr


def test_out_and_in_again(at_desk: Desk) -> None:
    with synced(at_desk):
        call("articles", "map", "plain", "i-7", "4711", "--channel", "2")
        text = call("articles", "export").stdout
        assert text == "connection,reference,article,channel\nplain,i-7,4711,2\n"
        assert said("articles", "export") == [
            {"connection": "plain", "reference": "i-7", "article": "4711", "channel": 2}
        ]
        file = at_desk.folder / "mappings.csv"
        file.write_text(text.replace("4711", "4740") + "plain,i-8,4711,\n")
        dry = call("articles", "import", "--dry-run", str(file))
        changes = [
            "plain: i-7: 4711 in channel 2 -> 4740 in channel 2",
            "plain: i-8: nothing -> 4711",
        ]
        assert dry.stdout.splitlines() == changes
        assert chosen(at_desk) == {"i-7": Chosen("4711", 2)}
        assert call("articles", "import", str(file)).stdout.splitlines() == changes
        assert chosen(at_desk) == {"i-7": Chosen("4740", 2), "i-8": Chosen("4711")}
        assert call("articles", "import", str(file)).stdout == ""


def test_every_row_that_does_not_fit_is_named(at_desk: Desk) -> None:
    with synced(at_desk):
        file = at_desk.folder / "mappings.csv"
        file.write_text(
            "connection,reference,article,channel\n"
            "plain,ok,4711,\n"
            "nobody,x,4711,\n"
            "plain,,4711,\n"
            "plain,y,4711,two\n"
            "plain,z,9999,\n"
        )
        result = call("articles", "import", str(file))
        assert result.exit_code == 1
        for line, why in (
            (3, "there is no connection 'nobody'"),
            (4, "reference: missing"),
            (5, "channel: 'two' is not a number"),
            (6, "article 9999 is not in the catalogue of mitte"),
        ):
            assert f"line {line}: {why}" in result.stderr
        assert "4 rows do not fit; nothing was changed" in result.stderr
        assert chosen(at_desk) == {}


def test_a_file_of_something_else(at_desk: Desk) -> None:
    file = at_desk.folder / "other.csv"
    file.write_text("a;b\n1;2\n")
    result = call("articles", "import", str(file))
    assert result.exit_code == 1
    assert "lacks the columns article, connection, reference" in result.stderr


def test_mapping_lets_held_orders_look_again(at_desk: Desk) -> None:
    (job,) = at_desk.keep(body(order(lines=[STRANGE])))
    at_desk.sql(f"UPDATE jobs SET state = 'held', awaits = 'article' WHERE id = {job}")
    with synced(at_desk):
        at_desk.sql(f"UPDATE jobs SET state = 'held', awaits = 'article' WHERE id = {job}")
        assert "1 held orders" in call("articles", "map", "plain", "i-7", "4711").output
    assert at_desk.sql("SELECT state, awaits FROM jobs") == [{"state": "ready", "awaits": None}]


# The report

FIGURES = json.dumps(
    {
        "turnover": {"7.00": 1105, "19.00": 416},
        "fees": {"restaurant": 315, "platform": 99},
        "discounts": {"restaurant": 134, "platform": 200},
        "tips": {"restaurant": 150},
        "fallback": ["Cola"],
        "name": [],
    }
)


def booked(made: Desk, order_id: str, at: datetime, state: str = "created") -> None:
    made.sql(
        "INSERT INTO orders (order_id, connection, pos, platform_id, state, total, tip, created_at,"
        f" figures) VALUES ('{order_id}', 'plain', 'mitte', '{order_id}', '{state}', 1521, 150,"
        f" {int(at.timestamp() * 1000)}, '{FIGURES}')"
    )


def test_a_day_by_the_till_s_own_clock(at_desk: Desk) -> None:
    """Berlin's fourth of July begins at ten in the evening, UTC."""
    booked(at_desk, "before", datetime(2026, 7, 3, 21, 59, tzinfo=UTC))
    booked(at_desk, "first", datetime(2026, 7, 3, 22, 0, tzinfo=UTC))
    booked(at_desk, "last", datetime(2026, 7, 4, 21, 59, tzinfo=UTC))
    booked(at_desk, "gone", datetime(2026, 7, 4, 12, 0, tzinfo=UTC), "canceled")
    booked(at_desk, "after", datetime(2026, 7, 4, 22, 0, tzinfo=UTC))
    (day,) = said("report", "--day", "2026-07-04")
    assert (day["pos"], day["connection"]) == ("mitte", "plain")
    assert (day["orders"], day["canceled"], day["total"]) == (2, 1, 3042)
    assert day["turnover"] == {"7.00": 2210, "19.00": 832}
    assert day["discounts"] == {"restaurant": 268, "platform": 400}
    assert day["tips"] == {"restaurant": 300}
    assert day["fallback"] == {"Cola": 2}


def test_as_a_spreadsheet_and_as_a_table(at_desk: Desk) -> None:
    booked(at_desk, "one", datetime(2026, 7, 4, 12, 0, tzinfo=UTC))
    text = call("report", "--day", "2026-07-04", "--csv").stdout
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == ["pos", "connection", "what", "of", "amount"]
    assert ["mitte", "plain", "turnover", "19.00", "4.16"] in rows
    assert ["mitte", "plain", "by fallback", "Cola", "1"] in rows
    assert "15.21" in call("report", "--day", "2026-07-04").stdout
    assert call("report", "--csv", "--json").exit_code == 1


def test_a_day_without_orders(at_desk: Desk) -> None:
    assert said("report") == []
