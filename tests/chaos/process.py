"""`python -m receiver`, on a machine whose clock is set: `python -m tests.chaos.process WORDS`.

Each line on standard input says by how many seconds the clock is wrong from now on. When there
are no more lines, whoever started this is gone, and so are we.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import time_machine

from receiver.__main__ import main


def obey(lines: Iterable[str]) -> None:
    """Nothing is touched before the first line: most processes never have their clock set."""
    ahead, clock = 0.0, None
    for line in lines:
        by = float(line) - ahead
        ahead += by
        if clock is None:
            there = datetime.now(UTC) + timedelta(seconds=by)
            clock = time_machine.travel(there, tick=True).start()
        else:
            clock.shift(timedelta(seconds=by))
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=obey, args=(sys.stdin,), daemon=True).start()
    main()
