"""A disk so small that it can be filled to the last byte."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHUNKS = (1 << 20, 1 << 12, 1)
BALLAST = "ballast"
END = "import subprocess, sys; sys.stdin.read(); subprocess.run(['umount', '-l', sys.argv[1]])"


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[bool]:
    """At `folder`, where we may mount; however we end, it is gone with us. False where we may
    not."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "chaos", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        yield False
        return
    ending = [sys.executable, "-c", END, str(folder)]
    with subprocess.Popen(ending, stdin=subprocess.PIPE, start_new_session=True):
        yield True


def fill(folder: Path) -> None:
    """Until not a byte fits any more."""
    with (folder / BALLAST).open("wb", buffering=0) as ballast:
        for chunk in CHUNKS:
            try:
                while ballast.write(b"\0" * chunk) == chunk:
                    pass
            except OSError:  # full
                continue


def empty(folder: Path) -> None:
    (folder / BALLAST).unlink(missing_ok=True)
