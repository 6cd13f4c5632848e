"""What was not proven genuine: why, and a second look at it."""

from __future__ import annotations

from functools import partial

from starlette.exceptions import HTTPException
from starlette.responses import Response

from receiver.console.parts import HOME, Asked, number
from receiver.inbox import quarantine
from receiver.second_look import Look, certificates, look_again

ROWS = 50
PLACE = f"{HOME}/quarantine"
MOST_SAID = 3


async def list_(asked: Asked) -> Response:
    """Without addresses: some end in a secret, right or wrong."""
    before = number(asked.query.get("before"))
    rows = await asked.console.read(partial(quarantine.listing, limit=ROWS + 1, before=before))
    shown = rows[:ROWS]
    older = shown[-1]["id"] if len(rows) > ROWS else None
    return asked.page("quarantine.html", rows=shown, older=older)


async def release(asked: Asked) -> Response:
    """Verified by the secrets as they are set now; what is genuine becomes a delivery."""
    console = asked.console
    ids = [found for text in asked.form.get("ids", "").split() if (found := number(text))][:ROWS]
    if not ids:
        raise HTTPException(400, "Nothing was named.")
    suspects = await console.read(partial(quarantine.every, ids=ids))
    got = await certificates(suspects, console.settings, console.certificates)
    look = Look(console.settings, got, console.clock())
    verdicts = await console.write(partial(look_again, look=look, ids=ids))
    released = [one.id for one in verdicts if one.released]
    told = "; ".join(f"{one.id}: {one.text}" for one in verdicts[:MOST_SAID])
    text = f"{len(released)} of {len(verdicts)} released. {told}"
    return asked.done(PLACE, text, "release", released=released, asked=len(ids))
