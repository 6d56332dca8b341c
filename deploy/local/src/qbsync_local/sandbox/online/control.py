"""The control API, for tests, the audit and scripts: companies, raw state, edits by hand, troubles, the journal."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from qbsync_local.sandbox.online.books import Books
from qbsync_local.sandbox.online.byhand import Edit, edit
from qbsync_local.sandbox.online.companies import NewCompany, open_company
from qbsync_local.sandbox.online.faults import Fault
from qbsync_local.sandbox.online.jsonio import Json, dumps
from qbsync_local.sandbox.online.limits import CallLimits, Gate
from qbsync_local.sandbox.online.schema import EntityType, schema
from qbsync_local.sandbox.online.store import Store
from qbsync_local.sandbox.online.tokens import TokenPolicy, Tokens
from qbsync_local.sandbox.online.traffic import JOURNAL_SIZE, Traffic, Trouble


class Advance(BaseModel):
    """How far to move the simulated clock ahead."""

    model_config = ConfigDict(extra="forbid")

    seconds: int = Field(ge=0, le=10 * 366 * 86_400)


class JournalFilter(BaseModel):
    """Which calls to list: those with an id above `after`, and with these values."""

    after: int = 0
    limit: int = Field(JOURNAL_SIZE, ge=1, le=JOURNAL_SIZE)
    method: str | None = None
    realm: str | None = None
    entity: str | None = None
    operation: str | None = None
    request_id: str | None = None


def control_routes(store: Store, tokens: Tokens, traffic: Traffic, gate: Gate) -> APIRouter:
    """Everything under /control."""
    router = APIRouter(prefix="/control")
    _company_routes(router, store, tokens)
    _record_routes(router, store)
    _traffic_routes(router, store, tokens, traffic)
    _limit_routes(router, gate)

    @router.post("/reset")
    async def reset() -> Response:
        """Forget every company, token, trouble and call, and every limit."""
        with store.transaction():
            for company in store.companies():
                store.remove_company(company.realm)
            traffic.clear_troubles()
            traffic.clear_journal()
            tokens.set_policy(TokenPolicy())
            gate.set_limits(CallLimits())
        return _json({"companies": 0})

    return router


def _company_routes(router: APIRouter, store: Store, tokens: Tokens) -> None:
    @router.get("/companies")
    async def companies() -> Response:
        items = [{"realm": item.realm, "name": item.name} for item in store.companies()]
        return _json({"items": items})

    @router.post("/companies", status_code=201)
    async def create(wanted: NewCompany) -> Response:
        try:
            company = open_company(store, wanted)
        except ValueError as problem:
            raise HTTPException(409, str(problem)) from None
        return _json({"realm": company.realm, "name": company.name}, 201)

    @router.get("/companies/{realm}")
    async def company(realm: str) -> Response:
        books = _books(store, realm)
        return _json({"realm": realm, "name": books.company.name, "entities": store.counts(realm)})

    @router.delete("/companies/{realm}", status_code=204)
    async def remove(realm: str) -> Response:
        store.remove_company(_books(store, realm).realm)
        return Response(status_code=204)

    @router.post("/companies/{realm}/tokens", status_code=201)
    async def connect(realm: str) -> Response:
        return _json(tokens.connect(_books(store, realm).realm), 201)

    @router.post("/companies/{realm}/tokens/expire")
    async def expire(realm: str) -> Response:
        return _json({"expired": tokens.expire_access(_books(store, realm).realm)})

    @router.post("/companies/{realm}/disconnect")
    async def disconnect(realm: str) -> Response:
        return _json({"revoked": tokens.disconnect(_books(store, realm).realm)})


def _record_routes(router: APIRouter, store: Store) -> None:
    @router.get("/companies/{realm}/{entity}")
    async def records(realm: str, entity: str, deleted: bool = False) -> Response:
        books, kind = _books(store, realm), _entity(entity)
        found = store.select("realm = ? and entity = ?", (realm, kind.name))
        items = [
            books.show(record) | ({} if record.live else {"status": "Deleted"})
            for record in found
            if record.live or deleted
        ]
        return _json({"items": items, "total": len(items)})

    @router.post("/companies/{realm}/{entity}")
    async def by_hand(realm: str, entity: str, wanted: Edit) -> Response:
        books, kind = _books(store, realm), _entity(entity)
        with store.transaction():
            result = edit(books, kind, wanted)
        if isinstance(result, Fault):
            return _json(result.body(books.answered()), result.status)
        return _json(result, 201 if wanted.action == "create" else 200)


def _traffic_routes(router: APIRouter, store: Store, tokens: Tokens, traffic: Traffic) -> None:
    @router.get("/faults")
    async def troubles() -> Response:
        return _json({"items": traffic.troubles()})

    @router.post("/faults", status_code=201)
    async def inject(trouble: Trouble) -> Response:
        return _json({"id": traffic.inject(trouble)}, 201)

    @router.delete("/faults", status_code=204)
    async def clear() -> Response:
        traffic.clear_troubles()
        return Response(status_code=204)

    @router.get("/requests")
    async def requests(wanted: Annotated[JournalFilter, Query()]) -> Response:
        return _json({"items": traffic.journal(**wanted.model_dump())})

    @router.post("/clock")
    async def advance(wanted: Advance) -> Response:
        store.advance(wanted.seconds)
        return _json({"now": store.now().isoformat(timespec="seconds")})

    @router.get("/oauth")
    async def policy() -> TokenPolicy:
        return tokens.policy

    @router.post("/oauth")
    async def set_policy(wanted: TokenPolicy) -> TokenPolicy:
        tokens.set_policy(wanted)
        return wanted


def _limit_routes(router: APIRouter, gate: Gate) -> None:
    @router.get("/limits")
    async def limits() -> CallLimits:
        return gate.limits

    @router.post("/limits")
    async def set_limits(wanted: CallLimits) -> CallLimits:
        gate.set_limits(wanted)
        return wanted


def _books(store: Store, realm: str) -> Books:
    company = store.company(realm)
    if company is None:
        raise HTTPException(404, f"There is no company {realm}. GET /control/companies lists them.")
    return Books(store, company)


def _entity(name: str) -> EntityType:
    found = schema().paths.get(name.lower())
    if found is None:
        raise HTTPException(404, f"There is no entity {name}. Known: {', '.join(sorted(schema().paths))}.")
    return found


def _json(body: Mapping[str, Any] | Json, status: int = 200) -> Response:
    return Response(dumps(body), status, media_type="application/json")
