"""The ordering guard: where an order's payment stands after events that came in any order.

Providers promise neither order nor number, so this may depend on neither. Every event has a rank,
and what stands is the highest seen: as the highest of a set does not depend on how the set is
walked through, any permutation and duplication of the same events ends the same.

1. open: appointed, call for payment, error, and canceled where no money had come (expired,
   voided). Among these the newest stands: customers try again.
2. paid. Whatever is only open can neither replace nor delay it, be it newer or older.
3. reversals: a full refund or a lost dispute (canceled), a won dispute (paid). Among these the
   newest stands. A plain `paid` changes nothing any more, whenever it happened.

Time decides within a rank and never across ranks. So `paid` is never hidden by anything older,
but for a reversal: a refund said to be older than the payment it gives back is a clock's fault.
Within a second, where clocks are no finer, the step that usually comes later stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adapters.contract import PaymentStatus, PaymentUpdate

OPEN, SETTLED, REVERSED = range(3)
SAME_SECOND: tuple[PaymentStatus, ...] = (
    "appointed",
    "call_for_payment",
    "error",
    "paid",
    "canceled",
)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an order's payment stands: `at` is when that happened, not when we heard of it."""

    status: PaymentStatus
    at: datetime
    reversal: bool


def standing_after(last: Standing | None, update: PaymentUpdate) -> Standing:
    """What stands now. To be kept after every update, sent or not: a repeated status may be
    newer, and what comes next is measured against that."""
    new = Standing(update.status, update.at, update.reversal)
    return new if last is None or weight(new) > weight(last) else last


def next_status(last: Standing | None, update: PaymentUpdate) -> Standing | None:
    """What to send; None: nothing, as OktoPOS has been told that status already."""
    now = standing_after(last, update)
    return None if last and now.status == last.status else now


def weight(standing: Standing) -> tuple[int, datetime, int]:
    return rank(standing), standing.at, SAME_SECOND.index(standing.status)


def rank(standing: Standing) -> int:
    if standing.reversal and standing.status in ("paid", "canceled"):
        return REVERSED
    return SETTLED if standing.status == "paid" else OPEN
