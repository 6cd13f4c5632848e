"""Environment and file together: complete, frozen settings, or everything that is wrong."""

from __future__ import annotations

import secrets
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from adapters.contract import Adapter, nothing
from receiver.settings import environment, rules, toml
from receiver.settings.fields import Around, ConnectionFields, PosFields, ProcessFields
from receiver.settings.findings import BadSettings, Findings, Written, read
from receiver.settings.model import Connection, Pos, Settings


def load(
    environ: Mapping[str, str], adapters: Mapping[str, Adapter], *, directory: Path = Path(".")
) -> tuple[Settings, tuple[str, ...]]:
    """The settings and what looks wrong all the same. Raises BadSettings with every problem."""
    findings = Findings()
    process = read_process(environ, findings)
    file = toml.load(environ, directory, findings)
    own = tuple(environment.connections(environ, adapters, file.used))
    written_pos = merged((*file.pos, *environment.pos(environ, file.used)), findings)
    written = merged((*file.connections, *own), findings)
    if file.is_sound:
        tell_of_absent(written_pos, written, own, adapters, findings)
    names = frozenset({*written_pos, *([environment.DEFAULT_POS] if own else [])})
    pos = [read_pos(each, findings) for each in written_pos.values()]
    connections = [read_connection(each, adapters, names, findings) for each in written.values()]
    demand_lasting_key(process, connections, findings)
    environment.warn_of_orphans(environ, adapters, file.used, findings)
    environment.warn_of_misspelt(environ, adapters, file.used, findings)
    if findings.problems or process is None:
        raise BadSettings(tuple(findings.problems), tuple(findings.warnings))
    return settings(process, pos, connections), tuple(findings.warnings)


def merged(all_written: Iterable[Written], findings: Findings) -> dict[str, Written]:
    """By name; a second one of the same name is told and left out."""
    by_name: dict[str, Written] = {}
    for written in all_written:
        first = by_name.setdefault(written.name, written)
        if first is not written:
            what = f'defines "{written.name}" again, beside {first.where}; remove one of the two'
            findings.problem(written.where, what)
    return by_name


def tell_of_absent(
    written_pos: Container[str],
    written: Mapping[str, Written],
    own: Sequence[Written],
    adapters: Mapping[str, Adapter],
    findings: Findings,
) -> None:
    """No platform at all, or no POS for those that the environment switches on."""
    if not written:
        switches = "".join(f"{environment.secrets_of(adapter)}, " for adapter in adapters.values())
        remedy = f"set one of {switches}or write [connections.name] into {toml.DEFAULT_PATH}"
        findings.problem("connections", f"no platform is switched on; {remedy}")
    if own and environment.DEFAULT_POS not in written_pos:
        url, api_key = environment.POS_SWITCHES
        needing = ", ".join(connection.name for connection in own)
        findings.problem(url, f"is missing; set it and {api_key}, the POS for {needing}")


def read_process(environ: Mapping[str, str], findings: Findings) -> ProcessFields | None:
    """The settings of the process itself. `DYNO` marks a machine whose disk does not last."""
    around = Around(disk_is_ephemeral="DYNO" in environ)
    fields = read(ProcessFields, environment.process(environ), around, findings)
    if fields and fields.public_url and rules.is_exposed(fields.public_url):
        findings.warning("PUBLIC_URL", "is http; platforms call https addresses, so use one")
    if fields and not fields.secret_key:
        what = "is not set, so a restart ends all console sessions; set it to 32 random bytes"
        findings.warning("SECRET_KEY", what)
    return fields


def database_url(environ: Mapping[str, str]) -> str | None:
    """Where the box is, even in a set-up that cannot work; None when that is unreadable too."""
    fields = read_process(environ, Findings())
    return fields.database_url if fields else None


def read_pos(written: Written, findings: Findings) -> Pos | None:
    fields = read(PosFields, written, Around(), findings)
    if fields is None:
        return None
    if not fields.url.endswith("/v1"):
        what = "does not end in /v1; the OrderAPI's base address usually does"
        findings.warning(written.called("url"), what)
    return Pos(name=written.name, **fields.model_dump())


