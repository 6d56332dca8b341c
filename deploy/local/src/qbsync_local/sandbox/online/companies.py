"""Opens companies: the lists every new company has (`company.json`), and records from a seed."""

import secrets
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from qbsync_local.sandbox.online.books import Books
from qbsync_local.sandbox.online.faults import Fault
from qbsync_local.sandbox.online.jsonio import Json, dumps, loads
from qbsync_local.sandbox.online.schema import schema
from qbsync_local.sandbox.online.store import Company, Record, Store
from qbsync_local.sandbox.online.writes import write
from qbsync_shared.clock import SystemClock

SEEDS = ("online",)


class SeedError(Exception):
    """A seed file breaks the rules of the books: a mistake in the file."""


class NewCompany(BaseModel):
    """A company to open. `tax_rate` in percent, None for one that does not use sales tax.

    `seed` names a data file, which also gives realm, name and tax rate where they are left out.
    `utc_offset` in minutes. `country`: outside the US each line names a tax code, and Standard has the tax rate. `custom_numbers` lets documents bring their own numbers (and refuses duplicates).
    """

    model_config = ConfigDict(extra="forbid")

    realm: str | None = Field(None, pattern=r"^\d{6,20}$")
    name: str = "Simulated company"
    tax_rate: str | None = Field("8.25", pattern=r"^\d{1,2}(\.\d{1,4})?$")
    utc_offset: int = Field(-480, ge=-840, le=840)
    custom_numbers: bool = True
    country: Literal["US", "AU", "CA", "GB", "IE", "NZ"] = "US"
    seed: str | None = None


def open_company(store: Store, wanted: NewCompany) -> Company:
    """Make the company with its lists, and fill it from its seed. Raises ValueError for an unknown seed or a taken realm."""
    if wanted.seed is not None and wanted.seed not in SEEDS:
        raise ValueError(f"There is no seed called {wanted.seed}. Known: {', '.join(SEEDS)}.")
    if wanted.seed is not None:
        wanted = wanted.model_copy(update=_unset(wanted, seed_data(wanted.seed)["company"]))
    realm = wanted.realm or f"9341{secrets.randbelow(10**12):012d}"
    if store.company(realm) is not None:
        raise ValueError(f"Company {realm} exists already.")
    with store.transaction():
        company = store.add_company(realm, wanted.name, wanted.utc_offset)
        books = Books(store, company)
        _place_settings(books, wanted)
        _apply(books, _data("qbsync_local.sandbox.online", "company.json")["records"])
        if wanted.seed is not None:
            _apply(books, seed_data(wanted.seed)["records"])
    return company


def seed_books(path: Path, name: str = "online") -> None:
    """Open the seed's company in the books at `path` if they have no company yet."""
    store = Store(path, SystemClock())
    try:
        if not store.companies():
            open_company(store, NewCompany(seed=name))
    finally:
        store.close()


def seed_data(name: str) -> Json:
    """A seed file: `{"company": {...}, "records": [{"entity", "key"?, "record"}]}`; `"@key"` refers to an earlier record."""
    return _data("qbsync_local.sandbox.seed", f"{name}.json")


def _unset(wanted: NewCompany, defaults: Json) -> Json:
    return {name: value for name, value in defaults.items() if name not in wanted.model_fields_set}


def _data(package: str, name: str) -> Json:
    data: Json = loads(files(package).joinpath(name).read_text(encoding="utf-8"))
    return data


def _place_settings(books: Books, wanted: NewCompany) -> None:
    """What Intuit sets up itself and no API call creates: tax rates and codes, preferences, company information."""
    data = _data("qbsync_local.sandbox.online", "settings.json")
    preferences = data["Preferences"]
    rate = loads(wanted.tax_rate or "0")
    if wanted.country != "US":
        _move_abroad(data, wanted.country)
        data["TaxRate"]["2"]["RateValue"] = rate
    data["TaxRate"]["1"]["RateValue"] = rate
    preferences["TaxPrefs"]["UsingSalesTax"] = wanted.tax_rate is not None
    preferences["SalesFormsPrefs"]["CustomTxnNumbers"] = wanted.custom_numbers
    for entity in ("TaxRate", "TaxCode"):
        for identifier, body in data[entity].items():
            _put(books, entity, identifier, body)
    _put(books, "Preferences", "1", preferences)
    info = data["CompanyInfo"] | {"CompanyName": wanted.name, "LegalName": wanted.name}
    _put(books, "CompanyInfo", "1", info)


def _move_abroad(data: Json, country: str) -> None:
    """The tax codes, the currency and the preferences of a company that is not in the US."""
    abroad = _data("qbsync_local.sandbox.online", "abroad.json")
    data |= {name: abroad[name] for name in ("TaxRate", "TaxCode")}
    data["Preferences"]["CurrencyPrefs"]["HomeCurrency"] = {"value": abroad["currencies"][country]}
    data["Preferences"]["TaxPrefs"] = {"UsingSalesTax": True, "PartnerTaxEnabled": False}
    data["CompanyInfo"]["Country"] = country


def _put(books: Books, entity: str, identifier: str, body: Json) -> None:
    now = books.store.seconds()
    books.store.put(Record(books.realm, entity, identifier, body, created=now, updated=now))


def _apply(books: Books, entries: list[Json]) -> None:
    lists = ("PaymentMethod", "Term", "Account")
    keys = {record.body["Name"]: record.id for name in lists for record in books.all(name)}
    for entry in entries:
        entity = schema().entities[entry["entity"]]
        written = write(books, entity, "create", _resolved(entry["record"], keys))
        if isinstance(written, Fault):
            raise SeedError(f"{entity.name} {dumps(entry['record'])}: {written.detail}")
        label = str(written.get(entity.label) or "")
        keys.setdefault(entry.get("key") or label, written["Id"])


def _resolved(value: Any, keys: Json) -> Any:
    """The record with every "@key" turned into a reference; an id where it stands as TxnId."""
    if isinstance(value, dict):
        return {
            name: keys[item[1:]] if name == "TxnId" and str(item).startswith("@") else _resolved(item, keys)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_resolved(item, keys) for item in value]
    if isinstance(value, str) and value.startswith("@"):
        return {"value": keys[value[1:]]}
    return value
