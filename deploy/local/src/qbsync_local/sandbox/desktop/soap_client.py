"""The SOAP side of the Web Connector: zeep against the service's own WSDL, one method per operation."""

from typing import Any

import requests
import zeep
import zeep.transports

# zeep carries no types.
zeep_client: Any = zeep.Client
zeep_transport: Any = zeep.transports.Transport
zeep_settings: Any = zeep.Settings

# What the Web Connector writes to its log when a call fails (QBWC Programmer's Guide, error codes).
CODES = {
    "authenticate": "QBWC1012",
    "clientVersion": "QBWC1036",
    "sendRequestXML": "QBWC1041",
    "receiveResponseXML": "QBWC1042",
    "getLastError": "QBWC1043",
    "closeConnection": "QBWC1044",
    "connectionError": "QBWC1045",
}


class CallFailedError(Exception):
    """A call to the service failed: no connection, an HTTP error, a fault or an answer of the wrong shape."""

    def __init__(self, method: str, why: str) -> None:
        code = CODES.get(method, "QBWC1048")
        super().__init__(f"{code}: Exception occurred when calling {method}: {why}")
        self.method = method
        self.code = code


class SoapClient:
    """Calls to one web service at `app_url`, described by `<app_url>?wsdl`."""

    def __init__(self, app_url: str, timeout: float = 90.0) -> None:
        self._session = requests.Session()
        self._session.trust_env = False
        transport: Any = zeep_transport(session=self._session, timeout=timeout, operation_timeout=timeout)
        try:
            client: Any = zeep_client(
                f"{app_url}?wsdl", transport=transport, settings=zeep_settings(xml_huge_tree=True)
            )
            binding = next(iter(client.wsdl.bindings))
            self._service = client.create_service(binding, app_url)
        except Exception as error:
            self.close()
            raise CallFailedError("serverVersion", f"the WSDL cannot be read: {error}") from error
        self._operations = set(client.wsdl.bindings[binding].all())

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    def has(self, method: str) -> bool:
        """Whether the WSDL has this operation."""
        return method in self._operations

    def text(self, method: str, **arguments: Any) -> str:
        """Call a method that answers with a string; a missing one counts as empty."""
        return str(self._call(method, arguments) or "")

    def number(self, method: str, **arguments: Any) -> int:
        """Call a method that answers with an int. Decimals or text are a fault, as the Web Connector sees it."""
        value = self._call(method, arguments)
        if not isinstance(value, int):
            raise CallFailedError(method, f"the answer is not an int: {value!r}")
        return value

    def strings(self, method: str, **arguments: Any) -> list[str]:
        """Call authenticate: an array of 2 to 4 strings."""
        value = self._call(method, arguments)
        found = getattr(value, "string", value)
        if not isinstance(found, list) or not 2 <= len(found) <= 4:
            raise CallFailedError(method, "Index was outside the bounds of the array.")
        return [str(one or "") for one in found]

    def _call(self, method: str, arguments: dict[str, Any]) -> Any:
        if not self.has(method):
            raise CallFailedError(method, "the WSDL has no such operation")
        try:
            return self._service[method](**arguments)
        except Exception as error:
            raise CallFailedError(method, str(error) or type(error).__name__) from error
