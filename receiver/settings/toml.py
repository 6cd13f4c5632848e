"""The TOML file: its tables as they were written, with what "$NAME" stands for filled in."""

from __future__ import annotations

import os.path
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from receiver.settings.findings import Findings, Written, nearest

CONFIG = "RECEIVER_CONFIG"
DEFAULT_PATH = "receiver.toml"
SECTIONS = ("pos", "connections")
SECRET_FIELDS = frozenset({"secrets", "client_secret", "api_key", "refresh_token"})
REFERENCE = re.compile(r"\$([A-Z_][A-Z0-9_]*)")


@dataclass(frozen=True, slots=True)
class File:
    """What the file says, and the variables it uses."""

    pos: tuple[Written, ...] = ()
    connections: tuple[Written, ...] = ()
    used: frozenset[str] = frozenset()
    is_sound: bool = True


def load(environ: Mapping[str, str], directory: Path, findings: Findings) -> File:
    """The configured file, or `receiver.toml` where there is one, or nothing."""
    configured = environ.get(CONFIG, "").strip()
    path = directory / (configured or DEFAULT_PATH)
    if not configured and not os.path.exists(path):
        return File()
    content = parsed(path, findings)
    if content is None:
        return File(is_sound=False)
    for key in sorted(content.keys() - set(SECTIONS)):
        findings.problem(key, f"is not a section of {path.name}; {nearest(key, SECTIONS)}")
    return File(
        pos=tuple(tables("pos", content, environ, findings)),
        connections=tuple(tables("connections", content, environ, findings)),
        used=frozenset(references(content)),
    )


def parsed(path: Path, findings: Findings) -> dict[str, object] | None:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        findings.problem(path.name, f"is not TOML; mend it: {error}")
    except UnicodeDecodeError:
        findings.problem(path.name, "is not UTF-8 text; save it as such")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        findings.problem(CONFIG, f"names {path.name}, which cannot be read ({reason}); correct it")
    return None


def tables(
    section: str, content: Mapping[str, object], environ: Mapping[str, str], findings: Findings
) -> Iterator[Written]:
    named = content.get(section, {})
    if not isinstance(named, dict):
        findings.problem(section, f"is not a table; write [{section}.name]")
        return
    for name, table in named.items():
        where = f"{section}.{name}"
        if isinstance(table, dict):
            yield written(where, name, table, environ, findings)
        else:
            findings.problem(where, f"is not a table; write [{where}]")


def written(
    where: str,
    name: str,
    table: Mapping[str, object],
    environ: Mapping[str, str],
    findings: Findings,
) -> Written:
    """One table, its references replaced; fields that cannot be are told and left out."""
    values: dict[str, object] = {}
    for key, value in table.items():
        wrong = list(complaints(key, value, environ))
        for complaint in wrong:
            findings.problem(f"{where}.{key}", complaint)
        if not wrong:
            values[key] = replaced(value, environ)
    return Written(
        name=name,
        where=where,
        called=lambda key: f"{where}.{key}",
        values=values,
        unreadable=frozenset(table.keys() - values.keys()),
    )


def complaints(key: str, value: object, environ: Mapping[str, str]) -> Iterator[str]:
    if key in SECRET_FIELDS and not only_references(value):
        yield 'holds a secret; put that into an environment variable and write its "$NAME" here'
        return
    for name in references(value):
        if not environ.get(name, "").strip():
            yield f'"${name}" is not set; set {name} in the environment, or remove it here'


def only_references(value: object) -> bool:
    if isinstance(value, list):
        return all(isinstance(item, str) and REFERENCE.fullmatch(item) for item in value)
    return isinstance(value, str) and bool(REFERENCE.fullmatch(value))


def references(value: object) -> Iterator[str]:
    """The variables named anywhere in a value."""
    if isinstance(value, str) and (found := REFERENCE.fullmatch(value)):
        yield found[1]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        yield from references(item)


def replaced(value: object, environ: Mapping[str, str]) -> object:
    """The value with every reference replaced by what it stands for."""
    if isinstance(value, dict):
        return {key: replaced(item, environ) for key, item in value.items()}
    if isinstance(value, list):
        return [replaced(item, environ) for item in value]
    if isinstance(value, str) and (found := REFERENCE.fullmatch(value)):
        return environ[found[1]].strip()
    return value
