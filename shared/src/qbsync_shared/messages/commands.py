"""What one service asks of another, each with who and why."""

from typing import Any

from qbsync_shared.ids import AppId
from qbsync_shared.kinds import Edition, Kind
from qbsync_shared.messages.base import Channel, EditionMessage, Message


class _Wanted(Message):
    by: str
    why: str = ""


class Resync(_Wanted):
    """Approve an unsynced entity again with its current data; answered by a new ``sync.approved``."""

    noun = "command"
    verb = "resync"
    fixed_channel = Channel.WIZARD

    edition: Edition
    sync_id: str
    kind: Kind
    app_id: AppId | None = None
    quickbooks_id: str | None = None
    after_clear_id: bool = False


class _ToConnector(EditionMessage):
    by: str
    why: str = ""


class ClearId(_ToConnector):
    """Drop the link of an entity."""

    noun = "command"
    verb = "clear-id"

    kind: Kind
    app_id: AppId
    quickbooks_id: str | None = None
    sync_id: str | None = None


class Cancel(_ToConnector):
    """Cancel a sync that is not final, if nothing is in flight."""

    noun = "command"
    verb = "cancel"

    sync_id: str


class Link(_ToConnector):
    """Link a record of the app to one that QuickBooks has."""

    noun = "command"
    verb = "link"

    kind: Kind
    app_id: AppId
    quickbooks_id: str


class LookUp(_ToConnector):
    """Ask what QuickBooks holds under a name or number."""

    noun = "command"
    verb = "look-up"

    kind: Kind
    text: str
    app_id: AppId | None = None


class Pause(_ToConnector):
    """Send nothing more until resumed."""

    noun = "command"
    verb = "pause"

    kind: Kind | None = None


class Resume(_ToConnector):
    """Send again."""

    noun = "command"
    verb = "resume"

    kind: Kind | None = None


class CommandRefused(Message):
    """A command was not carried out, and why."""

    noun = "command"
    verb = "refused"

    speaker: Channel
    command_id: str
    command: str
    code: str
    message: str
    sync_id: str | None = None

    @property
    def channel(self) -> Channel:
        return self.speaker


class LookUpAnswered(EditionMessage):
    """What QuickBooks holds under that name or number."""

    noun = "lookup"
    verb = "answered"

    command_id: str
    kind: Kind
    text: str
    found: tuple[dict[str, Any], ...] = ()
