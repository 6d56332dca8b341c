"""One company's books as the rules see them: look-ups, preferences, dates, numbers, and how a record is shown."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from qbsync_local.sandbox.online.jsonio import Json
from qbsync_local.sandbox.online.money import cents
from qbsync_local.sandbox.online.schema import EntityType, schema
from qbsync_local.sandbox.online.shape import references
from qbsync_local.sandbox.online.store import Company, Record, Store


@dataclass(slots=True)
class Draft:
    """A record on its way into the books. `sent` is what the client gave, `body` what will be kept; `old` None = create."""

    entity: EntityType
    body: Json
    sent: Json
    old: Record | None
    id: str

    @property
    def party(self) -> str | None:
        """Key of the customer or vendor whose balance it moves."""
        reference = self.body.get(self.entity.party) if self.entity.party else None
        return f"{self.entity.party.removesuffix('Ref')}:{reference['value']}" if reference else None


class Books:
    """The books of one company. Every method reads or writes within the caller's transaction."""

    def __init__(self, store: Store, company: Company) -> None:
        self.store = store
        self.company = company
        self.realm = company.realm

    # Looking up

    def find(self, entity: str, identifier: str) -> Record | None:
        """A record that was not deleted (it may be inactive)."""
        record = self.store.get(self.realm, entity, identifier)
        return record if record and record.live else None

    def all(self, entity: str) -> list[Record]:
        return self.store.select("realm = ? and entity = ? and live", (self.realm, entity))

    def owner_of_name(self, key: str) -> Record | None:
        found = self.store.select("realm = ? and name_key = ? and live", (self.realm, key))
        return found[0] if found else None

    def owner_of_number(self, entity: str, number: str) -> Record | None:
        found = self.store.select(
            "realm = ? and entity = ? and doc_number = ? and live", (self.realm, entity, number)
        )
        return found[0] if found else None

    def children(self, entity: str, identifier: str) -> list[Record]:
        return self.store.select(
            "realm = ? and entity = ? and json_extract(body, '$.ParentRef.value') = ? and live",
            (self.realm, entity, identifier),
        )

    def by_label(self, entity: str, label: str) -> Record | None:
        """A list record by its name, for the few that QuickBooks itself falls back to."""
        name = schema().entities[entity].label
        return next((record for record in self.all(entity) if record.body.get(name) == label), None)

    # Preferences and time

    def preference(self, *path: str) -> object:
        """A company preference, None where it is not set."""
        record = self.find("Preferences", "1")
        value: object = record.body if record else {}
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return value

    @property
    def in_us(self) -> bool:
        """Whether the company keeps its books by the rules of the US."""
        record = self.find("CompanyInfo", "1")
        return record is None or record.body.get("Country") == "US"

    @property
    def currency(self) -> str:
        """The company's own currency."""
        return str(self.preference("CurrencyPrefs", "HomeCurrency", "value") or "USD")

    def today(self) -> str:
        return self.store.now().astimezone(self.company.zone).date().isoformat()

    def time(self, seconds: int) -> str:
        """A stored time as QuickBooks writes it: the company's local time, whole seconds."""
        return (
            datetime.fromtimestamp(seconds, UTC).astimezone(self.company.zone).isoformat(timespec="seconds")
        )

    def answered(self) -> str:
        """The `time` of an answer, with milliseconds."""
        return self.store.now().astimezone(self.company.zone).isoformat(timespec="milliseconds")

    def closed_on(self, day: str | None) -> bool:
        """Whether the books are closed for this day (Preferences.AccountingInfoPrefs.BookCloseDate)."""
        closing = self.preference("AccountingInfoPrefs", "BookCloseDate")
        return bool(closing and day and date.fromisoformat(day) <= date.fromisoformat(str(closing)))

    # Showing

    def label(self, entity: str, identifier: str) -> str | None:
        """The name that references to this record carry."""
        record = self.store.get(self.realm, entity, identifier)
        if record is None:
            return None
        name = record.body.get("FullyQualifiedName") or record.body.get(schema().entities[entity].label)
        return str(name) if name else None

    def show(self, record: Record, labels: dict[tuple[str, str], str | None] | None = None) -> Json:
        """The record as the API gives it. `labels` keeps names between calls of one listing."""
        known = {} if labels is None else labels
        body: Json = {
            "domain": "QBO",
            "sparse": False,
            "Id": record.id,
            "SyncToken": str(record.sync_token),
            "MetaData": {
                "CreateTime": self.time(record.created),
                "LastUpdatedTime": self.time(record.updated),
            },
        }
        entity = schema().entities[record.entity]
        shown = without_empty(record.body)
        for _, target, reference in references(entity, shown):
            key = (target, reference["value"])
            if key not in known:
                known[key] = self.label(*key)
            if known[key] is not None:
                reference["name"] = known[key]
        return body | shown | self._balances(record)

    def _balances(self, record: Record) -> Json:
        if record.entity not in {"Customer", "Vendor"}:
            return {}
        own = self.store.open_cents(self.realm, f"{record.entity}:{record.id}")
        shown: Json = {"Balance": cents(Decimal(own) / 100)}
        if record.entity == "Customer":
            shown["BalanceWithJobs"] = cents(Decimal(self._with_jobs(record.id)) / 100)
        return shown

    def _with_jobs(self, customer: str) -> int:
        jobs = sum(self._with_jobs(child.id) for child in self.children("Customer", customer))
        return jobs + self.store.open_cents(self.realm, f"Customer:{customer}")


def without_empty(value: Json) -> Json:
    """A deep copy without the properties that are None."""
    return {key: _copied(item) for key, item in value.items() if item is not None}


def _copied(item: object) -> object:
    if isinstance(item, dict):
        return without_empty(item)
    return [_copied(member) for member in item] if isinstance(item, list) else item
