"""Who is signed in, and who may try to be.

A session is a signed cookie: nothing of it is kept here, so any process knows it and a restart ends
none. Its signature is made with SECRET_KEY and the password, so a new password ends all of them.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from itsdangerous import BadData, URLSafeTimedSerializer

SESSION_SECONDS = 12 * 60 * 60
NOTICE_SECONDS = 60
WINDOW_SECONDS = 15 * 60.0
OF_ONE, OF_ALL = 10, 500  # wrong passwords within the window


@dataclass(frozen=True, slots=True)
class Session:
    id: str  # who, in the log
    token: str  # what each of its forms must bring


@dataclass(frozen=True, slots=True)
class Sessions:
    cookies: URLSafeTimedSerializer
    notices: URLSafeTimedSerializer

    @classmethod
    def of(cls, keys: Sequence[str], password: str) -> Sessions:
        """`keys` as in SECRET_KEY, newest first: any of them may have signed."""
        return cls(sealing(keys, f"session {password}"), sealing(keys, f"notice {password}"))

    def begin(self) -> tuple[Session, str]:
        """A new session, and its cookie."""
        session = Session(secrets.token_hex(6), secrets.token_urlsafe(24))
        return session, self.cookies.dumps([session.id, session.token])

    def read(self, cookie: str) -> Session | None:
        try:
            return Session(*self.cookies.loads(cookie, max_age=SESSION_SECONDS))
        except BadData:
            return None

    def note(self, text: str) -> str:
        """Something to be said on the next page, as that page's address carries it."""
        return self.notices.dumps(text)

    def noted(self, sealed: str) -> str | None:
        try:
            return str(self.notices.loads(sealed, max_age=NOTICE_SECONDS))
        except BadData:
            return None


def sealing(keys: Sequence[str], purpose: str) -> URLSafeTimedSerializer:
    """It takes its keys oldest first, and a digest of its own choice."""
    how = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    return URLSafeTimedSerializer([*reversed(keys)], salt=f"console {purpose}", signer_kwargs=how)


@dataclass(slots=True)
class Guesses:
    """Wrong passwords of late, so that there are never many.

    In memory and for each process: several of them multiply small numbers, a restart allows as many
    again. The limit for all stands where one caller can pass for many; who is signed in stays so.
    """

    clock: Callable[[], float] = time.monotonic
    wrong: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=OF_ALL))

    def wait(self, who: str) -> float:
        """Seconds until `who` may try again; 0: now."""
        now = self.clock()
        while self.wrong and self.wrong[0][0] <= now - WINDOW_SECONDS:
            self.wrong.popleft()
        mine = [at for at, one in self.wrong if one == who]
        if len(mine) >= OF_ONE:
            return mine[-OF_ONE] + WINDOW_SECONDS - now
        return self.wrong[0][0] + WINDOW_SECONDS - now if len(self.wrong) >= OF_ALL else 0.0

    def note(self, who: str) -> None:
        self.wrong.append((self.clock(), who))
