"""The sandbox's first morning: two tenants, connected, with records on both sides and changes that wait for review.

Each step may be repeated, and is remembered when it is done; so a killed set-up goes on where it was. What a step needs
may not be there yet (a service learns of a new tenant a moment later): it is tried again until it is.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from importlib.resources import files
from typing import Any

import httpx
import structlog

from qbsync_local.sandbox.demo_app.events import Json
from qbsync_local.sandbox.demo_app.people import DEFAULT, Tokens
from qbsync_local.sandbox.demo_app.simulators import REALM, Simulators
from qbsync_local.sandbox.demo_app.standing import Standing
from qbsync_local.sandbox.demo_app.store import Store
from qbsync_shared.kinds import Edition, Kind, rules

RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 10.0
APPROVAL_SECONDS = 60.0
STANDSTILL_SECONDS = 8.0
LOOK_SECONDS = 0.4
_DAY = re.compile(r"today([+-]\d+)?")

log = structlog.get_logger()


class NotYetError(Exception):
    """Something that a step needs is not there yet; the text says what."""


@dataclass(frozen=True)
class Profile:
    """One tenant of the sandbox and its records, from `demo_app/seed/`."""

    content: Json

    @property
    def id(self) -> str:
        return str(self.content["tenant"]["id"])

    @property
    def name(self) -> str:
        return str(self.content["tenant"]["name"])

    @property
    def edition(self) -> str:
        """`desktop` or `online`."""
        return str(self.content["tenant"]["edition"])

    @cached_property
    def accounts(self) -> tuple[str, ...]:
        """QuickBooks' income accounts that the app's items may name."""
        return tuple(self.content["accounts"])

    @property
    def taxable(self) -> str:
        """QuickBooks' tax code for taxable lines."""
        return str(self.content["taxable"])

    def records(self, part: str, today: date) -> list[Json]:
        """The records of `standing`, `yesterday` or `morning`; `today-3` becomes a date.

        Kinds that qbsync does not send to this edition yet are left out: a new user's first page has no dead ends.
        """
        edition = Edition(self.edition)
        carried = [one for one in self.content[part] if edition in rules(Kind(one["kind"])).carried]
        return [_dated(record, today) for record in carried]


def profiles() -> tuple[Profile, ...]:
    """The tenants of the sandbox."""
    folder = files("qbsync_local.sandbox.demo_app").joinpath("seed")
    return tuple(
        Profile(json.loads(folder.joinpath(f"{name}.json").read_text("utf-8")))
        for name in ("thistle-loam", "clearwater")
    )


def _dated(value: Any, today: date) -> Any:
    if isinstance(value, dict):
        return {name: _dated(inner, today) for name, inner in value.items()}
    if isinstance(value, list):
        return [_dated(inner, today) for inner in value]
    if isinstance(value, str) and (found := _DAY.fullmatch(value)):
        return (today + timedelta(days=int(found[1] or 0))).isoformat()
    return value


