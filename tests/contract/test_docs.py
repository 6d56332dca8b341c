"""What the documentation says is so: links, commands, routes, settings, fields, messages and codes."""

import importlib.util
import re
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

from qbsync_local import catalogue
from qbsync_local.cli.main import app as command_line
from qbsync_local.settings_check import settings_class
from qbsync_qbo_worker.mapping import payload_of
from qbsync_qbwc_gateway.mapping import MAPPERS
from qbsync_qbwc_gateway.mapping.base import Books
from qbsync_shared import asyncapi
from qbsync_shared import entities as records
from qbsync_shared.catalogue import entries
from qbsync_shared.entities import AnyEntity, Entity, Reference
from qbsync_shared.kinds import Kind, matrix
from qbsync_shared.messages import ALL_MESSAGES, Message
from qbsync_shared.web.auth import needed_roles
from tests.architecture.tree import ROOT, tracked
from tests.contract.forms import COMMON, fields_of
from tests.contract.markdown import DOCS, Page, names, page, pages, rows
from tests.contract.services import built

PAGES = pages()
BY_NAME = [pytest.param(one, id=one.name) for one in PAGES]
ENTITIES, EVENTS = page("docs/integrator/entities.md"), page("docs/integrator/events.md")
OPERATOR, SYNCS = page("docs/operator/README.md"), page("docs/integrator/syncs.md")

NOT_BUILT = {"/webhooks/intuit"}
"""Named in the documentation as missing."""
NOT_A_SERVICES = {"QBSYNC_DATA", "QBSYNC_REVISION"}
"""Of the command and of the image; everything else in the operator's guide is a service's setting."""
STREAMS = {"QBSYNC_EVENTS", "QBSYNC_COMMANDS", "QBSYNC_TENANTS", "QBSYNC_DLQ", "QBSYNC_ADVISORIES"}
_PATH = re.compile(
    r"(?<![\w}.])/(?:api/v1|t|qbwc|support|connect|oauth|health|metrics|docs/asyncapi|status-codes|ops|session|webhooks)"
    r"(?:[/?][^\s`\"'|)]*)?(?=[\s`\"'|),.;:]|$)"
)


@pytest.mark.parametrize("one", BY_NAME)
def test_every_link_leads_somewhere(one: Page) -> None:
    for link in one.links():
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        path = (one.path.parent / target).resolve() if target else one.path
        assert path.exists(), f"{one.name}: {link}"
        if anchor and path.suffix == ".md":
            assert anchor in Page(path, path.read_text("utf-8")).anchors(), f"{one.name}: {link}"


@pytest.mark.parametrize("one", BY_NAME)
def test_no_page_names_a_path_of_one_machine(one: Page) -> None:
    assert str(ROOT) not in one.text
    assert re.search(r"(?<![\w.])/(work|root|home|Users)/", one.text) is None


@pytest.mark.parametrize("one", BY_NAME)
def test_files_of_the_project_named_in_pages_exist(one: Page) -> None:
    for name in re.findall(r"(?<![\w/.-])(?:tests|services|shared|deploy|docs)/[\w./-]+\w", one.prose):
        if "..." not in name:
            assert (ROOT / name).exists(), f"{one.name}: {name}"


@pytest.mark.parametrize("one", BY_NAME)
def test_commands_named_in_pages_exist(one: Page) -> None:
    shell = "\n".join(one.blocks("sh", "bash", "console", ""))
    inline = [text for text in names(one.prose) if " " in text]
    for line in [*shell.splitlines(), *inline]:
        words = line.strip().removeprefix("$ ").split("#")[0].split()
        while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
            words = words[1:]
        if words[:1] == ["make"] and len(words) > 1:
            assert {word for word in words[1:] if word.isalpha()} <= _targets(), f"{one.name}: {line}"
        elif words[:1] in (["qbsync"], [".venv/bin/qbsync"]):
            _check_command(words[1:], f"{one.name}: {line}")
        elif words[:2] == ["python", "-m"]:
            assert importlib.util.find_spec(words[2]) is not None, f"{one.name}: {line}"


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def _check_command(words: list[str], where: str) -> None:
    command: Any = typer.main.get_command(command_line)
    while hasattr(command, "get_command") and words and not words[0].startswith("-"):
        command, words = command.get_command(typer.Context(command), words[0]), words[1:]
        assert command is not None, where
    known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)} | {"--help"}
    given = {word.split("=")[0] for word in words if word.startswith("--")}
    assert given <= known, where


