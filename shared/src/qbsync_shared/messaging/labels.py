"""Metrics name the subject without its tenant: ten thousand tenants must not be ten thousand series."""

from typing import Any

from faststream.message import StreamMessage
from faststream.nats.prometheus.provider import NatsMetricsSettingsProvider
from faststream.prometheus import ConsumeAttrs
from faststream.prometheus.middleware import PrometheusMiddleware
from faststream.response import PublishCommand
from nats.aio.msg import Msg
from prometheus_client import CollectorRegistry


def without_tenant(subject: str) -> str:
    """``qbsync.v1.t-1.app.entity.changed`` -> ``qbsync.v1.{tenant}.app.entity.changed``."""
    parts = subject.split(".")
    if len(parts) > 2 and parts[0] == "qbsync":
        parts[2] = "{tenant}"
    return ".".join(parts)


class _MetricLabels(NatsMetricsSettingsProvider):
    def get_consume_attrs_from_message(self, msg: "StreamMessage[Msg]") -> ConsumeAttrs:
        attributes = super().get_consume_attrs_from_message(msg)
        return {**attributes, "destination_name": without_tenant(attributes["destination_name"])}

    def get_publish_destination_name_from_cmd(self, cmd: PublishCommand) -> str:
        return without_tenant(cmd.destination)


def metrics_middleware(service: str, registry: CollectorRegistry) -> Any:
    """FastStream's Prometheus series under the prefix ``qbsync``."""
    return PrometheusMiddleware(
        settings_provider_factory=lambda _message: _MetricLabels(),
        registry=registry,
        app_name=service,
        metrics_prefix="qbsync",
    )
