"""The file: what it adds to the environment, and what is told of one that cannot be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from receiver.settings import Pos
from tests.setups import OTHER, SECRET, SMALL, loaded, problems, the_problem, warnings

FILE = """
[pos.mitte]
url = "https://manager.example.de/v1"
api_key = "$MITTE_KEY"

[connections.roo]
platform = "deliveroo"
secrets = ["$ROO_SECRET"]
accept = "never"
stores = { "*" = "mitte" }
"""
FILE_ENVIRON = {"MITTE_KEY": "key-of-mitte", "ROO_SECRET": SECRET, "SECRET_KEY": "k" * 32}

Written = Callable[[str], Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Writes receiver.toml and says where it is."""

    def write(text: str) -> Path:
        (tmp_path / "receiver.toml").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def test_the_file_alone(written: Written) -> None:
    settings = loaded(FILE_ENVIRON, written(FILE))
    assert warnings(FILE_ENVIRON, written(FILE)) == ()
    assert settings.pos == {
        "mitte": Pos(name="mitte", url="https://manager.example.de/v1", api_key="key-of-mitte")
    }
    assert settings.connections["roo"].secrets == (SECRET,)
    assert settings.connections["roo"].pos_name("anything") == "mitte"


def test_file_and_environment_add_up(written: Written) -> None:
    settings = loaded(FILE_ENVIRON | SMALL, written(FILE))
    assert set(settings.pos) == {"mitte", "default"}
    assert set(settings.connections) == {"roo", "deliveroo"}


def test_the_file_may_define_the_pos_of_the_environments_platforms(written: Written) -> None:
    environ = FILE_ENVIRON | {"STRIPE_SECRETS": SECRET}
    directory = written(FILE.replace("mitte", "default"))
    assert loaded(environ, directory).connections["stripe"].pos_name(None) == "default"


def test_what_the_file_uses_is_the_files(written: Written) -> None:
    """A variable of ours that the file names does not switch anything on beside it."""
    names = FILE.replace("$ROO_SECRET", "$DELIVEROO_SECRETS").replace(
        "$MITTE_KEY", "$OKTOPOS_API_KEY"
    )
    environ = {
        "DELIVEROO_SECRETS": f"{SECRET},{OTHER}",
        "OKTOPOS_API_KEY": "k",
        "SECRET_KEY": SECRET,
    }
    settings = loaded(environ, written(names))
    assert warnings(environ, written(names)) == ()
    assert set(settings.pos) == {"mitte"}
    assert settings.connections["roo"].secrets == (SECRET, OTHER)
    assert set(settings.connections) == {"roo"}


