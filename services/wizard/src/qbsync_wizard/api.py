"""What all routes of the JSON API share: their tools, who may call, and how refusals are told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from qbsync_shared.postgres import Connection, Database
from qbsync_shared.web import Principal, ProblemError, Role, require
from qbsync_shared.web.problems import unknown_tenant
from qbsync_wizard.domain.matching import Rules
from qbsync_wizard.domain.tenants import Tenant
from qbsync_wizard.errors import RefusedError, UnknownTenantError
from qbsync_wizard.jobs import Jobs
from qbsync_wizard.service.context import Context, Lane, enter, look
from qbsync_wizard.settings import WizardSettings

Viewer = Annotated[Principal, Depends(require(Role.VIEWER))]
Approver = Annotated[Principal, Depends(require(Role.APPROVER))]
Admin = Annotated[Principal, Depends(require(Role.ADMIN))]
Operator = Annotated[Principal, Depends(require(Role.OPERATOR))]


@dataclass(frozen=True)
class Api:
    """What the routes work with."""

    database: Database
    context: Context
    jobs: Jobs
    settings: WizardSettings

    @asynccontextmanager
    async def writing(self, tenant_id: str) -> AsyncIterator[Lane]:
        """One transaction that holds the tenant's lane; refusals become problem details."""
        async with told(), self.database.tenant(tenant_id) as connection:
            yield await enter(connection, self.context, tenant_id)

    @asynccontextmanager
    async def reading(self, tenant_id: str) -> AsyncIterator[tuple[Connection, Tenant]]:
        """One transaction that only looks."""
        async with told(), self.database.tenant(tenant_id) as connection:
            yield connection, await look(connection, tenant_id)


def check_may_approve(tenant: Tenant, principal: Principal) -> None:
    """A rule may leave approving to admins.

    Raises:
        RefusedError: 403.
    """
    if Rules.of(tenant).approve_role == "admin" and not principal.may(Role.ADMIN):
        detail = (
            "A rule of this company leaves approving to admins. Ask one of them, or have the rule changed."
        )
        raise RefusedError("approving-needs-admin", "Only admins approve here", detail, status=403)


@asynccontextmanager
async def told() -> AsyncIterator[None]:
    """Tell the wizard's own refusals as problem details."""
    try:
        yield
    except UnknownTenantError:
        raise unknown_tenant() from None
    except RefusedError as refused:
        raise ProblemError(refused.status, refused.slug, refused.title, refused.detail) from None
