"""Tokens as the platforms hand them out: for the right client, refresh tokens for a single use."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from pydantic_core import from_json

from adapters.api import Credentials, OAuth, pair
from receiver.sandbox.shapes import Made

LASTS = 3600  # seconds
FORM = "application/x-www-form-urlencoded"
Fields = Mapping[str, Any]


@dataclass(slots=True)
class Grants:
    """What was handed out. `refresh` is the token that is next, None once all is revoked."""

    refresh: str | None = None
    used: set[str] = field(default_factory=set)
    access: set[str] = field(default_factory=set)

    def lives(self, token: str) -> bool:
        return token in self.access

    def hand_out(self) -> dict[str, Any]:
        token = secrets.token_urlsafe(24)
        self.access.add(token)
        return {"access_token": token, "expires_in": LASTS, "token_type": "Bearer"}

    def rotate(self, given: str) -> bool:
        """Whether it was the one that is next. One that was used before revokes everything."""
        if given in self.used:
            self.refresh = None
            self.access.clear()
        if given != self.refresh:
            return False
        self.used.add(given)
        self.refresh = secrets.token_urlsafe(24)
        return True


def granted(
    grants: Grants, oauth: OAuth, known: Credentials, made: Made
) -> tuple[dict[str, Any], list[str]]:
    """The answer to a request for a token, and what was wrong with that."""
    fields = fields_of(made, oauth)
    if fields is None:
        return refused("invalid_request", "body: neither the form nor the JSON it should be")
    if not is_client(oauth, known, made, fields):
        return refused("invalid_client", "the client's id or secret")
    missing = [name for name, text in wanted(oauth).items() if fields.get(name) != text]
    if missing:
        return refused("invalid_request", *missing)
    match fields.get("grant_type"):
        case "refresh_token" if oauth.refreshes:
            if not grants.rotate(str(fields.get("refresh_token"))):
                return refused("invalid_grant", "the refresh token is used up, or none of ours")
            return {**grants.hand_out(), "refresh_token": grants.refresh}, []
        case kind if kind == wanted(oauth).get("grant_type", "client_credentials"):
            return grants.hand_out(), []
    return refused("unsupported_grant_type", "grant_type")


def refused(error: str, *wrong: str) -> tuple[dict[str, Any], list[str]]:
    return {"error": error}, list(wrong)


def fields_of(made: Made, oauth: OAuth) -> Fields | None:
    kind = made.headers.get("content-type", "").partition(";")[0].strip()
    if kind != ("application/json" if oauth.as_json else FORM):
        return None
    if not oauth.as_json:
        return dict(parse_qsl(made.body.decode("latin-1"), keep_blank_values=True))
    try:
        fields = from_json(made.body)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None


def wanted(oauth: OAuth) -> dict[str, str]:
    """Fields that are the same for every client."""
    return {**dict(oauth.extra), **({"scope": oauth.scope} if oauth.scope else {})}


def is_client(oauth: OAuth, known: Credentials, made: Made, fields: Fields) -> bool:
    if oauth.basic:
        return made.headers.get("authorization") == f"Basic {pair(known)}"
    given = (fields.get(oauth.id_field), fields.get(oauth.secret_field))
    return given == (known.client_id, known.client_secret)
