"""Connector users and the health of connections, for the API and the pages."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from qbsync_qbwc_gateway.mapping import MAPPERS
from qbsync_qbwc_gateway.postgres import repository as store
from qbsync_qbwc_gateway.qwc import QwcChoices, app_names, choices_of, qwc_file
from qbsync_qbwc_gateway.session.announcing import Announcing, next_run
from qbsync_qbwc_gateway.session.model import Connector, Session
from qbsync_qbwc_gateway.session.passwords import Passwords, new_password
from qbsync_qbwc_gateway.session.transcript import Exchange
from qbsync_shared.clock import Clock
from qbsync_shared.connector import LinkKeeper, tenants
from qbsync_shared.ids import MakeId
from qbsync_shared.kinds import Edition, Kind, Plan
from qbsync_shared.messages import AuditRecorded, Channel, ConnectionState, Pause, Resume
from qbsync_shared.messages.base import stamp
from qbsync_shared.messaging import publish
from qbsync_shared.postgres import Connection, Database

SENT_KINDS: tuple[Kind, ...] = tuple(MAPPERS)
"""What can be sent, and so can be paused."""

MOST = 5_000
"""So many calls of a run are kept."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """A connector user with its password, which is shown this once."""

    username: str
    password: str


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """A message set whose outcome is unknown. ``records`` counts what it carries by kind."""

    set_id: str
    sent_at: datetime | None
    records: dict[Kind, int]


@dataclass(frozen=True, kw_only=True)
class Health:
    """How a connection stands. ``running`` is the session that is open now."""

    connector: Connector
    next_expected_at: datetime | None
    in_doubt: int
    waiting: int
    sessions: tuple[Session, ...]
    paused_kinds: tuple[str, ...]
    run_every: timedelta
    doubts: tuple[Doubt, ...] = ()

    @property
    def running(self) -> Session | None:
        """The session that is open."""
        return next((session for session in self.sessions if session.ended_at is None), None)


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run of the Web Connector with its transcript; ``calls`` counts those that were made, also beyond what is kept."""

    session: Session
    calls: int
    exchanges: tuple[Exchange, ...]


class NameTakenError(Exception):
    """Another connection has that name; the text says so, for a user."""


class NotForDesktopError(Exception):
    """The tenant cannot have a connector user; the text says why, for a user."""


