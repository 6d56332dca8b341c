"""The app's own pages: lists, forms, and what a person does to try the sandbox."""

from datetime import date
from typing import Annotated, Any

import httpx
from fastapi import APIRouter, Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from qbsync_local.sandbox.demo_app import forms, records
from qbsync_local.sandbox.demo_app.forms import KEEP, SPARE_LINES, Field
from qbsync_local.sandbox.demo_app.records import BY_PATH, Json, KindInfo
from qbsync_local.sandbox.demo_app.sign_in import current
from qbsync_local.sandbox.demo_app.simulators import FAULTS, Books, Simulators
from qbsync_local.sandbox.demo_app.site import Site, TenantPage
from qbsync_local.sandbox.demo_app.standing import Standing
from qbsync_local.sandbox.demo_app.store import Record, Store
from qbsync_local.sandbox.setup import Profile

SHOWN = 200
_SAID = {
    "saved": "Saved. The change is on its way to the Sync Wizard.",
    "deleted": "Deleted. What QuickBooks has of it waits in the Sync Wizard.",
    "unchanged": "Nothing was changed.",
    "there": "Changed in QuickBooks. The next run reads it.",
    "broken": "Ordered for the next run of the Web Connector.",
    "away": "The simulated QuickBooks does not answer. Is the sandbox running?",
    "busy": "The Web Connector is running already, or is not set up yet. Try again in a moment.",
}


