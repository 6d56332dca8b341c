"""Passwords of connector users: argon2id at rest, checked off the event loop, remembered for a while once verified."""

import asyncio
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

T = TypeVar("T")

VERIFIED_FOR = timedelta(hours=24)
"""So long an unchanged password of an unchanged user is taken without hashing it again; polls stay cheap by it."""

_KEPT = 20_000
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


class Passwords:
    """Hashes and checks. What is remembered are keyed digests under a key that lives as long as the process."""

    def __init__(self, *, now: Callable[[], datetime], hasher: PasswordHasher | None = None) -> None:
        self._now = now
        self._hasher = hasher or PasswordHasher()
        self._key = secrets.token_bytes(32)
        self._verified: OrderedDict[bytes, datetime] = OrderedDict()
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")
        self._dummy = self._hasher.hash(secrets.token_hex(16))

    async def hash(self, password: str) -> str:
        """The hash that is stored."""
        return await self._run(self._hasher.hash, password)

    def knows(self, stored: str, password: str) -> bool:
        """Whether this password was verified against this hash lately."""
        at = self._verified.get(self._digest(stored, password))
        return at is not None and self._now() - at < VERIFIED_FOR

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password is right; an unknown user takes as long as a wrong password."""
        if stored is not None and self.knows(stored, password):
            return True
        right = await self._run(self._check, stored or self._dummy, password)
        if stored is None or not right:
            return False
        self._verified[self._digest(stored, password)] = self._now()
        while len(self._verified) > _KEPT:
            self._verified.popitem(last=False)
        return True

    def _check(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    def _digest(self, stored: str, password: str) -> bytes:
        return hmac.new(self._key, f"{stored}\0{password}".encode(), hashlib.sha256).digest()

    async def _run(self, function: Callable[..., T], *values: str) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *values)


def new_password(choice: Callable[[str], str] = secrets.choice) -> str:
    """A password that can be typed: four groups of five characters, about 98 bits."""
    return "-".join("".join(choice(_ALPHABET) for _ in range(5)) for _ in range(4))
