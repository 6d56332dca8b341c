"""The wizard on a real NATS: what it listens to arrives, what it says is on its stream."""

import json
from typing import Any

import nats
from pydantic import SecretStr

from qbsync_shared.clock import SystemClock
from qbsync_shared.entities import parse_entity
from qbsync_shared.ids import uuid7_maker
from qbsync_shared.kinds import Edition
from qbsync_shared.messages import AppEntityChanged, SyncApproved
from qbsync_shared.messaging.streams import provision
from qbsync_wizard import messages
from qbsync_wizard.app import assemble
from qbsync_wizard.service.context import Context
from qbsync_wizard.settings import WizardSettings
from tests.shared.messaging.support import until
from tests.wizard.conftest import Wizard
from tests.wizard.samples import TENANT, customer

SECONDS = 30.0


def test_durables_have_their_own_names() -> None:
    found = messages.subscriptions(Context(SystemClock(), uuid7_maker()))
    names = [one.durable for one in found]
    assert len(set(names)) == len(names)
    assert all(name.startswith("wizard-") for name in names)
    assert len({(one.stream, one.subject) for one in found}) == len(found)


async def test_from_nats_to_nats(wizard: Wizard, settings: WizardSettings, nats_url: str) -> None:
    await provision(nats_url)
    await wizard.make_tenant(Edition.ONLINE)
    context = Context(SystemClock(), uuid7_maker())
    live = settings.model_copy(update={"nats_url": SecretStr(nats_url)})
    app = assemble(live, wizard.database, context)
    client = await nats.connect(nats_url)
    heard: list[dict[str, Any]] = []
    try:
        stream = client.jetstream()
        async with app.router.lifespan_context(app):
            message = AppEntityChanged(
                id="from-the-app-1",
                tenant=TENANT,
                occurred_at=context.now(),
                entity=parse_entity(customer()),
            )
            for _ in range(2):  # an app may say it twice
                await stream.publish(message.subject, message.encode(), headers=_headers(message))
            await until(lambda: _waits(wizard), SECONDS)
            await wizard.approve_all()
            subscription = await stream.subscribe(f"qbsync.v1.{TENANT}.online.sync.approved")
            heard.append(json.loads((await subscription.next_msg(timeout=SECONDS)).data))
    finally:
        await client.close()
        await wizard.database.open()
    approved = SyncApproved.model_validate(heard[0])
    assert approved.entity["name"] == "Oak & Sons"
    assert approved.entity_seq == 1


async def _waits(wizard: Wizard) -> bool:
    return bool((await wizard.review())["total"] == 1)


def _headers(message: AppEntityChanged) -> dict[str, str]:
    return {
        "ce-specversion": "1.0",
        "ce-id": message.id,
        "ce-type": message.ce_type(),
        "ce-source": "/the-app",
        "ce-tenant": message.tenant,
        "ce-time": message.occurred_at.isoformat(),
        "ce-subject": message.subject,
        "Nats-Msg-Id": message.id,
        "Content-Type": "application/json",
    }
