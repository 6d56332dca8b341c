"""What the app says."""

from typing import Self

from pydantic import model_validator

from qbsync_shared.entities import AnyEntity
from qbsync_shared.entities.base import Revision
from qbsync_shared.ids import AppId
from qbsync_shared.kinds import Kind
from qbsync_shared.messages.base import Channel, Message


class AppEntityChanged(Message):
    """A record of the app is new or changed, or was deleted (then ``kind``, ``app_id`` and ``revision`` say which).

    ``import_sync_id`` marks a change that an import caused.
    """

    noun = "entity"
    verb = "changed"
    fixed_channel = Channel.APP

    entity: AnyEntity | None = None
    deleted: bool = False
    kind: Kind | None = None
    app_id: AppId | None = None
    revision: Revision | None = None
    import_sync_id: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.deleted:
            if self.entity is not None or not (self.kind and self.app_id and self.revision):
                raise ValueError("a deletion carries kind, app_id and revision, and no entity")
        elif self.entity is None or not (self.entity.app_id and self.entity.revision):
            raise ValueError("a change carries the entity with app_id and revision")
        return self


class EntityApplied(Message):
    """The app applied an import."""

    noun = "entity"
    verb = "applied"
    fixed_channel = Channel.APP

    sync_id: str
    app_id: AppId
    revision: Revision


class EntityRejected(Message):
    """The app refused an import."""

    noun = "entity"
    verb = "rejected"
    fixed_channel = Channel.APP

    sync_id: str
    reason: str