class Connectors:
    """Creates and rotates connector users, writes .qwc files, tells how connections stand."""

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        keeper: LinkKeeper,
        announcing: Announcing,
        *,
        clock: Clock,
        make_id: MakeId,
        owner_id: str,
        public_url: str,
        plans: frozenset[str],
        make_password: Callable[[], str] = new_password,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._keeper = keeper
        self._announcing = announcing
        self._clock = clock
        self._make_id = make_id
        self._owner_id = owner_id
        self._public_url = public_url
        self._plans = plans
        self._make_password = make_password

    async def tenant(self, tenant_id: str) -> tenants.Tenant | None:
        """What the wizard said of a tenant; None where it said nothing."""
        async with self._database.tenant(tenant_id) as connection:
            return await tenants.get(connection, tenant_id)

    async def waiting(self, tenant_id: str) -> int:
        """How many review items wait in the Sync Wizard."""
        async with self._database.tenant(tenant_id) as connection:
            return await tenants.waiting_items(connection, tenant_id)

    async def create(self, tenant_id: str, *, by: str) -> Access:
        """Make the connector user, or give it a new password; ids and user name stay.

        Raises:
            NotForDesktopError: the tenant is for QuickBooks Online, or its plan does not include Desktop.
        """
        password = self._make_password()
        hashed = await self._passwords.hash(password)
        async with self._database.tenant(tenant_id) as connection:
            self._check(await tenants.get(connection, tenant_id))
            row = await connection.fetchrow(
                store.QUERIES["put_connector"],
                tenant_id,
                f"{tenant_id}-{self._make_id()[-4:]}",
                hashed,
                self._clock.now(),
                by,
                self._owner_id,
                f"{{{self._make_id()}}}",
            )
            assert row is not None
            await self._audit(connection, tenant_id, by=by, action="connector-password")
            return Access(username=row["username"], password=password)

    def _check(self, tenant: tenants.Tenant | None) -> None:
        if tenant is None or tenant.edition is not Edition.DESKTOP:
            raise NotForDesktopError("This tenant is not set up for QuickBooks Desktop.")
        if tenant.plan.value not in self._plans:
            plans = " and ".join(sorted(self._plans))
            raise NotForDesktopError(f"QuickBooks Desktop is part of the plans {plans}.")

    async def qwc(self, tenant_id: str) -> str | None:
        """The .qwc file; None before the connector user was made."""
        async with self._database.tenant(tenant_id) as connection:
            connector = await store.get_connector(connection, tenant_id)
            tenant = await tenants.get(connection, tenant_id)
        if connector is None:
            return None
        name = tenant.name if tenant else tenant_id
        return qwc_file(connector, choices_of(connector), public_url=self._public_url, tenant_name=name)

    async def choose(self, tenant_id: str, choices: QwcChoices, *, by: str) -> bool:
        """Keep what an admin chose for the .qwc file; False before the connector user was made.

        Raises:
            NameTakenError: another connection has its AppUniqueName.
        """
        async with self._database.tenant(tenant_id) as connection:
            if await store.get_connector(connection, tenant_id) is None:
                return False
            _, name = app_names(choices, tenant_id)
            if await connection.fetchval(store.QUERIES["is_app_of_others"], tenant_id, name):
                raise NameTakenError(
                    "Another connection has this unique name. In a Web Connector one would replace the other."
                )
            chosen = choices.model_dump(exclude_defaults=True)
            await connection.execute(store.QUERIES["set_qwc"], tenant_id, chosen)
            await self._audit(connection, tenant_id, by=by, action="connector-qwc", **chosen)
            return True

    async def choices(self, tenant_id: str) -> QwcChoices | None:
        """What was chosen for the .qwc file; None before the connector user was made."""
        async with self._database.tenant(tenant_id) as connection:
            connector = await store.get_connector(connection, tenant_id)
        return choices_of(connector) if connector else None

    async def run(self, tenant_id: str, session_id: str, *, after: int = 0, limit: int = MOST) -> Run | None:
        """One run with its transcript, or None where there is none of that id."""
        async with self._database.tenant(tenant_id) as connection:
            row = await connection.fetchrow(store.QUERIES["get_session"], tenant_id, session_id)
            if row is None:
                return None
            exchanges = await store.transcript(connection, tenant_id, session_id, after=after, limit=limit)
        return Run(session=store.session_row(row), calls=row["calls"], exchanges=tuple(exchanges))

    async def set_paused(self, tenant_id: str, *, kind: str, paused: bool, by: str) -> None:
        """Stop or go on sending a kind, or everything (``*``)."""
        command: dict[str, Any] = {
            **stamp(self._make_id(), tenant_id, self._clock.now()),
            "edition": Edition.DESKTOP,
            "by": by,
            "why": "on the connection page",
            "kind": None if kind == "*" else Kind(kind),
        }
        async with self._database.tenant(tenant_id) as connection:
            if paused:
                await self.pause(connection, Pause(**command))
            else:
                await self.resume(connection, Resume(**command))

    async def pause(self, connection: Connection, command: Pause) -> None:
        """Carry out a command to send nothing more; all services are told where it concerns everything."""
        await self._keeper.pause(connection, command)
        await self._tell_pause(connection, command, ConnectionState.PAUSED)

    async def resume(self, connection: Connection, command: Resume) -> None:
        """Carry out a command to send again."""
        await self._keeper.resume(connection, command)
        await self._tell_pause(connection, command, ConnectionState.CONNECTED)

    async def _tell_pause(
        self, connection: Connection, command: Pause | Resume, state: ConnectionState
    ) -> None:
        connector = await store.get_connector(connection, command.tenant)
        if connector is None or command.kind is not None:
            return
        if state is ConnectionState.CONNECTED and connector.bound_at is None:
            state = ConnectionState.NONE
        await self._announcing.state(connection, connector, state, message=command.why or None, seen=False)

    async def health(self, tenant_id: str, *, sessions: int = 10) -> Health | None:
        """How the connection stands; None before the connector user was made."""
        async with self._database.tenant(tenant_id) as connection:
            connector = await store.get_connector(connection, tenant_id)
            if connector is None:
                return None
            rows = await connection.fetch(store.QUERIES["last_sessions"], tenant_id, sessions)
            sets = await connection.fetchrow(store.QUERIES["count_sets"], tenant_id, "")
            doubted = sets["doubted"] if sets else 0
            doubts = await connection.fetch(store.QUERIES["doubted_sets"], tenant_id, 10) if doubted else []
            health = await connection.fetchrow(store.QUERIES["waiting"], tenant_id)
            assert sets is not None
            assert health is not None
            return Health(
                connector=connector,
                next_expected_at=next_run(connector, connector.last_seen_at),
                in_doubt=sets["doubted"],
                waiting=health["waiting"],
                sessions=tuple(store.session_row(row) for row in rows),
                paused_kinds=tuple(health["paused"]),
                run_every=choices_of(connector).run_every,
                doubts=tuple(_doubt(row) for row in doubts),
            )

    async def _audit(
        self, connection: Connection, tenant_id: str, *, by: str, action: str, **details: Any
    ) -> None:
        await publish(
            connection,
            AuditRecorded(
                **stamp(self._make_id(), tenant_id, self._clock.now()),
                speaker=Channel.DESKTOP,
                by=by,
                action=action,
                details=details,
            ),
        )


def _doubt(row: Mapping[str, Any]) -> Doubt:
    kinds = Counter(Kind(member["kind"]) for member in row["members"] if member.get("sync_id"))
    return Doubt(set_id=row["set_id"], sent_at=row["sent_at"], records=dict(kinds))


def plans_of(plans: tuple[Plan, ...]) -> frozenset[str]:
    """Plans as words."""
    return frozenset(plan.value for plan in plans)