def test_receiver_config_names_another_file(written: Written) -> None:
    directory = written(FILE)
    (directory / "receiver.toml").rename(directory / "shops.toml")
    environ = FILE_ENVIRON | {"RECEIVER_CONFIG": "shops.toml"}
    assert set(loaded(environ, directory).connections) == {"roo"}
    assert set(loaded(environ | {"RECEIVER_CONFIG": str(directory / "shops.toml")}).pos) == {
        "mitte"
    }


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[pos.mitte]", "[pos.mitte", "receiver.toml: is not TOML; mend it:"),
        (
            "[pos.mitte]",
            "[till.x]\n[pos.mitte]",
            "till: is not a section of receiver.toml; use one of",
        ),
        (
            "[pos.mitte]",
            "[poss.x]\n[pos.mitte]",
            "poss: is not a section of receiver.toml; did you mean pos?",
        ),
        (
            "api_key",
            "api_kei = 1\napi_key",
            "pos.mitte.api_kei: is not a setting; did you mean api_key?",
        ),
        ("api_key", "zzz = 1\napi_key", "pos.mitte.zzz: is not a setting; use one of api_key"),
        ("api_key", "match = []\napi_key", "pos.mitte.match: "),
        ("api_key", 'match = ["name"]\napi_key', "pos.mitte.match.0: should be 'id', "),
        (
            "api_key",
            'fallback_articles = { "7" = "9007" }\napi_key',
            "pos.mitte.fallback_articles.7: is not a tax rate; write it with two places",
        ),
        (
            "api_key",
            'unknown_article = "fallback"\napi_key',
            "pos.mitte.fallback_articles: is empty, but unknown_article is fallback;",
        ),
        ("api_key", 'timezone = ""\napi_key', "pos.mitte.timezone: is not a time zone;"),
        ('"$MITTE_KEY"', '"not for files"', "pos.mitte.api_key: holds a secret; put that into an"),
        ('"$MITTE_KEY"', '"$not-a-name"', "pos.mitte.api_key: holds a secret; put that into an"),
        ('"$MITTE_KEY"', '"$GONE"', 'pos.mitte.api_key: "$GONE" is not set; set GONE in the'),
        ('"$MITTE_KEY"', "4711", "pos.mitte.api_key: holds a secret; put that into an"),
        ('["$ROO_SECRET"]', "[]", "connections.roo.secrets: is empty; use the secret from"),
        ('["$ROO_SECRET"]', '["$MITTE_KEY"]', "connections.roo.secrets: is shorter than 16 bytes"),
        ('["$ROO_SECRET"]', f'"{SECRET}"', "connections.roo.secrets: holds a secret;"),
        ('["$ROO_SECRET"]', f'["$ROO_SECRET", "{OTHER}"]', "connections.roo.secrets: holds a"),
        ('["$ROO_SECRET"]', '["$GONE"]', 'connections.roo.secrets: "$GONE" is not set; set GONE'),
        ('secrets = ["$ROO_SECRET"]', "", "connections.roo.secrets: is missing; set it to"),
        ("accept", f'client_secret = "{OTHER}"\naccept', "connections.roo.client_secret: holds a"),
        ("accept", f'refresh_token = "{OTHER}"\naccept', "connections.roo.refresh_token: holds a"),
        (
            "accept",
            'refresh_token = "$ROO_SECRET"\naccept',
            "connections.roo.refresh_token: is of no use, Deliveroo refreshes no tokens; remove it",
        ),
        ("accept", 'client_id = "$GONE"\naccept', 'connections.roo.client_id: "$GONE" is not set'),
        ('"deliveroo"', '"delivero"', "connections.roo.platform: is not a platform we know; use"),
        ('platform = "deliveroo"', "", "connections.roo.platform: is missing; set it to"),
        ('{ "*" = "mitte" }', "{}", "connections.roo.stores: leads to no POS; map its stores"),
        ('stores = { "*" = "mitte" }', "", "connections.roo.stores: leads to no POS; map its"),
        ('"*" = "mitte"', '"17" = "nord"', 'connections.roo.stores: "17" leads to a POS that is'),
        ('{ "*" = "mitte" }', '"mitte"', "connections.roo.stores: should be a valid mapping"),
        ("connections.roo", "connections.Roo", "connections.Roo: does not fit into a webhook"),
        ("connections.roo", 'connections."a/b"', "connections.a/b: does not fit into a webhook"),
        ("connections.roo", f"connections.{'r' * 33}", f"connections.{'r' * 33}: does not fit"),
        ("[pos.mitte]", "[pos]\nx = 1\n[pos.mitte]", "pos.x: is not a table; write [pos.x]"),
        ("[pos.mitte]", "connections = 1\n[pos.mitte]", "receiver.toml: is not TOML; mend it:"),
    ],
    ids=str,
)
def test_a_fault_in_the_file_is_named_with_the_remedy(
    written: Written, old: str, new: str, said: str
) -> None:
    assert old in FILE
    assert the_problem(FILE_ENVIRON, written(FILE.replace(old, new, 1))).startswith(said)


def test_a_variable_set_to_nothing_is_not_set(written: Written) -> None:
    said = the_problem(FILE_ENVIRON | {"ROO_SECRET": " "}, written(FILE))
    assert said.startswith('connections.roo.secrets: "$ROO_SECRET" is not set; set ROO_SECRET')


def test_malformed_toml_names_the_line(written: Written) -> None:
    assert "at line 3" in the_problem(SMALL, written("\n\nurl = = 1\n"))


def test_a_section_that_is_no_table(written: Written) -> None:
    assert the_problem(SMALL, written("pos = 1")) == "pos: is not a table; write [pos.name]"


def test_a_file_that_is_no_text(written: Written) -> None:
    directory = written("")
    (directory / "receiver.toml").write_bytes(b"\xff\xfe")
    assert the_problem(SMALL, directory).startswith("receiver.toml: is not UTF-8 text;")


def test_the_same_connection_twice(written: Written) -> None:
    directory = written(FILE.replace("connections.roo", "connections.deliveroo"))
    assert the_problem(FILE_ENVIRON | SMALL, directory) == (
        'DELIVEROO_SECRETS: defines "deliveroo" again, beside connections.deliveroo;'
        " remove one of the two"
    )


def test_the_same_pos_twice(written: Written) -> None:
    directory = written(FILE.replace("mitte", "default"))
    assert the_problem(FILE_ENVIRON | SMALL, directory) == (
        'OKTOPOS_URL: defines "default" again, beside pos.default; remove one of the two'
    )


def test_ten_faults_in_the_file_are_ten_sentences(written: Written) -> None:
    text = """
        [pos.a]
        url = "http://a.example/v1"
        api_key = "literal"
        [pos.b]
        url = "https://b.example/v1"
        api_key = "$GONE"
        api_version = "1.2"
        [connections.one]
        platform = "nobody"
        secrets = ["$GONE"]
        stores = { "*" = "c" }
        accept = "sometimes"
        [connections.TWO]
        platform = "deliveroo"
        secrets = ["$SHORT"]
        accept = "never"
        stores = { "*" = "a" }
    """
    assert len(problems({"SHORT": "short"}, written(text))) == 9 + 1


def test_no_sentence_repeats_a_value_of_the_file(written: Written) -> None:
    text = FILE.replace('"$MITTE_KEY"', '"hush"').replace('["$ROO_SECRET"]', '["hush"]')
    text += 'client_secret = "hush"\napi_key = { a = "hush" }\napi_url = "https://hush:hush@h"\n'
    assert "hush" not in "".join(problems({}, written(text)))
