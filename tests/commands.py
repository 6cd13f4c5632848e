"""The commands as an operator runs them: in this process for a look, as a process to be stopped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from adapters.contract import Delivery
from receiver.cli import app
from receiver.inbox.by_hand import transaction
from receiver.inbox.keep import keep_many
from receiver.inbox.migrate import migrate
from receiver.incoming import incoming
from receiver.settings.model import Connection
from tests.plain import PAY, PLAIN, SECRET, signed

ROOT = Path(__file__).parent.parent
PLATFORMS = {"plain": PLAIN, "pay": PAY}
PATIENCE = 90.0  # seconds: a process takes its time to start beside many others

CONFIG = """
[pos.mitte]
url = "{till}/v1"
api_key = "$TILL_KEY"

[connections.plain]
platform = "plain"
secrets = ["$PLAIN_SECRET"]
accept = "never"
stores = {{ "*" = "mitte" }}

[connections.pay]
platform = "pay"
secrets = ["$PLAIN_SECRET"]
stores = {{ "*" = "mitte" }}
"""
PROGRAM = """
import receiver.cli.setup
from tests.plain import PAY, PLAIN
receiver.cli.setup.ADAPTERS = {"plain": PLAIN, "pay": PAY}
from receiver.__main__ import main
main()
"""


@dataclass(frozen=True, slots=True)
class Desk:
    """A set-up in a folder of its own, and its variables."""

    folder: Path
    environ: Mapping[str, str]

    @property
    def url(self) -> str:
        return self.environ["DATABASE_URL"]

    def run(self, *args: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """To its end, as a process."""
        command = [sys.executable, "-c", PROGRAM, *args]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=surroundings(self.environ),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == code, (done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done

    @contextmanager
    def start(
        self, *args: str, program: str = PROGRAM, **environ: str
    ) -> Iterator[subprocess.Popen[str]]:
        """As a process that goes on; what is left of it is killed."""
        command = [sys.executable, "-c", program, *args]
        with process(command, self.folder, {**self.environ, **environ}) as running:
            yield running

    def keep(self, *bodies: bytes) -> list[int]:
        """Deliveries as the web side keeps them; the ids of their jobs."""
        connection = Connection(
            name="plain", adapter=PLAIN, secrets=(SECRET,), stores={"*": "mitte"}
        )
        kept = [incoming(connection, delivery(content)) for content in bodies]
        with transaction(self.url, writes=True) as box:
            keep_many(box, kept)
            found = box.exec_driver_sql("SELECT id FROM jobs ORDER BY id DESC").fetchall()
        return [row[0] for row in reversed(found[: len(bodies)])]

    def sql(self, statement: str) -> list[dict[str, Any]]:
        with transaction(self.url, writes=True) as box:
            found = box.exec_driver_sql(statement)
            return [dict(row) for row in found.mappings()] if found.returns_rows else []


def delivery(content: bytes, secret: str = SECRET, at: datetime | None = None) -> Delivery:
    """One to the connection `plain`, signed."""
    url = "https://receiver.example/webhooks/plain"
    return Delivery("POST", url, "", signed(content, secret), content, at or datetime.now(UTC))


def desk(folder: Path, *, till: str = "http://127.0.0.1:9", database: str | None = None) -> Desk:
    """Configured and migrated; `database` is the address of one that is."""
    (folder / "receiver.toml").write_text(CONFIG.format(till=till))
    url = database or f"sqlite:///{folder / 'box.db'}"
    if not database:
        migrate(url)
    return Desk(
        folder,
        {
            "DATABASE_URL": url,
            "TILL_KEY": "sandbox",
            "PLAIN_SECRET": SECRET,
            "SECRET_KEY": "k" * 32,
            "HOST": "127.0.0.1",
            "PORT": "0",
        },
    )


def stand(made: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process, in its folder."""
    monkeypatch.chdir(made.folder)
    monkeypatch.setattr("receiver.cli.setup.ADAPTERS", PLATFORMS)
    monkeypatch.delenv("RECEIVER_CONFIG", raising=False)
    for name, value in made.environ.items():
        monkeypatch.setenv(name, value)


def surroundings(environ: Mapping[str, str]) -> dict[str, str]:
    """Those of this process as far as Python needs them; WEB_CONCURRENCY must count for nothing."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR")}
    return {**kept, "PYTHONPATH": str(ROOT), "WEB_CONCURRENCY": "3", **environ}


@contextmanager
def process(
    command: Sequence[str], folder: Path, environ: Mapping[str, str]
) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command,
        cwd=folder,
        env=surroundings(environ),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def call(*args: str) -> Result:
    """In this process; for commands that neither log nor wait."""
    return CliRunner().invoke(app, args, catch_exceptions=False)


def said(*args: str, code: int = 0) -> Any:
    """The JSON that a command prints."""
    result = call(*args, "--json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def logged(running: subprocess.Popen[str], event: str) -> dict[str, Any]:
    """The first line of the log that is about this event."""
    assert running.stderr is not None
    seen = []
    for line in running.stderr:
        seen.append(line)
        entry: dict[str, Any] = json.loads(line)
        if entry["event"] == event:
            return entry
    raise AssertionError(seen)


def ended(running: subprocess.Popen[str]) -> tuple[int, str, str]:
    """How a process ended, and what it had still to say."""
    out, err = running.communicate(timeout=PATIENCE)
    return running.returncode, out, err
