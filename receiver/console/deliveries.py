"""The deliveries and answers there are, those first that need a person."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from urllib.parse import urlencode

from starlette.responses import Response

from receiver.console.parts import Asked, number
from receiver.inbox import desk, operate
from receiver.inbox.records import State

ROWS = 50
NEEDS_YOU, ANY = "needs_you", "any"
SHOW = {NEEDS_YOU: "what needs you", ANY: "everything", **{str(each): each for each in State}}
FILTERS = ("show", "connection", "pos", "text")


async def list_(asked: Asked) -> Response:
    console, chosen = asked.console, choice(asked.query)
    rows, older = await console.read(partial(desk.page, wanted=wanted(chosen), limit=ROWS))
    return asked.page(
        "deliveries.html",
        rows=rows,
        older=older and urlencode({**chosen, "before": older}),
        chosen=chosen,
        shows=SHOW,
        connections=console.settings.connections,
        peers=operate.peers(console.settings),
    )


def choice(query: Mapping[str, str]) -> dict[str, str]:
    """What of the filters is set, as the form has it and the next page's address."""
    chosen = {name: query.get(name, "").strip() for name in (*FILTERS, "before")}
    return {**chosen, "show": chosen["show"] if chosen["show"] in SHOW else NEEDS_YOU}


def wanted(chosen: Mapping[str, str]) -> desk.Wanted:
    show = chosen["show"]
    return desk.Wanted(
        needs_you=show == NEEDS_YOU,
        state=None if show in (NEEDS_YOU, ANY) else show,
        connection=chosen["connection"] or None,
        pos=chosen["pos"] or None,
        text=chosen["text"] or None,
        before=number(chosen["before"]),
    )
