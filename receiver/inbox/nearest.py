"""The articles whose names come nearest to what platforms call a dish."""

from __future__ import annotations

import heapq
import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from typing import TypeAlias

from sqlalchemy import Connection, exists, not_, select

from receiver.articles import MATCH, Article, Match
from receiver.inbox import articles
from receiver.inbox.tables import articles as rows

SHORTLIST = 100  # to compare letter by letter, which takes a hundred times as long
LONGEST = 100  # letters of a name that are compared
LEAST = 0.6  # of the two that it is scored by, each at most 1
ACCENTS = re.compile("[\u0300-\u036f]+")
BY_ID: tuple[Match, ...] = ("id",)
Named: TypeAlias = tuple[str, str, str]
"""A folded name, its POS, its id."""

later = rows.alias("later")
REPLACED = exists().where(
    later.c.pos == rows.c.pos, later.c.id == rows.c.id, later.c.valid_from > rows.c.valid_from
)
LISTED = select(rows.c.name, rows.c.pos, rows.c.id).where(rows.c.prices != "", not_(REPLACED))


@dataclass(frozen=True, slots=True)
class Near:
    pos: str
    article: Article


def nearest(
    connection: Connection,
    every_pos: Collection[str],
    dishes: Sequence[str],
    now: datetime,
    limit: int = 5,
) -> list[list[Near]]:
    """For each dish its nearest first, none that is not alike at all.

    An article's own id, external reference or material number is as near as can be. The catalogue
    is gone through once: of 20,000 articles that takes some 0.2 s, of a menu some milliseconds.
    """
    listed = connection.execute(LISTED.where(rows.c.pos.in_(every_pos))) if dishes else ()
    names = [(folded(name), pos, number) for name, pos, number in listed]
    return [of_dish(connection, every_pos, names, dish, now, limit) for dish in dishes]


def of_dish(
    connection: Connection,
    every_pos: Collection[str],
    names: Sequence[Named],
    dish: str,
    now: datetime,
    limit: int,
) -> list[Near]:
    numbered = [(pos, dish, MATCH) for pos in every_pos]
    named = [(pos, number, BY_ID) for _, pos, number in alike(names, folded(dish))[:limit]]
    found = [
        Near(pos, article)
        for pos, called, match in (*numbered, *named)
        if (article := articles.find(connection, pos, called, match, now))
    ]
    return list(dict.fromkeys(found))[:limit]


def alike(names: Sequence[Named], wanted: str) -> list[Named]:
    """Those that are alike enough, the nearest first."""
    if not wanted:
        return []
    pairs = {wanted[start : start + 2] for start in range(max(len(wanted) - 1, 1))}
    likely = heapq.nlargest(SHORTLIST, names, key=lambda one: share(pairs, one[0]))
    scored = sorted((-score(wanted, pairs, one[0]), one) for one in likely)
    return [one for value, one in scored if -value >= LEAST]


def folded(name: str) -> str:
    """Without capitals and accents: a till's menu has them where a platform's has none."""
    return ACCENTS.sub("", unicodedata.normalize("NFKD", name[:LONGEST].casefold())).strip()


def share(pairs: Collection[str], name: str) -> float:
    """How much of what is wanted is in the name, by pairs of letters."""
    return sum(map(name.__contains__, pairs)) / len(pairs)


def score(wanted: str, pairs: Collection[str], name: str) -> float:
    return share(pairs, name) + SequenceMatcher(None, wanted, name, autojunk=False).ratio()
