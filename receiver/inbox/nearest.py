"""The articles whose names come nearest to what a platform calls a dish."""

from __future__ import annotations

import heapq
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher

from sqlalchemy import Connection, exists, not_, select

from receiver.articles import MATCH, Article
from receiver.inbox import articles
from receiver.inbox.tables import articles as rows

SHORTLIST = 100  # to compare letter by letter, which takes a hundred times as long
LONGEST = 100  # letters of a name that are compared
LEAST = 0.6  # of the two that it is scored by, each at most 1

later = rows.alias("later")
REPLACED = exists().where(
    later.c.pos == rows.c.pos, later.c.id == rows.c.id, later.c.valid_from > rows.c.valid_from
)
LISTED = select(rows.c.pos, rows.c.id, rows.c.name).where(rows.c.prices != "", not_(REPLACED))


@dataclass(frozen=True, slots=True)
class Near:
    pos: str
    article: Article


def nearest(
    connection: Connection, every_pos: Collection[str], called: str, now: datetime, limit: int = 5
) -> list[Near]:
    """The nearest first; none that is not alike at all.

    An article's own id, external reference or material number is as near as can be.
    """
    exact = [
        Near(pos, article)
        for pos in every_pos
        if (article := articles.find(connection, pos, called, MATCH, now))
    ]
    wanted = folded(called)
    pairs = {wanted[start : start + 2] for start in range(max(len(wanted) - 1, 1))}
    listed = connection.execute(LISTED.where(rows.c.pos.in_(every_pos)))
    named = [(pos, number, folded(name)) for pos, number, name in listed]
    likely = heapq.nlargest(SHORTLIST, named, key=lambda one: share(pairs, one[2]))
    scored = sorted(((score(wanted, pairs, one[2]), one) for one in likely), reverse=True)
    near = [
        Near(pos, article)
        for value, (pos, number, _) in scored[:limit]
        if value >= LEAST and (article := articles.find(connection, pos, number, ("id",), now))
    ]
    return list(dict.fromkeys([*exact, *near]))[:limit]


def folded(name: str) -> str:
    """Without capitals and accents: a till's menu has them where a platform's has none."""
    plain = unicodedata.normalize("NFKD", name[:LONGEST].casefold())
    return "".join(sign for sign in plain if not unicodedata.combining(sign)).strip()


def share(pairs: Collection[str], name: str) -> float:
    """How much of what is wanted is in the name, by pairs of letters."""
    return sum(pair in name for pair in pairs) / len(pairs)


def score(wanted: str, pairs: Collection[str], name: str) -> float:
    return share(pairs, name) + SequenceMatcher(None, wanted, name, autojunk=False).ratio()