class Pages:
    """Builds the routes over what the app knows."""

    def __init__(
        self,
        site: Site,
        store: Store,
        standing: Standing,
        profiles: tuple[Profile, ...],
        simulators: Simulators | None,
    ) -> None:
        self._site = site
        self._store = store
        self._standing = standing
        self._profiles = {profile.id: profile for profile in profiles}
        self._simulators = simulators

    def routes(self) -> APIRouter:
        """All of them."""
        router = APIRouter()
        router.add_api_route("/", self.home, methods=["GET"])
        router.add_api_route("/t/{tenant}/sandbox/{action}", self.act, methods=["POST"])
        router.add_api_route("/t/{tenant}/{path}", self.show_list, methods=["GET"])
        router.add_api_route("/t/{tenant}/{path}/{app_id}", self.show_form, methods=["GET"])
        router.add_api_route("/t/{tenant}/{path}/{app_id}", self.save, methods=["POST"])
        router.add_api_route("/t/{tenant}/{path}/{app_id}/delete", self.delete, methods=["POST"])
        return router

    async def home(self) -> Response:
        """The first tenant's invoices."""
        return RedirectResponse(f"/t/{self._site.tenants[0]}/invoices", 303)

    # lists

    async def show_list(
        self, request: Request, tenant: str, path: str, *, said: str = "", told: str = "", q: str = ""
    ) -> Response:
        """The records of a kind, with how each stands in QuickBooks."""
        profile, info = self._profile(tenant), _kind(path)
        found = self._store.records(tenant, info.kind)
        if q:
            found = [one for one in found if q.casefold() in self._words(one).casefold()]
        return self._site.render(
            request,
            "list.html",
            page=self._page(profile, path),
            info=info,
            rows=[self._row(one) for one in found[:SHOWN]],
            total=len(found),
            q=q,
            said=told or _SAID.get(said, ""),
            person=current(request),
            books=await self._books(profile),
            faults=FAULTS,
            heard=self._standing.heard(tenant),
            refused=[one for one in self._store.queued(tenant) if one.refused],
            untold=len(self._store.queued(tenant)),
        )

    def _row(self, record: Record) -> Json:
        info = records.KINDS[record.kind]
        return {
            "id": record.app_id,
            "href": f"/t/{record.tenant}/{info.path}/{record.app_id}",
            "label": records.label(record.kind, record.data),
            "who": self._party(record),
            "date": date.fromisoformat(record.data["date"]) if record.data.get("date") else None,
            "amount": records.amount(record.data),
            "shown": self._standing.of(record),
        }

    def _words(self, record: Record) -> str:
        return f"{records.label(record.kind, record.data)} {self._party(record)}"

    def _party(self, record: Record) -> str:
        for name in ("customer", "vendor"):
            if name in record.data:
                return self._name_of(record.tenant, name, record.data[name])
        return str(record.data.get("email") or record.data.get("description") or "")

    def _name_of(self, tenant: str, kind: str, reference: Json) -> str:
        known = self._store.record(tenant, kind, str(reference.get("app_id", "")), deleted=True)
        return records.label(kind, known.data) if known else str(reference.get("name", ""))

    async def _books(self, profile: Profile) -> Books | None:
        if self._simulators is None:
            return None
        try:
            return await self._simulators.books(profile.id, profile.edition)
        except (httpx.HTTPError, KeyError):
            return None

    # forms

    async def show_form(
        self, request: Request, tenant: str, path: str, app_id: str, ask: str = ""
    ) -> Response:
        """The form of a record; `new` for a new one, `?ask=delete` asks before it is deleted."""
        profile, info = self._profile(tenant), _kind(path)
        record = self._record(tenant, info, app_id)
        data = record.data if record else self._blank(tenant, info)
        return self._form(request, profile, info, record, data, ask=ask)

    async def save(self, request: Request, tenant: str, path: str, app_id: str) -> Response:
        """Save what the form says, or show what is wrong with it."""
        profile, info = self._profile(tenant), _kind(path)
        if not info.editable:
            raise HTTPException(405, "This list comes from QuickBooks.")
        record = self._record(tenant, info, app_id)
        form = await request.form()
        read = forms.read(info.kind, form, record.data if record else None, taxable=profile.taxable)
        if read.errors:
            return self._form(request, profile, info, record, read.data, errors=read.errors, status=422)
        if record is not None and read.data == record.data:
            return _back(tenant, path, "unchanged")
        identifier = record.app_id if record else self._store.new_id(tenant, info.kind)
        self._store.save(tenant, info.kind, identifier, read.data)
        return _back(tenant, path, "saved")

    async def delete(self, tenant: str, path: str, app_id: str) -> Response:
        """Delete a record here; what becomes of it in QuickBooks is decided in the Sync Wizard."""
        self._profile(tenant)
        self._store.delete(tenant, _kind(path).kind, app_id)
        return _back(tenant, path, "deleted")

    def _form(
        self,
        request: Request,
        profile: Profile,
        info: KindInfo,
        record: Record | None,
        data: Json,
        *,
        errors: dict[str, str] | None = None,
        status: int = 200,
        ask: str = "",
    ) -> Response:
        fields = forms.FIELDS.get(info.kind, ())
        return self._site.render(
            request,
            "form.html",
            status=status,
            page=self._page(profile, info.path),
            info=info,
            record=record,
            label=records.label(info.kind, record.data) if record else "",
            shown=self._standing.of(record) if record else None,
            fields=[
                (one, forms.value_of(data, one), self._options(profile, one, data.get(one.name)))
                for one in fields
            ],
            lines=self._lines(data) if info.has_lines else [],
            items=self._references(profile.id, "item"),
            data=data,
            errors=errors or {},
            ask=ask,
            person=current(request),
        )

    def _options(self, profile: Profile, one: Field, value: Any) -> list[tuple[str, str]]:
        if one.type == "account":
            names = list(dict.fromkeys([*profile.accounts, *([value["name"]] if value else [])]))
            return [("", "Choose"), *((name, name) for name in names)]
        if one.type == "choice":
            return list(one.options)
        if one.type != "reference":
            return []
        found = [("", "Choose" if one.required else "None"), *self._references(profile.id, one.refers_to)]
        if isinstance(value, dict) and not value.get("app_id"):
            found.insert(1, (KEEP, f"{value.get('name', '')} (only in QuickBooks)"))
        return found

    def _references(self, tenant: str, kind: str) -> list[tuple[str, str]]:
        found = []
        for one in self._store.records(tenant, kind):
            text = records.label(kind, one.data)
            if kind == "job":
                text = f"{self._party(one)}: {text}"
            found.append((one.app_id, text))
        return sorted(found, key=lambda pair: pair[1].casefold())

    def _lines(self, data: Json) -> list[Json]:
        shown = []
        for line in data.get("lines", []):
            item = line.get("item") or {}
            only_there = bool(item) and not item.get("app_id")
            kept = f"{item.get('name', '')} (only in QuickBooks)" if only_there else ""
            shown.append({**line, "chosen": KEEP if only_there else item.get("app_id", ""), "kept": kept})
        return shown + [{"chosen": "", "kept": ""}] * SPARE_LINES

    def _blank(self, tenant: str, info: KindInfo) -> Json:
        if not info.has_lines:
            return {}
        numbers = [str(one.data.get("number", "")) for one in self._store.records(tenant, info.kind)]
        highest = max((int(number) for number in numbers if number.isdigit()), default=1000)
        return {"number": str(highest + 1), "date": self._store.now().date().isoformat()}

    # the sandbox

    async def act(
        self,
        tenant: str,
        action: str,
        path: Annotated[str, Form()] = "invoices",
        fault: Annotated[str, Form()] = "",
    ) -> Response:
        """Run the Web Connector, change a customer in QuickBooks, order a fault."""
        profile = self._profile(tenant)
        if self._simulators is None or path not in BY_PATH:
            raise HTTPException(404, "There is no sandbox here.")
        try:
            if action == "run":
                outcome = await self._simulators.run_connector(tenant)
                return _back(tenant, path, told=f"The Web Connector ran: {outcome}")
            if action == "change":
                await self._change(profile)
                return _back(tenant, path, "there")
            if action == "break" and fault in FAULTS:
                await self._simulators.break_next_run(tenant, fault)
                return _back(tenant, path, "broken")
        except httpx.HTTPStatusError:
            return _back(tenant, path, "busy")
        except httpx.HTTPError:
            return _back(tenant, path, "away")
        raise HTTPException(404, "There is no such action.")

    async def _change(self, profile: Profile) -> None:
        """Another customer, and another number, with the minute of the hour."""
        customers = [one for one in profile.content["standing"] if one["kind"] == "customer"]
        minute = self._store.now().minute
        name = customers[minute % len(customers)]["name"]
        await self._simulators_or_fail().change_customer(
            profile.id, profile.edition, name, f"555-03{minute:02d}"
        )

    def _simulators_or_fail(self) -> Simulators:
        assert self._simulators is not None
        return self._simulators

    # helpers

    def _profile(self, tenant: str) -> Profile:
        if tenant not in self._profiles:
            raise HTTPException(404, "There is no such company in this app.")
        return self._profiles[tenant]

    def _page(self, profile: Profile, path: str) -> TenantPage:
        waiting = self._standing.badge(profile.id)[0]
        return TenantPage(profile.id, profile.name, profile.edition, waiting, path)

    def _record(self, tenant: str, info: KindInfo, app_id: str) -> Record | None:
        record = self._store.record(tenant, info.kind, app_id)
        if record is None and app_id != "new":
            raise HTTPException(404, f"There is no such {info.word}. It may have been deleted.")
        return record


def _kind(path: str) -> KindInfo:
    if path not in BY_PATH:
        raise HTTPException(404, "There is no such list.")
    return BY_PATH[path]


def _back(tenant: str, path: str, said: str = "", *, told: str = "") -> Response:
    query = httpx.QueryParams({"said": said} if said else {"told": told})
    return RedirectResponse(f"/t/{tenant}/{path}?{query}", 303)
