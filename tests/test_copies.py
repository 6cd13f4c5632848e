"""The SQLite file as a whole: copied while it is used, put back while it is not."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from receiver.inbox import copies
from receiver.inbox.copies import InUse, Unusable
from receiver.inbox.dialect import only_worker
from receiver.inbox.migrate import newest
from tests.box import Box, incoming, opened
from tests.databases import Files


@pytest.fixture
def url(files: Files) -> Iterator[str]:
    with files.migrated() as found:
        yield found


@pytest.fixture
def box(url: str) -> Iterator[Box]:
    with opened(url) as found:
        yield found


def path(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def fill(box: Box, count: int, name: str = "d") -> None:
    for start in range(0, count, 500):
        rows = range(start, min(start + 500, count))
        box.keep(*(incoming(f"{name}{row}", body=os.urandom(3_000)) for row in rows))


def ids(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        found = connection.execute("SELECT delivery_id FROM deliveries ORDER BY id").fetchall()
    return [row[0] for row in found]


def test_a_copy_is_one_whole_file(box: Box, url: str, tmp_path: Path) -> None:
    fill(box, 20)  # still in the log alone
    copy = tmp_path / "copy.db"
    heard: list[tuple[int, int]] = []
    copies.backup(path(url), copy, tell=lambda *at: heard.append(at))
    assert ids(copy) == [f"d{row}" for row in range(20)]
    assert heard[-1][0] == heard[-1][1] > 0
    assert [file.name for file in tmp_path.glob("copy.db*")] == ["copy.db"]
    assert copy.stat().st_mode & 0o777 == 0o600
    assert copies.revision_of(copy) == newest()


def test_a_copy_is_of_one_moment_and_keeps_no_writer_waiting(
    box: Box, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each delivery has its job in it, though hundreds came while it was made."""
    monkeypatch.setattr(copies, "PAGES", 16)
    fill(box, 2_000)
    longest, number, stop = 0.0, 0, threading.Event()

    def write() -> None:
        nonlocal longest, number
        while not stop.is_set():
            started, number = time.monotonic(), number + 1
            box.keep(incoming(f"meanwhile{number}"))
            longest = max(longest, time.monotonic() - started)

    writer = threading.Thread(target=write)
    slowly = lambda *_: time.sleep(0.002)  # noqa: E731
    writer.start()
    copies.backup(path(url), tmp_path / "copy.db", tell=slowly)
    stop.set()
    writer.join()
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        counted = copy.execute("SELECT (SELECT count(*) FROM deliveries), count(*) FROM jobs")
        deliveries, jobs = counted.fetchone()
    assert 2_000 <= deliveries == jobs < 2_000 + number
    assert number > 20
    assert longest < 0.5


