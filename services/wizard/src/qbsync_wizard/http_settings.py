"""Routes of what an admin sets: QuickBooks' lists, what the app's words stand for in them, and the rules."""

from typing import Annotated

from fastapi import APIRouter, Query

from qbsync_shared.ids import AppId, TenantId
from qbsync_shared.kinds import Direction, Kind
from qbsync_shared.web import ProblemError
from qbsync_wizard import schemas
from qbsync_wizard.api import Admin, Api, Viewer
from qbsync_wizard.domain.company import DEFAULTS
from qbsync_wizard.domain.matching import MAPPED_KINDS, Rules, choosable
from qbsync_wizard.postgres import lists
from qbsync_wizard.service import configuring
from qbsync_wizard.service.configuring import mapped_kind

Word = Annotated[str, Query(max_length=200)]


def add(routes: APIRouter, api: Api) -> None:
    """Add them."""
    _add_mappings(routes, api)
    _add_choices(routes, api)
    _add_rules(routes, api)


def _add_mappings(routes: APIRouter, api: Api) -> None:
    @routes.get("/tenants/{tenant}/lists/{kind}")
    async def get_list(tenant: TenantId, kind: Kind, _: Viewer) -> schemas.Entries:
        """The active entries of one of QuickBooks' lists, as they were last read."""
        async with api.reading(tenant) as (connection, _tenant):
            found = await lists.entries(connection, tenant, mapped_kind(kind.value))
        return schemas.Entries(
            items=[schemas.EntryAnswer(quickbooks_id=one.quickbooks_id, name=one.name) for one in found]
        )

    @routes.get("/tenants/{tenant}/mappings")
    async def get_mappings(
        tenant: TenantId, _: Viewer, kind: Kind | None = None, q: Word = ""
    ) -> schemas.Mappings:
        """The words that the app uses for entries of QuickBooks' lists, and what they stand for; those that need somebody first."""
        async with api.reading(tenant) as (connection, found):
            kinds = [mapped_kind(kind.value)] if kind else list(MAPPED_KINDS)
            parts = [await configuring.word_list(connection, found, one, q=q) for one in kinds]
        return schemas.Mappings(
            items=[
                schemas.MappingAnswer(
                    kind=one.kind,
                    word=one.word,
                    state=one.match,
                    quickbooks_id=one.entry.quickbooks_id if one.entry else None,
                    quickbooks_name=one.entry.name if one.entry else None,
                )
                for part in parts
                for one in part.words
            ],
            missing=sum(part.missing for part in parts),
        )

    @routes.put("/tenants/{tenant}/mappings/{kind}")
    async def put_mappings(
        tenant: TenantId, kind: Kind, body: schemas.MappingsBody, principal: Admin
    ) -> schemas.Changed:
        """Say what words stand for; without ``quickbooks_id`` a word goes by the same name again. All or nothing."""
        choices = {one.word: one.quickbooks_id for one in body.mappings}
        async with api.writing(tenant) as lane:
            faults = await configuring.choose_words(lane, mapped_kind(kind.value), choices, by=principal.name)
            _refuse(faults)
        api.jobs.wake()
        return schemas.Changed(changed=len(choices))


def _add_choices(routes: APIRouter, api: Api) -> None:
    @routes.put("/tenants/{tenant}/item-choices/{app_id}")
    async def put_item_choices(
        tenant: TenantId, app_id: AppId, body: schemas.ItemChoicesBody, principal: Admin
    ) -> schemas.Changed:
        """Say which account or tax code an item gets that does not say it itself; ``null`` takes it back."""
        given = body.model_dump(exclude_unset=True)
        async with api.writing(tenant) as lane:
            for field, entry_id in given.items():
                faults = await configuring.choose_for_items(
                    lane, field, {app_id: entry_id}, by=principal.name
                )
                if app_id in faults:
                    _refuse({field: faults[app_id]})
        api.jobs.wake()
        return schemas.Changed(changed=len(given))

    @routes.put("/tenants/{tenant}/defaults")
    async def put_defaults(tenant: TenantId, body: schemas.DefaultsBody, principal: Admin) -> schemas.Changed:
        """Say what records get that name no class, tax code or deposit account; ``null`` for none."""
        given = {
            f"default_{name}": one for name, one in body.model_dump(exclude_unset=True, by_alias=True).items()
        }
        assert given.keys() <= DEFAULTS.keys()
        async with api.writing(tenant) as lane:
            _refuse(await configuring.choose_defaults(lane, given, by=principal.name))
        api.jobs.wake()
        return schemas.Changed(changed=len(given))


def _refuse(faults: dict[str, str]) -> None:
    if faults:
        errors = [{"in": "body", "pointer": f"#/{name}", "detail": text} for name, text in faults.items()]
        raise ProblemError(422, "not-in-the-list", "QuickBooks has no such entry", errors=errors)


def _add_rules(routes: APIRouter, api: Api) -> None:
    @routes.get("/tenants/{tenant}/rules")
    async def get_rules(tenant: TenantId, _: Viewer) -> schemas.RulesBody:
        """What goes without review, who approves, from when on, and the hold before sending."""
        async with api.reading(tenant) as (_connection, found):
            return _told(Rules.of(found))

    @routes.put("/tenants/{tenant}/rules")
    async def put_rules(tenant: TenantId, body: schemas.RulesBody, principal: Admin) -> schemas.RulesBody:
        """Set the rules, all of them."""
        pairs = frozenset((one.kind, one.direction) for one in body.auto_approve)
        for kind, direction in sorted(pairs - set(choosable())):
            way = "from" if direction is Direction.IMPORT else "to"
            detail = f"A {kind.label} does not go {way} QuickBooks."
            raise ProblemError(422, "invalid", "The request does not fit", detail)
        wanted = Rules(
            auto_approve=pairs,
            approve_role=body.approve_role,
            import_since=body.import_since,
            hold_seconds=body.hold_seconds,
        )
        async with api.writing(tenant) as lane:
            await configuring.set_rules(lane, wanted, by=principal.name)
        api.jobs.wake()
        return _told(wanted)


def _told(rules: Rules) -> schemas.RulesBody:
    return schemas.RulesBody(
        auto_approve=[
            schemas.AutoApprove(kind=kind, direction=direction)
            for kind, direction in sorted(rules.auto_approve)
        ],
        approve_role="admin" if rules.approve_role == "admin" else "approver",
        import_since=rules.import_since,
        hold_seconds=rules.hold_seconds,
    )
