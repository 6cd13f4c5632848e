"""Single values: text, money, times."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

from adapters.contract import Delivery, Unreadable

MASKED = re.compile(r"[*xX•]{3,}|\*+")
MOST = 10**12  # minor units: whatever states more is no amount
EARLIEST, LATEST = datetime(1, 1, 3), datetime(9999, 12, 29)  # noqa: DTZ001
MILLISECONDS_FROM = 100_000_000_000  # a Unix time above this counts milliseconds


def blank_to_none(value: object) -> object:
    """Absent, empty and masked text are one thing: None."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    return None if not text or MASKED.fullmatch(text) else text


def major(value: object) -> object:
    """A decimal of the major unit, "12.50" or a JSON number read exactly, in minor units.

    Beyond a hundredth it is rounded half up. A float has lost its exactness already: read the
    body with `exact=True`.
    """
    value = blank_to_none(value)
    if value is None:
        return None
    if isinstance(value, bool | float) or not isinstance(value, str | int | Decimal):
        raise ValueError("not a decimal")
    try:
        amount = Decimal(value) * 100
    except ArithmeticError:
        raise ValueError("not a decimal") from None
    if not amount.is_finite() or abs(amount) >= MOST:
        raise ValueError("out of range")
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))


def tax_rate(value: object, whole: int = 100) -> int | None:
    """Hundredths of a percent: 700 of "7.0", and of 0.07 where 1 is the whole; else None."""
    if not isinstance(value, str | int | Decimal) or isinstance(value, bool):
        return None
    try:
        rate = Decimal(value) / whole
    except ArithmeticError:
        return None
    return round(rate * 10_000) if rate.is_finite() and 0 <= rate < 1 else None


def text_or_none(value: object) -> str | None:
    """A string or an integer as text that fits an index: short and printable; else None."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**200 else None
    if not isinstance(value, str) or not 0 < len(value) <= 200 or not value.isprintable():
        return None
    return value


def body_digest(delivery: Delivery) -> str:
    """A delivery id for a body that names none: the same bytes are the same delivery."""
    return hashlib.sha256(delivery.body).hexdigest()


def unix_time(value: int) -> datetime:
    """Unix seconds or milliseconds, told apart by size. Raises Unreadable beyond year 9999."""
    seconds = value / 1000 if value > MILLISECONDS_FROM else value
    try:
        return within_calendar(datetime.fromtimestamp(seconds, UTC))
    except (OverflowError, ValueError, OSError):
        raise Unreadable("time: out of range") from None


def within_calendar(moment: datetime) -> datetime:
    """Raises ValueError for what is no day any more in UTC, or in any other zone."""
    if not EARLIEST < moment.replace(tzinfo=None) < LATEST:
        raise ValueError("out of range")
    return moment


def utc(moment: datetime) -> datetime:
    """Raises Unreadable where that lies beyond the calendar."""
    try:
        return within_calendar(moment).astimezone(UTC)
    except ValueError:
        raise Unreadable("time: out of range") from None
