"""The JSON API of a connector: its user, the .qwc file, health, runs with their transcripts, the company file."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, ConfigDict

from qbsync_qbwc_gateway.binding import Binding, NotNowError
from qbsync_qbwc_gateway.qwc import QwcChoices
from qbsync_qbwc_gateway.service import Connectors, Health, NameTakenError, NotForDesktopError
from qbsync_qbwc_gateway.session.model import Session
from qbsync_shared.ids import TenantId
from qbsync_shared.kinds import Kind
from qbsync_shared.web import Principal, Role, require
from qbsync_shared.web.problems import ProblemError, conflict, not_found, unknown_tenant

Viewer = Annotated[Principal, Depends(require(Role.VIEWER))]
Admin = Annotated[Principal, Depends(require(Role.ADMIN))]
SessionId = Annotated[str, Path(max_length=60)]

_TENANT = "/api/v1/tenants/{tenant}"


class ConnectorAccess(BaseModel):
    """User and password of the Web Connector; the password is shown this once."""

    username: str
    password: str


class ConnectorRun(BaseModel):
    """One run of the Web Connector."""

    session_id: str
    started_at: datetime
    ended_at: datetime | None
    round_trips: int
    sent: int
    received: int
    failed: int
    result: str | None


class InDoubt(BaseModel):
    """A message set whose answer got lost: it goes again under the same id. ``records``: how many of each kind."""

    model_config = ConfigDict(from_attributes=True)

    set_id: str
    sent_at: datetime | None
    records: dict[Kind, int]


class ConnectorHealth(BaseModel):
    """How the connection stands."""

    model_config = ConfigDict(from_attributes=True)

    state: str
    code: str | None
    message: str | None
    username: str
    company_file: str | None
    company_name: str | None
    last_seen_at: datetime | None
    next_expected_at: datetime | None
    last_result: str | None
    last_read_at: datetime | None
    connector_version: str | None
    quickbooks: dict[str, Any]
    in_doubt_sets: int
    in_doubt: list[InDoubt]
    waiting: int
    paused: list[str]
    sessions: list[ConnectorRun]


class ConnectorCall(BaseModel):
    """One call of a run. ``note``: names, counts, status codes and sizes in characters; no contents of records."""

    model_config = ConfigDict(from_attributes=True)

    position: int
    at: datetime
    call: str
    took_ms: int
    note: dict[str, Any]


class ConnectorTranscript(BaseModel):
    """A run with its calls; ``calls`` counts those made, of which the first 5,000 are kept."""

    run: ConnectorRun
    calls: int
    transcript: list[ConnectorCall]


class BoundBooks(BaseModel):
    """What is known of the bound company, by kind, and so what rebinding would end. ``unsettled`` must be 0 for it."""

    model_config = ConfigDict(from_attributes=True)

    links: dict[Kind, int]
    link_count: int
    records: dict[Kind, int]
    record_count: int
    unsettled: int
    in_doubt: int


class RebindConfirmed(BaseModel):
    """``links`` is how many will end, as ``GET .../connector/binding`` told."""

    model_config = ConfigDict(extra="forbid")

    links: int


def connector_routes(connectors: Connectors, binding: Binding) -> APIRouter:
    """The routes."""
    router = APIRouter()
    router.include_router(_user_routes(connectors))
    router.include_router(_run_routes(connectors))
    router.include_router(_binding_routes(binding))
    return router


def _user_routes(connectors: Connectors) -> APIRouter:
    router = APIRouter(prefix=_TENANT, tags=["connector"])

    @router.post("/connector", status_code=201)
    async def create_connector(tenant: TenantId, principal: Admin, response: Response) -> ConnectorAccess:
        """Make the connector user, or give it a new password. The password is shown this once."""
        try:
            access = await connectors.create(tenant, by=principal.name)
        except NotForDesktopError as reason:
            if await connectors.tenant(tenant) is None:
                raise unknown_tenant() from None
            raise conflict("not-for-desktop", "Not for QuickBooks Desktop", str(reason)) from None
        response.headers["cache-control"] = "no-store"
        return ConnectorAccess(username=access.username, password=access.password)

    @router.get("/connector.qwc", response_class=Response)
    async def get_qwc(tenant: TenantId, _: Admin) -> Response:
        """The file by which the connection is added to the Web Connector."""
        text = await connectors.qwc(tenant)
        if text is None:
            raise _no_connector()
        headers = {"content-disposition": f'attachment; filename="qbsync-{tenant}.qwc"'}
        return Response(text, media_type="application/xml", headers=headers)

    @router.get("/connector/qwc")
    async def get_choices(tenant: TenantId, _: Admin) -> QwcChoices:
        """What was chosen for the .qwc file and for runs."""
        choices = await connectors.choices(tenant)
        if choices is None:
            raise _no_connector()
        return choices

    @router.put("/connector/qwc", status_code=204)
    async def put_qwc(tenant: TenantId, principal: Admin, choices: QwcChoices) -> None:
        """Choose what the .qwc file says and how runs go; what is left out is as by default."""
        try:
            kept = await connectors.choose(tenant, choices, by=principal.name)
        except NameTakenError as reason:
            raise conflict("name-taken", "The name is taken", str(reason)) from None
        if not kept:
            raise _no_connector()

    @router.get("/connector")
    async def get_connector(tenant: TenantId, _: Viewer) -> ConnectorHealth:
        """How the connection stands, and its last runs."""
        if await connectors.tenant(tenant) is None:
            raise unknown_tenant()
        health = await connectors.health(tenant)
        if health is None:
            raise _no_connector()
        return _health(health)

    return router


def _run_routes(connectors: Connectors) -> APIRouter:
    router = APIRouter(prefix=_TENANT, tags=["connector"])

    @router.get("/connector/runs/{session_id}")
    async def get_run(tenant: TenantId, session_id: SessionId, _: Viewer) -> ConnectorTranscript:
        """One run, call by call, for support: no contents of records."""
        run = await connectors.run(tenant, session_id)
        if run is None:
            raise not_found("run", "There is no such run, or it is not kept any more.")
        return ConnectorTranscript(
            run=_run(run.session),
            calls=run.calls,
            transcript=[ConnectorCall.model_validate(one) for one in run.exchanges],
        )

    return router


def _binding_routes(binding: Binding) -> APIRouter:
    router = APIRouter(prefix=_TENANT, tags=["binding"])

    @router.get("/connector/binding")
    async def get_binding(tenant: TenantId, _: Viewer) -> BoundBooks:
        """What is known of the bound company file, and so what rebinding would end."""
        books = await binding.books(tenant)
        if books is None:
            raise not_found("company", "No company file is bound yet.")
        return BoundBooks.model_validate(books)

    @router.post("/connector/ids", status_code=204)
    async def post_ids(tenant: TenantId, principal: Admin) -> None:
        """New ids for the .qwc file, where the Web Connector refuses to add it (QBWC1039); the same file stays bound."""
        if not await binding.renew_ids(tenant, by=principal.name):
            raise _no_connector()

    @router.post("/connector/renamed", status_code=204)
    async def post_renamed(tenant: TenantId, principal: Admin) -> None:
        """The bound company file has another name or folder now; it must carry this connection's ids."""
        if not await binding.take_new_name(tenant, by=principal.name):
            raise _no_connector()

    @router.post("/connector/rebind")
    async def post_rebind(tenant: TenantId, principal: Admin, body: RebindConfirmed) -> BoundBooks:
        """Bind to another company: all links become history and imports start anew. Refused while syncs are not final."""
        try:
            books = await binding.rebind(tenant, links=body.links, by=principal.name)
        except NotNowError as reason:
            raise conflict(reason.slug, "Not as things are", str(reason)) from None
        return BoundBooks.model_validate(books)

    return router


def _no_connector() -> ProblemError:
    return not_found("connector", "Create the connector user first.")


def _run(session: Session) -> ConnectorRun:
    return ConnectorRun(**{key: getattr(session, key) for key in ConnectorRun.model_fields})


def _health(health: Health) -> ConnectorHealth:
    connector = health.connector
    return ConnectorHealth(
        state=connector.state,
        code=connector.code,
        message=connector.message,
        username=connector.username,
        company_file=connector.company_file,
        company_name=connector.facts.get("company_name"),
        last_seen_at=connector.last_seen_at,
        next_expected_at=health.next_expected_at,
        last_result=connector.last_result,
        last_read_at=connector.last_read_at,
        connector_version=connector.connector_version,
        quickbooks={key: value for key, value in connector.facts.items() if key != "company_name"},
        in_doubt_sets=health.in_doubt,
        waiting=health.waiting,
        paused=list(health.paused_kinds),
        in_doubt=[InDoubt.model_validate(one) for one in health.doubts],
        sessions=[_run(session) for session in health.sessions],
    )