@pytest.fixture(scope="module")
def routes() -> set[tuple[str, ...]]:
    """The segments of every route of the four services."""
    apps = [built(spec.name) for spec in catalogue.SERVICES]
    return {tuple(path.split("/")) for app in apps for _, path in needed_roles(app)}


def test_routes_named_in_pages_exist(routes: set[tuple[str, ...]]) -> None:
    named = {(one.name, path) for one in PAGES for path in _paths(one.prose + "".join(one.blocks("sh")))}
    assert len(named) > 40
    missing = {(name, path) for name, path in named if path not in NOT_BUILT and not _is_route(path, routes)}
    assert missing == set()


def _paths(text: str) -> Iterator[str]:
    for found in _PATH.findall(text):
        path = found.split("?")[0].split("#")[0].rstrip("/.,")
        if "..." not in path and "*" not in path:
            yield path


def _is_route(path: str, routes: set[tuple[str, ...]]) -> bool:
    segments = tuple(path.split("/"))
    return any(
        len(route) == len(segments)
        and all(
            wanted == given or wanted.startswith("{") for wanted, given in zip(route, segments, strict=True)
        )
        for route in routes
    )


def test_the_table_of_settings_has_every_setting_of_every_service() -> None:
    described = {names(row[0])[0]: row[1] for row in rows(OPERATOR.section("## Settings"))}
    owners: dict[str, set[str]] = {}
    for spec in catalogue.SERVICES:
        for name, field in settings_class(spec).model_fields.items():
            if not field.exclude:
                owners.setdefault(f"QBSYNC_{name.upper()}", set()).add(spec.name)
    assert set(described) == set(owners)
    for name, services in owners.items():
        everybody = len(services) == len(catalogue.SERVICES)
        said = described[name]
        assert said.startswith("all") if everybody else set(said.split(", ")) == services, name


@pytest.mark.parametrize("one", BY_NAME)
def test_settings_named_in_pages_exist(one: Page) -> None:
    known = {
        f"QBSYNC_{name.upper()}" for spec in catalogue.SERVICES for name in settings_class(spec).model_fields
    }
    known |= NOT_A_SERVICES | STREAMS
    source = "".join(
        path.read_text("utf-8") for folder in ("deploy/local/src", "tests") for path in _python(ROOT / folder)
    )
    for name in re.findall(r"QBSYNC_[A-Z_]*[A-Z]", one.text):
        assert name.removesuffix("_FILE") in known or name in source, f"{one.name}: {name}"


