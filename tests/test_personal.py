"""Of every field it is decided what becomes of it; nobody adds one without a decision."""

from __future__ import annotations

import pytest

from receiver.inbox.personal import GOES, ROWS_GO, STAYS, columns, nameless_call
from receiver.inbox.tables import metadata


@pytest.mark.parametrize("table", sorted(metadata.tables.keys() - ROWS_GO))
def test_each_field_stays_or_goes_and_never_both(table: str) -> None:
    kept = [name for names in STAYS.get(table, {}) for name in names.split()]
    gone = list(GOES.get(table, {}))
    assert sorted(kept + gone) == sorted(metadata.tables[table].columns.keys())


def test_only_tables_there_are() -> None:
    assert {*STAYS, *GOES, *ROWS_GO} == set(metadata.tables)
    assert ROWS_GO.keys().isdisjoint({*STAYS, *GOES})


def test_each_decision_has_its_reason() -> None:
    reasons = [why for fields in STAYS.values() for why in fields.values()]
    reasons += [field.why for fields in GOES.values() for field in fields.values()]
    assert all(len(why) > 10 for why in [*reasons, *ROWS_GO.values()])


def test_what_goes_leaves_what_the_table_takes() -> None:
    for table, fields in GOES.items():
        for name in fields:
            assert columns(table)[name] is not None or metadata.tables[table].c[name].nullable


def test_an_answer_of_an_earlier_version_is_in_nobodys_way() -> None:
    assert nameless_call('{"path": "/"}') == '{"name": ""}'
