"""What all tests share: databases, the `--accept` option and how hard hypothesis tries."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from receiver import retention, worker
from receiver.pipeline import settled
from tests.box import Box, opened
from tests.databases import ENGINES, Databases, Files, Server, server
from tests.heard import Log

settings.register_profile(
    "house",
    deadline=None,
    max_examples=60,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("house")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--accept", action="store_true", help="write the goldens anew; then read the diff"
    )


@pytest.fixture
def accept(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--accept"))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("databases"))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    with server() as started:
        yield started


@pytest.fixture(params=ENGINES)
def databases(request: pytest.FixtureRequest) -> Databases:
    """Who asks for a database runs on each engine."""
    found: Databases = request.getfixturevalue(
        {"sqlite": "files", "postgresql": "postgresql"}[request.param]
    )
    return found


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """A database of the test's own, migrated."""
    with databases.migrated() as url:
        yield url


@pytest.fixture
def empty_url(databases: Databases) -> Iterator[str]:
    """The same, but nothing is in it yet."""
    with databases.empty() as url:
        yield url


@pytest.fixture
def box(database_url: str) -> Iterator[Box]:
    with opened(database_url) as found:
        yield found


@pytest.fixture
def other(database_url: str) -> Iterator[Box]:
    """The same box, as another process has it open."""
    with opened(database_url) as found:
        yield found


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    """What the worker says, and those beside it."""
    found = Log()
    for module in (worker, settled, retention):
        monkeypatch.setattr(module, "logger", found)
    return found
