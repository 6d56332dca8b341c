"""What the connector services read in QuickBooks, and the links they keep."""

from typing import Any

from pydantic import AwareDatetime, Field

from qbsync_shared.ids import AppId
from qbsync_shared.kinds import Kind
from qbsync_shared.messages.base import EditionMessage, Version


class QuickBooksEntityChanged(EditionMessage):
    """An entity is new, changed or deleted in QuickBooks.

    ``entity`` is in the contract's form with references as ``{"app_id"?, "quickbooks_id", "name"}``. ``for_matching``
    marks a kind whose import is off: it is told only so that duplicates can be seen before approval.
    """

    noun = "entity"
    verb = "changed"

    version: Version
    kind: Kind
    quickbooks_id: str
    app_id: AppId | None = None
    entity: dict[str, Any] | None = None
    deleted: bool = False
    for_matching: bool = False
    changed_at: AwareDatetime | None = None


class EntityImported(EditionMessage):
    """An approved import for the app, which applies it once per ``sync_id`` and answers applied or rejected."""

    noun = "entity"
    verb = "imported"

    sync_id: str
    kind: Kind
    quickbooks_id: str
    app_id: AppId | None = None
    entity: dict[str, Any]
    changed: tuple[str, ...] = ()
    deleted: bool = False


class LinkCreated(EditionMessage):
    """An app id and a QuickBooks id belong together, or their common snapshot moved on.

    ``sent`` is what the app's side looked like, ``returned`` what QuickBooks holds. ``by``, ``why`` and ``command_id``
    are there where a person linked them by a command.
    """

    noun = "link"
    verb = "created"

    version: Version
    kind: Kind
    app_id: AppId
    quickbooks_id: str
    sync_id: str | None = None
    sent: dict[str, Any] = Field(default_factory=dict)
    returned: dict[str, Any] = Field(default_factory=dict)
    by: str | None = None
    why: str = ""
    command_id: str | None = None


class LinkCleared(EditionMessage):
    """A link was dropped: the next sync creates the entity anew."""

    noun = "link"
    verb = "cleared"

    version: Version
    kind: Kind
    app_id: AppId
    quickbooks_id: str
    by: str
    why: str
    command_id: str | None = None
