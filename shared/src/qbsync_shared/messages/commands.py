"""What one service asks of another, each with who and why."""

from enum import StrEnum
from typing import Any

from pydantic import AwareDatetime

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
    """Drop the link of an entity.

    Refused where QuickBooks was seen to hold another record of that name or number that is linked to nothing, unless
    ``sure`` says that somebody looked and it is another one.
    """

    noun = "command"
    verb = "clear-id"

    kind: Kind
    app_id: AppId
    quickbooks_id: str | None = None
    sync_id: str | None = None
    sure: bool = False


class Cancel(_ToConnector):
    """Cancel a sync that is not final, if nothing is in flight."""

    noun = "command"
    verb = "cancel"

    sync_id: str


class Link(_ToConnector):
    """Link a record of the app to one that QuickBooks has.

    ``instead_of`` is the record that it is linked to until now, where that link is to be given up for this one.
    """

    noun = "command"
    verb = "link"

    kind: Kind
    app_id: AppId
    quickbooks_id: str
    sync_id: str | None = None
    instead_of: str | None = None


class LookUp(_ToConnector):
    """Ask what QuickBooks holds under a name or number; ``quickbooks_id`` is a record that a fault named as the owner."""

    noun = "command"
    verb = "look-up"

    kind: Kind
    text: str
    app_id: AppId | None = None
    quickbooks_id: str | None = None
    sync_id: str | None = None


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


class LookUpSource(StrEnum):
    """Where an answer comes from."""

    READ = "read"  # from what was read of QuickBooks before
    QUICKBOOKS = "quickbooks"  # QuickBooks was asked for it


class LookUpAnswered(EditionMessage):
    """What QuickBooks holds under that name or number.

    It comes at once from what was read before, as of ``as_of``; with ``pending`` a second one follows when QuickBooks
    itself has been asked (Desktop: in the next run). ``message`` says why it could not be asked. Each of ``found`` has
    ``quickbooks_id``, ``kind`` (kinds that share the list of names are looked through, too), ``entity``, and ``app_id``
    where it is linked already.
    """

    noun = "lookup"
    verb = "answered"

    command_id: str
    kind: Kind
    text: str
    found: tuple[dict[str, Any], ...] = ()
    source: LookUpSource = LookUpSource.READ
    as_of: AwareDatetime | None = None
    pending: bool = False
    message: str = ""
