"""Which fields may hold what is personal, and so go; which stay, and why. The one place for it.

What stays are ids, times, states and figures: by them a repeat is recognised, a refund months
later finds its order, and a day's report adds up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gone:
    """Why a field goes, and what stands there afterwards."""

    why: str
    becomes: bytes | str | None = None


GOES: Mapping[str, Mapping[str, Gone]] = {
    "deliveries": {
        "body": Gone("the order as the platform wrote it: name, phone, address, wishes", b""),
        "headers": Gone("signatures and tokens, of no use without the body", "{}"),
        "url": Gone("some platforms put tokens and more into the query", ""),
        "path": Gone("as the address; some addresses end in a secret", ""),
    },
    "jobs": {
        "reason": Gone("quotes the peer, who may quote the order; how it ended is in the state"),
        "call": Gone("what the platform was told, word for word; its name is left"),
    },
    "attempts": {
        "detail": Gone("as the reason; which step it was is in the outcome", ""),
        "answer": Gone("the peer's whole answer, which may repeat the order"),
    },
    "orders": {
        "cancellation": Gone("why, in somebody's words; that it was canceled is left"),
    },
}

ROWS_GO: Mapping[str, str] = {
    "quarantine": "nothing in it was ever proven genuine: the whole row is deleted",
}

STAYS: Mapping[str, Mapping[str, str]] = {
    "deliveries": {
        "id connection delivery_id": "a repeat is recognised by them, also years later",
        "method received_at arrivals purged_at": "says nothing of a person",
    },
    "jobs": {
        "id delivery connection pos lane": "ids and names of the set-up",
        "queue awaits": "the order's or the payment's id, of a system and not of a person",
        "overtakes state due_at since owner fence failures": "states, times and counts",
        "sent cleared": "whether the till may have it stays known",
        "updated_at ended_at deadline alarm_at at_risk behind": "times and states",
    },
    "attempts": {
        "id job at": "ids and times",
        "outcome": "one word of our own",
    },
    "orders": {
        "order_id connection pos platform_id internal_id": "ids; the till's records go by them",
        "display_id": "the number that is called out, the same for another guest tomorrow",
        "state created_at ready_at": "states and times",
        "delivery": "the number of ours that it came with last",
        "answering": "ids of the platform's that answers to it are made from",
        "total tip figures": "what a day came to; the names among the figures are dishes",
    },
    "order_references": {
        "reference order_id": "ids: a refund or a dispute may come months later",
    },
    "payments": {
        "pos order_id status at reversal": "an id, a status and a time: it only moves forward",
    },
    "payment_references": {
        "connection payment_id reference": "ids that payment providers and shops give",
    },
    "articles": {
        "pos id valid_from name external_reference material_number prices": "the till's menu",
    },
    "article_mappings": {
        "connection reference article channel": "an operator's mapping of dishes",
    },
    "catalogues": {
        "pos version synced_at articles channels tried_at problem": "of menus; no order is sent",
    },
    "pos_states": {
        "pos failures paused probe_at": "the state of a till",
        "reason": "of the last failure only, and gone with the first order that succeeds",
    },
    "polls": {
        "pos worker": "our own chores",
    },
    "tokens": {
        "connection origin sealed busy_until": "our own credentials, encrypted",
    },
    "workers": {
        "id seen_at": "our own processes",
    },
    "purges": {
        "what begun_at": "our own chores",
    },
}


def columns(table: str) -> dict[str, bytes | str | None]:
    """What stands in each field that goes, once it is gone."""
    return {name: field.becomes for name, field in GOES[table].items()}


def nameless_call(call: str) -> str:
    """An answer to the platform of which only the name is left."""
    return json.dumps({"name": json.loads(call).get("name", "")})


def without_why(cancellation: str) -> str:
    """Of an order that came before, or comes after, so that it is still not created."""
    return json.dumps({**json.loads(cancellation), "reason": None})
