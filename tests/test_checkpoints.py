"""A reader that takes its time: nobody who writes waits for it."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from receiver.inbox import dialect
from receiver.inbox.dialect import start_checkpoints
from tests.box import incoming, opened


def test_a_long_log_and_a_long_look_do_not_hold_up_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a backup or a replica has it: the log cannot begin anew until the reader is gone."""
    monkeypatch.setattr(dialect, "CHECKPOINT_SECONDS", 0.01)
    monkeypatch.setattr(dialect, "LONGEST_LOG", 10)
    url = f"sqlite:///{tmp_path / 'box.db'}"
    with opened(url) as box:
        box.keep(incoming("first"))
        reader = sqlite3.connect(tmp_path / "box.db", isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM deliveries").fetchone()
        stop = start_checkpoints(url)
        longest, ends, number = 0.0, time.monotonic() + 1.5, 0
        while time.monotonic() < ends:
            started, number = time.monotonic(), number + 1
            box.keep(incoming(f"d{number}"))
            longest = max(longest, time.monotonic() - started)
        reader.close()
        stop()
    assert number > 10
    assert longest < 0.5
