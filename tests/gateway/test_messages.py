"""What the gateway listens to."""

from qbsync_qbwc_gateway.messages import subscriptions
from tests.gateway.desktop import Desktop


async def test_every_consumer_has_its_own_name_in_the_agreed_form(desktop: Desktop) -> None:
    gateway = desktop.gateway
    listened = subscriptions(gateway.queue, gateway.keeper, gateway.finding, gateway.connectors)
    names = [one.durable for one in listened]
    assert len(set(names)) == len(names)
    for one in listened:
        assert one.durable == f"qbwc-gateway-{one.message.noun}-{one.message.verb}"
        assert one.subject.endswith(f".{one.message.noun}.{one.message.verb}")
    heard = {one.subject.split(".", 3)[3] for one in listened}
    assert {"desktop.sync.approved", "app.entity.applied", "wizard.tenant.deleted"} <= heard
