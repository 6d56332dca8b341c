"""Errors as callers read them: RFC 9457 problem details for programs, a page in plain words for people."""

from collections.abc import Callable, Container, Iterable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

MEDIA_TYPE = "application/problem+json"
_PREFIX = "urn:qbsync:problem:"
_PLACES = {"body", "query", "path", "header", "cookie"}


class ProblemError(Exception):
    """An expected failure of a request. ``slug`` names its type, ``title`` says it in a sentence, ``detail`` says why and what next.

    ``errors`` are members ``{"in", "pointer" or "name", "detail"}``; ``extra`` are further members of the document.
    """

    def __init__(
        self,
        status: int,
        slug: str,
        title: str,
        detail: str = "",
        *,
        errors: Iterable[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(title)
        self.status = status
        self.slug = slug
        self.title = title
        self.detail = detail
        self.errors = [dict(error) for error in errors]
        self.headers = dict(headers or {})
        self.extra = extra

    def document(self, request_id: str = "") -> dict[str, Any]:
        """The body of the answer."""
        document: dict[str, Any] = {
            "type": f"{_PREFIX}{self.slug}" if self.slug else "about:blank",
            "title": self.title,
            "status": self.status,
            **self.extra,
        }
        if self.detail:
            document["detail"] = self.detail
        if self.errors:
            document["errors"] = self.errors
        if request_id:
            document["request_id"] = request_id
        return document


def unauthenticated(*, expired: bool) -> ProblemError:
    """401: nobody known is calling."""
    title = "Your session has ended" if expired else "Sign in first"
    detail = "Send a token that is still valid." if expired else "Send a token as bearer or session cookie."
    challenge = 'Bearer realm="qbsync"' + (', error="invalid_token"' if expired else "")
    slug = "session-ended" if expired else "unauthenticated"
    return ProblemError(401, slug, title, detail, headers={"www-authenticate": challenge})


def forbidden(role: str) -> ProblemError:
    """403: the role does not suffice."""
    who = "an operator" if role == "operator" else f"{'an' if role[0] in 'aeiou' else 'a'} {role} or higher"
    return ProblemError(
        403, "forbidden", "You may not do this", f"It needs the role of {who}.", needs_role=role
    )


def forged() -> ProblemError:
    """403: a request with the session cookie but without the token of our own pages."""
    return ProblemError(
        403,
        "forged-request",
        "This did not come from one of our pages",
        "Nothing was changed. Go back, reload the page and do it again.",
    )


def unknown_tenant() -> ProblemError:
    """404: no such tenant, or not theirs to know of."""
    return ProblemError(404, "unknown-tenant", "There is no such company here", "Check the address.")


def not_found(what: str = "page", next_step: str = "Check the address.") -> ProblemError:
    """404: ``what`` does not exist."""
    return ProblemError(404, "not-found", f"There is no such {what} here", next_step)


def unprocessable(title: str, detail: str = "", errors: Iterable[Mapping[str, str]] = ()) -> ProblemError:
    """422: understood, but it breaks a rule."""
    return ProblemError(422, "invalid", title, detail, errors=errors)


def unstorable() -> ProblemError:
    """422: a character that PostgreSQL stores in no text: NUL."""
    return unprocessable(
        "A character cannot be stored", "Take out the NUL characters (U+0000) and send it again."
    )


def conflict(slug: str, title: str, detail: str = "", **extra: Any) -> ProblemError:
    """409: it does not fit the present state."""
    return ProblemError(409, slug, title, detail, **extra)


def internal(request_id: str) -> ProblemError:
    """500: our fault, with nothing of the inside."""
    return ProblemError(
        500,
        "internal",
        "Something went wrong on our side",
        f"It may not have been saved. Reload the page and look; if it happens again, report {request_id}.",
    )


def from_http(error: HTTPException) -> ProblemError:
    """The same for errors that the framework raises."""
    if error.status_code == 404:
        found = not_found()
    elif error.status_code == 405:
        found = ProblemError(405, "method-not-allowed", "This address does not take that method")
    else:
        phrase = HTTPStatus(error.status_code).phrase
        detail = error.detail if isinstance(error.detail, str) and error.detail != phrase else ""
        found = ProblemError(error.status_code, "", phrase, detail)
    found.headers.update(error.headers or {})
    return found


def from_validation(error: RequestValidationError) -> ProblemError:
    """Each violated rule with a JSON pointer into the body, or the name of the parameter; values are not repeated."""
    members = [_violation(one) for one in error.errors()]
    count = "1 value is" if len(members) == 1 else f"{len(members)} values are"
    return ProblemError(
        422, "invalid", "The request does not fit", f"{count} not as expected.", errors=members
    )


def _violation(one: Mapping[str, Any]) -> dict[str, str]:
    place, *path = one["loc"] or ("body",)
    if place not in _PLACES:
        place, path = "body", [place, *path]
    detail = str(one["msg"]).removeprefix("Value error, ")
    if place != "body":
        return {"in": str(place), "name": ".".join(map(str, path)), "detail": detail}
    if one["type"] == "json_invalid":
        return {
            "in": "body",
            "pointer": "#",
            "detail": f"not valid JSON, at character {path[0] if path else 0}",
        }
    pointer = "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)
    return {"in": "body", "pointer": f"#{pointer}", "detail": detail}


def request_id_of(request: Request) -> str:
    """The id of this request, also in ``X-Request-ID`` and the log."""
    return str(getattr(request.state, "request_id", ""))


def json_answer(request: Request, problem: ProblemError) -> Response:
    """The answer for a program."""
    return JSONResponse(
        problem.document(request_id_of(request)), problem.status, problem.headers, media_type=MEDIA_TYPE
    )


def wants_page(request: Request) -> bool:
    """Whether a person reads the answer: not below ``/api/``, and from a browser or htmx."""
    if request.url.path.startswith("/api/"):
        return False
    return "text/html" in request.headers.get("accept", "") or request.headers.get("hx-request") == "true"


def document_in_openapi(app: FastAPI, protected: Callable[[], Container[tuple[str, str]]]) -> None:
    """Describe in ``/openapi.json`` the errors that are really answered, instead of FastAPI's own form of 422, and who may call.

    ``protected`` gives the routes, by method and path, that want a token.
    """
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema:
            return app.openapi_schema
        schema = generate()
        components = schema.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        schemas["Problem"] = _SCHEMA
        components["securitySchemes"] = _SECURITY_SCHEMES
        closed = protected()
        for path, operations in schema["paths"].items():
            for method, operation in operations.items():
                _document(operation, closed=(method.upper(), path) in closed, named="{" in path)
        return schema

    app.openapi = openapi  # type: ignore[method-assign]  # the documented way to extend the schema


def _document(operation: dict[str, Any], *, closed: bool, named: bool) -> None:
    responses = operation["responses"]
    titles = {"default": "Any other problem"}
    if "422" in responses:
        titles["422"] = "The request does not fit"
    if closed:
        operation["security"] = [{name: []} for name in _SECURITY_SCHEMES]
        titles |= {"401": "No valid token", "403": "The role does not suffice"}
    if named:
        titles["404"] = "There is no such thing, or it is another tenant's"
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for status, title in titles.items():
        responses[status] = {"description": title, "content": content}


_SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "session": {"type": "apiKey", "in": "cookie", "name": "qbsync_session"},
}
_SCHEMA = {
    "title": "Problem",
    "description": "RFC 9457 problem details",
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["in", "detail"],
                "properties": {
                    "in": {"type": "string", "enum": sorted(_PLACES)},
                    "pointer": {"type": "string", "description": "JSON pointer into the body, as a fragment"},
                    "name": {"type": "string", "description": "name of the parameter"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
