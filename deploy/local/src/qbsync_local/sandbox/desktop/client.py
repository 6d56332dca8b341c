"""The control API as Python calls: for the `qbsync sandbox desktop` commands, the demo and tests."""

from types import TracebackType
from typing import Any, Self

import httpx


class ControlRefusedError(RuntimeError):
    """The simulated QuickBooks Desktop refused a call; the text is its own."""


class DesktopControl:
    """Calls to the simulated QuickBooks Desktop at `url`. Each raises ControlRefusedError or httpx.HTTPError."""

    def __init__(self, url: str, timeout: float = 600.0) -> None:
        self._http = httpx.Client(base_url=url, timeout=timeout, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def register(self, tenant: str, qwc: str, password: str, **options: Any) -> dict[str, Any]:
        """Add the application of a .qwc file to the tenant's Web Connector; options: company, plan, every_seconds."""
        body = {"tenant": tenant, "qwc": qwc, "password": password, **options}
        return self._json("POST", "/connectors", json=body)

    def connectors(self) -> list[dict[str, Any]]:
        """All tenants' Web Connectors with their last run."""
        found: list[dict[str, Any]] = self._json("GET", "/connectors")["items"]
        return found

    def run(self, tenant: str) -> dict[str, Any]:
        """Run one update now; its report: outcome, message, round_trips, requests, statuses, progress."""
        return self._json("POST", f"/connectors/{tenant}/run")

    def set_auto_run(self, tenant: str, every_seconds: float | None) -> dict[str, Any]:
        """Auto-Run every so many seconds, None = off."""
        return self._json("PUT", f"/connectors/{tenant}/auto-run", json={"every_seconds": every_seconds})

    def make_company(self, tenant: str, company: str = "", plan: str | None = None) -> dict[str, Any]:
        """A company file for the tenant, with the records of a plan such as `desktop.json`."""
        return self._json("POST", "/companies", json={"tenant": tenant, "company": company, "plan": plan})

    def company(self, tenant: str) -> dict[str, Any]:
        """Name, file, counts per kind, remembered message sets."""
        return self._json("GET", f"/companies/{tenant}")

    def records(self, tenant: str, list_name: str, search: str = "") -> list[dict[str, Any]]:
        """A list of the books (`customers`, `items`, `invoices` ... `deleted`)."""
        found: list[dict[str, Any]] = self._json(
            "GET", f"/companies/{tenant}/{list_name}", params={"q": search}
        )["items"]
        return found

    def qbxml(self, tenant: str, text: str) -> str:
        """Raw qbXML by the QuickBooks user's own hand; the answer."""
        return self._send("POST", f"/companies/{tenant}/qbxml", content=text.encode()).text

    def faults(self, tenant: str, **orders: Any) -> dict[str, Any]:
        """Order faults (see FaultsBody of the control API); `clear=True` puts all right."""
        return self._json("POST", f"/companies/{tenant}/faults", json=orders)

    def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        found: dict[str, Any] = self._send(method, path, **options).json()
        return found

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        answer = self._http.request(method, path, **options)
        if answer.is_error:
            try:
                detail = answer.json()["detail"]
            except (ValueError, KeyError, TypeError):
                detail = answer.text
            raise ControlRefusedError(str(detail))
        return answer
