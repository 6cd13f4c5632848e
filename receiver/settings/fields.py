"""Every setting there is: its type, default and meaning. The same for environment and file.

Plain pydantic models over a mapping, not pydantic-settings: that reads only the process's own
environment, stops at the first value it cannot decode, and does not know the names that depend
on the platforms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

from adapters.contract import Adapter, FeeKind, OrderType
from receiver.articles import MATCH, Match
from receiver.settings import rules

OWN_SECRET_BYTES = 16
PASSWORD_BYTES = 12

Address = Annotated[str, AfterValidator(rules.address)]
PrivateAddress = Annotated[str, AfterValidator(rules.private_address)]
Secrets = Annotated[tuple[str, ...], BeforeValidator(rules.listed)]
TaxRate = Annotated[str, AfterValidator(rules.tax_rate)]
ArticleId = Annotated[str, Field(min_length=1)]
Json = BeforeValidator(rules.from_text)
Level = Literal["debug", "info", "warning", "error", "critical"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What a setting's rule may look at beside its value."""

    adapters: Mapping[str, Adapter] = field(default_factory=dict)
    adapter: Adapter | None = None
    pos_names: frozenset[str] = frozenset()
    disk_is_ephemeral: bool = False

    @classmethod
    def of(cls, info: ValidationInfo) -> Self:
        return info.context if isinstance(info.context, cls) else cls()


class Fields(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, coerce_numbers_to_str=True
    )


