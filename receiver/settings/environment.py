"""The environment's variables: which there are, and what they say of one POS and each platform."""

from __future__ import annotations

import difflib
from collections.abc import Container, Iterable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

from adapters.contract import Adapter
from receiver.settings.fields import ConnectionFields, Fields, PosFields, ProcessFields
from receiver.settings.findings import Findings, Written
from receiver.settings.model import ANY_STORE

DEFAULT_POS = "default"
POS_PREFIX = "OKTOPOS_"
POS_SWITCHES = (POS_PREFIX + "URL", POS_PREFIX + "API_KEY")
FILE_ONLY = frozenset({"platform", "stores"})
REFRESHED_ONLY = frozenset({"refresh_token"})
CREDENTIALS = REFRESHED_ONLY | {"client_id", "client_secret", "api_key", "api_url", "token_url"}
OF_CERTIFICATES = frozenset({"api_url"})  # where they come from, if not from the platform
ORDERS_ONLY = frozenset(
    {"intermediary", "accept", "deny", "payment_method", "articles", "distribution_channels"}
)
PAYMENTS_ONLY = frozenset({"unknown_order"})
MISSPELT = 0.8  # how alike two names are before one is taken for the other


class Variable(NamedTuple):
    name: str
    meaning: str
    default: str  # as it would be written; empty where there is none


class Group(NamedTuple):
    """Variables that count only where one of the switches is set."""

    switches: tuple[str, ...]
    variables: tuple[Variable, ...]


def variables(adapters: Mapping[str, Adapter]) -> tuple[Variable, ...]:
    """Every variable the settings read, in the order of their documentation."""
    return (
        *of_fields(ProcessFields, ""),
        *(variable for group in groups(adapters) for variable in group.variables),
    )


def groups(adapters: Mapping[str, Adapter]) -> Iterator[Group]:
    yield Group(POS_SWITCHES, tuple(of_fields(PosFields, POS_PREFIX)))
    for adapter in adapters.values():
        yield Group((secrets_of(adapter),), tuple(of_platform(adapter)))


def of_platform(adapter: Adapter) -> Iterator[Variable]:
    """A platform's variables, with the defaults that are the adapter's own."""
    own = {"intermediary": adapter.intermediary}
    if adapter.api:
        oauth = adapter.api.oauth
        own |= {"api_url": adapter.api.url, "token_url": oauth.url if oauth else ""}
    without = PAYMENTS_ONLY if adapter.kind == "orders" else ORDERS_ONLY
    if not adapter.api:
        without |= CREDENTIALS - OF_CERTIFICATES if adapter.certificate_at else CREDENTIALS
    without |= frozenset() if adapter.api and adapter.api.refreshes else REFRESHED_ONLY
    return of_fields(ConnectionFields, prefix(adapter), without, own)


def of_fields(
    kind: type[Fields],
    prefix: str,
    without: frozenset[str] = frozenset(),
    own: Mapping[str, str] | None = None,
) -> Iterator[Variable]:
    for name, info in kind.model_fields.items():
        if name not in FILE_ONLY | without:
            default = "" if info.is_required() else as_text(info.default)
            own_default = (own or {}).get(name, default)
            yield Variable(called(prefix, name), info.description or "", own_default)


def as_text(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple):
        return ",".join(default)
    return str(default) if default else ""


def prefix(adapter: Adapter) -> str:
    return adapter.slug.upper() + "_"


def called(prefix: str, field: str) -> str:
    return prefix + field.upper()


def secrets_of(adapter: Adapter) -> str:
    """The variable that switches the platform on."""
    return called(prefix(adapter), "secrets")


def process(environ: Mapping[str, str]) -> Written:
    values = set_values(environ, of_fields(ProcessFields, ""), "")
    return Written(name="process", where="", called=partial(called, ""), values=values)


def pos(environ: Mapping[str, str], used: Container[str]) -> Iterator[Written]:
    """The one POS of a single-store set-up, where the environment has it for itself."""
    if any(is_set(environ, name) and name not in used for name in POS_SWITCHES):
        yield Written(
            name=DEFAULT_POS,
            where=POS_SWITCHES[0],
            called=partial(called, POS_PREFIX),
            values=set_values(environ, of_fields(PosFields, POS_PREFIX), POS_PREFIX),
        )


def connections(
    environ: Mapping[str, str], adapters: Mapping[str, Adapter], used: Container[str]
) -> Iterator[Written]:
    """A connection for each platform whose secrets are set, be it to nothing: that is told."""
    for adapter in adapters.values():
        switch = secrets_of(adapter)
        if switch in environ and switch not in used:
            values = set_values(environ, of_platform(adapter), prefix(adapter))
            yield Written(
                name=adapter.slug,
                where=switch,
                called=partial(called, prefix(adapter)),
                values={
                    **values,
                    "secrets": environ[switch],
                    "platform": adapter.slug,
                    "stores": {ANY_STORE: DEFAULT_POS},
                },
            )


def set_values(
    environ: Mapping[str, str], known: Iterable[Variable], prefix: str
) -> dict[str, object]:
    """What is set, by field. A variable set to nothing is not set."""
    return {
        variable.name.removeprefix(prefix).lower(): environ[variable.name].strip()
        for variable in known
        if is_set(environ, variable.name)
    }


def is_set(environ: Mapping[str, str], name: str) -> bool:
    return bool(environ.get(name, "").strip())


def warn_of_orphans(
    environ: Mapping[str, str],
    adapters: Mapping[str, Adapter],
    used: Container[str],
    findings: Findings,
) -> None:
    """Variables of a POS or platform that nothing switches on, and that the file does not use."""
    for group in groups(adapters):
        if any(switch in environ and switch not in used for switch in group.switches):
            continue
        switch = group.switches[0]
        for name, *_ in group.variables:
            if is_set(environ, name) and name not in used:
                remedy = f'set {switch} too, or use it in the file as "${name}"'
                findings.warning(name, f"is read by nothing; {remedy}")


def warn_of_misspelt(
    environ: Mapping[str, str],
    adapters: Mapping[str, Adapter],
    used: Container[str],
    findings: Findings,
) -> None:
    """Variables that nobody reads, though they look like one of a POS or platform."""
    known = {variable.name for variable in variables(adapters)}
    ours = [variable.name for group in groups(adapters) for variable in group.variables]
    for name in sorted(environ):
        close = difflib.get_close_matches(name, ours, 1, MISSPELT)
        if close and name not in known and name not in used:
            findings.warning(name, f"is read by nothing; did you mean {close[0]}?")
