"""The platforms' stand-ins: who may call them, and the variables that lead a receiver there."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from adapters.api import Api, Credentials
from adapters.contract import Adapter
from receiver.sandbox import create_platform

NOTHING: Mapping[str, bytes] = MappingProxyType({})
SILENT = Api(url="", needs=())  # takes no call


@dataclass(frozen=True, slots=True)
class StandIn:
    """One platform's, for the one client it knows."""

    adapter: Adapter
    api: Api
    known: Credentials
    refresh_token: str | None
    bodies: Mapping[str, bytes] = field(default_factory=dict)  # what can be fetched, by path
    certificates: Mapping[str, bytes] = field(default_factory=dict)  # likewise, by anyone

    def app(self) -> ASGIApp:
        return create_platform(
            self.api,
            self.known,
            self.bodies,
            certificates=self.certificates,
            refresh_token=self.refresh_token,
        )

    def variables(self, base: str) -> dict[str, str]:
        """The settings of a receiver that shall call it below `base`."""
        url = f"{base}/{self.adapter.slug}"
        found = {"SECRETS": self.known.secret, "API_URL": url}
        if self.api.oauth:
            found["TOKEN_URL"] = url + urlsplit(self.api.oauth.url).path
        needs = (*self.api.needs, *(self.api.listing.needs if self.api.listing else ()))
        needs += ("api_key",) if self.adapter.proven_by_key else ()
        given = {name.upper(): getattr(self.known, name, "") for name in needs}
        found |= {name: text for name, text in given.items() if text}
        if self.refresh_token:
            found["REFRESH_TOKEN"] = self.refresh_token
        return {f"{self.adapter.slug.upper()}_{name}": text for name, text in found.items()}


def stand_in(
    adapter: Adapter,
    seed: str,
    bodies: Mapping[str, bytes] = NOTHING,
    certificates: Mapping[str, bytes] | None = None,
) -> StandIn | None:
    """With credentials that are the same for the same seed; none where there is no API to call,
    nor certificates to be had.

    But its first refresh token is a new one: a receiver that kept the next of an earlier stand-in
    is to begin again.
    """
    api = adapter.api
    if api is None and (adapter.certificate_at is None or certificates is None):
        return None

    def made(what: str) -> str:
        return hashlib.sha256(f"{seed} {adapter.slug} {what}".encode()).hexdigest()[:40]

    known = Credentials(f"client-{adapter.slug}", *map(made, ("secret", "key", "shared")))
    refresh = secrets.token_urlsafe(24) if api and api.refreshes else None
    return StandIn(
        adapter,
        api or SILENT,
        known,
        refresh,
        bodies,
        NOTHING if certificates is None else certificates,
    )


def together(stand_ins: Mapping[str, StandIn], rest: ASGIApp | None = None) -> Starlette:
    """At one address, each below its platform's slug; `rest` is what is there beside them."""
    mounts = [Mount(f"/{slug}", each.app()) for slug, each in stand_ins.items()]
    return Starlette(routes=[*mounts, *([Mount("/", rest)] if rest else [])])
