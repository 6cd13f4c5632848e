"""What a complete set-up is: frozen values, made by `load`, read by everyone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from adapters.api import Credentials
from adapters.contract import Adapter, Delivery, Secrets
from receiver.articles import MATCH, Match

ANY_STORE = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pos:
    """One OktoPOS division: an address, a key, and how orders are written for it."""

    name: str
    url: str  # the instance's base address including /v1, no slash at the end
    api_key: str = field(repr=False)
    api_version: Literal["1.3.0", "1.0.1"] = "1.3.0"
    timezone: str = "Europe/Berlin"
    currency: str = "EUR"
    distribution_channels: Mapping[str, int] = field(default_factory=dict)  # by order type
    match: tuple[Match, ...] = MATCH  # what a platform's POS reference may be, in this order
    unknown_article: Literal["hold", "fallback", "name"] = "hold"
    fallback_articles: Mapping[str, str] = field(default_factory=dict)  # by tax rate: "7.00"
    fallback_rate: str | None = None  # of a dish whose platform does not say its rate
    bundles: Literal["by_price", "drinks_30"] = "by_price"  # how one price is split over its parts
    fee_articles: Mapping[str, str] = field(default_factory=dict)  # by FeeKind
    on_ambiguous: Literal["retry", "hold"] = "retry"
    sum_mismatch: Literal["hold", "send"] = "hold"
    ready_every: int = 15  # seconds; 0: never


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One webhook address: a platform, what proves its deliveries, and where they go."""

    name: str
    adapter: Adapter
    secrets: tuple[str, ...] = field(repr=False)  # newest first
    stores: Mapping[str, str] = field(default_factory=dict)  # platform's store id or "*" -> POS
    intermediary: str = ""
    accept: Literal["on_pos", "on_receipt", "never"] = "on_pos"
    deny: bool = False
    deadline_margin: int = 90  # seconds
    payment_method: str = "CREDIT_CARD"
    unknown_order: Literal["forward", "hold"] = "forward"
    articles: Mapping[str, str] = field(default_factory=dict)  # platform's reference -> article id
    distribution_channels: Mapping[str, int] = field(default_factory=dict)  # before the POS's own
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)  # the first; later ones are kept
    api_url: str | None = None  # None: the adapter's
    token_url: str | None = None

    @property
    def credentials(self) -> Credentials:
        """For calls to the platform."""
        known = (self.client_id, self.client_secret, self.api_key, *self.secrets[:1])
        return Credentials(*(text or "" for text in known))

    @property
    def answers(self) -> bool:
        """Whether the platform is told of an order that it need not be accepted for. One whose
        orders are accepted at a tablet may have no credentials here at all."""
        api = self.adapter.api
        if api is None or self.accept != "never":
            return api is not None
        known = [
            all(getattr(self, name) for name in way) for way in (api.needs, api.instead) if way
        ]
        return any(known) or not api.needs

    def deadline(self, arrived: datetime) -> datetime | None:
        """Until when an order that came then must be accepted, where it does not say so itself."""
        return arrived + self.adapter.deadline if self.adapter.deadline else None

    def alarm_at(self, deadline: datetime | None) -> datetime | None:
        """When there is still time to do something about it."""
        return deadline and deadline - timedelta(seconds=self.deadline_margin)

    def proves(self, delivery: Delivery) -> Secrets:
        """What this delivery is verified with: the secrets, or the key its platform sends."""
        if self.adapter.proof(delivery).by == "secrets":
            return self.secrets
        return (self.api_key,) if self.api_key else ()

    def pos_name(self, store_id: str | None) -> str | None:
        """The POS of a store: by its id, else by `*`; None when neither is set."""
        return self.stores.get(store_id or ANY_STORE) or self.stores.get(ANY_STORE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    database_url: str = field(repr=False)  # holds a password
    direct_database_url: str | None = field(default=None, repr=False)  # past a pool, to migrate
    host: str
    port: int
    public_url: str
    log_level: str
    log_format: Literal["json", "console"]
    secret_key: tuple[str, ...] = field(repr=False)
    metrics_token: str | None = field(repr=False)
    console_password: str | None = field(repr=False)
    retention_days: int
    max_body_bytes: int
    pos: Mapping[str, Pos]
    connections: Mapping[str, Connection]
