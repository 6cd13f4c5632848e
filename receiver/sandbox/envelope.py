"""How OktoPOS says no: one envelope for everything, as a real instance answered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from starlette.responses import JSONResponse

VERSION = "sandbox"
NAMESPACE = "sandbox"
FORBIDDEN = "X-API-Key: rejected, or this interface is not enabled"
UNROUTED = "An unexpected error occurred. Please contact support."


class Refused(Exception):
    """What OktoPOS does not take: a status, the envelope's texts, the data of each."""

    def __init__(self, status: int, *texts: str, data: Mapping[str, object] | None = None) -> None:
        super().__init__(status, *texts)
        self.status = status
        self.texts = texts
        self.data = data or {}


def envelope(refused: Refused, now: datetime) -> JSONResponse:
    messages = [
        {
            "type": "error",
            "text": text,
            "text_ns": NAMESPACE,
            "index": index,
            "data": dict(refused.data),
        }
        for index, text in enumerate(refused.texts)
    ]
    content = {
        "success": False,
        "messages": messages,
        "items": [],
        "timestamp": int(now.timestamp()),
        "version": VERSION,
    }
    return JSONResponse(content, refused.status)