def read_connection(
    written: Written, adapters: Mapping[str, Adapter], names: frozenset[str], findings: Findings
) -> Connection | None:
    if not rules.CONNECTION_NAME.fullmatch(written.name):
        remedy = "use up to 32 of a-z, 0-9, _ and -, beginning with a letter or digit"
        findings.problem(written.where, f"does not fit into a webhook address; {remedy}")
    adapter = adapters.get(str(written.values.get("platform")))
    around = Around(adapters=adapters, adapter=adapter, pos_names=names)
    fields = read(ConnectionFields, written, around, findings)
    if adapter:
        look_for_credentials(written, adapter, findings)
        look_for_key(written, adapter, findings)
    if fields is None or adapter is None:
        return None
    look_for_strangers(written, adapter, fields.api_url, findings)
    values = fields.model_dump(exclude={"platform", "intermediary"})
    intermediary = fields.intermediary or adapter.intermediary
    return Connection(name=written.name, adapter=adapter, intermediary=intermediary, **values)


def look_for_strangers(
    written: Written, adapter: Adapter, api_url: str | None, findings: Findings
) -> None:
    """What is called there gets the credentials, and is believed."""
    if not api_url:
        return
    where = written.called("api_url")
    if not rules.is_local(api_url):
        if adapter.hosts and urlsplit(api_url).hostname not in adapter.hosts:
            known = ", ".join(sorted(adapter.hosts))
            what = f"is no host of {adapter.intermediary}'s that we know, and gets the credentials"
            findings.warning(where, f"{what}; use one of {known}, unless this is on purpose")
    elif adapter.certificate_at:
        what = "is http on this machine, and any certificate from there counts; remove it"
        findings.warning(where, f"{what} unless it is for trying things out")


def demand_lasting_key(
    process: ProcessFields | None, connections: Iterable[Connection | None], findings: Findings
) -> None:
    """A token kept with a key of this start alone could not be read after the next."""
    refreshing = ", ".join(each.name for each in connections if each and each.refresh_token)
    if refreshing and process and not process.secret_key:
        what = f"is not set, and the refresh tokens of {refreshing} are kept encrypted by it"
        findings.problem("SECRET_KEY", f"{what}; set it to 32 random bytes that stay")


def look_for_credentials(written: Written, adapter: Adapter, findings: Findings) -> None:
    """A thin platform cannot work without them; another stays without our answer, or without what
    it sometimes leaves to be looked up."""
    if adapter.api is None or (adapter.api.instead and all(map(written.has, adapter.api.instead))):
        return
    answers = written.values.get("accept") != "never"
    for name in adapter.api.needs:
        where = written.called(name)
        if written.has(name):
            continue
        if adapter.thin:
            what = f"is missing; set it, as each order is fetched from {adapter.intermediary}"
            findings.problem(where, what)
        elif adapter.answer is nothing:
            what = f"is missing, so nothing can be looked up at {adapter.intermediary}; set it"
            findings.warning(where, what)
        elif answers:
            accept = written.called("accept")
            what = f"is missing, so no order is accepted there; set it, or {accept} to never"
            findings.warning(where, what)


def look_for_key(written: Written, adapter: Adapter, findings: Findings) -> None:
    if adapter.proven_by_key and not written.has("api_key"):
        what = f"is missing, and proves {adapter.proven_by_key}: without it they are turned away"
        findings.problem(written.called("api_key"), f"{what}; set it to the key you gave them")


def settings(
    process: ProcessFields,
    pos: Iterable[Pos | None],
    connections: Iterable[Connection | None],
) -> Settings:
    """All parts together; what could not be read has been told."""
    values = process.model_dump(exclude={"receiver_config", "public_url", "secret_key"})
    return Settings(
        **values,
        public_url=process.public_url or f"http://127.0.0.1:{process.port}",
        secret_key=process.secret_key or (secrets.token_urlsafe(32),),
        pos={each.name: each for each in pos if each},
        connections={each.name: each for each in connections if each},
    )
