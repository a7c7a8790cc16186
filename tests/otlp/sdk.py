"""Writes sdk.json: what OpenTelemetry's SDK for Python exports, as Protobuf and as JSON.

    pip install opentelemetry-sdk==1.45.2 opentelemetry-exporter-otlp-proto-http==1.45.2 && python sdk.py > sdk.json

The SDK measures and encodes; only the times are replaced, so that the file is the same each time.
"""

import base64
import json

from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, ExplicitBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource

TIME = 1764351845000000000


def export(temporality, histogram):
    reader = InMemoryMetricReader(preferred_temporality={Counter: temporality, Histogram: temporality})
    resource = Resource(
        {"service.name": "cart", "service.namespace": "shop", "service.instance.id": "7", "host.name": "h1"}
    )
    views = [View(instrument_type=Histogram, aggregation=histogram)]
    provider = MeterProvider(metric_readers=[reader], resource=resource, views=views)
    meter = provider.get_meter("shop", "1.2.0")
    requests = meter.create_counter("http.requests", unit="1", description="requests")
    requests.add(3, {"http.request.method": "GET", "ok": True})
    requests.add(4, {"http.request.method": "POST", "codes": [200, 201]})
    waiting = meter.create_up_down_counter("queue.length")
    waiting.add(-2)
    duration = meter.create_histogram("http.duration", unit="s")
    for seconds in (0.1, 0.7, 30):
        duration.record(seconds, {"route": "/a"})
    observations = [Observation(21.5, {"room": "Küche"}), Observation(2**53, {"room": "n"}), Observation(0, {"n": 1.5})]
    meter.create_observable_gauge("room.temperature", callbacks=[lambda _: observations])
    request = encode_metrics(reader.get_metrics_data())
    for resource_metrics in request.resource_metrics:
        for scope_metrics in resource_metrics.scope_metrics:
            for metric in scope_metrics.metrics:
                data = getattr(metric, metric.WhichOneof("data"))
                for point in data.data_points:
                    point.start_time_unix_nano = TIME - 60_000_000_000
                    point.time_unix_nano = TIME
                    for exemplar in point.exemplars:
                        exemplar.time_unix_nano = TIME
    return {
        "protobuf": base64.b64encode(request.SerializeToString(deterministic=True)).decode(),
        "json": MessageToDict(request, use_integers_for_enums=True),
    }


buckets = ExplicitBucketHistogramAggregation(boundaries=[0.5, 5])
print(
    json.dumps(
        {
            "cumulative": export(AggregationTemporality.CUMULATIVE, buckets),
            "delta": export(AggregationTemporality.DELTA, buckets),
            "exponential": export(AggregationTemporality.CUMULATIVE, ExponentialBucketHistogramAggregation()),
        },
        indent=1,
        ensure_ascii=False,
    )
)
