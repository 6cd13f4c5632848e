"""What can go wrong right of the bar, named by what is done about it.

Together with the adapters' Rejected and Unreadable these are all the errors the line knows. They
are raised where they are known and caught once, in `pipeline`.
"""

from __future__ import annotations


class Held(Exception):
    """An operator must act first. The text says what is wrong and names both sides of it."""


class Unmapped(Held):
    """OktoPOS does not know an article; held until someone maps the named ones.

    `seen` is the version of the catalogue in which they were looked for.
    """

    def __init__(self, reason: str, seen: int = 0) -> None:
        super().__init__(reason)
        self.seen = seen


class Refused(Exception):
    """The peer refused for good: dead, with its whole answer. `pos` names it if it was one."""

    def __init__(self, reason: str, answer: str = "", *, pos: str | None = None) -> None:
        super().__init__(reason)
        self.answer = answer
        self.pos = pos


class Unavailable(Exception):
    """Try again later.

    `pos` names the POS that failed, if it was one; `sent` says that the request may have been
    carried out all the same; `key_rejected` that we are turned away whatever we send;
    `retry_after` how many seconds the peer asked for.
    """

    def __init__(
        self,
        reason: str,
        answer: str = "",
        *,
        pos: str | None = None,
        sent: bool = False,
        key_rejected: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.answer = answer
        self.pos = pos
        self.sent = sent
        self.key_rejected = key_rejected
        self.retry_after = retry_after
