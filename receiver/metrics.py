"""What is counted. Labels come from the set-up only, so their number is bounded."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

__all__ = [
    "CONTENT_TYPE_LATEST",
    "ack_seconds",
    "answers",
    "arrived",
    "at_risk",
    "jobs",
    "margin",
    "paused",
    "settled",
    "text",
]

REGISTRY = CollectorRegistry(auto_describe=True)

arrived = Counter(
    "receiver_deliveries",
    "Requests to webhook addresses by what became of them",
    ["connection", "result"],
    registry=REGISTRY,
)
ack_seconds = Histogram(
    "receiver_ack_seconds",
    "From the request's head to its answer, for deliveries that are kept",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
    registry=REGISTRY,
)
settled = Counter(
    "receiver_settled", "Settled jobs by their state", ["connection", "state"], registry=REGISTRY
)
jobs = Gauge("receiver_jobs", "Jobs that are not at their end", ["state"], registry=REGISTRY)
paused = Gauge(
    "receiver_pos_paused",
    "1 while a POS, or with an @ before its name the platform of a connection, is paused",
    ["pos"],
    registry=REGISTRY,
)
answers = Counter(
    "receiver_answers",
    "Tries to tell platforms of their orders, by what was said and how it ended",
    ["connection", "outcome", "state"],
    registry=REGISTRY,
)
margin = Histogram(
    "receiver_acceptance_margin_seconds",
    "From an order's acceptance to the platform's deadline",
    ["connection"],
    buckets=(0, 15, 30, 60, 90, 120, 180, 300, 480, 690, 900),
    registry=REGISTRY,
)
at_risk = Gauge(
    "receiver_orders_at_risk",
    "Orders that may miss the platform's deadline: their alarm was raised, and nothing has helped",
    ["connection"],
    registry=REGISTRY,
)


def text() -> bytes:
    return generate_latest(REGISTRY)
