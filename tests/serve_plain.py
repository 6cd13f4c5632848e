"""The whole receiver as a process of its own, to be killed: DATABASE TILL PORT."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace

from receiver.serve import prepare, serve
from receiver.settings.model import Connection, Pos
from tests.plain import PLAIN, SECRET
from tests.running import settings


def main(database: str, till: str, port: str) -> None:
    plain = Connection(
        name="plain", adapter=PLAIN, secrets=(SECRET,), stores={"*": "mitte"}, accept="never"
    )
    mitte = Pos(name="mitte", url=f"{till}/v1", api_key="sandbox")
    made = replace(settings(database, {"mitte": mitte}, plain), port=int(port))
    prepare(made)
    asyncio.run(serve(made, web=True, work=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
