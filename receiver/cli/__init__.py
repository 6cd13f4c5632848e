"""The commands, and the only place where the platforms and the receiver come together.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the check of the set-up failed.
"""

from __future__ import annotations

import typer

from receiver.cli import (
    articles,
    bench,
    check,
    copies,
    deliveries,
    demo,
    pos,
    process,
    quarantine,
    reconcile,
    replay,
    report,
)
from receiver.cli.explain import Explaining
from receiver.cli.purge import purge
from receiver.cli.transfer import transfer

app = typer.Typer(
    cls=Explaining,
    help="Webhooks of delivery platforms, shops and payment providers, brought to OktoPOS.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for name, command in (
    ("serve", process.serve),
    ("worker", process.worker),
    ("migrate", process.migrate),
    ("check", check.check),
    ("demo", demo.demo),
    ("sandbox", process.sandbox),
    ("replay", replay.replay),
    ("reconcile", reconcile.reconcile),
    ("report", report.report),
    ("purge", purge),
    ("backup", copies.backup),
    ("restore", copies.restore),
    ("transfer", transfer),
):
    app.command(name)(command)
app.command("bench", context_settings=bench.PASSED_ON)(bench.bench)
app.add_typer(articles.app, name="articles")
app.add_typer(deliveries.app, name="deliveries")
app.add_typer(pos.app, name="pos")
app.add_typer(quarantine.app, name="quarantine")
