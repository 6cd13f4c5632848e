"""The box's tables. Times are Unix milliseconds (UTC), money is minor units.

Bodies live with the deliveries; what is searched and claimed all day are the jobs, whose open ones
have partial indexes of their own, so that claiming costs the same however much is kept.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    ForeignKey,
    FromClause,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    and_,
    false,
    literal_column,
)

metadata = MetaData()
NEVER = 253_402_300_799_000
"""The end of the year 9999, for what need not happen before any time: so that it comes last."""


def among(column: ColumnElement[str], *states: str) -> ColumnElement[bool]:
    """Written out as literals: a partial index serves only the very condition it was made with."""
    return column.in_([literal_column(f"'{state}'") for state in states])


Key = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by INTEGER only

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Key, primary_key=True),
    Column("connection", Text, nullable=False),
    Column("delivery_id", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("headers", Text, nullable=False),  # JSON object, only what the adapter reads
    Column("body", LargeBinary, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("arrivals", Integer, nullable=False, server_default="1"),
    Column("purged_at", BigInteger),  # since then only that it came is known
    UniqueConstraint("connection", "delivery_id"),
)
UNPURGED = deliveries.c.purged_at.is_(None)
Index(
    "deliveries_unpurged",
    deliveries.c.received_at,
    deliveries.c.id,
    sqlite_where=UNPURGED,
    postgresql_where=UNPURGED,
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Key, primary_key=True),
    Column("delivery", Key, ForeignKey("deliveries.id"), nullable=False),
    Column("call", Text),  # JSON: an answer to the platform; none: process the delivery
    Column("connection", Text, nullable=False),
    Column("queue", Text, nullable=False),  # one at a time, in order of id
    Column("overtakes", Boolean, nullable=False),  # need not wait for those before it
    Column("pos", Text),  # "@" and the connection for an answer to the platform
    Column("lane", Text, nullable=False),  # from whom to whom: each has its share of the worker
    Column("state", Text, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("since", BigInteger, nullable=False),  # retries are given up a day after this
    Column("owner", Text),  # the worker that has it
    Column("fence", Integer, nullable=False, server_default="0"),  # counts claims
    Column("failures", Integer, nullable=False, server_default="0"),  # in a row
    Column("sent", Boolean, nullable=False),  # the POS may have it from an earlier try
    Column("cleared", Boolean, nullable=False, server_default=false()),  # look taken: send it
    Column("awaits", Text),  # the reference of the order it waits for
    Column("reason", Text),
    Column("updated_at", BigInteger, nullable=False),
    Column("deadline", BigInteger, nullable=False, server_default=str(NEVER)),  # the platform's
    Column("alarm_at", BigInteger),  # then it is woken, while there is time; none: no need
    Column("at_risk", Boolean, nullable=False, server_default=false()),  # the alarm was raised
    Column("behind", Boolean, nullable=False, server_default=false()),  # ready, but not its turn
    Column("ended_at", BigInteger),  # nothing is to be done any more; none: it stands
)
OPEN_STATES = ("ready", "waiting")
STANDING_STATES = ("ready", "waiting", "running", "held")
READY = among(jobs.c.state, "ready")  # due at once: the soonest deadline first
Index(
    "jobs_ready",
    jobs.c.behind,
    jobs.c.lane,
    jobs.c.deadline,
    jobs.c.id,
    sqlite_where=READY,
    postgresql_where=READY,
)
WAITING = among(jobs.c.state, "waiting")
Index(
    "jobs_due",
    jobs.c.lane,
    jobs.c.due_at,
    jobs.c.id,
    sqlite_where=WAITING,
    postgresql_where=WAITING,
)
ALARMED = and_(jobs.c.alarm_at.is_not(None), among(jobs.c.state, "waiting", "held"))
Index("jobs_alarm", jobs.c.alarm_at, sqlite_where=ALARMED, postgresql_where=ALARMED)


def stands(table: FromClause) -> ColumnElement[bool]:
    """Of jobs by whatever name. Their state says it; that none has ended leads to the index."""
    return and_(table.c.ended_at.is_(None), among(table.c.state, *STANDING_STATES))


STANDING = stands(jobs)
Index(
    "jobs_queue",
    jobs.c.queue,
    jobs.c.id,
    sqlite_where=jobs.c.ended_at.is_(None),  # SQLite writes an entry anew when its state changes
    postgresql_where=among(jobs.c.state, *STANDING_STATES),
)
RUNNING = among(jobs.c.state, "running")
Index("jobs_running", jobs.c.queue, sqlite_where=RUNNING, postgresql_where=RUNNING)
AWAITING = jobs.c.awaits.is_not(None)
Index("jobs_awaits", jobs.c.awaits, sqlite_where=AWAITING, postgresql_where=AWAITING)
Index("jobs_delivery", jobs.c.delivery)
ATTENTION = among(jobs.c.state, "held", "dead")
Index("jobs_attention", jobs.c.id, sqlite_where=ATTENTION, postgresql_where=ATTENTION)
ENDED = among(jobs.c.state, "done", "ignored", "dead")
Index("jobs_ended", jobs.c.queue, sqlite_where=ENDED, postgresql_where=ENDED)
AT_REST = among(jobs.c.state, "waiting", "held", "done", "ignored", "dead")
"""Said by whoever lists: else SQLite would go by this index where another is far better. Claiming
leaves it alone: what is ready or running is found by the index that it is claimed by."""
Index("jobs_listed", jobs.c.state, jobs.c.id, sqlite_where=AT_REST, postgresql_where=AT_REST)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Key, primary_key=True),
    Column("job", Key, ForeignKey("jobs.id"), nullable=False, index=True),
    Column("at", BigInteger, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("answer", Text),  # the peer's, whole
)

orders = Table(
    "orders",
    metadata,
    Column("order_id", Text, primary_key=True),  # as OktoPOS knows it
    Column("connection", Text, nullable=False),
    Column("pos", Text, nullable=False),
    Column("platform_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("internal_id", BigInteger),
    Column("display_id", Text),
    Column("total", BigInteger),
    Column("tip", BigInteger),
    Column("cancellation", Text),  # JSON, of one that came before the order stood at OktoPOS
    Column("created_at", BigInteger, nullable=False, index=True),
    Column("figures", Text),  # JSON: what it came to, by tax rate and by whose it is
    Column("delivery", BigInteger),  # that it came with last: what answers are made from
    Column("answering", Text),  # JSON: what of the order they are made from, nobody's data
    Column("ready_at", BigInteger),  # when its platform was told, once and for ever
)

order_references = Table(
    "order_references",
    metadata,
    Column("reference", Text, primary_key=True),
    Column("order_id", Text, ForeignKey("orders.order_id"), primary_key=True),
)

payments = Table(
    "payments",
    metadata,
    Column("pos", Text, primary_key=True),
    Column("order_id", Text, primary_key=True),  # as sent to OktoPOS
    Column("status", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("reversal", Boolean, nullable=False),
)

payment_references = Table(
    "payment_references",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("payment_id", Text, primary_key=True),
    Column("reference", Text, nullable=False),
)

articles = Table(
    "articles",
    metadata,
    Column("pos", Text, primary_key=True),
    Column("id", Text, primary_key=True),  # OktoPOS' number of it
    Column("valid_from", BigInteger, primary_key=True),  # when a sync first found it so
    Column("name", Text, nullable=False),
    Column("external_reference", Text),
    Column("material_number", Text),
    Column("prices", Text, nullable=False),  # JSON, per channel; empty: no longer listed
    Index("articles_external_reference", "pos", "external_reference", "id"),
    Index("articles_material_number", "pos", "material_number", "id"),
)

article_mappings = Table(
    "article_mappings",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("reference", Text, primary_key=True),  # the platform's
    Column("article", Text, nullable=False),  # OktoPOS' id
    Column("channel", Integer),  # distribution channel; none: the order's
)

catalogues = Table(
    "catalogues",
    metadata,
    Column("pos", Text, primary_key=True),  # "" for what operators map
    Column("version", Integer, nullable=False),  # counts changes
    Column("synced_at", BigInteger),  # the last sync that succeeded
    Column("articles", Integer, nullable=False, server_default="0"),
    Column("channels", Text),  # JSON: token by id
    Column("tried_at", BigInteger),
    Column("problem", Text),  # of the last try; none: it succeeded
)

pos_states = Table(
    "pos_states",
    metadata,
    Column("pos", Text, primary_key=True),
    Column("failures", Integer, nullable=False),  # in a row
    Column("paused", Text),  # "failing" or "operator"; none: open
    Column("probe_at", BigInteger, nullable=False),
    Column("reason", Text),
)

polls = Table(
    "polls",
    metadata,
    Column("pos", Text, primary_key=True),
    Column("worker", Text, nullable=False),  # asks for ready orders, as long as it lives
)

tokens = Table(
    "tokens",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("origin", Text, nullable=False),  # digest of the setting that the kept one came from
    Column("sealed", Text),  # the refresh token that is next, encrypted
    Column("busy_until", BigInteger, nullable=False),  # a worker is using it up
)

workers = Table(
    "workers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("seen_at", BigInteger, nullable=False, index=True),
)

purges = Table(
    "purges",
    metadata,
    Column("what", Text, primary_key=True),
    Column("begun_at", BigInteger, nullable=False),  # of several workers one does it
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Key, primary_key=True),
    Column("connection", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("headers", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("received_at", BigInteger, nullable=False, index=True),
    Column("reason", Text, nullable=False),
)
