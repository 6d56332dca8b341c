"""One answer for every problem: JSON for programs, a page for people, a banner for htmx."""

from urllib.parse import urlencode

import asyncpg
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from qbsync_shared.web import problems
from qbsync_shared.web.auth import principal_of
from qbsync_shared.web.layout import Link, Page, Pages, Tone, is_fragment
from qbsync_shared.web.problems import ProblemError


class ErrorPages:
    """Answers problems. A fragment goes into the region ``#errors`` of the page, whatever target the request had."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def answer(self, request: Request, problem: ProblemError) -> Response:
        """What this caller can read."""
        if not problems.wants_page(request):
            return problems.json_answer(request, problem)
        problem, link = self._for_people(request, problem)
        if is_fragment(request) or request.headers.get("hx-request") == "true":
            response: Response = self._pages.fragment(
                request, "error_fragment.html", status=problem.status, problem=problem, link=link
            )
            response.headers.update(
                {"hx-retarget": "#errors", "hx-reswap": "innerHTML", "hx-reselect": ".banner"}
            )
        else:
            tone: Tone = "bad" if problem.status >= 500 else "neutral"
            icon = {401: "lock", 403: "lock", 404: "search"}.get(problem.status, "fail")
            response = self._pages.render(
                request,
                "error.html",
                page=Page(title=problem.title),
                status=problem.status,
                problem=problem,
                link=link,
                tone=tone,
                icon=icon,
                request_id=problems.request_id_of(request),
            )
        response.headers.update(problem.headers)
        return response

    def _for_people(self, request: Request, problem: ProblemError) -> tuple[ProblemError, Link | None]:
        pages, principal = self._pages, principal_of(request)
        home = Link(pages.navigation.home(principal.tenant), "Go to the start") if principal else None
        if problem.status == 401:
            detail = f"Open QuickBooks in {pages.app_name} again: it signs you in, and you can go on here."
            title = problem.title
            link = None
            if pages.sign_in_url:
                here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                back = here if request.method == "GET" else ""
                link = Link(f"{pages.sign_in_url}?{urlencode({'next': back})}", "Sign in again")
            return ProblemError(401, problem.slug, title, detail, headers=problem.headers), link
        if problem.status == 403 and principal and "needs_role" in problem.extra:
            detail = f"{problem.detail} You are {principal.name}, {principal.role.label}. Ask an admin of your company."
            return ProblemError(403, problem.slug, problem.title, detail), home
        return problem, home

    def handle(self, app: FastAPI) -> None:
        """Register for the problems that routes raise, FastAPI's own included."""

        async def problem(request: Request, error: Exception) -> Response:
            assert isinstance(error, ProblemError)
            return self.answer(request, error)

        async def http(request: Request, error: Exception) -> Response:
            assert isinstance(error, HTTPException)
            return self.answer(request, problems.from_http(error))

        async def validation(request: Request, error: Exception) -> Response:
            assert isinstance(error, RequestValidationError)
            return self.answer(request, problems.from_validation(error))

        async def unstorable(request: Request, _error: Exception) -> Response:
            return self.answer(request, problems.unstorable())

        for refused in (asyncpg.UntranslatableCharacterError, asyncpg.CharacterNotInRepertoireError):
            app.add_exception_handler(refused, unstorable)
        app.add_exception_handler(ProblemError, problem)
        app.add_exception_handler(HTTPException, http)
        app.add_exception_handler(RequestValidationError, validation)
