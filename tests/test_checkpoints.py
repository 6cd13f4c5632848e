"""A reader that takes its time: nobody who writes waits for it."""

from __future__ import annotations

import sqlite3
import time

import pytest

from receiver.inbox.dialect import sqlite, start_checkpoints
from tests.box import incoming, opened
from tests.databases import path_of, sqlite_only


@sqlite_only
def test_a_long_log_and_a_long_look_do_not_hold_up_the_writer(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a backup or a replica has it: the log cannot begin anew until the reader is gone."""
    monkeypatch.setattr(sqlite, "CHECKPOINT_SECONDS", 0.01)
    monkeypatch.setattr(sqlite, "LONGEST_LOG", 10)
    with opened(database_url) as box:
        box.keep(incoming("first"))
        reader = sqlite3.connect(path_of(database_url), isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM deliveries").fetchone()
        stop = start_checkpoints(database_url)
        longest, ends, number = 0.0, time.monotonic() + 1.5, 0
        while time.monotonic() < ends:
            started, number = time.monotonic(), number + 1
            box.keep(incoming(f"d{number}"))
            longest = max(longest, time.monotonic() - started)
        reader.close()
        stop()
    assert number > 10
    assert longest < 0.5