def test_nothing_is_overwritten_unasked(box: Box, url: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    copy.write_text("precious")
    with pytest.raises(FileExistsError):
        copies.backup(path(url), copy)
    assert copy.read_text() == "precious"
    copies.backup(path(url), copy, force=True)
    assert ids(copy) == []
    assert sorted(file.name for file in tmp_path.glob("*copy*")) == ["copy.db"]


def test_nor_a_file_that_came_while_it_was_copied(box: Box, url: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"

    def tell(_: int, __: int) -> None:
        copy.write_text("precious")

    with pytest.raises(FileExistsError):
        copies.backup(path(url), copy, tell=tell)
    assert copy.read_text() == "precious"
    assert sorted(file.name for file in tmp_path.glob("*copy*")) == ["copy.db"]


def test_the_box_itself_is_no_place_for_its_copy(box: Box, url: str) -> None:
    fill(box, 3)
    with pytest.raises(Unusable, match="is the database itself"):
        copies.backup(path(url), path(url), force=True)
    assert len(ids(path(url))) == 3


def test_what_is_broken_is_not_called_a_backup(box: Box, url: str, tmp_path: Path) -> None:
    fill(box, 300)
    box.engine.dispose()  # the log is in the file now
    damage(path(url))
    with pytest.raises(Unusable, match="damaged"):
        copies.backup(path(url), tmp_path / "copy.db")
    assert list(tmp_path.glob("*copy*")) == []


def damage(file: Path) -> None:
    """A page in the middle is garbage."""
    size = file.stat().st_size // 4096
    with file.open("r+b") as opened_file:
        opened_file.seek(size // 2 * 4096)
        opened_file.write(os.urandom(4096))


# Restoring


def backed_up(box: Box, url: str, folder: Path, count: int = 3) -> Path:
    fill(box, count, "old")
    copy = folder / "copy.db"
    copies.backup(path(url), copy)
    fill(box, 2, "new")
    return copy


def test_it_comes_back_and_what_it_replaced_stays(box: Box, url: str, tmp_path: Path) -> None:
    copy = backed_up(box, url, tmp_path)
    box.engine.dispose()
    replaced = copies.restore(copy, url)
    assert replaced is not None
    assert ids(path(url)) == ["old0", "old1", "old2"]
    assert ids(replaced) == ["old0", "old1", "old2", "new0", "new1"]
    assert replaced.parent == path(url).parent
    assert [file.name for file in tmp_path.glob("*part*")] == []
    with opened(url) as again:
        assert again.keep(incoming("old1"), incoming("newer")) == [False, True]


def test_where_nothing_is_yet(box: Box, url: str, tmp_path: Path) -> None:
    copy = backed_up(box, url, tmp_path)
    there = tmp_path / "there.db"
    assert copies.restore(copy, f"sqlite:///{there}") is None
    assert len(ids(there)) == 3


def test_not_while_a_worker_lives(box: Box, url: str, tmp_path: Path) -> None:
    copy = backed_up(box, url, tmp_path)
    box.engine.dispose()
    unlock = only_worker(url)
    assert unlock is not None
    with pytest.raises(InUse, match="a worker"):
        copies.restore(copy, url)
    unlock()
    copies.restore(copy, url)


def test_not_while_anybody_has_it_open(box: Box, url: str, tmp_path: Path) -> None:
    """Though it does nothing just now, as a web side without a worker."""
    copy = backed_up(box, url, tmp_path)
    with pytest.raises(InUse, match="another process"):
        copies.restore(copy, url)
    assert len(ids(path(url))) == 5
    assert list(tmp_path.glob("*replaced*")) == []


@pytest.mark.parametrize("kind", ["garbage", "damaged", "another", "newer"])
def test_what_cannot_be_restored_changes_nothing(
    kind: str, box: Box, url: str, tmp_path: Path
) -> None:
    copy = backed_up(box, url, tmp_path, 300)
    box.engine.dispose()
    why = spoil(copy, kind)
    with pytest.raises(Unusable, match=why):
        copies.restore(copy, url)
    assert len(ids(path(url))) == 302
    assert list(tmp_path.glob("*replaced*")) + list(tmp_path.glob("*part*")) == []


def spoil(copy: Path, kind: str) -> str:
    if kind == "garbage":
        copy.write_bytes(b"garbage " * 1000)
        return "not a database"
    if kind == "damaged":
        damage(copy)
        return "damaged"
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        if kind == "another":
            connection.execute("DROP TABLE alembic_version")
            return "no box of ours"
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        return "of a newer receiver"


def test_over_a_file_that_is_broken(box: Box, url: str, tmp_path: Path) -> None:
    """That is what it is for."""
    copy = backed_up(box, url, tmp_path)
    box.engine.dispose()
    path(url).write_bytes(b"garbage " * 1000)
    leftover: Any = path(url).with_name(path(url).name + "-wal")
    leftover.write_bytes(b"stale")
    replaced = copies.restore(copy, url)
    assert replaced is not None
    assert replaced.read_bytes().startswith(b"garbage")
    assert ids(path(url)) == ["old0", "old1", "old2"]
