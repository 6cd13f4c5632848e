"""What the process says of itself: alive, ready, counted."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from receiver import metrics
from receiver.inbox import Inbox, listing, search
from receiver.inbox.migrate import known, newest, revision
from receiver.inbox.records import StoreUnavailable
from receiver.inbox.tables import STANDING_STATES
from receiver.settings.model import Settings

READY_SECONDS = 2.0
LOOPBACK = ("127.0.0.1", "::1")
AWAY = (StoreUnavailable, SQLAlchemyError, TimeoutError)


@dataclass(slots=True)
class Health:
    """What is told about ourselves. The POS being down does not make us unready."""

    settings: Settings
    inbox: Inbox
    draining: Callable[[], bool]
    newest: str | None = field(default_factory=newest)

    async def live(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(self, _: Request) -> Response:
        reasons = ["draining"] if self.draining() else await self.store_troubles()
        return JSONResponse({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)

    async def store_troubles(self) -> list[str]:
        try:
            async with asyncio.timeout(READY_SECONDS):
                found = await self.inbox.read(revision)
        except AWAY:
            return ["the database does not answer"]
        if found == self.newest or (found and not known(found)):  # of a later version: beside us
            return []
        return ["the database is not migrated: receiver migrate"]

    async def metrics(self, request: Request) -> Response:
        if not self.may_read(request):
            return JSONResponse({"error": "set METRICS_TOKEN and send it as bearer"}, 403)
        jobs, risks = await self.counted()
        metrics.jobs.clear()
        metrics.at_risk.clear()
        for state, count in jobs.items():
            metrics.jobs.labels(state).set(count)
        for name, count in risks.items():
            metrics.at_risk.labels(name).set(count)
        return Response(metrics.text(), media_type=metrics.CONTENT_TYPE_LATEST)

    async def counted(self) -> tuple[dict[str, int], dict[str, int]]:
        """How many jobs are in each state, and orders at risk by connection; empty when the
        database does not say."""
        try:
            async with asyncio.timeout(READY_SECONDS):
                found = await self.inbox.read(listing.counts)
                risks = await self.inbox.read(search.at_risk)
        except AWAY:
            return {}, {}
        return (
            {state: found.get(state, 0) for state in STANDING_STATES},
            {name: risks.get(name, 0) for name in self.settings.connections},
        )

    def may_read(self, request: Request) -> bool:
        token = self.settings.metrics_token
        if token:
            given = request.headers.get("authorization", "").encode()
            return secrets.compare_digest(given, f"Bearer {token}".encode())
        if "x-forwarded-for" in request.headers:  # a proxy's loopback is not the caller's
            return False
        return request.client is not None and request.client.host in LOOPBACK
