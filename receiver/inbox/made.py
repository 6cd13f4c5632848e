"""Records made of rows as they stand in the box."""

from __future__ import annotations

import json
from typing import Any

from adapters.contract import Delivery
from receiver.inbox.records import Job, PosState, moment
from receiver.inbox.tables import NEVER


def pos_state(row: Any) -> PosState:
    return PosState(
        row["pos"], row["failures"], row["paused"], moment(row["probe_at"]), row["reason"]
    )


def job(row: Any, *, probe: bool = False) -> Job:
    return Job(
        id=row["jobs_id"],
        delivery_row=row["deliveries_id"],
        delivery=delivery(row, "deliveries_"),
        connection=row["jobs_connection"],
        queue=row["jobs_queue"],
        pos=row["jobs_pos"],
        fence=row["jobs_fence"],
        failures=row["jobs_failures"],
        sent=bool(row["jobs_sent"]),
        since=moment(row["jobs_since"]),
        call=row["jobs_call"],
        cleared=bool(row["jobs_cleared"]),
        probe=probe,
        deadline=None if row["jobs_deadline"] >= NEVER else moment(row["jobs_deadline"]),
        alarm_at=None if row["jobs_alarm_at"] is None else moment(row["jobs_alarm_at"]),
        at_risk=bool(row["jobs_at_risk"]),
    )


def delivery(row: Any, prefix: str = "") -> Delivery:
    return Delivery(
        method=row[f"{prefix}method"],
        url=row[f"{prefix}url"],
        path=row[f"{prefix}path"],
        headers=json.loads(row[f"{prefix}headers"]),
        body=bytes(row[f"{prefix}body"]),
        received_at=moment(row[f"{prefix}received_at"]),
    )
