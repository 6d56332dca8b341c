"""The app's side of the event stream, in plain JSON: what it says and what it hears (docs: events, section 6)."""

import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

Json = dict[str, Any]

SOURCE = "demo-app"
STREAM = "QBSYNC_EVENTS"
DURABLE = "demo-app"
LISTENS_TO = (
    "qbsync.v1.*.*.entity.imported",
    "qbsync.v1.*.wizard.badge.changed",
    "qbsync.v1.*.*.link.*",
    "qbsync.v1.*.*.sync.*",
)
"""What the app's one durable consumer filters for, over all tenants."""


@dataclass(frozen=True)
class Event:
    """One event as it is published: `type` is noun and verb, such as `entity.changed`."""

    id: str
    tenant: str
    type: str
    at: datetime
    body: Json

    @property
    def subject(self) -> str:
        """Where it goes."""
        return f"qbsync.v1.{self.tenant}.app.{self.type}"

    def headers(self) -> dict[str, str]:
        """CloudEvents 1.0 in binary mode. The same id as `Nats-Msg-Id` lets NATS drop a repetition."""
        values = {
            "ce-specversion": "1.0",
            "ce-id": self.id,
            "ce-type": f"qbsync.v1.{self.type}",
            "ce-source": SOURCE,
            "ce-time": _time(self.at),
            "ce-subject": self.subject,
            "ce-dataschema": f"schemas/qbsync.v1.{self.type}.json",
            "ce-tenant": self.tenant,
            "Content-Type": "application/json",
            "Nats-Msg-Id": self.id,
        }
        return {name: quote(value, safe=" ;:/=.,+@") for name, value in values.items()}

    def payload(self) -> bytes:
        """The body makes sense alone: it repeats id, tenant and time."""
        whole = {"id": self.id, "tenant": self.tenant, "occurred_at": _time(self.at), **self.body}
        return json.dumps(whole, ensure_ascii=False).encode()


@dataclass(frozen=True)
class Heard:
    """One event of qbsync. `channel` is `desktop`, `online` or `wizard`."""

    tenant: str
    channel: str
    noun: str
    verb: str
    body: Json

    @property
    def type(self) -> str:
        """Noun and verb: `sync.succeeded`."""
        return f"{self.noun}.{self.verb}"


def make(tenant: str, event_type: str, body: Json, at: datetime) -> Event:
    """A new event with a new id."""
    return Event(uuid.uuid4().hex, tenant, event_type, at, body)


def read(subject: str, payload: bytes) -> Heard:
    """An event as NATS delivered it. Raises ValueError when it is none of version 1."""
    parts = subject.split(".")
    body = json.loads(payload)
    if len(parts) != 6 or parts[:2] != ["qbsync", "v1"] or not isinstance(body, dict):
        raise ValueError(f"not an event of version 1: {subject}")
    return Heard(tenant=parts[2], channel=parts[3], noun=parts[4], verb=parts[5], body=body)


def _time(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
