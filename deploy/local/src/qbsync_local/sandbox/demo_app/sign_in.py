"""Signing people in to qbsync: the app hands over a signed token, and qbsync's `/session` makes a session of it."""

import re
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from qbsync_local.sandbox.demo_app.people import DEFAULT, PEOPLE, Person, Tokens
from qbsync_local.sandbox.demo_app.settings import DemoSettings
from qbsync_local.sandbox.demo_app.site import Site

COOKIE = "demo_app_person"
_PLACES = {"wizard": "wizard", "log": "log", "unsynced": "log", "desktop": "gateway", "online": "worker"}
_TENANT_PAGE = re.compile(r"/t/([a-z0-9][a-z0-9-]{0,62})/(\w+)(?:[/?].*)?")
_CONNECT = re.compile(r"/connect/([a-z0-9][a-z0-9-]{0,62})")
_OTHER = re.compile(r"/(?:status-codes|ops)(?:[/?].*)?")


def current(request: Request) -> Person:
    """Who uses the app now."""
    return PEOPLE.get(request.cookies.get(COOKIE, ""), DEFAULT)


def place_of(path: str, settings: DemoSettings, tenants: tuple[str, ...]) -> tuple[str, str] | None:
    """(address of the service that has this page, tenant); None for a page that is not qbsync's."""
    urls = {
        "wizard": settings.wizard_url,
        "log": settings.log_url,
        "gateway": settings.gateway_url,
        "worker": settings.worker_url,
    }
    if (found := _TENANT_PAGE.fullmatch(path)) and found[2] in _PLACES:
        return urls[_PLACES[found[2]]], found[1]
    if found := _CONNECT.fullmatch(path):
        return settings.worker_url, found[1]
    if _OTHER.fullmatch(path):
        return settings.log_url, tenants[0]
    return None


def routes(site: Site, settings: DemoSettings, tokens: Tokens) -> APIRouter:
    """`/sign-in` (which the services name as their way in), `/open`, and the choice of a person."""
    router = APIRouter()

    def hand_over(person: Person, path: str) -> Response:
        place = place_of(path, settings, site.tenants)
        if place is None:
            return RedirectResponse("/", 303)
        query = urlencode({"token": tokens.for_person(person, place[1]), "next": path})
        return RedirectResponse(f"{place[0]}/session?{query}", 303, {"cache-control": "no-store"})

    @router.get("/open")
    async def open_page(request: Request, path: str) -> Response:
        """Open a page of qbsync as the person who uses the app."""
        return hand_over(current(request), path)

    @router.get("/sign-in")
    async def choose(request: Request, next: str = "") -> Response:  # noqa: A002  # the name in the address
        path = next or f"/t/{site.tenants[0]}/wizard"
        return site.render(
            request, "sign_in.html", people=PEOPLE.values(), person=current(request), next=path
        )

    @router.post("/sign-in")
    async def sign_in(person: Annotated[str, Form()], next: Annotated[str, Form()] = "") -> Response:  # noqa: A002
        chosen = PEOPLE.get(person, DEFAULT)
        answer = hand_over(chosen, next)
        answer.set_cookie(COOKIE, chosen.id, httponly=True, samesite="lax")
        return answer

    return router
