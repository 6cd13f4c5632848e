"""`bench`: what this machine can do, measured by what lives with the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import typer

import receiver
from receiver.cli.explain import Failure

BENCH = "tests.bench"
PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def bench(context: typer.Context) -> None:
    """Measure acknowledging, keeping and forwarding on this machine, as ratios of one run."""
    root = repository()
    if not root.joinpath(*BENCH.split("."), "__main__.py").is_file():
        raise Failure("the benchmark is not installed with it; in the repository, run make bench")
    environ = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-m", BENCH, *context.args]
    raise typer.Exit(subprocess.run(command, env=environ, check=False).returncode)  # noqa: S603


def repository() -> Path:
    return Path(receiver.__file__).parent.parent
