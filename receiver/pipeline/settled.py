"""What is said of a job that was settled: a line of the log, and numbers for Prometheus."""

from __future__ import annotations

from datetime import datetime

from receiver import log, metrics
from receiver.inbox.records import Job, Settled, Settlement, State
from receiver.pipeline.answers import outcome_of
from receiver.pipeline.deadlines import raised

logger = log.logger()


def report(job: Job, settlement: Settlement, settled: Settled, now: datetime) -> None:
    state = str(settlement.state) if settled.ours else "taken_over"
    metrics.settled.labels(job.connection, state).inc()
    outcomes = [step.outcome for step in settlement.attempts]
    pos = settlement.pos or job.pos
    level = logger.error if "alert" in outcomes or state == State.DEAD else logger.info
    level("settled", connection=job.connection, job=job.id, state=state, outcome=outcomes, pos=pos)
    if settled.ours:
        report_order(job, settlement, pos, now)


def report_order(job: Job, settlement: Settlement, pos: str | None, now: datetime) -> None:
    """What was said of it in time, and what will not be."""
    if raised(settlement):
        logger.error(
            "order_at_risk",
            connection=job.connection,
            job=job.id,
            pos=pos,
            deadline=settlement.deadline and settlement.deadline.isoformat(),
        )
    if (outcome := outcome_of(job)) is None:
        return
    metrics.answers.labels(job.connection, outcome, settlement.state).inc()
    if outcome == "created" and job.deadline and settlement.state is State.DONE:
        metrics.margin.labels(job.connection).observe((job.deadline - now).total_seconds())
