"""What a person does about a delivery that stands: by its reason, else by its state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BY_REASON: Mapping[str, str] = {  # what the reason says: the first that fits
    "denied: ": "The platform was told that this order will not be made. Discard it once seen.",
    "discarded by an operator": "Nothing is left to do. Replay sends it on all the same.",
    "held by an operator": "Replay it when it may go on.",
    "no article for ": "Map each dish to an article: every order that waits for it then goes on"
    " by itself.",
    "the platform states ": "Look at the order at the platform, then book it at the till by hand"
    " and discard it here.",
    "may stand at OktoPOS already": "Look for it at OktoPOS: if it is there discard this, if not"
    " replay it.",
    "named no internalId": "Change the order at the till, then discard this.",
    "has no POS": "Add the store to the settings and restart, then replay it.",
    "no longer set up": "Put it back into the settings and restart, then replay it.",
    "sync the articles": "Run receiver articles sync, then replay it; or book the order at the"
    " till by hand and discard it here.",
    "receiver articles sync": "Run receiver articles sync, then replay it.",
    "of the lines it is taken from": "Look at the order at the platform, then book it at the till"
    " by hand and discard it here.",
    "key rejected": "OktoPOS turns our key away: check the key in the settings, and with OktoPOS"
    " whether the OrderAPI is enabled.",
    "OktoPOS refused": "Its answer is below. Mend what that names and replay it, or book the"
    " order at the till by hand and discard it here.",
    "gave up after ": "Replay it once whom it goes to is back, if somebody still waits for it.",
    "payment": "Compare with the till, change the payment there, then discard this.",
}
UNREADABLE = (
    "The receiver does not understand what the platform sent: book the order at the till by hand,"
    " and tell whoever looks after the receiver."
)
UNTOLD = "Tell the platform yourself, at its tablet or portal; replay tries it once more."
BY_STATE: Mapping[str, str] = {
    "waiting": "It goes on by itself.",
    "held": "Replay sends it on, discard gives it up.",
    "dead": "Replay tries it once more, discard says that you have seen it.",
}


def remedy(job: Mapping[str, Any]) -> str | None:
    """None where nothing need be done. `job` as `listing.detail` has it."""
    if job["state"] not in BY_STATE:
        return None
    if job["attempts"] and job["attempts"][-1]["outcome"] == "unreadable":
        return UNREADABLE
    if job["state"] == "dead" and (job["pos"] or "").startswith("@"):
        return UNTOLD
    reason = job["reason"] or ""
    fitting = (text for words, text in BY_REASON.items() if words in reason)
    return next(fitting, BY_STATE[job["state"]])
