"""The nearest names of a catalogue, and the dishes that a reason names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.articles import Article, Missing, Price, missing
from receiver.inbox import articles
from receiver.inbox.nearest import SHORTLIST, nearest
from tests.box import NOW, Box, opened

MENU = (
    "Pizza Margherita",
    "Pizza Funghi",
    "Tiramisù",
    "Coca Cola 0,33 l",
    "Wasser",
    "Tee",
    "GRÜNER SALAT",
)


def article(number: int, name: str, **changes: str) -> Article:
    return Article(str(number), name, prices=(Price(1, 990, 1, 700),), **changes)


@pytest.fixture
def box(database_url: str) -> Iterator[Box]:
    with opened(database_url) as found:
        menu = [article(number, name) for number, name in enumerate(MENU)]
        found.do(lambda db: articles.store(db, "mitte", menu, NOW))
        yield found


def names(box: Box, called: str, *every_pos: str, limit: int = 5) -> list[str]:
    (found,) = box.do(lambda db: nearest(db, every_pos or ("mitte",), [called], NOW, limit))
    return [one.article.name for one in found]


@pytest.mark.parametrize(
    ("called", "first"),
    [
        ("Pizza Margherita", "Pizza Margherita"),
        ("Piza Margarita", "Pizza Margherita"),
        ("margherita (groß)", "Pizza Margherita"),
        ("TIRAMISU", "Tiramisù"),
        ("Cola", "Coca Cola 0,33 l"),
        ("grüner Salat", "GRÜNER SALAT"),
        ("Tea", "Tee"),
        ("5", "Tee"),
    ],
)
def test_the_nearest_is_first(called: str, first: str, box: Box) -> None:
    assert names(box, called)[0] == first


@pytest.mark.parametrize("called", ["Xyz", "", "0815", "%", "🍕"])
def test_what_is_like_nothing(called: str, box: Box) -> None:
    assert names(box, called) == []


def test_as_many_as_are_asked_for(box: Box) -> None:
    assert names(box, "Pizza") == ["Pizza Funghi", "Pizza Margherita"]
    assert names(box, "Pizza", limit=1) == ["Pizza Funghi"]


def test_by_a_number_of_the_till_s(box: Box) -> None:
    one = article(99, "Calzone", external_reference="PLU-99", material_number="M-99")
    box.do(lambda db: articles.store(db, "mitte", [one], NOW))
    for called in ("99", "PLU-99", "M-99"):
        assert names(box, called)[0] == "Calzone"


def test_as_it_is_listed_now(box: Box) -> None:
    """Neither under its old name, nor once it is gone; and only of the POS that is asked."""
    later = NOW + timedelta(hours=1)
    box.do(lambda db: articles.store(db, "mitte", [article(0, "Calzone")], later))
    box.do(lambda db: articles.drop(db, "mitte", ["1"], later))
    box.do(lambda db: articles.store(db, "nord", [article(7, "Pizza Nord")], NOW))
    assert box.do(lambda db: nearest(db, ("mitte",), ["Pizza"], later)) == [[]]
    _, both = box.do(lambda db: nearest(db, ("mitte", "nord"), ["Tea", "Pizza Nord"], later))
    assert [(one.pos, one.article.id) for one in both] == [("nord", "7")]


def test_in_a_large_catalogue(box: Box) -> None:
    many = [article(1_000 + number, f"Gericht {number:05}") for number in range(5 * SHORTLIST)]
    box.do(lambda db: articles.store(db, "mitte", many, NOW))
    assert names(box, "Gericht 00123")[0] == "Gericht 00123"
    assert names(box, "Tiramisu")[0] == "Tiramisù"


# What a reason names

dishes = st.builds(
    Missing,
    st.text(st.characters(exclude_characters='"'), min_size=1, max_size=20),
    st.none() | st.text("abcPLU-0123()/ ", min_size=1, max_size=12),
)


@given(st.lists(dishes, min_size=1, max_size=4), st.booleans())
def test_dishes_are_read_as_they_were_written(named: list[Missing], fee: bool) -> None:
    written = [*map(str, named), *(["pos.mitte.fee_articles.delivery_fee"] if fee else [])]
    assert missing(f"no article for {', '.join(written)}") == named


def test_a_name_with_quotes() -> None:
    named = [Missing('Pizza "Diavolo" (scharf)', "PLU-1"), Missing('7" Pan', None)]
    read = [Missing("Pizza 'Diavolo' (scharf)", "PLU-1"), Missing("7' Pan", None)]
    assert missing(f"no article for {', '.join(map(str, named))}") == read
    assert missing("the order has no lines") == []
