"""Settings: what a complete set-up gives, that none tells a secret, and the two examples."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from adapters import ADAPTERS
from receiver.settings import BadSettings, Connection, Pos, Settings, load, variables
from receiver.settings.fields import ConnectionFields, Fields, PosFields
from tests.setups import FULL, NOWHERE, OTHER, PLATFORMS, SECRET, SMALL, THIN, loaded, warnings

ROOT = Path(__file__).parent.parent


def test_a_small_set_up_is_complete() -> None:
    settings = loaded(SMALL)
    assert warnings(SMALL) == ()
    assert settings.pos["default"] == Pos(
        name="default", url="https://manager.example.de/v1", api_key="key-of-the-division"
    )
    assert settings.connections["deliveroo"] == Connection(
        name="deliveroo",
        adapter=FULL,
        secrets=(SECRET,),
        stores={"*": "default"},
        intermediary="Deliveroo",
        accept="never",
    )
    assert (settings.host, settings.port, settings.public_url) == (
        "0.0.0.0",
        8080,
        "http://127.0.0.1:8080",
    )
    assert (settings.database_url, settings.secret_key) == ("sqlite:///receiver.db", ("k" * 32,))
    assert (settings.log_level, settings.log_format) == ("info", "json")
    assert (settings.retention_days, settings.max_body_bytes) == (30, 1_048_576)
    assert (settings.metrics_token, settings.console_password) == (None, None)


EVERYTHING = {
    "DIRECT_DATABASE_URL": "postgres://user@db.example/receiver",
    "DATABASE_URL": "postgres://user:pass%40Word@db.example:5432/receiver?sslmode=require",
    "PORT": "0",
    "HOST": "127.0.0.1",
    "PUBLIC_URL": "https://hooks.example.de/",
    "SECRET_KEY": f"{SECRET}, {OTHER}",
    "LOG_LEVEL": "WARNING",
    "LOG_FORMAT": "console",
    "CONSOLE_PASSWORD": "open, sesame!",
    "METRICS_TOKEN": " metrics-token\n",
    "RETENTION_DAYS": "7",
    "MAX_BODY_BYTES": "2048",
    "OKTOPOS_URL": "https://manager.example.de/v1/",
    "OKTOPOS_API_KEY": "key",
    "OKTOPOS_API_VERSION": "1.3.0",
    "OKTOPOS_TIMEZONE": "Europe/Zurich",
    "OKTOPOS_CURRENCY": "CHF",
    "OKTOPOS_DISTRIBUTION_CHANNELS": '{"PICKUP": 2}',
    "OKTOPOS_UNKNOWN_ARTICLE": "name",
    "OKTOPOS_FEE_ARTICLES": '{"delivery_fee": "9101", "deposit": 9105}',
    "OKTOPOS_ON_AMBIGUOUS": "hold",
    "OKTOPOS_SUM_MISMATCH": "send",
    "UBER_EATS_SECRETS": f"{SECRET},{OTHER}",
    "UBER_EATS_INTERMEDIARY": "Über-Eats 2.0",
    "UBER_EATS_ACCEPT": "on_receipt",
    "UBER_EATS_DENY": "true",
    "UBER_EATS_PAYMENT_METHOD": "INVOICE",
    "UBER_EATS_ARTICLES": '{"PLU-17": "4711"}',
    "UBER_EATS_CLIENT_ID": "id",
    "UBER_EATS_CLIENT_SECRET": "client secret",
    "UBER_EATS_API_KEY": "api key",
    "UBER_EATS_REFRESH_TOKEN": "refresh token",
    "UBER_EATS_API_URL": "http://127.0.0.1:9000/",
    "UBER_EATS_TOKEN_URL": "https://login.example.org/token",
    "STRIPE_SECRETS": SECRET,
    "STRIPE_UNKNOWN_ORDER": "hold",
}


def test_the_process_can_be_set_by_the_environment() -> None:
    settings = loaded(EVERYTHING)
    assert settings.database_url == (
        "postgresql+psycopg://user:pass%40Word@db.example:5432/receiver?sslmode=require"
    )
    assert settings.direct_database_url == "postgresql+psycopg://user@db.example/receiver"
    assert (settings.port, settings.host) == (0, "127.0.0.1")
    assert settings.public_url == "https://hooks.example.de"
    assert settings.secret_key == (SECRET, OTHER)
    assert (settings.log_level, settings.log_format) == ("warning", "console")
    assert (settings.console_password, settings.metrics_token) == ("open, sesame!", "metrics-token")
    assert (settings.retention_days, settings.max_body_bytes) == (7, 2048)


def test_pos_and_platforms_can_be_set_by_the_environment() -> None:
    settings = loaded(EVERYTHING)
    assert settings.pos["default"] == Pos(
        name="default",
        url="https://manager.example.de/v1",
        api_key="key",
        timezone="Europe/Zurich",
        currency="CHF",
        distribution_channels={"PICKUP": 2},
        unknown_article="name",
        fee_articles={"delivery_fee": "9101", "deposit": "9105"},
        on_ambiguous="hold",
        sum_mismatch="send",
    )
    assert settings.connections["uber_eats"] == Connection(
        name="uber_eats",
        adapter=THIN,
        secrets=(SECRET, OTHER),
        stores={"*": "default"},
        intermediary="Über-Eats 2.0",
        accept="on_receipt",
        deny=True,
        payment_method="INVOICE",
        articles={"PLU-17": "4711"},
        client_id="id",
        client_secret="client secret",
        api_key="api key",
        refresh_token="refresh token",
        api_url="http://127.0.0.1:9000",
        token_url="https://login.example.org/token",
    )
    assert settings.connections["stripe"].unknown_order == "hold"


def test_a_variable_set_to_nothing_is_not_set() -> None:
    settings = loaded(SMALL | {"PORT": "", "METRICS_TOKEN": " ", "OKTOPOS_TIMEZONE": ""})
    assert (settings.port, settings.metrics_token) == (8080, None)
    assert settings.pos["default"].timezone == "Europe/Berlin"


def test_without_secret_key_each_start_has_its_own() -> None:
    environ = {name: value for name, value in SMALL.items() if name != "SECRET_KEY"}
    first, second = loaded(environ).secret_key, loaded(environ).secret_key
    assert first != second
    assert len(first[0]) >= 32
    assert [w for w in warnings(environ) if w.startswith("SECRET_KEY: is not set")]


def test_a_refresh_token_is_offered_where_it_is_of_use() -> None:
    names = {variable.name for variable in variables(PLATFORMS)}
    assert {name for name in names if "REFRESH" in name} == {"UBER_EATS_REFRESH_TOKEN"}


def everything_secret(settings: Settings) -> list[str]:
    """The values that nobody may see."""
    told = [settings.database_url, settings.direct_database_url]
    told += [settings.console_password, settings.metrics_token]
    pos = [each.api_key for each in settings.pos.values()]
    lists = [settings.secret_key, *(each.secrets for each in settings.connections.values())]
    more = [
        (each.client_secret, each.api_key, each.refresh_token)
        for each in settings.connections.values()
    ]
    found = [*told, *pos, *(item for each in (*lists, *more) for item in each)]
    return [value for value in found if value]


def test_a_repr_tells_no_secret() -> None:
    names = ["SECRET_KEY", "CONSOLE_PASSWORD", "METRICS_TOKEN", "OKTOPOS_API_KEY"]
    names += ["UBER_EATS_SECRETS", "UBER_EATS_CLIENT_SECRET", "UBER_EATS_API_KEY"]
    names += ["UBER_EATS_REFRESH_TOKEN"]
    environ = {name: f"hidden-{place:03}-hidden-hidden" for place, name in enumerate(names)}
    environ |= {"DATABASE_URL": "postgresql://u:hidden@db/x", "UBER_EATS_CLIENT_ID": "id"}
    settings = loaded(environ | {"OKTOPOS_URL": "https://manager.example.de/v1"})
    assert len(everything_secret(settings)) == len(names) + 1
    assert "hidden" not in repr(settings)


NAMES = [v.name for v in variables(PLATFORMS) if v.name != "RECEIVER_CONFIG"]
VALUES = st.text(max_size=40) | st.sampled_from(
    [SECRET, "postgresql://u:p@h:x/d", "https://u:p@h/", "{}", '{"a": 1}', "never", "1", "\udcff"]
)


@given(st.dictionaries(st.sampled_from([*NAMES, "DYNO"]), VALUES, max_size=12))
def test_any_environment_is_read_or_refused(environ: dict[str, str]) -> None:
    told: tuple[str, ...] = ()
    try:
        settings, told = load(environ, PLATFORMS, directory=NOWHERE)
        assert not [value for value in everything_secret(settings) if value in repr(settings)]
    except BadSettings as refused:
        told = refused.problems + refused.warnings
    assert all(re.match(r"[\w.]+: \S", sentence) for sentence in told)


@pytest.mark.parametrize("name", NAMES)
def test_bytes_that_are_no_text_are_refused(name: str) -> None:
    with pytest.raises(BadSettings) as caught:
        load(SMALL | {"STRIPE_SECRETS": "short", name: "\udcff"}, PLATFORMS, directory=NOWHERE)
    assert all(re.match(r"[\w.]+: \S", sentence) for sentence in caught.value.problems)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "value", ["hush", "hush,hush", "https://hush:hush@h/hush", "postgres://hush:hush@hush:hush/"]
)
def test_no_sentence_repeats_a_value(name: str, value: str) -> None:
    environ = SMALL | {"UBER_EATS_SECRETS": "hush", "STRIPE_SECRETS": "hush", name: value}
    with pytest.raises(BadSettings) as caught:
        load(environ, PLATFORMS, directory=NOWHERE)
    assert "hush" not in str(caught.value) + "".join(caught.value.warnings)


@pytest.mark.parametrize(("fields", "kind"), [(PosFields, Pos), (ConnectionFields, Connection)])
def test_fields_and_model_agree(fields: type[Fields], kind: type[Pos | Connection]) -> None:
    """Defaults stand twice: where settings are read, and where tests make their own."""

    def as_read(info: FieldInfo) -> object:
        return info.get_default(call_default_factory=True, validated_data={})

    ours = fields.model_fields
    for item in dataclasses.fields(kind):
        if item.name in ours and not ours[item.name].is_required() and item.name != "intermediary":
            factory = item.default_factory
            default = item.default if factory is dataclasses.MISSING else factory()
            assert as_read(ours[item.name]) == default, item.name
    unread = {item.name for item in dataclasses.fields(kind)} - ours.keys()
    assert unread == ({"name"} if kind is Pos else {"name", "adapter"})


def example_environment() -> str:
    """Every variable under its meaning, commented out, with its default for a value."""
    titles = {"OKTOPOS_": "The one POS; more than one stand in a file, see receiver.example.toml"}
    titles |= {f"{slug.upper()}_": adapter.intermediary for slug, adapter in ADAPTERS.items()}
    lines = [
        "# Every variable the receiver reads. Uncomment what you set; what stands is the default."
    ]
    for variable in variables(ADAPTERS):
        for start in [start for start in titles if variable.name.startswith(start)]:
            lines += ["", f"# --- {titles.pop(start)} ---"]
        lines += ["", f"# {variable.meaning}", f"#{variable.name}={variable.default}"]
    return "\n".join(lines) + "\n"


def test_the_example_environment_names_every_variable(accept: bool) -> None:
    path = ROOT / ".env.example"
    if accept:
        path.write_text(example_environment(), encoding="utf-8")
    text = path.read_text(encoding="utf-8")
    assert text == example_environment()
    named = re.findall(r"^#?([A-Z_]+)=", text, re.MULTILINE)
    assert sorted(named) == sorted({variable.name for variable in variables(ADAPTERS)})


def test_the_example_file_is_a_set_up_that_works() -> None:
    text = (ROOT / "receiver.example.toml").read_text(encoding="utf-8")
    environ = {name: f"value-of-{name}-long-enough" for name in re.findall(r'"\$([A-Z_]+)"', text)}
    environ = {k: v for k, v in environ.items() if k != "NAME"}
    environ |= {"RECEIVER_CONFIG": "receiver.example.toml", "SECRET_KEY": SECRET}
    settings, told = load(environ, PLATFORMS, directory=ROOT)
    assert told == ()
    assert set(settings.pos) == {"mitte", "nord"}
    assert set(settings.connections) == {"uber_eats", "deliveroo", "shop"}
    assert settings.connections["uber_eats"].pos_name("another store") == "nord"
