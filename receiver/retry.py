"""When to try again. Pure: the caller brings clock and chance. Seconds throughout."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

FIRST = 1.0
LONGEST = 600.0
GIVE_UP = timedelta(hours=24)

PAUSE_AFTER = 5  # failures in a row
PAUSE_FIRST = 5.0
PAUSE_LONGEST = 300.0


def backoff(failures: int, chance: float) -> float:
    """Exponential with full jitter: `chance` of 1 s doubling to 10 min; failures counted from 1."""
    return chance * min(LONGEST, FIRST * 2.0 ** min(failures - 1, 20))


def wait(failures: int, chance: float, retry_after: float | None) -> float:
    """The backoff, but never sooner than the peer asked for (which is capped at an hour)."""
    return max(backoff(failures, chance), min(retry_after or 0.0, 3600.0))


def pause(failures: int) -> float:
    """How long a POS rests after so many failures in a row, before it is probed."""
    return min(PAUSE_LONGEST, PAUSE_FIRST * 2.0 ** max(0, min(failures - PAUSE_AFTER, 20)))


def given_up(since: datetime, now: datetime) -> bool:
    return now - since >= GIVE_UP


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds from a Retry-After header, which is a number of them or an HTTP date."""
    if not value:
        return None
    if value.strip().isascii() and value.strip().isdigit():
        return float(value.strip()[:9])
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())