def _python(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*.py") if path.name != Path(__file__).name]


_MODELS: dict[str, type[Entity]] = {
    model.model_fields["kind"].default.value: model for model in get_args(get_args(AnyEntity)[0])
}
_PARTS: dict[str, Any] = {
    "reference": Reference,
    "address": records.Address,
    "sales line": records.SalesLine,
    "purchase line": records.PurchaseLine,
    "applied": records.Applied,
}


@pytest.mark.parametrize("name", [*_MODELS, *_PARTS])
def test_the_fields_of_a_record_are_as_described(name: str) -> None:
    model = _MODELS.get(name) or _PARTS[name]
    described = [(names(row[0])[0], row[1], row[2] == "yes") for row in rows(ENTITIES.section(f"### {name}"))]
    assert described == list(fields_of(model))


def test_every_kind_stands_in_the_table_with_what_holds_for_it() -> None:
    described = {row[0]: row[1:] for row in rows(ENTITIES.section("## Kinds"))}
    assert set(described) == {kind.value for kind in Kind if not kind.is_list}
    for name, (directions, carried, deletion) in described.items():
        rules = matrix()[Kind(name)]
        assert set(directions.split(", ")) == {one.value for one in rules.directions}, name
        assert set(carried.split(", ")) - {"-"} == {one.value for one in rules.carried}, name
        for edition, operation in rules.deletion.items():
            assert operation.value == deletion or f"{edition.value}: {operation.value}" in deletion, name


def _full(kind: str) -> Entity:
    """A record of a kind with every field."""
    named = Reference(quickbooks_id="1", name="one")
    address = records.Address(**dict.fromkeys(records.Address.model_fields, "x"))
    values: dict[str, Any] = {"reference": named, "address": address, "text": "1", "decimal": "1.00"}
    values |= {"date": date(2026, 11, 2), "yes or no": True, "word": "non_inventory"}
    values["list of sales line"] = ({name: values[form] for name, form, _ in fields_of(records.SalesLine)},)
    model = _MODELS[kind]
    given = {name: values[form] for name, form, _ in fields_of(model)}
    return model(app_id="1", revision="1", **given | ({"currency": "USD"} if "currency" in given else {}))


def _keys(value: Any) -> Iterator[str]:
    if hasattr(value, "items"):
        for key, inner in value.items():
            if inner is not None:
                yield key
                yield from _keys(inner)
    elif isinstance(value, list | tuple):
        for member in value:
            yield from _keys(member)


@pytest.mark.parametrize("kind", ["customer", "job", "item", "invoice"])
def test_everything_the_mappings_write_is_described(kind: str) -> None:
    text = ENTITIES.section(f"### {kind.capitalize()} in QuickBooks")
    shared = ENTITIES.section("### Customer in QuickBooks")
    entity = _full(kind)
    fields = set(entity.to_json()) - set(COMMON)
    desktop = set(_keys(MAPPERS[Kind(kind)].create(entity, Books(), "guid").content))
    online = set(_keys(payload_of(entity, fields, {"1": "1"}, creating=True)))
    described = set(names(text)) | set(names(shared))
    assert {key for key in desktop | online if key not in described} == set()
    top = {name.split(".")[0] for row in rows(text) for name in names(row[0])}
    assert top <= fields


@pytest.mark.parametrize("message", ALL_MESSAGES, ids=lambda message: message.__name__)
def test_a_message_is_described(message: type[Message]) -> None:
    text = EVENTS.section(f"### {message.__name__}")
    subject = asyncapi.whole()["channels"][message.__name__]["address"].split("{tenant}.")[1]
    assert text.strip().startswith(f"`{subject}`: ")
    flow = asyncapi.FLOWS[message]
    who = [", ".join(names_) or "nobody yet" for names_ in (flow.senders, flow.listeners)]
    assert f"From {who[0]}; to {who[1]}." in text
    file = f"{message.noun}.{message.verb}.{message.__name__}.v1.json"
    assert f"(../../tests/contract/golden/{file})" in text
    assert f"(../events/{file})" in text
    described = [(names(row[0])[0], row[1], row[2] == "yes") for row in rows(text)]
    own = [field for field in fields_of(message) if field[0] not in ("id", "tenant", "occurred_at")]
    assert described == own


def test_no_page_describes_a_message_that_is_gone() -> None:
    assert set(EVENTS.headings("###")) == {message.__name__ for message in ALL_MESSAGES}


def test_the_table_of_codes_is_the_catalogues() -> None:
    described = [names(row[0])[0] for row in rows(SYNCS.section("## Codes"))]
    assert described == list(entries("any"))


@pytest.mark.parametrize("one", BY_NAME)
def test_codes_named_in_pages_exist(one: Page) -> None:
    assert set(re.findall(r"QS-[A-Z][A-Z-]*[A-Z]", one.text)) <= set(entries("any"))


def test_metrics_events_and_columns_named_for_operators_exist() -> None:
    code = "".join(
        path.read_text("utf-8")
        for path in tracked()
        if path.suffix in {".py", ".sql"} and "src" in path.parts
    )
    for name in ("README", "runbook", "online", "desktop"):
        text = page(f"docs/operator/{name}.md").text
        for word in re.findall(r"`([a-z]+(?:_[a-z]+)+)`", text):
            assert word in code or word.removesuffix("_info") in code, f"{name}: {word}"


def test_the_index_leads_to_every_page() -> None:
    index = page("docs/README.md")
    linked = {(DOCS / link.split("#")[0]).resolve() for link in index.links()}
    own = {path for path in DOCS.rglob("*.md") if path.parent.name != "decisions"} - {index.path}
    assert own <= linked


def test_the_versions_in_pages_are_the_projects() -> None:
    project = tomllib.loads((ROOT / "shared" / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["requires-python"].removeprefix(">=") in page("docs/developing.md").text
