"""The sandbox's set-up: repeated, killed, and with services that are not there yet."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import httpx
import pytest
from tests.sandbox.demo_app.outside import KEY, TENANT, Outside, heard

from qbsync_local.sandbox.demo_app.people import Tokens
from qbsync_local.sandbox.demo_app.simulators import REALM, Simulators
from qbsync_local.sandbox.demo_app.standing import Standing
from qbsync_local.sandbox.demo_app.store import Store
from qbsync_local.sandbox.setup import Profile, Setup, profiles
from qbsync_shared.entities import parse_entity
from qbsync_shared.kinds import Kind

TODAY = date(2026, 11, 2)


class World:
    """qbsync as the set-up sees it: what the app saved comes up for review, what is approved becomes linked."""

    def __init__(self, outside: Outside, store: Store, standing: Standing) -> None:
        self.outside, self.store, self.standing = outside, store, standing
        self.sleeps = 0
        self.kill_after: int | None = None

    async def sleep(self, _seconds: float) -> None:
        self.sleeps += 1
        if self.kill_after is not None and self.sleeps > self.kill_after:
            raise asyncio.CancelledError
        for approved in self.outside.approved:
            self._link(approved)
        self.outside.approved.clear()
        for profile in profiles():
            for queued in self.store.queued(profile.id):
                self._review(profile, queued.event.body["entity"])
                self.store.told(queued.place)
        await asyncio.sleep(0)

    def _review(self, profile: Profile, entity: dict[str, Any]) -> None:
        key = f"{profile.id}/{entity['kind']}/{entity['app_id']}"
        standing = any(one["app_id"] == entity["app_id"] for one in profile.content["standing"])
        self.outside.review[key] = {
            "id": key, "tenant": profile.id, "kind": entity["kind"], "app_id": entity["app_id"], "direction": "export", "revision": 1,
            "duplicates": [{"id": f"Q-{entity['app_id']}", "label": "", "same": ["name"]}] if standing else [],
        }  # fmt: skip

    def _link(self, approved: dict[str, Any]) -> None:
        self.standing.hear(
            heard(
                "link", "created", tenant=approved["tenant"], kind=approved["kind"], app_id=approved["app_id"],
                quickbooks_id=f"Q-{approved['app_id']}", version=1,
            )
        )  # fmt: skip


@pytest.fixture
def world(outside: Outside, store: Store, standing: Standing) -> World:
    return World(outside, store, standing)


@pytest.fixture
async def setup(world: World) -> AsyncIterator[Setup]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(world.outside.answer)) as http:
        yield Setup(
            world.store, world.standing, Simulators("http://127.0.0.1:8107", "http://127.0.0.1:8106", http), Tokens(KEY), http,
            wizard_url="http://127.0.0.1:8101", gateway_url="http://127.0.0.1:8102", worker_url="http://127.0.0.1:8103",
            sleep=world.sleep,
        )  # fmt: skip


@pytest.mark.parametrize("profile", profiles(), ids=lambda profile: profile.id)
def test_the_records_fit_the_contract_and_each_other(profile: Profile) -> None:
    known: set[tuple[Kind, str]] = set()
    count = 0
    for part in ("standing", "yesterday", "morning"):
        for data in profile.records(part, TODAY):
            entity = parse_entity(data)
            assert {(key.kind, key.app_id) for key in entity.depends_on()} <= known | {
                (parse_entity(one).of_kind, one["app_id"]) for one in profile.records("morning", TODAY)
            }
            count += (entity.of_kind, str(entity.app_id)) not in known
            known.add((entity.of_kind, str(entity.app_id)))
    assert count >= 50


def test_the_morning_has_what_the_sandbox_shows() -> None:
    for profile in profiles():
        morning = profile.records("morning", TODAY)
        kinds = Counter(one["kind"] for one in morning)
        assert kinds["customer"] >= 3
        assert kinds["invoice"] >= 7
        taxed = [one for one in morning if any("tax_code" in line for line in one.get("lines", []))]
        assert len(taxed) == 1
        assert taxed[0]["date"] == TODAY.isoformat()


async def test_it_sets_up_both_tenants(setup: Setup, world: World) -> None:
    await setup.run(profiles())
    for profile in profiles():
        for step in ("tenant", "connection", "records", "matched", "yesterday", "morning"):
            assert world.store.step_done(profile.id, step)
        assert all(
            world.standing.is_linked(profile.id, one["kind"], one["app_id"])
            for part in ("standing", "yesterday")
            for one in profile.records(part, TODAY)
        )
    calls = world.outside.calls
    assert ("GET", f"/connect/oauth2?state=s1&client_id=x&auto_approve={REALM}") in calls
    assert ("POST", f"/connectors/{TENANT}/run") in calls
    assert any("<CustomerMod>" in str(body) for body in world.outside.bodies)


async def test_a_second_start_does_nothing(setup: Setup, world: World) -> None:
    await setup.run(profiles())
    before = len(world.outside.calls)
    await setup.run(profiles())
    assert len(world.outside.calls) == before


@pytest.mark.parametrize("steps", range(4))
async def test_killed_anywhere_it_goes_on(setup: Setup, world: World, steps: int) -> None:
    world.kill_after = steps
    with pytest.raises(asyncio.CancelledError):
        await setup.run(profiles())
    world.kill_after = None
    await setup.run(profiles())
    profile = profiles()[0]
    assert world.store.step_done(profile.id, "morning")
    for part in ("standing", "yesterday", "morning"):
        for data in profile.records(part, world.store.now().date()):
            record = world.store.record(profile.id, data["kind"], data["app_id"])
            assert record is not None
            assert record.revision <= 2


async def test_what_is_not_there_yet_is_asked_again(setup: Setup, world: World) -> None:
    world.outside.tenant_known_after = 3
    await setup.run(profiles())
    assert world.store.step_done(TENANT, "connection")


async def test_where_nothing_moves_the_rest_is_left_to_the_person(
    setup: Setup, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qbsync_local.sandbox.setup.APPROVAL_SECONDS", 2.0)
    monkeypatch.setattr(world, "_link", lambda _: None)
    await setup.run(profiles())
    assert world.store.step_done(TENANT, "morning")
