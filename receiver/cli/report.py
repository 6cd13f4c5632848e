"""`report`: what one day's orders came to, for the books and for mending at the till."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import typer

from receiver.cli.explain import Failure
from receiver.cli.setup import box, settings
from receiver.cli.shown import Json, money, print_json, print_table
from receiver.inbox import search
from receiver.pipeline.tools import now
from receiver.settings import Settings

COLUMNS = ("pos", "connection", "what", "of", "amount")


@dataclass(slots=True)
class Day:
    """One connection's orders at one POS. Minor units; what was canceled is not in the sums."""

    orders: int = 0
    canceled: int = 0
    total: int = 0
    turnover: Counter[str] = field(default_factory=Counter)  # by tax rate
    fees: Counter[str] = field(default_factory=Counter)  # by whose they are, so the next two
    discounts: Counter[str] = field(default_factory=Counter)
    tips: Counter[str] = field(default_factory=Counter)
    fallback: Counter[str] = field(default_factory=Counter)  # names, and how often
    name: Counter[str] = field(default_factory=Counter)


SUMS = ("turnover", "fees", "discounts", "tips")
NAMES: tuple[Literal["fallback", "name"], ...] = ("fallback", "name")


def report(
    day: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Today without; by each till's clock."),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="For a spreadsheet.")] = False,
    as_json: Json = False,
) -> None:
    """Orders by platform, turnover by tax rate, tips, fees and discounts by whose they are, and
    what was booked by a fallback article or by its name alone."""
    if as_csv and as_json:
        raise Failure("choose one of --csv and --json")
    found = settings()
    days = summed_up(found, day.date() if day else None)
    if as_json:
        print_json([whole(*key, one) for key, one in days.items()])
    elif as_csv:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([COLUMNS, *rows(days)])
        typer.echo(text.getvalue(), nl=False)
    else:
        print_table(COLUMNS, list(rows(days)))


def summed_up(found: Settings, day: date | None) -> Mapping[tuple[str, str], Day]:
    """By POS and connection."""
    days: dict[tuple[str, str], Day] = {}
    with box() as opened:
        for pos in found.pos.values():
            zone = ZoneInfo(pos.timezone)
            start = datetime.combine(day or now().astimezone(zone).date(), time(), zone)
            end = datetime.combine(start.date() + timedelta(days=1), time(), zone)
            for row in search.orders_between(opened, pos.name, start, end):
                count(days.setdefault((pos.name, row["connection"]), Day()), row)
    return dict(sorted(days.items()))


def count(one: Day, row: Mapping[str, Any]) -> None:
    if row["state"] == "canceled":
        one.canceled += 1
        return
    one.orders += 1
    one.total += row["total"] or 0
    figures = json.loads(row["figures"] or "{}")
    for what in SUMS:
        getattr(one, what).update(figures.get(what, {}))
    for how in NAMES:
        getattr(one, how).update(figures.get(how, ()))


def whole(pos: str, connection: str, one: Day) -> dict[str, object]:
    values = {each.name: getattr(one, each.name) for each in fields(one)}
    return {"pos": pos, "connection": connection, **values}


def rows(days: Mapping[tuple[str, str], Day]) -> Iterator[Sequence[object]]:
    for (pos, connection), one in days.items():
        yield pos, connection, "orders", "", one.orders
        yield pos, connection, "canceled", "", one.canceled
        yield pos, connection, "booked", "", money(one.total)
        for what in SUMS:
            for of, amount in sorted(getattr(one, what).items()):
                yield pos, connection, what, of, money(amount)
        for how in NAMES:
            for name, times in sorted(getattr(one, how).items()):
                yield pos, connection, f"by {how}", name, times
