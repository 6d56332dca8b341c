"""Who uses the app, and how it signs them in to qbsync: a JWT that it signs itself (docs: HTTP, section 7)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import jwt

EVERY_TENANT = "*"


@dataclass(frozen=True)
class Person:
    """Somebody of the tenant's office; `role` is what they may do in qbsync."""

    id: str
    name: str
    role: str
    about: str


PEOPLE = {
    person.id: person
    for person in (
        Person("dana", "Dana", "admin", "office manager: approves, maps, connects"),
        Person("eli", "Eli", "approver", "approves changes, changes no settings"),
        Person("vera", "Vera", "viewer", "looks, approves nothing"),
        Person("olu", "Olu", "operator", "runs qbsync for all tenants"),
    )
}
DEFAULT = PEOPLE["dana"]


class Tokens:
    """Signs tokens with the key that the app shares with qbsync (HS256)."""

    def __init__(self, key: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._key = key
        self._now = now

    def sign(self, *, sub: str, name: str, tenant: str, role: str, minutes: int = 60) -> str:
        """A token for one tenant, or for all (`*`). qbsync takes none that lasts longer than an hour."""
        now = self._now()
        claims = {
            "sub": sub,
            "name": name,
            "tenant": tenant,
            "role": role,
            "aud": "qbsync",
            "iat": now,
            "exp": now + timedelta(minutes=minutes),
        }
        return jwt.encode(claims, self._key, algorithm="HS256")

    def for_person(self, person: Person, tenant: str) -> str:
        """What signs a person in. An operator enters every tenant."""
        scope = EVERY_TENANT if person.role == "operator" else tenant
        return self.sign(sub=f"{scope}/{person.id}", name=person.name, tenant=scope, role=person.role)

    def for_app(self) -> str:
        """What the app itself calls with."""
        return self.sign(sub="demo-app", name="Demo app", tenant=EVERY_TENANT, role="operator", minutes=5)
