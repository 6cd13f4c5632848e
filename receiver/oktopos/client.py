"""The calls to OktoPOS, and its errors sorted into what to do about them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn

from pydantic_core import to_json

from receiver.errors import Refused, Unavailable
from receiver.http import Http, NoAnswer, NotSent, Reply
from receiver.oktopos import names
from receiver.oktopos.mapping import Json
from receiver.retry import retry_after
from receiver.settings.model import Pos

KEY_REJECTED = "key rejected, or the OrderAPI is not enabled"


@dataclass(frozen=True, slots=True)
class Answer:
    """What OktoPOS said to a call it carried out."""

    status: int
    text: str
    internal_id: int | None = None


async def create(http: Http, pos: Pos, body: Json, *, sent_before: bool) -> Answer:
    """Creates the order. A 409 means created when an earlier try of ours may have got through.

    Raises Refused and Unavailable (`sent` when the order may have been booked all the same).
    """
    reply = await post(http, pos, names.CREATE, body)
    if reply.status == 409 and sent_before:
        return Answer(reply.status, reply.text, internal_id(reply))
    sort_out(reply, pos)
    if not read(reply):  # documented is an object
        unavailable(reply, pos, sent=True)
    return Answer(reply.status, reply.text, internal_id(reply))


async def set_status(http: Http, pos: Pos, body: Json) -> Answer:
    """Raises Refused and Unavailable."""
    return await change(http, pos, names.SET_STATUS, body)


async def set_payment_status(http: Http, pos: Pos, body: Json) -> Answer:
    """Raises Refused and Unavailable."""
    return await change(http, pos, names.SET_PAYMENT_STATUS, body)


async def change(http: Http, pos: Pos, path: str, body: Json) -> Answer:
    reply = await post(http, pos, path, body)
    sort_out(reply, pos)
    if reply.body.strip() and not read(reply):  # a page that some proxy put there proves nothing
        unavailable(reply, pos, sent=True)
    return Answer(reply.status, reply.text)


async def ready(http: Http, pos: Pos) -> Sequence[str]:
    """The orderIds of what can be fetched. Raises Refused and Unavailable."""
    reply = await call(http, pos, "GET", names.READY, None)
    sort_out(reply, pos)
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list):  # documented is a list
        unavailable(reply, pos, sent=False)
    named = (one.get("orderId") for one in found if isinstance(one, dict))
    return [order_id for order_id in named if isinstance(order_id, str)]


async def post(http: Http, pos: Pos, path: str, body: Json) -> Reply:
    return await call(http, pos, "POST", path, body)


async def call(http: Http, pos: Pos, method: str, path: str, body: Json | None) -> Reply:
    """Whatever OktoPOS answers. Raises Unavailable where it does not."""
    headers = {names.KEY_HEADER: pos.api_key, "content-type": "application/json"}
    content = to_json(body) if body else None
    try:
        return await http.send(method, pos.url + path, headers=headers, body=content)
    except NotSent as error:
        raise Unavailable(f"OktoPOS: {error}", pos=pos.name) from None
    except NoAnswer as error:
        raise Unavailable(f"OktoPOS: {error}", pos=pos.name, sent=True) from None


def sort_out(reply: Reply, pos: Pos) -> None:
    """Nothing for success; else the error that says what to do."""
    match reply.status:
        case 200 | 201 | 202 | 204:
            return
        case 401 | 403:
            raise Unavailable(
                f"OktoPOS: {KEY_REJECTED}", reply.text, pos=pos.name, key_rejected=True
            )
        case 408 | 425 | 429:
            unavailable(reply, pos, sent=False)
        case status if 400 <= status < 500:
            raise Refused(f"OktoPOS refused with {status}{reason(reply)}", reply.text, pos=pos.name)
        case status if status >= 500:
            unavailable(reply, pos, sent=envelope(reply) is None)
        case _:
            unavailable(reply, pos, sent=False)


def unavailable(reply: Reply, pos: Pos, *, sent: bool) -> NoReturn:
    raise Unavailable(
        f"OktoPOS answered {reply.status}{reason(reply)}",
        reply.text,
        pos=pos.name,
        sent=sent,
        retry_after=retry_after(reply.headers.get("retry-after"), datetime.now(UTC)),
    )


def envelope(reply: Reply) -> dict[str, object] | None:
    """The error envelope of a real instance; None for what a proxy or a crash answers."""
    value = read(reply)
    return value if "success" in value or "messages" in value else None


def reason(reply: Reply) -> str:
    messages = read(reply).get("messages")
    first = messages[0] if isinstance(messages, list) and messages else None
    text = first.get("text") if isinstance(first, dict) else None
    return f": {text[:200]}" if isinstance(text, str) and text else ""


def internal_id(reply: Reply) -> int | None:
    """OktoPOS' own number: on top of a success, in a message's data of a 409 if anywhere."""
    value = read(reply)
    messages = value.get("messages")
    data = (
        [m.get("data") for m in messages if isinstance(m, dict)]
        if isinstance(messages, list)
        else []
    )
    for candidate in (value, *data):
        number = candidate.get("internalId") if isinstance(candidate, dict) else None
        if isinstance(number, int) and not isinstance(number, bool):
            return number
    return None


def read(reply: Reply) -> dict[str, object]:
    try:
        value = json.loads(reply.body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
