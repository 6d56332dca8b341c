"""The services' HTTP API as the commands use it (contracts.md section 7): JSON in and out, refusals as exceptions."""

from collections.abc import Iterator
from typing import Any, Self

import httpx

from qbsync_local.installation import Installation

PAGE = 1000


class ApiError(RuntimeError):
    """A service refused, with that `answer`, or did not answer at all (None). The message is for the user."""

    def __init__(self, message: str, answer: httpx.Response | None = None) -> None:
        super().__init__(message)
        self.answer = answer


class Api:
    """Calls the services of one installation; a context manager."""

    def __init__(self, installation: Installation, transport: httpx.BaseTransport | None = None) -> None:
        self.installation = installation
        self._client = httpx.Client(
            transport=transport,
            trust_env=False,
            timeout=httpx.Timeout(60, connect=5),
            headers={"authorization": f"Bearer {installation.token}", "accept": "application/json"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def url(self, service: str, path: str) -> str:
        """The full address of a path; raises ApiError if this installation does not name the service."""
        base = self.installation.services.get(service)
        if base is None:
            raise ApiError(f"The address of {service} is not known: set its QBSYNC_..._URL.")
        return base + path

    def call(self, method: str, service: str, path: str, **arguments: Any) -> httpx.Response:
        """One request; raises ApiError unless the answer is a success."""
        url = self.url(service, path)
        try:
            answer = self._client.request(method, url, **arguments)
        except httpx.HTTPError as error:
            raise ApiError(
                f"{service} at {url} does not answer ({error}). Does it run? See `qbsync status`."
            ) from error
        if not answer.is_success:
            raise ApiError(_refusal(service, answer), answer)
        return answer

    def get(self, service: str, path: str, **parameters: str | int | None) -> Any:
        """The JSON of a GET; parameters that are None are left out."""
        given = {name: value for name, value in parameters.items() if value is not None}
        return self.call("GET", service, path, params=given).json()

    def pages(self, service: str, path: str, **parameters: str | int | None) -> Iterator[dict[str, Any]]:
        """A list page after page, as the service answers."""
        cursor: str | None = None
        while True:
            page = self.get(service, path, limit=PAGE, cursor=cursor, **parameters)
            yield page
            cursor = page.get("next_cursor")
            if cursor is None:
                return

    def items(self, service: str, path: str, **parameters: str | int | None) -> Iterator[dict[str, Any]]:
        """Each item of a list."""
        for page in self.pages(service, path, **parameters):
            yield from page["items"]


def _refusal(service: str, answer: httpx.Response) -> str:
    """RFC 9457 problem details as one sentence."""
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    title = str(problem.get("title") or answer.reason_phrase or "refused")
    detail = problem.get("detail")
    return f"{service}: {title} ({answer.status_code})" + (f". {detail}" if detail else "")
