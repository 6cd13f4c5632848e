"""What one value must be. Each rule gives the value as it is kept, or raises ValueError.

The error's text continues a sentence that begins with the setting's name, says the remedy, and
never repeats the value: it may be a secret, or one pasted into the wrong place.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable
from ipaddress import ip_address
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

from pydantic_core import from_json
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

T = TypeVar("T")
INTERMEDIARY = re.compile(r"[\w\d. \-]+")  # OrderAPI's own pattern
CONNECTION_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
CURRENCY = re.compile(r"[A-Z]{3}")
TAX_RATE = re.compile(r"\d{1,2}\.\d\d", re.ASCII)
POSTGRESQL = re.compile(r"postgres(?:ql)?(?=://)")
SQLITE = "sqlite:///"
# ISO 4217, the codes whose minor unit is not a hundredth.
NOT_TWO_PLACES = re.compile(
    "BIF|CLP|DJF|GNF|ISK|JPY|KMF|KRW|PYG|RWF|UGX|UYI|VND|VUV|XAF|XOF|XPF"
    "|BHD|IQD|JOD|KWD|LYD|OMR|TND|CLF|UYW"
)


def split(text: str) -> SplitResult:
    """An http(s) address and nothing beside scheme, host, port and path."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or any(character.isspace() for character in text):
        raise ValueError("is not an address; write it as https://host/path")
    if "@" in parts.netloc:
        raise ValueError("carries a user name or password; leave out what stands before the @")
    if "?" in text or "#" in text:
        raise ValueError("carries a query or fragment; leave out what follows the path")
    return parts


def is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False


def is_local(address: str) -> bool:
    """Whether calls to it are unencrypted and never leave this machine: a stand-in's."""
    parts = urlsplit(address)
    return parts.scheme == "http" and is_loopback(parts.hostname)


def is_exposed(address: str) -> bool:
    """Whether calls to the address cross a network unencrypted."""
    return urlsplit(address).scheme == "http" and not is_local(address)


def address(text: str) -> str:
    """An http(s) address, without a slash at the end."""
    split(text)
    return text.rstrip("/")


def private_address(text: str) -> str:
    """An https address; http only where the call never leaves this machine."""
    if is_exposed(address(text)):
        raise ValueError("is http; use https (http is for loopback addresses only)")
    return address(text)


def database_url(text: str) -> str:
    """SQLAlchemy's spelling of an SQLite file or a PostgreSQL address."""
    if text.startswith(SQLITE):
        if text.removeprefix(SQLITE).partition("?")[0] in ("", ":memory:"):
            raise ValueError("names no file; write sqlite:///path/receiver.db")
        return text
    if not POSTGRESQL.match(text):
        raise ValueError("is neither sqlite:///path nor postgresql://user:password@host/name")
    url = POSTGRESQL.sub("postgresql+psycopg", text, count=1)
    try:
        make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError(
            "cannot be read; write postgresql://user:password@host:port/name,"
            " with special characters of the password percent-encoded"
        ) from None
    return url


def timezone(text: str) -> str:
    try:
        zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is not a time zone; use a name such as Europe/Berlin") from None
    return text


def currency(text: str) -> str:
    if not CURRENCY.fullmatch(text):
        raise ValueError("is not a currency; use a code of three capitals such as EUR")
    if NOT_TWO_PLACES.fullmatch(text):
        raise ValueError(
            "has no hundredths, and OktoPOS writes amounts with two places; use another currency"
        )
    return text


def intermediary(text: str) -> str:
    if not INTERMEDIARY.fullmatch(text):
        raise ValueError("breaks OktoPOS's pattern; use letters, digits, dots, spaces and hyphens")
    return text


def tax_rate(text: str) -> str:
    """A percentage as the Article-API writes it, "19.00"."""
    if not TAX_RATE.fullmatch(text):
        raise ValueError('is not a tax rate; write it with two places, as "19.00"')
    return text


def listed(value: object) -> object:
    """A comma list, or a list of such, as one tuple of trimmed texts."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",")) if value.strip() else ()
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(part.strip() for item in value for part in item.split(","))
    return value


def not_empty(values: tuple[T, ...]) -> tuple[T, ...]:
    if not values:
        raise ValueError("is empty; name at least one, or remove it")
    return values


def long_enough(
    secrets: tuple[str, ...],
    least: int,
    remedy: str,
    fault: Callable[[str], str | None] = lambda _: None,
) -> tuple[str, ...]:
    """Secrets of at least `least` bytes each in which `fault` finds none; `remedy` says where a
    better one comes from."""
    if not secrets:
        raise ValueError(f"is empty; {remedy}, or remove the setting")
    faults = []
    for place, secret in enumerate(secrets, 1):
        which = f"secret {place} of {len(secrets)} " if len(secrets) > 1 else ""
        if not secret:
            faults.append(which + "is empty")
        elif len(secret.encode()) < least:
            faults.append(f"{which}is shorter than {least} bytes")
        elif what := fault(secret):
            faults.append(which + what)
    if faults:
        raise ValueError(f"{', '.join(faults)}; {remedy}")
    return secrets


def from_text(value: object) -> object:
    """A mapping as it stands, or as the JSON it has in an environment variable."""
    if not isinstance(value, str):
        return value
    try:
        return from_json(value)
    except (ValueError, TypeError):  # the latter for bytes that are no text
        raise ValueError('is not JSON; write a mapping as {"key": "value"}') from None


def lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value
