"""Causes as cards: what happened, why, what to do, and the buttons that fit."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from qbsync_log.domain.causes import entity_words, title, waits_title
from qbsync_log.domain.unsynced import WAITS_FOR
from qbsync_log.web.showing import Shown
from qbsync_log.web.site import Frame, Site, anchor
from qbsync_shared.catalogue import Action, Guidance
from qbsync_shared.web import Principal, Role


@dataclass(frozen=True)
class Button:
    """A link or a button of a card. ``asks``: it opens a dialog first."""

    text: str
    icon: str
    href: str | None = None
    name: str | None = None
    value: str = ""
    asks: bool = False


@dataclass(frozen=True, kw_only=True)
class Card:
    """One cause."""

    id: str
    cause: str
    title: str
    guidance: Guidance
    code_href: str
    why: str
    said: str
    steps: tuple[str, ...]
    count: int
    total: Decimal | None
    since: datetime
    last: datetime
    rows: list[Shown]
    buttons: tuple[Button, ...]
    tone: str = "bad"

    @property
    def more(self) -> int:
        """How many are not in ``rows``."""
        return max(0, self.count - len(self.rows))

    @property
    def said_of_all(self) -> str:
        """QuickBooks' words where all rows got the same."""
        return self.said if len({row.said for row in self.rows}) == 1 else ""


def make_card(
    site: Site,
    frame: Frame,
    principal: Principal,
    rows: list[Shown],
    waits_for_label: str | None,
    *,
    cause: str,
    count: int,
    total: Decimal | None,
    since: datetime,
    last: datetime,
) -> Card:
    """The card of a cause; ``rows`` has at least one."""
    first = rows[0]
    why = first.why
    assert why is not None
    waits = first.record.standing.waits_for if why.code == WAITS_FOR else None
    needed = entity_words(waits, waits_for_label) if waits else ""
    heading = (
        waits_title(count, first.kind, first.label, waits_for=needed)
        if waits
        else title(count, first.kind, first.label, what=why.title)
    )
    own = why.scope == "any"  # then the message is qbsync's too, not QuickBooks'
    return Card(
        id=f"cause-{anchor(cause)}",
        cause=cause,
        title=heading,
        guidance=why,
        code_href=site.code_href(why.code, edition=frame.tenant.edition),
        why=f"{why.cause} {first.said}" if own and count == 1 else why.cause,
        said="" if own else first.said,
        steps=_steps(why, needed, count),
        count=count,
        total=total or None,
        since=since,
        last=last,
        rows=rows,
        buttons=_buttons(
            site, frame, principal, first, why, needed=waits_for_label or "", count=count, cause=cause
        ),
    )


def _steps(why: Guidance, needed: str, count: int) -> tuple[str, ...]:
    if why.code != WAITS_FOR:
        return why.steps
    goes = "This one then goes by itself." if count == 1 else f"The {count:,} others then go by themselves."
    return (
        f"Bring {needed} into QuickBooks: approve it in the Sync Wizard, or solve its own cause on this page.",
        f"{goes} If not, press Resync.",
    )


def _buttons(
    site: Site,
    frame: Frame,
    principal: Principal,
    first: Shown,
    why: Guidance,
    *,
    needed: str,
    count: int,
    cause: str,
) -> tuple[Button, ...]:
    tenant = frame.tenant.id
    buttons: list[Button] = []
    for action in (Action.REVIEW, *why.actions) if why.code == WAITS_FOR else why.actions:
        match action:
            case Action.REVIEW:
                href = site.wizard_href(tenant, **({"q": needed} if needed else {}))
                buttons.append(
                    Button(f"Review {needed}" if needed else "Open the Sync Wizard", "wizard", href)
                )
            case Action.OPEN_APP:
                app = site.app_href(tenant, first.kind, first.record.known_app_id) if count == 1 else None
                if app:
                    buttons.append(Button(f"Open in {site.settings.app_name}", "external", app))
            case Action.CONNECTION | Action.MAPPINGS:
                assert frame.page.tenant is not None
                href = site.pages.navigation.connections(frame.page.tenant)
                text = "Open Connections" if action is Action.CONNECTION else "Match under Connections"
                buttons.append(Button(text, "connections", href))
            case Action.RESYNC if principal.may(Role.APPROVER):
                buttons.append(_resync(first, count, cause))
            case Action.LINK if principal.may(Role.APPROVER) and count == 1 and first.can_link:
                href = f"/t/{tenant}/unsynced/{first.id}/link"
                buttons.append(Button("Link to this one…", "link", href, asks=True))
            case Action.CLEAR_ID if principal.may(Role.ADMIN) and count == 1:
                href = f"/t/{tenant}/unsynced/{first.id}/clear-id"
                buttons.append(Button("Clear ID…", "unlink", href, asks=True))
            case _:
                pass
    if principal.may(Role.APPROVER) and not any(button.name for button in buttons):
        buttons.append(_resync(first, count, cause))
    return tuple(dict.fromkeys(buttons))


def _resync(first: Shown, count: int, cause: str) -> Button:
    if count == 1:
        return Button("Resync", "retry", name="resync", value=first.id)
    return Button(f"Resync all {count:,}", "retry", name="resync_cause", value=cause)
