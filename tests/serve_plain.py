"""The receiver as a process of its own, to be killed: DATABASE TILL PORT [all | web | worker].

What a killed one leaves behind is taken up sooner than by a receiver that runs: SECONDS_UNHEARD.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from datetime import timedelta

from receiver import worker
from receiver.inbox import lease
from receiver.serve import prepare, serve
from receiver.settings.model import Connection, Pos
from tests.plain import PLAIN, SECRET
from tests.running import settings

SECONDS_UNHEARD = 3.0


def main(database: str, till: str, port: str, part: str = "all") -> None:
    lease.WORKER_GONE = timedelta(seconds=SECONDS_UNHEARD)
    worker.HEARTBEAT_SECONDS = SECONDS_UNHEARD / 6
    plain = Connection(
        name="plain", adapter=PLAIN, secrets=(SECRET,), stores={"*": "mitte"}, accept="never"
    )
    mitte = Pos(name="mitte", url=f"{till}/v1", api_key="sandbox")
    made = replace(settings(database, {"mitte": mitte}, plain), port=int(port))
    prepare(made)
    asyncio.run(serve(made, web=part != "worker", work=part != "web"))


if __name__ == "__main__":
    main(*sys.argv[1:])
