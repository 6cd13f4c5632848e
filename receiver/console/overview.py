"""How everything stands, on one screen: it asks for itself again every few seconds."""

from __future__ import annotations

from functools import partial

from starlette.exceptions import HTTPException
from starlette.responses import Response

from receiver.console.parts import HOME, Asked
from receiver.inbox import desk, operate

MOST_URGENT = 20


async def show(asked: Asked) -> Response:
    console = asked.console
    now = console.clock()
    names = operate.peers(console.settings)
    work = partial(desk.glance, names=names, now=now, most_urgent=MOST_URGENT)
    template = "_standing.html" if "part" in asked.query else "overview.html"
    return asked.page(template, glance=await console.read(work), now=now)


async def pause_or_resume(asked: Asked) -> Response:
    console, name, do = asked.console, asked.form.get("pos", ""), asked.form.get("do")
    if name not in operate.peers(console.settings):
        raise HTTPException(404)
    now = console.clock()
    if do == "pause":
        await console.write(partial(operate.pause_pos, name=name, now=now))
        return asked.done(HOME, f"{name} is paused until you resume it.", "pause", pos=name)
    if do == "resume":
        await console.write(partial(operate.resume_pos, name=name, now=now))
        return asked.done(HOME, f"{name} is open.", "resume", pos=name)
    raise HTTPException(400)
