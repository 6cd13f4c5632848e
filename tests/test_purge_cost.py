"""What purging costs: it finds what is old by an index, however much is young or purged."""

from __future__ import annotations

import re
from functools import partial

from sqlalchemy import Connection, event, text

from receiver.inbox import purge
from receiver.inbox.records import ms
from tests.box import NOW, Box, incoming, later, opened
from tests.databases import postgresql_only, sqlite_only
from tests.test_inbox_cost import plan, steps, traced

BORDER = later(days=-30)
MANY = 20_000
LOT = 500


def ended(box: Box, name: str, count: int, **age: float) -> None:
    every = [incoming(f"{name}{number}", at=later(**age)) for number in range(count)]
    for start in range(0, count, LOT):
        box.keep(*every[start : start + LOT])
    box.do(lambda at: at.execute(text("UPDATE jobs SET state = 'done'")))
    step = "INSERT INTO attempts (job, at, outcome, detail) SELECT id, due_at, 'x', '' FROM jobs"
    box.do(lambda at: at.execute(text(step)))


def one_round(box: Box) -> None:
    found = box.do(lambda at: purge.find(at, BORDER, purge.FIRST))
    assert box.do(partial(purge.purge, ids=[one.id for one in found], now=NOW)) == 5
    box.do(partial(purge.drop_suspects, border=BORDER))
    box.do(partial(purge.count_suspects, border=BORDER))
    box.do(partial(purge.count, border=BORDER))
    box.do(partial(purge.claim, now=NOW, every=later(hours=1) - NOW))


@sqlite_only
def test_no_statement_walks_a_whole_table(box: Box) -> None:
    ended(box, "old", 5, days=-31)
    with traced(box) as said:
        one_round(box)
    statements = {one for one in said if re.match("(SELECT|INSERT|UPDATE|DELETE)", one)}
    assert len(statements) >= 9
    walks = [(step, one) for one in statements for step in plan(box, one) if is_walk(step)]
    assert walks == []


def is_walk(step: str) -> bool:
    """Only a list that stands in the statement, or comes from an index, may be gone through."""
    return step.startswith("SCAN ") and not step.startswith(("SCAN CONSTANT", "SCAN purges"))


@sqlite_only
def test_by_the_index_of_what_is_not_purged(box: Box) -> None:
    with traced(box) as said:
        box.do(lambda at: purge.find(at, BORDER, purge.FIRST))
    (statement,) = [one for one in said if one.startswith("SELECT")]
    assert plan(box, statement)[0].startswith(
        "SEARCH deliveries USING INDEX deliveries_unpurged (received_at>? AND received_at<?)"
    )
    assert not any("TEMP B-TREE" in step for step in plan(box, statement))


@sqlite_only
def test_it_costs_the_same_however_much_is_young_or_purged(box: Box) -> None:
    ended(box, "few", 5, days=-31)
    empty = steps(box, lambda: one_round(box))
    ended(box, "purged", MANY, days=-40)
    box.do(lambda at: at.execute(text(f"UPDATE deliveries SET purged_at = {ms(NOW)}")))
    ended(box, "young", MANY, days=-1)
    ended(box, "some", 5, days=-31)
    full = steps(box, lambda: one_round(box))
    assert empty > 0
    assert full < 2 * empty + 10


@postgresql_only
def test_postgresql_walks_no_whole_table_either(database_url: str) -> None:
    with opened(database_url) as box:
        ended(box, "young", MANY, days=-1)
        ended(box, "some", 5, days=-31)
        box.do(lambda at: at.execute(text("ANALYZE")))
        said: list[tuple[str, object]] = []
        event.listen(
            box.engine,
            "before_cursor_execute",
            lambda _, __, statement, values, *___: said.append((statement, values)),
        )
        one_round(box)
        walks = [line for one in list(said) for line in box.do(partial(walked, said=one))]
        assert walks == []


def walked(connection: Connection, said: tuple[str, object]) -> list[str]:
    """Whole walks over what there is much of."""
    statement, values = said
    if statement.startswith("INSERT"):
        return []
    rows = connection.exec_driver_sql(f"EXPLAIN {statement}", values)  # type: ignore[arg-type]
    return [row[0] for row in rows if re.search("Seq Scan on (deliveries|jobs|attempts)", row[0])]
