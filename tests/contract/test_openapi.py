"""schemathesis asks every operation of every service what its OpenAPI document permits, and what it forbids."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from qbsync_shared.ids import is_tenant_id
from qbsync_shared.web import Role, issue_token
from tests.browser.server import free_socket, serving
from tests.contract import furnished
from tests.contract.services import KEY, serve_from
from tests.shared.databases import Databases

EXAMPLES = int(os.environ.get("QBSYNC_TEST_EXAMPLES", "6"))
"""Of each operation, once with what the document permits and once with what it forbids."""

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.unsupported_method,
]
CONFIG = schemathesis.Config.from_dict({"generation": {"with-security-parameters": False}})
"""Who may call is test_permissions' matter."""

Furnish = Callable[..., Awaitable[None]]


@pytest.mark.parametrize("service", sorted(furnished.BY_SERVICE))
async def test_every_operation_answers_as_its_document_says(databases: Databases, service: str) -> None:
    furnish, schema, package = furnished.BY_SERVICE[service]
    database = await databases.opened(schema, package)
    bound = free_socket()
    app = serve_from(service, database.url, f"http://127.0.0.1:{bound.getsockname()[1]}")
    async with serving(app, bound) as url:
        await furnish(database, url)
        faults = await asyncio.to_thread(_ask_everything, app.openapi(), url)
    assert not faults, "\n\n".join(faults)


def _ask_everything(document: dict[str, Any], url: str) -> list[str]:
    """What was found, one text for each operation and mode."""
    token = issue_token(KEY, tenant="*", role=Role.OPERATOR, sub="u-1", name="Dana R.")
    headers = {"authorization": f"Bearer {token}"}
    found = []
    schema = schemathesis.openapi.from_dict(document, config=CONFIG)
    for operation in (one.ok() for one in schema.get_all_operations()):
        for mode in GenerationMode:
            fault = _ask(operation, mode, url, headers)
            if fault:
                found.append(f"{operation.label}, {mode.value}: {fault}")
    return found


def _ask(operation: Any, mode: GenerationMode, url: str, headers: dict[str, str]) -> str | None:
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        if not all(isinstance(value, str | int) for value in case.query.values()):
            return  # it has no one form in an address
        if is_tenant_id(str(case.path_parameters.get("tenant", ""))):
            case.path_parameters["tenant"] = furnished.TENANT
        case.call_and_validate(base_url=url, headers=headers, checks=CHECKS, timeout=30)

    try:
        ask()
    except Unsatisfiable:
        assert mode.is_negative, operation.label  # it takes nothing that could be wrong
    except AssertionError as error:
        return str(error)
    except BaseExceptionGroup as errors:
        return "\n".join(str(error) for error in errors.exceptions)
    return None
