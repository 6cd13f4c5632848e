"""What can go wrong on the way to a POS or a platform, on demand."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from receiver.sandbox.envelope import FORBIDDEN, UNROUTED, Refused, envelope
from receiver.serving import DROP

OperationPath = Literal[
    "order/create",
    "order/ready",
    "order/set-status",
    "order/set-payment-status",
    "articles/list",
    "articles/distribution-channels",
]
Kind = Literal[
    "slow",  # does as told, answers late
    "fail",  # does nothing, answers `status`
    "forbid",  # does nothing, answers 403
    "retry_after",  # does nothing, answers `status` with Retry-After
    "drop",  # does nothing, breaks off without an answer
    "drop_after",  # does as told, breaks off without an answer
    "garbage",  # does as told, answers 200 with what is not JSON
    "no_id",  # does as told; a 409 does not name the internalId
]
OnePlanned = TypeVar("OnePlanned", bound="Planned")
GARBAGE = "<html><body>It works!</body></html>"


class Planned(BaseModel):
    """What is to go wrong, with which call and how often."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    kind: str
    path: str | None = None  # None: every call
    times: Annotated[int, Field(ge=1)] | None = None  # None: until taken away
    seconds: Annotated[int | float, Field(ge=0)] = 1  # how late, or what Retry-After says
    status: Annotated[int, Field(ge=400, le=599)] | None = None


class Fault(Planned):
    kind: Kind
    path: OperationPath | None = None
    envelope: bool = True


def take(faults: Sequence[OnePlanned], path: str) -> tuple[OnePlanned | None, Sequence[OnePlanned]]:
    """The first fault that concerns a call to `path`, and the faults that are left."""
    for place, fault in enumerate(faults):
        if fault.path in (None, path):
            return fault, (*faults[:place], *used_once(fault), *faults[place + 1 :])
    return None, faults


def used_once(fault: OnePlanned) -> Sequence[OnePlanned]:
    if fault.times is None:
        return (fault,)
    left = fault.times - 1
    return (fault.model_copy(update={"times": left}),) if left else ()


def instead(fault: Fault | None, now: datetime) -> Response | None:
    """The answer of a fault that keeps a call from being performed."""
    match fault:
        case Fault(kind="drop"):
            return Dropped()
        case Fault(kind="forbid"):
            return envelope(Refused(403, FORBIDDEN), now)
        case Fault(kind="fail"):
            return failure(fault, fault.status or 500, now)
        case Fault(kind="retry_after"):
            answer = failure(fault, fault.status or 429, now)
            answer.headers["Retry-After"] = str(math.ceil(fault.seconds))
            return answer
    return None


def failure(fault: Fault, status: int, now: datetime) -> Response:
    if fault.envelope:
        return envelope(Refused(status, UNROUTED), now)
    return Response("no envelope here", status, media_type="text/plain")


def hushed(fault: Fault | None, refused: Refused) -> Refused:
    """A refusal without its data, where the fault keeps that back."""
    if fault and fault.kind == "no_id":
        return Refused(refused.status, *refused.texts)
    return refused


def afterwards(fault: Planned | None, answer: Response) -> Response:
    """What is left of the answer of a call that was performed."""
    match fault:
        case Planned(kind="slow"):
            return Late(answer, fault.seconds)
        case Planned(kind="drop_after"):
            return Dropped()
        case Planned(kind="garbage"):
            return Response(GARBAGE, media_type="text/html")
    return answer


class Dropped(Response):
    """No answer: the connection is reset. Where the server offers no reset, half an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        drop = scope.get("extensions", {}).get(DROP)
        if drop is None:
            headers = [(b"content-length", b"100")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            return
        drop["now"]()
        await gone(receive)


class Late(Response):
    """Another answer, `seconds` later; none to a caller who has gone by then."""

    def __init__(self, answer: Response, seconds: float) -> None:
        super().__init__(status_code=answer.status_code)
        self.answer = answer
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self.seconds):
                await gone(receive)
                return
        await self.answer(scope, receive, send)


async def gone(receive: Receive) -> None:
    """Returns when the caller has hung up."""
    while (await receive())["type"] != "http.disconnect":
        pass
