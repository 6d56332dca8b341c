"""The base of all messages: a public contract, frozen, additive within ``v1``."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints

from qbsync_shared.ids import TenantId
from qbsync_shared.kinds import Edition

CONTRACT_VERSION = "v1"

MessageId = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Version = Annotated[int, "grows per object in its owner's database; consumers apply only a higher one"]


class Channel(StrEnum):
    """Who speaks: the app, the wizard, or the connector service of an edition."""

    APP = "app"
    WIZARD = "wizard"
    DESKTOP = "desktop"
    ONLINE = "online"


class Message(BaseModel):
    """One fact or command. The body makes sense alone: it repeats id, tenant and time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    noun: ClassVar[str]
    verb: ClassVar[str]
    fixed_channel: ClassVar[Channel | None] = None

    id: MessageId
    tenant: TenantId
    occurred_at: AwareDatetime

    @property
    def channel(self) -> Channel:
        """The third token of the subject."""
        if self.fixed_channel is None:
            raise TypeError(f"{type(self).__name__} does not say its channel")
        return self.fixed_channel

    @property
    def subject(self) -> str:
        """Where it is published."""
        return f"qbsync.{CONTRACT_VERSION}.{self.tenant}.{self.channel.value}.{self.noun}.{self.verb}"

    @classmethod
    def ce_type(cls) -> str:
        """The CloudEvents type: ``qbsync.v1.sync.approved``."""
        return f"qbsync.{CONTRACT_VERSION}.{cls.noun}.{cls.verb}"

    def encode(self) -> bytes:
        """The body: JSON, fields without a value left out."""
        return self.model_dump_json(exclude_none=True, by_alias=True).encode()

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Read a body; fields that this version does not know yet are ignored.

        Raises:
            pydantic.ValidationError: it is not such a message.
        """
        return cls.model_validate_json(body, extra="ignore")


class EditionMessage(Message):
    """A message of, or to, the connector service of an edition."""

    edition: Edition

    @property
    def channel(self) -> Channel:
        return Channel(self.edition.value)


def stamp(make_id: str, tenant: str, at: datetime) -> dict[str, Any]:
    """The three fields that every message carries, to be spread into its constructor."""
    return {"id": make_id, "tenant": tenant, "occurred_at": at}
