"""The processes the benchmark starts, and ends again whatever happens."""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from tests.bench.deliveries import SECRET

START_SECONDS = 30.0
STOP_SECONDS = 30.0
TURN_SECONDS = 600.0
LOOK_SECONDS = 0.005
NOWHERE = 9  # a port that nobody listens at

TOML = """
[pos.till]
url = "http://127.0.0.1:{till}/v1"
api_key = "$BENCH_TILL_KEY"

[connections.deliveroo]
platform = "deliveroo"
secrets = ["$BENCH_SECRET"]
accept = "never"
stores = {{ "*" = "till" }}
"""

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Server:
    process: subprocess.Popen[bytes]
    port: int
    started_in: float  # seconds

    def memory(self) -> float:
        """What it occupies in main memory, in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
        return int(line.split()[1]) / 1024

    def ask(self, path: str, method: str = "GET") -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")


@contextmanager
def receiver(
    folder: Path, *options: str, till: int = NOWHERE, box: str | None = None
) -> Iterator[Server]:
    """`receiver serve` on a box in `folder` or on that one, as an operator would start it. Its log
    is a file."""
    port = free_port()
    settings = {**set_up(folder, till, box), "HOST": "127.0.0.1", "PORT": str(port)}
    words, log = ("receiver", "serve", *options), folder / "receiver.log"
    with started(*words, log=log, settings=settings) as process:
        yield ready(process, port, log)


@contextmanager
def workers(folder: Path, count: int, *, till: int, box: str) -> Iterator[None]:
    """So many `receiver worker` on one box."""
    with ExitStack() as stack:
        for number in range(count):
            log = folder / f"worker{number}.log"
            stack.enter_context(
                started("receiver", "worker", log=log, settings=set_up(folder, till, box))
            )
        yield


def set_up(folder: Path, till: int, box: str | None) -> Mapping[str, str]:
    config = folder / "receiver.toml"
    config.write_text(TOML.format(till=till))
    return {
        "RECEIVER_CONFIG": str(config),
        "DATABASE_URL": (box or f"sqlite:///{folder / 'box.db'}").replace("+psycopg", ""),
        "SECRET_KEY": "k" * 32,
        "LOG_LEVEL": "info",
        "BENCH_SECRET": SECRET,
        "BENCH_TILL_KEY": "bench",
    }


@contextmanager
def stand_in(app: str, folder: Path) -> Iterator[Server]:
    """One of the apps in `servers`."""
    port, log = free_port(), folder / f"{app}.log"
    with started("tests.bench.servers", app, str(port), log=log, settings={}) as process:
        yield ready(process, port, log)


@contextmanager
def started(
    module: str, *words: str, log: Path, settings: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m module words`. Ended by its id."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *words],
            env={**without_settings(), **settings},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    try:
        yield process
    finally:
        end(process)


def without_settings() -> dict[str, str]:
    """The environment without what the developer's own shell may say of a receiver."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "PYTHON")
    return {name: text for name, text in os.environ.items() if name.startswith(kept)}


def ready(process: subprocess.Popen[bytes], port: int, log: Path) -> Server:
    """Once it is."""
    begun = time.perf_counter()
    while not is_ready(port):
        if process.poll() is not None or time.perf_counter() - begun > START_SECONDS:
            raise RuntimeError(f"{process.args!r} did not start:\n{log.read_text()[-2000:]}")
        time.sleep(LOOK_SECONDS)
    return Server(process, port, time.perf_counter() - begun)


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2):
            return True
    except (OSError, urllib.error.HTTPError):
        return False


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def elsewhere(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `work` returns in a fresh process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=answer, args=(theirs, work, args, kwargs), daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(TURN_SECONDS):
            raise RuntimeError(f"{work.__name__} took longer than {TURN_SECONDS:.0f} s")
        return cast("T", ours.recv())
    except EOFError:
        raise RuntimeError(f"{work.__name__} failed") from None
    finally:
        process.kill()
        process.join()


def answer(pipe: Pipe, work: Callable[..., object], args: Any, kwargs: Any) -> None:
    pipe.send(work(*args, **kwargs))