class Setup:
    """Makes the sandbox's tenants ready. `run` ends when all is done."""

    def __init__(
        self,
        store: Store,
        standing: Standing,
        simulators: Simulators,
        tokens: Tokens,
        http: httpx.AsyncClient,
        *,
        wizard_url: str,
        gateway_url: str,
        worker_url: str,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._standing = standing
        self._simulators = simulators
        self._tokens = tokens
        self._http = http
        self._wizard, self._gateway, self._worker = wizard_url, gateway_url, worker_url
        self._sleep = sleep

    async def run(self, tenants: Iterable[Profile]) -> None:
        """Set up all tenants, each on its own."""
        await asyncio.gather(*(self._set_up(profile) for profile in tenants))

    async def _set_up(self, profile: Profile) -> None:
        steps: tuple[tuple[str, Callable[[Profile], Awaitable[None]]], ...] = (
            ("tenant", self._make_tenant),
            ("connection", self._connect),
            ("records", self._hand_over),
            ("matched", self._match),
            ("yesterday", self._yesterday),
            ("morning", self._morning),
        )
        for name, step in steps:
            if not self._store.step_done(profile.id, name):
                await self._until_done(profile, name, step)
        log.info("sandbox_tenant_ready", tenant=profile.id)

    async def _until_done(
        self, profile: Profile, name: str, step: Callable[[Profile], Awaitable[None]]
    ) -> None:
        pause = RETRY_SECONDS
        while True:
            try:
                await step(profile)
            except (httpx.HTTPError, NotYetError) as error:
                said = str(error).splitlines()[0] if str(error) else type(error).__name__
                log.info("sandbox_step_again", tenant=profile.id, step=name, error=said, seconds=pause)
                await self._sleep(pause)
                pause = min(pause * 2, LONGEST_RETRY_SECONDS)
                continue
            self._store.finish_step(profile.id, name)
            return

    # the steps

    async def _make_tenant(self, profile: Profile) -> None:
        body = {name: value for name, value in profile.content["tenant"].items() if name != "id"}
        await self._call("PUT", f"{self._wizard}/api/v1/tenants/{profile.id}", json=body)

    async def _connect(self, profile: Profile) -> None:
        if profile.edition == "desktop":
            await self._connect_desktop(profile)
        else:
            await self._connect_online(profile)

    async def _connect_desktop(self, profile: Profile) -> None:
        """Make the connector's user, add its .qwc file to the Web Connector. Repeated, it rotates the password."""
        await self._simulators.open_company(profile.id, profile.name)
        base = f"{self._gateway}/api/v1/tenants/{profile.id}"
        access = (await self._call("POST", f"{base}/connector")).json()
        qwc = (await self._call("GET", f"{base}/connector.qwc")).text
        await self._simulators.register(profile.id, qwc, access["password"])

    async def _connect_online(self, profile: Profile) -> None:
        """Walk through OAuth as a browser would: begin, consent, come back with the cookie."""
        if (await self._connection_state(profile)) == "connected":
            return
        begun = await self._call("GET", f"{self._worker}/connect/{profile.id}")
        consent = httpx.URL(begun.headers["location"]).copy_merge_params({"auto_approve": REALM})
        agreed = await self._http.get(consent)
        callback = agreed.headers.get("location", "")
        if not callback:
            raise NotYetError(f"the simulated Intuit answered {agreed.status_code} on its consent page")
        await self._http.get(callback)  # the client's cookie jar brings back the cookie of /connect
        if (state := await self._connection_state(profile)) != "connected":
            raise NotYetError(f"the connection is {state}")

    async def _connection_state(self, profile: Profile) -> str:
        answer = await self._call("GET", f"{self._worker}/api/v1/tenants/{profile.id}/connection")
        return str(answer.json()["state"])

    async def _hand_over(self, profile: Profile) -> None:
        self._save(profile, "standing")

    async def _match(self, profile: Profile) -> None:
        """What both sides have already is linked by name, as an office does it once at the beginning."""
        if profile.edition == "desktop":
            await self._simulators.run_connector(profile.id)
        await self._approve(profile, "standing", link=True)

    async def _yesterday(self, profile: Profile) -> None:
        """Invoices that were approved and sent before this morning."""
        self._save(profile, "yesterday")
        await self._approve(profile, "yesterday", link=False)

    async def _morning(self, profile: Profile) -> None:
        """What waits: new and changed records of the app, and a customer that was changed in QuickBooks."""
        self._save(profile, "morning")
        customer = next(one for one in profile.content["standing"] if one["kind"] == "customer")
        await self._simulators.change_customer(profile.id, profile.edition, customer["name"], "555-0188")
        if profile.edition == "desktop":
            await self._simulators.run_connector(profile.id)

    # helpers

    def _save(self, profile: Profile, part: str) -> None:
        """Into the app, whose outbox tells qbsync. A record that is there as it should be is left alone."""
        for data in profile.records(part, self._store.now().date()):
            known = self._store.record(profile.id, data["kind"], data["app_id"], deleted=True)
            if known is None or (part == "morning" and known.revision == 1 and known.data != data):
                self._store.save(profile.id, data["kind"], data["app_id"], data)

    async def _approve(self, profile: Profile, part: str, *, link: bool) -> None:
        """Approve these records as they come up in the review, until QuickBooks has them all.

        Where nothing moves any more, the rest is left to the person at the Sync Wizard: a morning with more work.
        """
        today = self._store.now().date()
        wanted = {(one["kind"], one["app_id"]) for one in profile.records(part, today)}
        patience, began = APPROVAL_SECONDS, False
        while patience > 0:
            left = {key for key in wanted if not self._arrived(profile.id, *key)}
            if not left:
                return
            began = began or left != wanted
            approved = await self._approve_shown(profile, left, link=link)
            if began and (approved or left != wanted):
                patience = STANDSTILL_SECONDS
            wanted = left
            if profile.edition == "desktop":
                await self._simulators.run_connector(profile.id)
            await self._sleep(LOOK_SECONDS)
            patience -= LOOK_SECONDS
        log.warning("sandbox_records_left_for_review", tenant=profile.id, part=part, count=len(wanted))

    def _arrived(self, tenant: str, kind: str, app_id: str) -> bool:
        record = self._store.record(tenant, kind, app_id)
        return record is None or self._standing.is_linked(tenant, kind, app_id)

    async def _approve_shown(self, profile: Profile, wanted: set[tuple[str, str]], *, link: bool) -> int:
        """Approve those of the wanted that wait now; with `link` only where QuickBooks has one of that name."""
        base = f"{self._wizard}/api/v1/tenants/{profile.id}/review"
        shown = (await self._call("GET", base, params={"limit": "1000"})).json()["items"]
        checked: list[Json] = []
        for item in shown:
            if (item["kind"], item["app_id"]) not in wanted or item["direction"] != "export":
                continue
            twin = next((one for one in item["duplicates"] if _same_name(one)), None)
            if not link:
                checked.append({"id": item["id"], "revision": item["revision"]})
            elif twin is not None:
                checked.append(
                    {"id": item["id"], "revision": item["revision"], "choice": f"link:{twin['id']}"}
                )
        if not checked:
            return 0
        answer = (await self._call("POST", f"{base}/approve", json={"checked": checked})).json()
        return int(answer["approved"])

    async def _call(self, method: str, url: str, **options: Any) -> httpx.Response:
        token = self._tokens.sign(sub=f"*/{DEFAULT.id}", name=DEFAULT.name, tenant="*", role="operator")
        headers = {"authorization": f"Bearer {token}", "accept": "application/json"}
        answer = await self._http.request(method, url, headers=headers, **options)
        if answer.is_error:
            raise NotYetError(f"{method} {url}: {answer.status_code} {answer.text[:200]}")
        return answer


def _same_name(candidate: Json) -> bool:
    return "name" in candidate["same"]