class ProcessFields(Fields):
    database_url: Annotated[str, AfterValidator(rules.database_url)] = Field(
        "sqlite:///receiver.db",
        description="where everything is kept: sqlite:///path or postgresql://user:password@host/name",
        validate_default=True,
    )
    direct_database_url: Annotated[str, AfterValidator(rules.database_url)] | None = Field(
        None,
        description="for receiver migrate, where DATABASE_URL leads through a pool of connections",
    )
    port: int = Field(8080, ge=0, le=65535, description="port to listen on")
    host: str = Field("0.0.0.0", description="interface to listen on")  # noqa: S104
    public_url: Address | None = Field(
        None, description="the address the platforms call; without it http://127.0.0.1:$PORT"
    )
    secret_key: Secrets | None = Field(
        None,
        description="comma list, newest first; signs console sessions, encrypts kept tokens;"
        " without it random per start",
    )
    receiver_config: str = Field(
        "receiver.toml", description="path of the TOML file; the default need not exist"
    )
    log_level: Annotated[Level, BeforeValidator(rules.lower)] = Field(
        "info", description="debug, info, warning, error or critical"
    )
    log_format: Annotated[Literal["json", "console"], BeforeValidator(rules.lower)] = Field(
        "json", description="json or console"
    )
    console_password: str | None = Field(
        None, description="password of the operator's pages at /console; without it they are off"
    )
    metrics_token: str | None = Field(
        None, description="bearer token for /metrics; without it only loopback may read them"
    )
    retention_days: int = Field(
        30, ge=1, description="days until bodies and personal data are purged"
    )
    max_body_bytes: int = Field(
        1_048_576, ge=1, description="size above which a delivery is refused"
    )

    @field_validator("database_url")
    @classmethod
    def outlives_a_restart(cls, value: str, info: ValidationInfo) -> str:
        if Around.of(info).disk_is_ephemeral and value.startswith(rules.SQLITE):
            raise ValueError(
                "is an SQLite file, and this disk is emptied at every restart (DYNO is set);"
                " use a PostgreSQL address"
            )
        return value

    @field_validator("direct_database_url")
    @classmethod
    def leads_to_the_same(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value and str(info.data.get("database_url")).startswith(rules.SQLITE):
            raise ValueError("is set while DATABASE_URL is an SQLite file; unset it")
        return value

    @field_validator("secret_key")
    @classmethod
    def cannot_be_guessed(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        remedy = "use at least 16 random bytes"
        return value and rules.long_enough(value, OWN_SECRET_BYTES, remedy)

    @field_validator("console_password")
    @classmethod
    def is_hard_to_guess(cls, value: str | None) -> str | None:
        return value and rules.long_enough((value,), PASSWORD_BYTES, "choose a longer one")[0]


class PosFields(Fields):
    url: PrivateAddress = Field(
        description="the base address of the OktoPOS instance, including /v1"
    )
    api_key: str = Field(description="the division's key for the OrderAPI", min_length=1)
    api_version: Literal["1.3.0", "1.0.1"] = Field(
        "1.3.0", description="version of the OrderAPI: 1.3.0 or 1.0.1"
    )
    timezone: Annotated[str, AfterValidator(rules.timezone)] = Field(
        "Europe/Berlin", description="the till's time zone"
    )
    currency: Annotated[str, AfterValidator(rules.currency)] = Field(
        "EUR", description="the till's currency"
    )
    distribution_channels: Annotated[Mapping[OrderType, int], Json] = Field(
        {}, description='channel ids by order type, as JSON: {"PICKUP": 2, "DELIVERY": 3}'
    )
    match: Annotated[
        tuple[Match, ...], BeforeValidator(rules.listed), AfterValidator(rules.not_empty)
    ] = Field(
        MATCH,
        description="what a platform's POS reference is looked for as, in this order",
    )
    unknown_article: Literal["hold", "fallback", "name"] = Field(
        "hold",
        description="a dish without an article: hold, fallback to book one of its tax rate, or"
        " name to send its name alone",
    )
    fallback_articles: Annotated[Mapping[TaxRate, ArticleId], Json] = Field(
        {},
        description='articles to fall back to by tax rate, as JSON: {"7.00": "9007"}',
        validate_default=True,
    )
    fallback_rate: TaxRate | None = Field(
        None, description="tax rate of an unknown dish where the platform says none, as 7.00"
    )
    bundles: Literal["by_price", "drinks_30"] = Field(
        "by_price",
        description="one price for food and drink: by_price splits it by their single prices,"
        " drinks_30 counts 30 % of it as drinks",
    )
    fee_articles: Annotated[Mapping[FeeKind, ArticleId], Json] = Field(
        {}, description='articles of the fees, as JSON: {"delivery_fee": "9101"}'
    )
    on_ambiguous: Literal["retry", "hold"] = Field(
        "retry", description="no answer after an order was sent: retry or hold"
    )
    sum_mismatch: Literal["hold", "send"] = Field(
        "hold", description="lines that do not add up to the platform's total: hold or send"
    )
    ready_every: int = Field(
        15, ge=0, description="seconds between two looks for orders that are ready; 0: never"
    )

    @field_validator("unknown_article")
    @classmethod
    def is_taken(cls, value: str, info: ValidationInfo) -> str:
        if value == "name" and info.data.get("api_version") == "1.0.1":
            raise ValueError("is name, but OrderAPI 1.0.1 knows articles by id only; use hold")
        return value

    @field_validator("fallback_articles")
    @classmethod
    def can_be_fallen_back_to(
        cls, value: Mapping[str, str], info: ValidationInfo
    ) -> Mapping[str, str]:
        if not value and info.data.get("unknown_article") == "fallback":
            raise ValueError(
                'is empty, but unknown_article is fallback; name an article: {"7.00": "9007"}'
            )
        return value


class ConnectionFields(Fields):
    platform: str = Field(description="the platform's slug")
    secrets: Secrets = Field(
        description="comma list, newest first: prove deliveries genuine and switch the platform on"
    )
    stores: Mapping[str, str] = Field(
        {}, description="the platform's store ids and their POS", validate_default=True
    )
    intermediary: Annotated[str, AfterValidator(rules.intermediary)] | None = Field(
        None, description="how OktoPOS calls the platform"
    )
    accept: Literal["on_pos", "on_receipt", "never"] = Field(
        "on_pos", description="when orders are accepted: on_pos, on_receipt or never"
    )
    deny: bool = Field(
        False, description="tell the platform when OktoPOS refuses for good, or takes too long"
    )
    deadline_margin: int = Field(
        90,
        ge=0,
        description="seconds before the platform's deadline at which an order is denied, or an"
        " alarm raised",
    )
    payment_method: str = Field("CREDIT_CARD", description="OktoPOS's word for paid orders")
    unknown_order: Literal["forward", "hold"] = Field(
        "forward", description="payments of orders we have never seen: forward or hold"
    )
    articles: Annotated[Mapping[str, ArticleId], Json] = Field(
        {}, description='the platform\'s references to article ids, as JSON: {"PLU-17": "4711"}'
    )
    distribution_channels: Annotated[Mapping[OrderType, int], Json] = Field(
        {}, description="channel ids by order type, as JSON, where they differ from the POS's"
    )
    client_id: str | None = Field(None, description="credentials for calls to the platform: id")
    client_secret: str | None = Field(
        None, description="credentials for calls to the platform: secret"
    )
    api_key: str | None = Field(None, description="credentials for calls to the platform: key")
    refresh_token: str | None = Field(
        None,
        description="the platform's first refresh token; each next one is kept in the database,"
        " encrypted by SECRET_KEY",
    )
    api_url: PrivateAddress | None = Field(None, description="base address of the platform's API")
    token_url: PrivateAddress | None = Field(None, description="where access tokens come from")

    @field_validator("platform")
    @classmethod
    def is_known(cls, value: str, info: ValidationInfo) -> str:
        adapters = Around.of(info).adapters
        if value not in adapters:
            raise ValueError(f"is not a platform we know; use one of {', '.join(sorted(adapters))}")
        return value

    @field_validator("secrets")
    @classmethod
    def prove_something(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if not (adapter := Around.of(info).adapter):
            return rules.long_enough(value, 1, "use the secret from the platform's portal")
        remedy = f"use the secret from the platform's portal ({adapter.docs})"
        return rules.long_enough(value, adapter.secret_bytes, remedy, adapter.check_secret)

    @field_validator("refresh_token")
    @classmethod
    def is_of_use(cls, value: str | None, info: ValidationInfo) -> str | None:
        adapter = Around.of(info).adapter
        if value and adapter and not (adapter.api and adapter.api.refreshes):
            raise ValueError(f"is of no use, {adapter.intermediary} refreshes no tokens; remove it")
        return value

    @field_validator("stores")
    @classmethod
    def lead_to_a_pos(cls, value: Mapping[str, str], info: ValidationInfo) -> Mapping[str, str]:
        known = Around.of(info).pos_names
        lost = [f'"{store}"' for store, pos in value.items() if pos not in known]
        if not value:
            raise ValueError('leads to no POS; map its stores, "*" being any: "*" = "name"')
        if lost:
            named = ", ".join(sorted(known)) or "none"
            raise ValueError(
                f"{', '.join(lost)} leads to a POS that is not defined; known: {named}"
            )
        return value
