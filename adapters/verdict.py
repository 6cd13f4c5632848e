"""What a provider's event means for an order's payment: the rows of its table."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.contract import PaymentStatus


@dataclass(frozen=True, slots=True)
class Verdict:
    """No status: nothing is sent. `alert` asks someone to look, be it sent or not."""

    status: PaymentStatus | None = None
    reversal: bool = False
    reason: str | None = None
    alert: bool = False


def look(reason: str) -> Verdict:
    """Nothing we may decide: someone looks."""
    return Verdict(reason=reason, alert=True)


APPOINTED = Verdict("appointed")
CALL_FOR_PAYMENT = Verdict("call_for_payment")
PAID = Verdict("paid")
CANCELED = Verdict("canceled")
FAILED = Verdict("error")
REVERSED = Verdict("canceled", reversal=True)
REINSTATED = Verdict("paid", reversal=True)
NOTHING = Verdict(reason="no change of status")
DISPUTED = look("disputed: the bank may take the money back")
